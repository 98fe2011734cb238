// A fake Kafka of three brokers that fails on demand: the second judge of transactions. It is franz-go's kfake, told by lines on
// standard input what to do to the requests of clients whose id begins with `offerstream-`; each line is answered by one line.
//
//	fail REQUEST ERROR COUNT         the next COUNT such requests are answered with the error
//	drop REQUEST before|after COUNT  their connection is closed before, or after, they were handled
//	delay REQUEST MS COUNT           they are handled, and answered so much later
//	hits ID                          how many requests a fault met so far
//	clear                            no faults any more
//	move                             coordinators move to other brokers
//	shuffle                          leaders of partitions move to other brokers
//	fence TXN_ID                     another producer starts under that transactional id
//	stale GROUP TXN_ID               what is said to offsets of a member or a generation that are not the group's
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const clientPrefix = "offerstream-"

var keys = map[string]kmsg.Key{
	"Produce":            kmsg.Produce,
	"Fetch":              kmsg.Fetch,
	"OffsetFetch":        kmsg.OffsetFetch,
	"FindCoordinator":    kmsg.FindCoordinator,
	"JoinGroup":          kmsg.JoinGroup,
	"SyncGroup":          kmsg.SyncGroup,
	"Heartbeat":          kmsg.Heartbeat,
	"InitProducerId":     kmsg.InitProducerID,
	"AddPartitionsToTxn": kmsg.AddPartitionsToTxn,
	"AddOffsetsToTxn":    kmsg.AddOffsetsToTxn,
	"EndTxn":             kmsg.EndTxn,
	"TxnOffsetCommit":    kmsg.TxnOffsetCommit,
}

// Whether a request is one of a process under test: its other clients name no transaction.
func ofOurs(request kmsg.Request) bool {
	switch request := request.(type) {
	case *kmsg.ProduceRequest:
		return request.TransactionID != nil
	case *kmsg.InitProducerIDRequest:
		return request.TransactionalID != nil
	}
	return true
}

type judge struct {
	cluster *kfake.Cluster
	wire    *wire
	faults  []func() int
	handles []*kfake.FaultHandle
}

func (j *judge) add(hits func() int) string {
	j.faults = append(j.faults, hits)
	return fmt.Sprintf("ok %d", len(j.faults)-1)
}

func (j *judge) fail(request, name string, count int) (string, error) {
	key, known := keys[request]
	if !known {
		return "", fmt.Errorf("there is no request %s", request)
	}
	for code := int16(-1); code < 150; code++ {
		failure := kerr.TypedErrorForCode(code)
		if failure == nil || failure.Message != name {
			continue
		}
		handle := j.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: failure, Count: count, When: ofOurs})
		j.handles = append(j.handles, handle)
		return j.add(handle.Hits), nil
	}
	return "", fmt.Errorf("there is no error %s", name)
}

func (j *judge) cut(request string, what action, count int) (string, error) {
	key, known := keys[request]
	if !known {
		return "", fmt.Errorf("there is no request %s", request)
	}
	return j.add(j.wire.add(key.Int16(), what, count)), nil
}

func (j *judge) clear() string {
	for _, handle := range j.handles {
		handle.Remove()
	}
	j.handles = nil
	j.wire.clear()
	return "ok"
}

func (j *judge) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(j.cluster.ListenAddrs()...)}, opts...)...)
}

// A zombie's other half: whoever starts under a transactional id fences who had it, and ends what it left open.
func (j *judge) fence(txnID string) (string, error) {
	client, err := j.client(kgo.TransactionalID(txnID))
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	id, epoch, err := client.ProducerID(ctx)
	return fmt.Sprintf("ok %d %d", id, epoch), err
}

// Offsets of a member that is not in the group, and of a generation that is over, in a transaction of their own.
func (j *judge) stale(group, txnID string) (string, error) {
	info := j.cluster.GroupInfo(group)
	if info == nil || len(info.Members) == 0 {
		return "", fmt.Errorf("group %s has no members", group)
	}
	client, err := j.client(kgo.TransactionalID(txnID))
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	id, epoch, err := client.ProducerID(ctx)
	if err != nil {
		return "", err
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = txnID, id, epoch, group
	if _, err := add.RequestWith(ctx, client); err != nil {
		return "", err
	}
	var said []string
	member := info.Members[0]
	tries := []struct {
		member     string
		generation int32
	}{{"nobody", info.Epoch}, {member.MemberID, info.Epoch - 1}}
	for _, try := range tries {
		for topic := range member.Assignment {
			commit := kmsg.NewPtrTxnOffsetCommitRequest()
			commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = txnID, id, epoch, group
			commit.MemberID, commit.Generation = try.member, try.generation
			of, part := kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewTxnOffsetCommitRequestTopicPartition()
			of.Topic, part.Partition, part.Offset = topic, member.Assignment[topic][0], 1
			if known := j.cluster.TopicInfo(topic); known != nil {
				of.TopicID = known.TopicID
			}
			of.Partitions = append(of.Partitions, part)
			commit.Topics = append(commit.Topics, of)
			answer, err := commit.RequestWith(ctx, client)
			if err != nil {
				return "", err
			}
			code := answer.Topics[0].Partitions[0].ErrorCode
			name := "NONE"
			if failure := kerr.TypedErrorForCode(code); failure != nil {
				name = failure.Message
			}
			said = append(said, name)
			break
		}
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch = txnID, id, epoch
	_, err = end.RequestWith(ctx, client)
	return "ok " + strings.Join(said, " "), err
}

func (j *judge) take(words []string) (string, error) {
	number := func(at int) int {
		value, err := strconv.Atoi(words[at])
		if err != nil {
			return 1
		}
		return value
	}
	switch line := words[0]; {
	case line == "fail" && len(words) == 4:
		return j.fail(words[1], words[2], number(3))
	case line == "drop" && len(words) == 4:
		what := action{before: words[2] == "before", after: words[2] == "after"}
		return j.cut(words[1], what, number(3))
	case line == "delay" && len(words) == 4:
		return j.cut(words[1], action{wait: time.Duration(number(2)) * time.Millisecond}, number(3))
	case line == "hits" && len(words) == 2 && number(1) < len(j.faults):
		return fmt.Sprintf("ok %d", j.faults[number(1)]()), nil
	case line == "clear":
		return j.clear(), nil
	case line == "move":
		j.cluster.RehashCoordinators()
		return "ok", nil
	case line == "shuffle":
		j.cluster.ShufflePartitionLeaders()
		return "ok", nil
	case line == "fence" && len(words) == 2:
		return j.fence(words[1])
	case line == "stale" && len(words) == 3:
		return j.stale(words[1], words[2])
	}
	return "", fmt.Errorf("what is %q?", strings.Join(words, " "))
}

func main() {
	wire := &wire{}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(3),
		// A killed instance is to be missed soon.
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "8388608"}),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			listener, err := net.Listen(network, address)
			return &tapped{listener, wire}, err
		}),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kfake:", err)
		os.Exit(1)
	}
	defer cluster.Close()
	fmt.Println(strings.Join(cluster.ListenAddrs(), ","))
	j := &judge{cluster: cluster, wire: wire}
	// It ends with whoever started it.
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		answer, err := j.take(words)
		if err != nil {
			answer = "error " + err.Error()
		}
		fmt.Println(answer)
	}
}
