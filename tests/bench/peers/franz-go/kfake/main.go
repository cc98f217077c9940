// The benchmarks' other broker for tests: franz-go's kfake.
//
//	kfake serve        starts one, prints its address, and serves until it is killed
//	kfake measure N    starts N, one after another, and prints how long each took, in microseconds, as a JSON list
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

func start() *kfake.Cluster {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return cluster
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		fmt.Println(start().ListenAddrs()[0])
		select {}
	}
	if len(os.Args) != 3 || os.Args[1] != "measure" {
		fmt.Fprintln(os.Stderr, "usage: kfake serve | kfake measure N")
		os.Exit(2)
	}
	runs, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	took := make([]float64, 0, runs)
	for range runs {
		begin := time.Now()
		cluster := start()
		took = append(took, float64(time.Since(begin).Nanoseconds())/1000)
		cluster.Close()
	}
	json.NewEncoder(os.Stdout).Encode(took)
}
