//go:build unix

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// The settings of the bare loop, beside KAFKA_BROKERS and CAREER_SITES_TOPIC.
const (
	benchBareTopic     = "BARE_TOPIC"
	benchBareCompanies = "BARE_COMPANIES"
	benchBareInFlight  = "BARE_IN_FLIGHT"
)

// benchBare reads career sites, fetches each company's profile and produces it,
// idempotently. It checks nothing and remembers nothing: it is what the work costs
// with Go's HTTP client and franz-go, before any care is taken.
func benchBare(ctx context.Context) error {
	companies, _ := strconv.Atoi(os.Getenv(benchBareCompanies))
	inFlight, _ := strconv.Atoi(os.Getenv(benchBareInFlight))
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA_BROKERS"), ",")...),
		kgo.ConsumeTopics(os.Getenv("CAREER_SITES_TOPIC")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(2<<20),
		kgo.DefaultProduceTopic(os.Getenv(benchBareTopic)),
		kgo.ProducerLinger(100*time.Millisecond), // as long as the enricher's profiles wait for each other
	)
	if err != nil {
		return err
	}
	defer client.Close()
	transport := &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: inFlight, DisableCompression: true}
	defer transport.CloseIdleConnections()
	sites := make(chan *kgo.Record)
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(sites)
		for n := 0; n < companies; {
			fetches := client.PollRecords(working, 250)
			if err := fetches.Err(); err != nil {
				return err
			}
			for _, r := range fetches.Records() {
				select {
				case sites <- r:
					n++
				case <-working.Done():
					return context.Cause(working)
				}
			}
		}
		return nil
	})
	lost := make(chan error, 1)
	for range inFlight {
		g.Go(func() error {
			for r := range sites {
				if err := benchBareSite(ctx, client, &http.Client{Transport: transport}, r, lost); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := errors.Join(g.Wait(), client.Flush(ctx)); err != nil {
		return err
	}
	select {
	case err := <-lost:
		return err
	default:
		return nil
	}
}

func benchBareSite(ctx context.Context, kafka *kgo.Client, web *http.Client, site *kgo.Record, lost chan<- error) error {
	var row struct {
		DetailsURL string `json:"details_url"`
	}
	if err := json.Unmarshal(site.Value, &row); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, row.DetailsURL, nil)
	if err != nil {
		return err
	}
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body := make([]byte, resp.ContentLength)
	if _, err := io.ReadFull(resp.Body, body); err != nil {
		return fmt.Errorf("%s: status %s: %w", row.DetailsURL, resp.Status, err)
	}
	kafka.Produce(ctx, &kgo.Record{Key: site.Key, Value: body}, func(_ *kgo.Record, err error) {
		if err != nil {
			select {
			case lost <- err:
			default: // the first one is enough
			}
		}
	})
	return nil
}
