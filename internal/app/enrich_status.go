package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/schemas"
)

// EnrichStatus prints where the work stands, as a table or as json. It changes
// nothing and joins no group. Where Kafka or Redis is away it shows what the other
// one says, and returns why.
func EnrichStatus(ctx context.Context, c Enricher, format string, out io.Writer) error {
	d, err := openEnrichDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	report, away := gatherEnricher(ctx, d, nil)
	if format == "json" {
		err = writeJSON(out, report)
	} else {
		err = report.table(out)
	}
	if err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return away
}

// EnrichReport is where the work of the enricher stands. Times are UTC.
type EnrichReport struct {
	Group string    `json:"group"`
	At    time.Time `json:"at"`
	// Service is what the process that answers is doing; nil where none is at work.
	Service *enricher.View `json:"service,omitempty"`
	Kafka   GroupStatus    `json:"kafka"`
	// Topics are those that the group reads.
	Topics      []TopicLag       `json:"topics,omitempty"`
	DeadLetters DeadLetterStatus `json:"dead_letters"`
	Rate        RateStatus       `json:"rate"`
	Memory      MemoryStatus     `json:"memory"`
}

// GroupStatus is the consumer group, in Kafka's words.
type GroupStatus struct {
	// Error says why the cluster could not be asked for it, or for the topics.
	Error   string `json:"error,omitempty"`
	State   string `json:"state,omitempty"`
	Members int    `json:"members"`
}

// DeadLetterStatus counts the enricher's dead letters since an instant.
type DeadLetterStatus struct {
	Error string    `json:"error,omitempty"`
	Since time.Time `json:"since"`
	Total int64     `json:"total"`
	// Reasons are those that there are.
	Reasons map[string]int64 `json:"reasons,omitempty"`
}

// RateStatus is how the request limits stand that all replicas share.
type RateStatus struct {
	Error string `json:"error,omitempty"`
	// Windows are empty where COMPANY_RATE_LIMIT is off.
	Windows []RateWindow `json:"windows,omitempty"`
	// Held is until when every replica is held back by the API, zero: it is not.
	Held time.Time `json:"held_until,omitzero"`
	// Replicas have asked lately, Waiting is how many of them wait.
	Replicas int `json:"replicas"`
	Waiting  int `json:"replicas_waiting"`
	// Degraded says that this process goes by its share, without Redis.
	Degraded bool `json:"degraded,omitempty"`
}

// RateWindow is one rolling window.
type RateWindow struct {
	Window string `json:"window"`
	// Used are our requests in it, Others those of somebody else, as the API says,
	// Limit how many it may have.
	Used   int `json:"used"`
	Others int `json:"others,omitempty"`
	Limit  int `json:"limit"`
}

// gatherEnricher returns where the work stands; live is nil where no process is at
// work. Its error says what could not be asked, and the report has the rest.
func gatherEnricher(ctx context.Context, d *enrichDesk, live *enricher.View) (EnrichReport, error) {
	r := EnrichReport{Group: d.c.Group, At: time.Now().UTC(), Service: live}
	r.DeadLetters.Since = r.At.Add(-lettersAge)
	var kafkaErr, lettersErr error
	if kafkaErr = d.kafkaErr; kafkaErr == nil {
		kafkaErr = r.askKafka(ctx, d)
		lettersErr = r.DeadLetters.count(ctx, d)
	}
	if kafkaErr != nil {
		r.Kafka.Error = kafkaErr.Error()
	}
	rateErr := r.Rate.ask(ctx, d)
	memoryErr := r.askMemory(ctx, d)
	if rateErr != nil && memoryErr != nil {
		rateErr = nil // it is the same Redis
	}
	return r, errors.Join(kafkaErr, lettersErr, rateErr, memoryErr)
}

func (r *EnrichReport) askKafka(ctx context.Context, d *enrichDesk) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the brokers did not describe the group within %s", lookTimeout))
	defer cancel()
	if r.Kafka.State, r.Kafka.Members, err = d.cluster.Members(ctx, d.c.Group); err != nil {
		return err
	}
	r.Topics, err = d.lags(ctx)
	return err
}

// askMemory looks at the memory that belongs to the companies topic, which only
// Kafka can tell.
func (r *EnrichReport) askMemory(ctx context.Context, d *enrichDesk) error {
	if d.kafkaErr != nil {
		r.Memory.Error = "without Kafka nobody knows what there is to remember"
		return d.redisErr
	}
	companies, err := d.lag(ctx, d.c.Topics.Companies)
	if err == nil {
		r.Memory, err = d.memoryStatus(ctx, companies)
	}
	if err != nil {
		r.Memory.Error = err.Error()
	}
	return err
}

// lettersAge is how far back dead letters are counted, lettersMost how many offsets
// of each partition are looked at for that.
const (
	lettersAge  = 24 * time.Hour
	lettersMost = 100_000
)

func (s *DeadLetterStatus) count(ctx context.Context, d *enrichDesk) error {
	if d.lacks(d.c.Topics.DeadLetters) {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the brokers did not show the dead letters within %s", lookTimeout))
	defer cancel()
	err := d.cluster.Since(ctx, d.c.Topics.DeadLetters, s.Since, lettersMost, func(r *kgo.Record) bool {
		if headerOf(r, schemas.HeaderOriginPartition) == "" {
			return true // the producer's
		}
		if s.Reasons == nil {
			s.Reasons = make(map[string]int64)
		}
		s.Reasons[headerOf(r, schemas.HeaderReason)]++
		s.Total++
		return true
	})
	if err != nil {
		s.Error = err.Error()
	}
	return err
}

// ask takes what this process itself knows where Redis is away.
func (s *RateStatus) ask(ctx context.Context, d *enrichDesk) error {
	if d.limiter == nil {
		s.Error = d.redisErr.Error()
		return d.redisErr
	}
	state, err := d.limiter.State(ctx)
	if err != nil {
		s.Error = err.Error()
	}
	for _, w := range state.Windows {
		s.Windows = append(s.Windows, RateWindow{Window: w.Window.String(), Used: w.Used, Others: w.Others, Limit: w.Limit})
	}
	s.Held, s.Replicas, s.Waiting, s.Degraded = state.Held, state.Replicas, state.Waiting, state.Degraded
	return err
}
