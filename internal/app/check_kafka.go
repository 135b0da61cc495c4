package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/careerstream/careerstream/internal/kafka"
)

// kafka connects to the cluster for all the items that follow.
func (k *servers) kafka(ctx context.Context) []finding {
	config := k.config
	if err := config.Check(); err != nil {
		return one(fail, err.Error(), "check KAFKA_TLS_CA, KAFKA_TLS_CERT and KAFKA_TLS_KEY")
	}
	config.DialTimeout = clientTimeout
	cluster, err := kafka.Open(ctx, config)
	if err != nil {
		return failure(err)
	}
	k.cluster = cluster
	return one(okay, "reached "+describeKafka(k.config), "")
}

// needsKafka skips an item where there is no cluster to ask.
func (k *servers) needsKafka(look func(ctx context.Context) []finding) func(ctx context.Context) []finding {
	return func(ctx context.Context) []finding {
		if k.cluster == nil {
			return one(skip, "Kafka was not reached", "")
		}
		return look(ctx)
	}
}

// brokers judges version and transactions.
func (k *servers) brokers(ctx context.Context) []finding {
	return k.needsKafka(func(ctx context.Context) []finding {
		f, err := k.cluster.Features(ctx)
		if err != nil {
			return failure(err)
		}
		return transactions(f, k.config.Brokers[0])
	})(ctx)
}

// transactions says how strong the promise is that the brokers allow.
func transactions(f kafka.Features, at string) []finding {
	const weaker = "pages are published once, but a write that the network holds back beyond the end of its transaction may join the next one (KIP-890)"
	text := f.String()
	switch {
	case f.TransactionVersion >= kafka.StrongTransactions:
		return one(okay, fmt.Sprintf("%s, transaction.version %d", text, f.TransactionVersion), "")
	case f.Product != "":
		return one(okay, fmt.Sprintf("%s, which has no transaction.version: its transactions work as those of Kafka before 4.0", text), "")
	case f.TransactionVersion < 0:
		return one(warn, fmt.Sprintf("%s, which does not report transaction.version; if it is below %d, %s", text, kafka.StrongTransactions, weaker), "Apache Kafka 4.0 or newer has it")
	}
	return one(warn, fmt.Sprintf("%s, transaction.version %d: %s", text, f.TransactionVersion, weaker),
		fmt.Sprintf("on Apache Kafka 4.0 or newer: kafka-features.sh --bootstrap-server %s upgrade --feature transaction.version=%d", at, kafka.StrongTransactions))
}

// topic judges one topic by what a plan would change about it.
func (k *servers) topic(spec kafka.Spec) func(ctx context.Context) []finding {
	return k.needsKafka(func(ctx context.Context) []finding {
		changes, err := k.cluster.Plan(ctx, spec)
		if err != nil {
			return failure(err)
		}
		findings := make([]finding, len(changes))
		for i, change := range changes {
			findings[i] = k.judge(change)
		}
		return findings
	})
}

func (k *servers) judge(change kafka.Change) finding {
	bad := warn
	if change.Breaks {
		bad = fail
	}
	switch {
	case change.Kind == kafka.Create && k.create:
		return finding{okay, "missing, will be created at the start (TOPICS_CREATE)", ""}
	case change.Kind == kafka.Create:
		return finding{fail, "missing, and TOPICS_CREATE is off", k.program + " topics apply, or set TOPICS_CREATE=true"}
	case change.Kind == kafka.Set:
		return finding{bad, fmt.Sprintf("%s is %s, wanted %s", change.Setting, change.Now, change.Wanted), k.program + " topics apply"}
	case change.Kind == kafka.Unmendable:
		return finding{bad, fmt.Sprintf("%s is %s, wanted %s", change.Setting, change.Now, change.Wanted), change.Fix}
	}
	// What is left is no fault: only the mark and the name of the topic, which
	// stands before it already, are of no use here.
	_, text, _ := strings.Cut(change.String(), ": ")
	return finding{okay, text, ""}
}

// rights looks for ACLs that the user lacks.
func (k *checkup) rights(ctx context.Context) []finding {
	return k.needsKafka(func(ctx context.Context) []finding {
		sites, progress, letters := k.c.specs()
		id := (&kafka.Stream{Feed: k.c.FeedName}).TransactionalID()
		create := k.c.Topics.Create
		rights, err := k.cluster.Rights(ctx, id,
			kafka.Need{Spec: sites, Read: true, Create: create}, kafka.Need{Spec: progress, Read: true, Create: create}, kafka.Need{Spec: letters, Create: create})
		if err != nil {
			return failure(err)
		}
		return lacking(rights)
	})(ctx)
}

// lacking says which rights are missing.
func lacking(rights kafka.Rights) []finding {
	var findings []finding
	for _, right := range rights.Missing {
		findings = append(findings, finding{fail, "the user lacks " + right.String(), right.Fix})
	}
	if len(findings) > 0 {
		return findings
	}
	text := "nothing that can be seen is missing"
	for _, right := range rights.Unseen {
		text += "; " + right.String() + " shows only when it is used"
	}
	return one(okay, text, "")
}
