// The benchmarks' client over franz-go: produces or consumes so many records and prints one JSON object about it.
//
//	bench_client produce|consume --bootstrap-servers B --topic T --records N [--value-size 100] [--linger-ms 5] [--acks all]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// One record in so many has its delivery latency taken.
const sampleEvery = 1000

type options struct {
	mode, bootstrapServers, topic, acks string
	records, valueSize, lingerMs        int
}

type result struct {
	Case           string  `json:"case"`
	Client         string  `json:"client"`
	Version        string  `json:"version"`
	RecordsPerS    float64 `json:"records_per_s"`
	CPUUsPerRecord float64 `json:"cpu_us_per_record"`
	MaxRSSMb       float64 `json:"max_rss_mb"`
	P50Us          *int64  `json:"p50_us"`
	P99Us          *int64  `json:"p99_us"`
}

func main() {
	if len(os.Args) < 2 || (os.Args[1] != "produce" && os.Args[1] != "consume") {
		die("usage: bench_client produce|consume --bootstrap-servers B --topic T --records N ...")
	}
	o := options{mode: os.Args[1]}
	flags := flag.NewFlagSet("bench_client", flag.ExitOnError)
	flags.StringVar(&o.bootstrapServers, "bootstrap-servers", "", "")
	flags.StringVar(&o.topic, "topic", "", "")
	flags.StringVar(&o.acks, "acks", "all", "")
	flags.IntVar(&o.records, "records", 1_000_000, "")
	flags.IntVar(&o.valueSize, "value-size", 100, "")
	flags.IntVar(&o.lingerMs, "linger-ms", 5, "")
	flags.Parse(os.Args[2:])

	var elapsed time.Duration
	var latencies []int64
	if o.mode == "produce" {
		elapsed, latencies = produce(o)
	} else {
		elapsed = consume(o)
	}
	report(o, elapsed, latencies)
}

func die(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

func client(o options, more ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{kgo.SeedBrokers(strings.Split(o.bootstrapServers, ",")...)}, more...)
	c, err := kgo.NewClient(all...)
	if err != nil {
		die("kgo.NewClient: %v", err)
	}
	return c
}

func produce(o options) (time.Duration, []int64) {
	opts := []kgo.Opt{
		kgo.DefaultProduceTopic(o.topic),
		kgo.ProducerLinger(time.Duration(o.lingerMs) * time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(1_000_000),
	}
	switch o.acks {
	case "all", "-1":
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	default:
		die("acks: all, 1 or 0, not %q", o.acks)
	}
	c := client(o, opts...)
	defer c.Close()
	value := make([]byte, o.valueSize)
	for i := range value {
		value[i] = byte('a' + i%26)
	}

	ctx := context.Background()
	var failed atomic.Int64
	latencies := make([]int64, o.records/sampleEvery+1)
	var done sync.WaitGroup
	done.Add(o.records)
	start := time.Now()
	plain := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.Add(1)
		}
		done.Done()
	}
	for i := range o.records {
		promise := plain
		if i%sampleEvery == 0 {
			handedOver := time.Now()
			promise = func(r *kgo.Record, err error) {
				latencies[i/sampleEvery] = time.Since(handedOver).Microseconds()
				plain(r, err)
			}
		}
		c.Produce(ctx, &kgo.Record{Value: value}, promise)
	}
	done.Wait()
	elapsed := time.Since(start)
	if n := failed.Load(); n > 0 {
		die("%d records failed", n)
	}
	return elapsed, latencies[:(o.records+sampleEvery-1)/sampleEvery]
}

func consume(o options) time.Duration {
	start := time.Now()
	c := client(o, kgo.ConsumeTopics(o.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	records, bytes := 0, 0
	for records < o.records {
		fetches := c.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			die("fetch: %v", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			records++
			bytes += len(r.Value)
		})
	}
	elapsed := time.Since(start)
	if bytes < records*o.valueSize {
		die("values are shorter than they were produced")
	}
	return elapsed
}

func report(o options, elapsed time.Duration, latencies []int64) {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	r := result{
		Case:           o.mode,
		Client:         "franz-go",
		Version:        version(),
		RecordsPerS:    float64(int64(float64(o.records) / elapsed.Seconds())),
		CPUUsPerRecord: float64(cpu.Nanoseconds()) / 1e3 / float64(o.records),
		MaxRSSMb:       float64(usage.Maxrss) / 1024,
	}
	if len(latencies) > 0 {
		slices.Sort(latencies)
		r.P50Us, r.P99Us = &latencies[len(latencies)/2], &latencies[len(latencies)*99/100]
	}
	line, _ := json.Marshal(r)
	fmt.Println(string(line))
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
