// franz-go for the interoperation tests: `interop PART BROKERS ...`. Records go through standard input and output, one
// a line: partition, timestamp, key, value and headers, separated by tabs. See record-lines.ts.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	if os.Args[1] == "broker" {
		broker()
		return
	}
	brokers := kgo.SeedBrokers(strings.Split(os.Args[2], ",")...)
	switch os.Args[1] {
	case "write":
		write(brokers, os.Args[3], os.Args[4])
	case "read":
		read(os.Args[3], number(os.Args[4]), brokers, kgo.ConsumeTopics(os.Args[3]))
	case "group":
		read(os.Args[3], number(os.Args[5]), brokers, kgo.ConsumeTopics(os.Args[3]), kgo.ConsumerGroup(os.Args[4]))
	case "transactions":
		transactions(brokers, os.Args[3], number(os.Args[4]))
	default:
		panic(os.Args[1])
	}
}

// broker runs franz-go's own fake cluster until it is told to stop; its addresses are the first line printed.
func broker() {
	cluster := must(kfake.NewCluster(kfake.NumBrokers(3)))
	fmt.Println(strings.Join(cluster.ListenAddrs(), ","))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
	cluster.Close()
}

func client(options ...kgo.Opt) *kgo.Client {
	return must(kgo.NewClient(options...))
}

// write sends the records of standard input, and prints the partition of each.
func write(brokers kgo.Opt, topic string, codec string) {
	cl := client(brokers, kgo.ProducerBatchCompression(codecs[codec]), kgo.RecordPartitioner(partitioner()))
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	var records []*kgo.Record
	for in.Scan() {
		records = append(records, record(topic, in.Text()))
	}
	for _, result := range cl.ProduceSync(context.Background(), records...) {
		check(result.Err)
		fmt.Println(result.Record.Partition)
	}
	cl.Close()
}

// partitioner keeps a record where it says it belongs, and hashes keys as Java does.
func partitioner() kgo.Partitioner {
	byKey := kgo.StickyKeyPartitioner(nil)
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		hashed := byKey.ForTopic(topic)
		return func(r *kgo.Record, n int) int {
			if r.Partition >= 0 {
				return int(r.Partition)
			}
			return hashed.Partition(r, n)
		}
	})
}

func record(topic string, line string) *kgo.Record {
	parts := strings.Split(line, "\t")
	r := &kgo.Record{Topic: topic, Partition: -1, Key: bytes(parts[2]), Value: bytes(parts[3])}
	if parts[0] != "" {
		r.Partition = int32(number(parts[0]))
	}
	if parts[1] != "" {
		r.Timestamp = time.UnixMilli(int64(number(parts[1])))
	}
	if parts[4] != "" {
		for _, header := range strings.Split(parts[4], ",") {
			pair := strings.Split(header, ":")
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: string(bytes(pair[0])), Value: bytes(pair[1])})
		}
	}
	return r
}

// read prints the first records that are committed.
func read(topic string, count int, options ...kgo.Opt) {
	options = append(options, kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	cl := client(options...)
	out := bufio.NewWriter(os.Stdout)
	for left := count; left > 0; {
		fetches := cl.PollFetches(context.Background())
		fetches.EachError(func(_ string, _ int32, err error) { check(err) })
		fetches.EachRecord(func(r *kgo.Record) {
			fmt.Fprintln(out, line(r))
			left--
		})
	}
	if group, _ := cl.GroupMetadata(); group != "" {
		check(cl.CommitUncommittedOffsets(context.Background()))
	}
	cl.Close()
	check(out.Flush())
}

// transactions has two transactional producers and a plain one take turns on all partitions; every third transaction
// aborts. Values say what becomes of them.
func transactions(brokers kgo.Opt, topic string, rounds int) {
	ctx := context.Background()
	plain := client(brokers, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	var producers []*kgo.Client
	for i := 0; i < 2; i++ {
		id := kgo.TransactionalID(fmt.Sprintf("%s-%d", topic, i))
		producers = append(producers, client(brokers, id, kgo.RecordPartitioner(kgo.ManualPartitioner())))
	}
	send := func(cl *kgo.Client, partition int, value string) {
		r := &kgo.Record{Topic: topic, Partition: int32(partition), Value: []byte(value)}
		check(cl.ProduceSync(ctx, r).FirstErr())
	}
	for round := 0; round < rounds; round++ {
		for _, cl := range producers {
			check(cl.BeginTransaction())
		}
		for n := 0; n < 12; n++ {
			for i, cl := range producers {
				fate := "committed"
				if (round+i)%3 == 0 {
					fate = "aborted"
				}
				send(cl, n%3, fmt.Sprintf("%s %d %d %d", fate, round, i, n))
			}
			send(plain, n%3, fmt.Sprintf("plain %d %d", round, n))
		}
		for i, cl := range producers {
			check(cl.EndTransaction(ctx, kgo.TransactionEndTry((round+i)%3 != 0)))
		}
	}
	for _, cl := range append(producers, plain) {
		cl.Close()
	}
}

func line(r *kgo.Record) string {
	var headers []string
	for _, header := range r.Headers {
		headers = append(headers, hexOf([]byte(header.Key))+":"+hexOf(header.Value))
	}
	return strings.Join([]string{
		strconv.Itoa(int(r.Partition)),
		strconv.FormatInt(r.Timestamp.UnixMilli(), 10),
		hexOf(r.Key),
		hexOf(r.Value),
		strings.Join(headers, ","),
	}, "\t")
}

func hexOf(b []byte) string {
	if b == nil {
		return "null"
	}
	return hex.EncodeToString(b)
}

func bytes(text string) []byte {
	if text == "null" {
		return nil
	}
	return must(hex.DecodeString(text))
}

func number(text string) int {
	return must(strconv.Atoi(text))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
