package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
)

// summarise reads the topics as a consumer would, compares them with what the feed
// has and billed and with the profiles it has, and prints the sums and what chaos
// cost. A difference is an error, with chaos too: nothing that the feed or a
// company does is allowed to show in the topics, but for companies that are gone.
func (p *pipeline) summarise(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cluster, err := kafka.Open(ctx, p.config.Kafka)
	if err != nil {
		return err
	}
	defer cluster.Close()
	if p.chaos != nil {
		p.chaos.cost()
	}
	fmt.Fprintln(p.out)
	return errors.Join(p.summariseSites(ctx, cluster), p.summariseCompanies(ctx, cluster))
}

func (p *pipeline) summariseSites(ctx context.Context, cluster *kafka.Cluster) error {
	sites := newContent()
	if err := sites.read(ctx, cluster, p.config.Topics.CareerSites); err != nil {
		return err
	}
	truth := make(map[string]string)
	for id, row := range p.stack.Feed.Truth() {
		truth[id] = string(row.Bytes)
	}
	missing := sites.lacks(truth)
	ledger := p.stack.Feed.Ledger()
	fmt.Fprintf(p.out, "%d rows bought for %d credits (USD %.2f), %d records in %s: %d duplicates, %d of %d sites missing or out of date\n",
		ledger.Rows, ledger.Credits, float64(ledger.Credits)/1000, sites.records, p.config.Topics.CareerSites, sites.duplicates, missing, len(truth))
	if sites.duplicates > 0 || missing > 0 {
		return fmt.Errorf("the topic is not what the feed has: %d duplicates, %d missing or out of date", sites.duplicates, missing)
	}
	return nil
}

func (p *pipeline) summariseCompanies(ctx context.Context, cluster *kafka.Cluster) error {
	topics, w, companies := p.enricher.config.Topics, p.enricher.wanted, p.enricher.published
	if err := companies.read(ctx, cluster, topics.Companies); err != nil {
		return err
	}
	letters, err := readReasons(ctx, cluster, topics.DeadLetters)
	if err != nil {
		return err
	}
	missing := companies.lacks(w.profiles)
	gets := p.stack.Feed.ProfileLedger()
	repeated := gets.Repeated()
	fmt.Fprintf(p.out, "%d profiles expected (%d chosen, %d requested), %d records in %s: %d duplicates, %d of %d profiles missing or out of date\n",
		w.published(), w.chosen, w.asked, companies.records, topics.Companies, companies.duplicates, missing, len(w.profiles))
	fmt.Fprintf(p.out, "%d GETs for profiles, %d of them repeated; dead letters: %s\n", gets.Gets, repeated, reasons(letters))

	var wrong []error
	if companies.records != w.published() || companies.duplicates > 0 || missing > 0 {
		wrong = append(wrong, fmt.Errorf("the topic is not what the companies have: %d records of %d, %d duplicates, %d missing or out of date",
			companies.records, w.published(), companies.duplicates, missing))
	}
	if !maps.Equal(letters, w.letters) {
		wrong = append(wrong, fmt.Errorf("got the dead letters: %s; expected: %s", reasons(letters), reasons(w.letters)))
	}
	// Each version is asked for once, and again only where chaos had a hand in it.
	if first, due := gets.Gets-gets.TooMany-repeated, w.published()+w.dead(); first != due || p.chaos == nil && repeated+gets.TooMany > 0 {
		wrong = append(wrong, fmt.Errorf("%d GETs for %d versions of companies, %d of them repeated and %d refused with 429", gets.Gets, due, repeated, gets.TooMany))
	}
	return errors.Join(wrong...)
}

// readReasons counts the dead letters by their reason.
func readReasons(ctx context.Context, cluster *kafka.Cluster, topic string) (map[schemas.DeadLetterReason]int, error) {
	found := make(map[schemas.DeadLetterReason]int)
	_, err := cluster.Tail(ctx, topic, 0, 0, func(r *kgo.Record) error { // it has one partition
		for _, h := range r.Headers {
			if h.Key == schemas.HeaderReason {
				found[schemas.DeadLetterReason(h.Value)]++
			}
		}
		return nil
	})
	return found, err
}

// reasons are counts for people.
func reasons(counts map[schemas.DeadLetterReason]int) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s x%d", reason, counts[reason]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
