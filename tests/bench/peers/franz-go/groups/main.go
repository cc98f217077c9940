// The groups' benchmarks over franz-go: how soon a new group has its first record, and how long a group of many members (a client
// and a polling goroutine each) takes until each has its part of the partitions, as its callbacks are told. Prints one JSON object
// with what each run took, in ms.
//
//	bench_groups first --bootstrap-servers B --topic T --runs N
//	bench_groups rebalance --bootstrap-servers B --topic T --runs N --members 100 --partitions 1000 --strategy range
//	                       --heartbeat-ms 200
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const within = 60 * time.Second

var (
	bootstrapServers, topic, strategy            string
	runs, members, partitions, heartbeatInterval int
)

// How many partitions each member has, as its application was told.
var (
	lock    sync.Mutex
	changed = sync.NewCond(&lock)
	counts  []int
)

func die(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

func client(run int, more ...kgo.Opt) *kgo.Client {
	balancer := kgo.CooperativeStickyBalancer()
	if strategy == "range" {
		balancer = kgo.RangeBalancer()
	}
	all := append([]kgo.Opt{
		kgo.SeedBrokers(strings.Split(bootstrapServers, ",")...),
		kgo.ConsumerGroup(fmt.Sprintf("bench-%d-%d", os.Getpid(), run)),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(time.Duration(heartbeatInterval) * time.Millisecond),
		kgo.Balancers(balancer),
	}, more...)
	c, err := kgo.NewClient(all...)
	if err != nil {
		die("kgo.NewClient: %v", err)
	}
	return c
}

func millis(took time.Duration) float64 {
	return float64(took.Microseconds()) / 1e3
}

// From before the client is made until its consumer, the first of a new group, hands out a record.
func first() (took []float64) {
	for run := range runs {
		begin := time.Now()
		c := client(run)
		ctx, cancel := context.WithTimeout(context.Background(), within)
		for records := 0; records == 0; {
			fetches := c.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				die("fetch: %v", err)
			}
			records = fetches.NumRecords()
		}
		took = append(took, millis(time.Since(begin)))
		cancel()
		c.Close()
	}
	return took
}

func change(member int, sign int) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, moved map[string][]int32) {
		lock.Lock()
		defer lock.Unlock()
		for _, partitions := range moved {
			counts[member] += sign * len(partitions)
		}
		changed.Broadcast()
	}
}

func start(member int) *kgo.Client {
	c := client(0,
		kgo.OnPartitionsAssigned(change(member, 1)),
		kgo.OnPartitionsRevoked(change(member, -1)),
		kgo.OnPartitionsLost(change(member, -1)),
	)
	go func() {
		for !c.PollFetches(context.Background()).IsClientClosed() {
		}
	}()
	return c
}

// Waits until the first so many members share all partitions as evenly as can be.
func wait(members int) time.Time {
	limit := time.AfterFunc(within, func() { die("the members do not come to share the partitions") })
	defer limit.Stop()
	least, most := partitions/members, (partitions+members-1)/members
	lock.Lock()
	defer lock.Unlock()
	for {
		sum, even := 0, true
		for _, count := range counts[:members] {
			sum += count
			even = even && (count == least || count == most)
		}
		if even && sum == partitions {
			return time.Now()
		}
		changed.Wait()
	}
}

// All members but one come; then, again and again, the last one comes and goes.
func rebalance() (form float64, join, leave []float64) {
	last := members - 1
	counts = make([]int, members)
	begin := time.Now()
	var others []*kgo.Client
	for member := range last {
		others = append(others, start(member))
	}
	form = millis(wait(last).Sub(begin))
	for range runs {
		begin := time.Now()
		member := start(last)
		join = append(join, millis(wait(members).Sub(begin)))
		begin = time.Now()
		closed := make(chan struct{})
		go func() {
			member.Close()
			close(closed)
		}()
		leave = append(leave, millis(wait(last).Sub(begin)))
		<-closed
		lock.Lock()
		counts[last] = 0
		lock.Unlock()
	}
	var all sync.WaitGroup
	for _, other := range others {
		all.Go(other.Close)
	}
	all.Wait()
	return form, join, leave
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/twmb/franz-go" {
				return module.Version
			}
		}
	}
	return "unknown"
}

func main() {
	if len(os.Args) < 2 || (os.Args[1] != "first" && os.Args[1] != "rebalance") {
		die("usage: bench_groups first|rebalance --bootstrap-servers B --topic T --runs N ...")
	}
	flags := flag.NewFlagSet("bench_groups", flag.ExitOnError)
	flags.StringVar(&bootstrapServers, "bootstrap-servers", "", "")
	flags.StringVar(&topic, "topic", "", "")
	flags.StringVar(&strategy, "strategy", "range", "")
	flags.IntVar(&runs, "runs", 10, "")
	flags.IntVar(&members, "members", 100, "")
	flags.IntVar(&partitions, "partitions", 1000, "")
	flags.IntVar(&heartbeatInterval, "heartbeat-ms", 3000, "")
	flags.Parse(os.Args[2:])

	result := map[string]any{"client": "franz-go", "version": version()}
	if os.Args[1] == "first" {
		result["first_ms"] = first()
	} else {
		form, join, leave := rebalance()
		result["form_ms"], result["join_ms"], result["leave_ms"] = []float64{form}, join, leave
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
}
