package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

// Redrive puts the enricher's dead letters back as requests, and prints how many
// for which reason. The dead letters stay where they are.
//
// Each company is asked for once, for the newest of its dead letters that wish
// names; those that have waited longest come first. One that was fetched since is
// left out, so that to redrive twice does nothing twice. The profile is asked for
// where the dead letter says, or, where that URL is not allowed, at the API's own
// address.
func Redrive(ctx context.Context, c Enricher, wish RedriveWish, out io.Writer) error {
	d, err := openEnrichDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	if err := errors.Join(d.kafkaErr, d.redisErr); err != nil {
		return err
	}
	r, err := newRedriving(d, wish)
	if err != nil {
		return err
	}
	defer r.client.Close()
	if err := r.read(ctx); err != nil {
		return err
	}
	chosen, err := r.choose(ctx)
	if err != nil {
		return err
	}
	if !wish.DryRun && len(chosen) > 0 {
		if err := r.publish(ctx, chosen); err != nil {
			return err
		}
	}
	var l lines
	r.lines(&l, chosen)
	if err := l.print(out); err != nil {
		return fmt.Errorf("print what was redriven: %w", err)
	}
	return nil
}

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

// publish asks for the companies, whatever is known of them.
func (r *redriving) publish(ctx context.Context, chosen []deadCompany) error {
	p, err := newPublisher(ctx, r.desk.c, r.desk.cluster)
	if err != nil {
		return err
	}
	for _, dead := range chosen {
		err = p.add(ctx, schemas.CompanyRequest{ID: dead.id, DetailsURL: dead.details, Reason: "redrive: " + string(dead.reason), Force: true})
		if err != nil {
			break
		}
	}
	if err == nil {
		err = p.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w (%d of %d requests were published before)", err, p.published, len(chosen))
	}
	return nil
}

// lines are what was done, or would be, for people.
func (r *redriving) lines(l *lines, chosen []deadCompany) {
	reasons := make(map[schemas.DeadLetterReason]int)
	for _, dead := range chosen {
		reasons[dead.reason]++
	}
	what := "redriven"
	if r.wish.DryRun {
		what = "to redrive"
	}
	l.add(what, "%d companies", len(chosen))
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		l.add("", "%s: %d", reason, reasons[reason])
	}
	if r.since > 0 {
		l.add("left out", "%d that were fetched since", r.since)
	}
	if r.nameless > 0 {
		l.add("left out", "%d dead letters that do not say which company was meant", r.nameless)
	}
	if r.later > 0 {
		l.add("left out", "%d beyond --limit: the next call begins with them, once these are fetched", r.later)
	}
	if r.wish.DryRun {
		l.add("", "nothing was changed")
	}
}
