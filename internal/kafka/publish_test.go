package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/kafka"
)

func TestWhatIsPublishedStandsInItsSlotInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var records []*kgo.Record
	for i := range 2500 {
		records = append(records, &kgo.Record{Topic: b.stream.Sites.Name, Key: fmt.Append(nil, "company-", i%100), Value: fmt.Append(nil, i)})
	}
	for _, some := range [][]*kgo.Record{records[:1000], records[1000:], nil} {
		if err := b.cluster.Publish(within(t, patience), some...); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	last, seen := map[string]int{}, 0
	for _, r := range b.visible(b.stream.Sites.Name) {
		var n int
		if _, err := fmt.Sscan(string(r.Value), &n); err != nil {
			t.Fatal(err)
		}
		before, again := last[string(r.Key)]
		if want := kafka.Slot(r.Key, b.stream.Sites.Partitions); r.Partition != want || again && n <= before {
			t.Fatalf("record %d: got partition %d after record %d of its key, want partition %d and a later one", n, r.Partition, before, want)
		}
		last[string(r.Key)] = n
		seen++
	}
	if seen != len(records) {
		t.Errorf("got %d records, want %d", seen, len(records))
	}
}

func TestARecordThatIsNotTakenIsAnError(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	b.fake.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		response := request.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range request.(*kmsg.ProduceRequest).Topics {
			answer := kmsg.NewProduceResponseTopic()
			answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				refused := kmsg.NewProduceResponseTopicPartition()
				refused.Partition, refused.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				answer.Partitions = append(answer.Partitions, refused)
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
	err := b.cluster.Publish(within(t, patience), &kgo.Record{Topic: b.stream.Sites.Name, Key: []byte("acme"), Value: []byte("{}")})
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("got %v, want %v", err, kerr.TopicAuthorizationFailed)
	}
	wantIn(t, err, "acme", b.stream.Sites.Name)
}

func TestPublishingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	asked := make(chan struct{}, 1)
	b.fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		select {
		case asked <- struct{}{}:
		default: // asked again
		}
		return nil, errors.New("the connection breaks"), true // so it never answers
	})
	ctx, cancel := context.WithCancelCause(within(t, patience))
	done := make(chan error, 1)
	go func() {
		done <- b.cluster.Publish(ctx, &kgo.Record{Topic: b.stream.Sites.Name, Key: []byte("acme")})
	}()
	<-asked
	why := errors.New("nobody waits any more")
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}
