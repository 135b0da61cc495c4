package app

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/registry"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/telemetry"
)

// RunEnrich fetches and publishes profiles until ctx ends or something fails that
// no waiting cures. It shows what it does at LISTEN and takes a new API key
// without a restart.
func RunEnrich(ctx context.Context, c Enricher, p Process) error {
	c.warn(p.Log)
	allowBatches(c.Batch)
	s, err := newSights(ctx, "enricher", p)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	metrics := enricher.NewMetrics(s.registry)
	parts, err := assembleEnricher(ctx, c, p, s, metrics)
	if err != nil {
		return err
	}
	defer parts.close()
	server, err := s.listen(ctx, c.Listen, p.Log, parts.watched(c))
	if err != nil {
		return err
	}
	defer server()
	watch, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	watchers.Go(func() { watchKey(watch, c.Company.Key, p, parts.rekey) })
	watchers.Go(func() { parts.desk(c).watchLag(watch, s.registry, p.Log) })
	defer func() { stop(); watchers.Wait() }()
	report := newReporter(p.Out, p.Log, parts.tick)
	report.Start()
	defer report.Stop()
	began := time.Now()
	err = parts.loop.Run(ctx)
	report.Stop()
	parts.summarise(time.Since(began))
	return err
}

// enricherParts are what the enricher is made of.
type enricherParts struct {
	client  *company.Client
	store   *checkpoint.Redis
	cluster *kafka.Cluster
	topics  enricher.Topics
	limits  limits
	loop    *enricher.Loop
	values  *registry.Client // nil where there is none
	log     *zap.Logger

	// config is what it was assembled with, and the key in use; sharing the request
	// limits but for their place in Redis, which the key decides.
	config  Enricher
	sharing ratelimit.SharedOptions
}

// memoryName is the name under which all that is about companies stands in Redis.
const memoryName = "companies"

// assembleEnricher connects to everything and wires the loop. What is wrong with
// the configuration comes back as a *UsageError.
func assembleEnricher(ctx context.Context, c Enricher, p Process, s sights, metrics *enricher.Metrics) (parts *enricherParts, err error) {
	parts = &enricherParts{log: p.Log}
	defer func() {
		if err != nil {
			parts.close()
		}
	}()
	c.Company.UserAgent = "jobo-enricher/" + p.Version
	c.Company.Parallel, c.Company.Wrap = c.Concurrency, s.wrap()
	if parts.client, err = company.New(c.Company); err != nil {
		return parts, &UsageError{Problems: []error{err}}
	}
	if parts.store, parts.cluster, err = connect(ctx, c.RedisURL, memoryName, c.Kafka, p.Log, s); err != nil {
		return parts, err
	}
	format, err := parts.open(ctx, c)
	if err != nil {
		return parts, err
	}
	found, err := c.ensure(ctx, parts.cluster, p.Log)
	if err != nil {
		return parts, err
	}
	parts.topics = found.loopTopics(c)
	// A process that comes after this one has another name: nothing of an older one
	// is waited for but the end of its transaction.
	name := checkpoint.NewOwner()
	parts.config = c
	parts.sharing = ratelimit.SharedOptions{Windows: c.Limits, Redis: parts.store.Scripter(), Owner: name, OnChange: parts.limiterChanged}
	parts.share()
	group := kafka.GroupConfig{
		Name: c.Group, Instance: name, Lead: found.sites, Topics: found.others(), Writes: []kafka.Topic{found.companies, found.letters},
		SessionTimeout: c.SessionTimeout, Paused: true,
	}
	parts.loop = enricher.New(enricher.Options{
		Topics: parts.topics, Concurrency: c.Concurrency, Batch: c.Batch, Delays: c.RetryDelays,
		NotFoundTTL: c.NotFoundTTL, Stall: c.Stall, Home: company.Host(c.Company.BaseURL), Metrics: metrics,
		Format: format,
	}, broker{parts.cluster, group, newSiteReader(parts.values)}, parts.client,
		parts.store.Fetched(checkpoint.FetchedOptions{NotFoundTTL: c.NotFoundTTL, Scope: cmp.Or(found.companies.ID, found.companies.Name)}), &parts.limits, c.Selection, p.Log)
	return parts, nil
}

// limitPrefix is where the request limits of a key stand in Redis: two keys have
// limits of their own, and so has nobody's.
func limitPrefix(c Enricher) string {
	who := "nobody"
	if c.Company.SendKey && !c.Company.Key.Empty() {
		who = c.Company.Key.Fingerprint()
	}
	return "jobo:{" + memoryName + "}:rate:" + who
}

// share takes up the request limits of the key in use.
func (p *enricherParts) share() {
	o := p.sharing
	o.Prefix = limitPrefix(p.config)
	p.limits.of.Store(ratelimit.NewShared(o))
}

// rekey asks with another API key from now on, by its own request limits.
func (p *enricherParts) rekey(key secret.String) error {
	if err := p.client.SetKey(key); err != nil {
		return err
	}
	p.config.Company.Key = key
	p.share()
	return nil
}

func (p *enricherParts) limiterChanged(degraded bool, err error) {
	if degraded {
		p.log.Warn("Redis does not answer: this replica keeps to its share of COMPANY_RATE_LIMIT by itself", zap.Error(err))
		return
	}
	p.log.Info("the request limits are shared through Redis again")
}

// open connects to the schema registry, if there is one, for the format of the
// companies and for career sites that are Avro.
func (p *enricherParts) open(ctx context.Context, c Enricher) (enricher.Format, error) {
	client, err := c.Values.client(c.Company.UserAgent)
	if p.values = client; err != nil || client == nil {
		return nil, err
	}
	encoder, err := c.Values.encoder(ctx, client, c.subject())
	if err != nil || encoder == nil {
		return nil, err // not encoder: a nil *registry.Encoder is no nil Format
	}
	return encoder, nil
}

func (p *enricherParts) close() {
	if p.values != nil {
		p.values.Close()
	}
	if p.cluster != nil {
		p.cluster.Close()
	}
	if p.store != nil {
		_ = p.store.Close() // it is a cache: a socket that will not close loses nothing
	}
	if p.client != nil {
		p.client.Close()
	}
}

// watched is what the server of LISTEN asks.
func (p *enricherParts) watched(c Enricher) watched {
	return watched{
		live:  p.loop.Alive,
		ready: func() []telemetry.Check { return enricherReady(p.loop.View()) },
		status: func(ctx context.Context) (any, error) {
			view := p.loop.View()
			report, err := gatherEnricher(ctx, p.desk(c), &view)
			if err != nil {
				p.log.Debug("status without all of it", zap.Error(err))
			}
			return report, nil // what could not be asked stands in the report
		},
	}
}

// enricherReady is what /readyz says. A replica that has no slots stands by, which
// is what it should do.
func enricherReady(v enricher.View) []telemetry.Check {
	group := telemetry.Check{Name: "group", OK: v.Joined, Detail: fmt.Sprintf("%d of %d slots", len(v.Slots), v.Total)}
	if !v.Joined {
		group.Detail = "joining"
		if n := len(v.Errors); n > 0 {
			group.Detail += ": " + v.Errors[n-1].Error
		}
	}
	memory := telemetry.Check{Name: "memory", OK: true}
	if v.Blind {
		memory.Detail = "Redis does not answer; what this process itself has fetched is known"
	}
	hosts := telemetry.Check{Name: "hosts", OK: true}
	if len(v.Down) > 0 {
		hosts.Detail = "not answering: " + strings.Join(v.Down, ", ")
	}
	return []telemetry.Check{group, memory, hosts}
}

func (p *enricherParts) summarise(took time.Duration) {
	v := p.loop.View()
	fields := []zap.Field{zap.Int64("transactions", v.Commits), zap.Duration("took", took.Round(time.Millisecond))}
	for _, what := range enricher.Outcomes() {
		if n := v.Counts[what]; n > 0 {
			fields = append(fields, zap.Int64(string(what), n))
		}
	}
	p.log.Info("stopped, the next start goes on from here", fields...)
}

// enricherTopics are the topics as they were found.
type enricherTopics struct {
	sites, companies, requests, letters kafka.Topic
	retries                             []kafka.Topic
}

// ensure creates and checks the topics. The career-sites topic comes first: it
// says how many partitions the others must have.
func (c Enricher) ensure(ctx context.Context, cluster *kafka.Cluster, log *zap.Logger) (t enricherTopics, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("the brokers did not describe the topics within %s", topicsTimeout))
	defer cancel()
	sites, err := cluster.Ensure(ctx, c.Topics.Create, c.sitesSpec())
	if err != nil {
		return t, err
	}
	t.sites = sites[c.Topics.CareerSites]
	specs := c.followers(t.sites.Partitions)
	found, err := cluster.Ensure(ctx, c.Topics.Create, specs...)
	if err != nil {
		return t, err
	}
	found[t.sites.Name] = t.sites
	for _, topic := range found {
		if topic.Created {
			log.Info("topic created", zap.String("topic", topic.Name), zap.Int32("partitions", topic.Partitions), zap.Strings("settings_the_broker_lacks", topic.Ignored))
		}
	}
	t.companies, t.requests, t.letters = found[c.Topics.Companies], found[c.Topics.Requests], found[c.Topics.DeadLetters]
	for _, name := range c.retryTopics() {
		t.retries = append(t.retries, found[name])
	}
	return t, nil
}

// others are the topics that the group reads beside the career sites.
func (t enricherTopics) others() []kafka.Topic {
	return append([]kafka.Topic{t.requests}, t.retries...)
}

// maxRetry is the largest value that every retry topic takes.
func (t enricherTopics) maxRetry() int {
	most := t.retries[0].MaxValue()
	for _, topic := range t.retries {
		most = min(most, topic.MaxValue())
	}
	return most
}

func (t enricherTopics) loopTopics(c Enricher) enricher.Topics {
	return enricher.Topics{
		Sites: t.sites.Name, Requests: t.requests.Name, Companies: t.companies.Name, DeadLetters: t.letters.Name,
		Retries: c.retryTopics(), Slots: t.sites.Partitions, Letters: t.letters.Partitions,
		CompaniesID: t.companies.ID, DeadLettersID: t.letters.ID,
		MaxCompany: t.companies.MaxValue(), MaxDeadLetter: t.letters.MaxValue(), MaxRetry: t.maxRetry(),
	}
}

// sitesSpec is what the career-sites topic has to be.
func (c Enricher) sitesSpec() kafka.Spec {
	return kafka.Spec{Name: c.Topics.CareerSites, Setting: "CAREER_SITES_TOPIC", Partitions: int32(c.Topics.Partitions), Replication: int16(c.Topics.Replication), Compacted: true} //nolint:gosec // bounded by the settings
}

// followers are the other topics, where the career sites have n partitions.
func (c Enricher) followers(n int32) []kafka.Spec {
	replication := int16(c.Topics.Replication) //nolint:gosec // bounded by the settings
	specs := []kafka.Spec{
		{Name: c.Topics.Companies, Setting: "COMPANIES_TOPIC", Partitions: n, Exactly: n, Replication: replication, Compacted: true},
		{Name: c.Topics.Requests, Setting: "REQUESTS_TOPIC", Partitions: n, Replication: replication},
		{Name: c.Topics.DeadLetters, Setting: "DEAD_LETTERS_TOPIC", Partitions: 1, Replication: replication},
	}
	for _, name := range c.retryTopics() {
		specs = append(specs, kafka.Spec{Name: name, Setting: "RETRIES_TOPIC", Partitions: n, Exactly: n, Replication: replication})
	}
	return specs
}

// retryTopics are the enricher's own topics: the first for what is due at once,
// then one for each delay.
func (c Enricher) retryTopics() []string {
	names := make([]string, len(c.RetryDelays)+1)
	for i := range names {
		names[i] = fmt.Sprintf("%s.%d", c.Topics.Retries, i)
	}
	return names
}
