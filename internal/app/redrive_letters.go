package app

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

// redriving is one call of Redrive. Of each company it keeps what a request needs,
// and not the dead letter.
type redriving struct {
	desk   *enrichDesk
	wish   RedriveWish
	client *company.Client // judges URLs, asks for nothing

	newest map[string]deadCompany
	// nameless are dead letters that do not say which company, since those that
	// came to a profile after it, later those that Limit leaves for another time.
	nameless, since, later int
}

// deadCompany is the newest dead letter of a company.
type deadCompany struct {
	id, details string
	reason      schemas.DeadLetterReason
	at          time.Time
}

func newRedriving(d *enrichDesk, wish RedriveWish) (*redriving, error) {
	client, err := company.New(d.c.Company)
	if err != nil {
		return nil, &UsageError{Problems: []error{err}}
	}
	return &redriving{desk: d, wish: wish, client: client, newest: make(map[string]deadCompany)}, nil
}

// read takes in the dead letters that wish names.
func (r *redriving) read(ctx context.Context) error {
	topic := r.desk.c.Topics.DeadLetters
	if r.desk.lacks(topic) {
		return nil
	}
	ctx, alive, stop := flowing(ctx, topic)
	defer stop()
	return r.desk.cluster.Since(ctx, topic, r.wish.Since, 0, func(record *kgo.Record) bool {
		alive()
		r.take(record)
		return true
	})
}

// take looks at one dead letter. Those of the producer are rows that it bought, and
// say nothing of where they came from.
func (r *redriving) take(record *kgo.Record) {
	reason := schemas.DeadLetterReason(headerOf(record, schemas.HeaderReason))
	if headerOf(record, schemas.HeaderOriginPartition) == "" || len(r.wish.Reasons) > 0 && !slices.Contains(r.wish.Reasons, reason) {
		return
	}
	id := string(record.Key)
	// What is no request may name any company, or two.
	if reason == schemas.ReasonBadRequest || schemas.CheckID(id) != nil {
		r.nameless++
		return
	}
	if known, ok := r.newest[id]; ok && known.at.After(record.Timestamp) {
		return
	}
	r.newest[id] = deadCompany{id, r.details(id, record.Value), reason, record.Timestamp}
}

// details is the details_url of a career site or a request; empty where it names
// none that may be asked for.
func (r *redriving) details(id string, value []byte) string {
	var named struct {
		DetailsURL *string `json:"details_url"`
	}
	if json.Unmarshal(value, &named) != nil || named.DetailsURL == nil {
		return ""
	}
	if _, err := r.client.URL(id, *named.DetailsURL); err != nil {
		return ""
	}
	return *named.DetailsURL
}

// choose returns the companies to ask for, the one that has waited longest first.
func (r *redriving) choose(ctx context.Context) ([]deadCompany, error) {
	all := slices.SortedFunc(maps.Values(r.newest), func(a, b deadCompany) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
	})
	memory := r.desk.memory()
	var chosen []deadCompany
	for some := range slices.Chunk(all, askMost) {
		ids := make([]string, len(some))
		for i, dead := range some {
			ids[i] = dead.id
		}
		known, err := memory.Recall(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, dead := range some {
			k, ok := known[dead.id]
			switch {
			case ok && k.Outcome == checkpoint.Profile && k.At.After(dead.at):
				r.since++
			case r.wish.Limit > 0 && len(chosen) == r.wish.Limit:
				r.later++
			default:
				chosen = append(chosen, dead)
			}
		}
	}
	return chosen, nil
}
