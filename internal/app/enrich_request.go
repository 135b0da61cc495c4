package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
)

// EnrichRequest asks for the profiles of companies, and prints how many it asked
// for: those of wish, or those in the input, one id a line, empty lines left out.
// It creates missing topics as a run does. What wish holds was judged before; a
// details_url that would be refused is a *UsageError, and nothing is published.
//
// Of the input the good lines are published as they come, a thousand at a time, so
// it may be of any length. The bad ones are named at the end in an error, the first of them each by
// its number.
func EnrichRequest(ctx context.Context, c Enricher, wish RequestWish, in io.Reader, out io.Writer) error {
	if wish.DetailsURL != "" {
		if err := allowedURL(c.Company, wish.IDs[0], wish.DetailsURL); err != nil {
			return &UsageError{Problems: []error{err}}
		}
	}
	if err := usableKafka(c.Kafka); err != nil {
		return err
	}
	cluster, err := kafka.Open(ctx, c.Kafka)
	if err != nil {
		return err
	}
	defer cluster.Close()
	p, err := newPublisher(ctx, c, cluster)
	if err != nil {
		return err
	}
	ask := func(id string) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return p.add(ctx, schemas.CompanyRequest{ID: id, DetailsURL: wish.DetailsURL, Reason: wish.Reason, Force: wish.Force})
	}
	var bad badLines
	for _, id := range wish.IDs {
		if err = ask(id); err != nil {
			break
		}
	}
	if len(wish.IDs) == 0 {
		bad, err = eachLine(in, ask)
	}
	if err == nil {
		err = p.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w (%d requests were published before)", err, p.published)
	}
	fmt.Fprintf(out, "published %d requests to %s\n", p.published, c.Topics.Requests)
	return bad.err()
}

// allowedURL reports why a profile at this URL would not be asked for.
func allowedURL(config company.Config, id, detailsURL string) error {
	client, err := company.New(config)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err = client.URL(id, detailsURL); err != nil {
		return fmt.Errorf("--details-url can't be asked for: %w", err)
	}
	return nil
}

// badLines are lines of the input that name no company.
type badLines struct {
	n     int
	first []error
}

// shownBad is how many bad lines are named one by one.
const shownBad = 20

func (b *badLines) add(line int, err error) {
	if b.n++; len(b.first) < shownBad {
		b.first = append(b.first, fmt.Errorf("line %d: %w", line, err))
	}
}

func (b *badLines) err() error {
	if b.n == 0 {
		return nil
	}
	rest := ""
	if b.n > len(b.first) {
		rest = fmt.Sprintf("\nand %d more", b.n-len(b.first))
	}
	return fmt.Errorf("%d lines name no company, and were left out; the others were published:\n%w%s", b.n, errors.Join(b.first...), rest)
}

// eachLine calls use with the id on each line of in, and returns those that hold
// none.
func eachLine(in io.Reader, use func(id string) error) (bad badLines, _ error) {
	lines := bufio.NewScanner(in)
	n := 0
	for lines.Scan() {
		n++
		id := strings.TrimSpace(lines.Text())
		if id == "" {
			continue
		}
		if err := schemas.CheckID(id); err != nil {
			bad.add(n, err)
			continue
		}
		if err := use(id); err != nil {
			return bad, err
		}
	}
	if err := lines.Err(); err != nil {
		return bad, fmt.Errorf("standard input after line %d: %w; expected one id a line", n, err)
	}
	return bad, nil
}
