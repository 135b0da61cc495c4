package enricher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/schemas"
)

// world is a cluster, a source of profiles and a memory, all in this process and
// in virtual time, so that a schedule of kills and rebalances is one seed.
type world struct {
	t      *testing.T
	o      Options
	memory *checkpoint.MemoryFetched

	mu        sync.Mutex
	logs      map[Place][]*kgo.Record
	committed map[Place]Position
	members   map[*replica]bool
	owner     map[int32]*replica

	versions map[string]int // what the source has
	gets     map[string]int
	failures int
	missing  map[string]bool
	broken   map[string]bool      // companies, or hosts, that answer 503
	hanging  map[string]bool      // hosts
	forced   map[string]bool      // asked for with force
	stuck    func(id string) bool // never answers
	oneHost  bool                 // all companies live there
	latency  func() time.Duration
	padding  string // of every profile

	// What goes wrong; nil and zero mean nothing.
	tail     func(ctx context.Context, at Place) error // comes before a topic is read
	recalled func() error                              // comes before the memory is asked
	polled   func() error                              // comes before records are read
	limit    func(ctx context.Context)                 // is the wait for the request limits
	join     time.Duration                             // a commit waits that long for the group
	late     map[string]bool                           // answered with too many requests
	held     []time.Time                               // what the limiter was told
}

const (
	worldSlots = 4
	sitesName  = "sites"
)

func newWorld(t *testing.T, o Options) *world {
	o.Topics = Topics{
		Sites: sitesName, Requests: "requests", Companies: "companies", DeadLetters: "letters",
		Retries: []string{"retries.0", "retries.1", "retries.2", "retries.3"}, Slots: worldSlots, Letters: 1,
		CompaniesID: "c", DeadLettersID: "d", MaxCompany: 1 << 20, MaxDeadLetter: 1 << 20, MaxRetry: 1 << 20,
	}
	return &world{
		t: t, o: o, memory: checkpoint.NewMemoryFetched(checkpoint.FetchedOptions{NotFoundTTL: o.NotFoundTTL}),
		logs: make(map[Place][]*kgo.Record), committed: make(map[Place]Position),
		members: make(map[*replica]bool), owner: make(map[int32]*replica),
		versions: make(map[string]int), gets: make(map[string]int), missing: make(map[string]bool), broken: make(map[string]bool), hanging: make(map[string]bool), forced: make(map[string]bool), late: make(map[string]bool),
		latency: func() time.Duration { return 50 * time.Millisecond }, stuck: func(string) bool { return false },
	}
}

func worldSlot(key []byte, n int32) int32 {
	h := fnv.New32a()
	_, _ = h.Write(key)
	return int32(h.Sum32() % uint32(n))
}

// append writes a record as a committed one.
func (w *world) append(r *kgo.Record) {
	at := Place{r.Topic, r.Partition}
	r.Offset = int64(len(w.logs[at]))
	r.Timestamp = time.Now()
	w.logs[at] = append(w.logs[at], r)
}

func worldVersion(n int) string {
	return time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC).Format(time.RFC3339)
}

// update makes a new version of a company and tells of it, as the producer does.
func (w *world) update(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.versions[id]++
	w.site(id, worldSlot([]byte(id), worldSlots))
}

// stray is update by a producer with another partitioner.
func (w *world) stray(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.versions[id]++
	w.site(id, (worldSlot([]byte(id), worldSlots)+1)%worldSlots)
}

// again tells of the version that is there already, as the producer's overlap does.
func (w *world) again(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.site(id, worldSlot([]byte(id), worldSlots))
}

func (w *world) site(id string, partition int32) {
	host := worldHost(id)
	if w.oneHost {
		host = worldHost("")
	}
	value := fmt.Sprintf(`{"id":%q,"updated_at":%q,"details_url":"https://%s/%s"}`, id, worldVersion(w.versions[id]), host, id)
	w.append(&kgo.Record{Topic: sitesName, Partition: partition, Key: []byte(id), Value: []byte(value)})
}

// worldHost puts each third company on a host of its own kind.
func worldHost(id string) string {
	if strings.HasPrefix(id, "slow") {
		return "slow.example:443"
	}
	return "good.example:443"
}

func (w *world) request(r schemas.CompanyRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forced[r.ID] = w.forced[r.ID] || r.Force
	value, err := json.Marshal(r)
	if err != nil {
		w.t.Error(err)
	}
	w.append(&kgo.Record{Topic: "requests", Partition: 0, Key: []byte(r.ID), Value: value})
}

// replica is one process: a loop and its membership.
type replica struct {
	w      *world
	loop   *Loop
	cancel context.CancelFunc
	ended  chan error

	// Guarded by world.mu, from here on.
	assigned func([]Place)
	revoked  func([]Place, bool)
	current  func() bool
	owned    map[Place]int64 // the next offset that Poll returns
	paused   map[Place]bool
	aborts   bool            // the next commit is aborted by a rebalance
	risk     map[string]bool // companies whose request is under way, or answered with nothing committed of it
	moved    time.Time       // when partitions went last
	busy     string          // what is under way of Poll and Commit, which exclude each other
	dead     bool            // a process that was killed: nothing of it arrives any more
	news     chan struct{}
}

// raw writes a record as somebody may who knows no rules. The caller has the lock.
func (w *world) raw(topic, key, value string) {
	r := &kgo.Record{Topic: topic, Value: []byte(value)}
	if key != "" {
		r.Key = []byte(key)
	}
	if topic == sitesName {
		r.Partition = worldSlot(r.Key, worldSlots)
	}
	w.append(r)
}

func (w *world) start() *replica {
	r := w.idle()
	r.run()
	return r
}

// idle is a replica that was not started yet.
func (w *world) idle() *replica {
	r := &replica{w: w, owned: make(map[Place]int64), paused: make(map[Place]bool), risk: make(map[string]bool), news: make(chan struct{}, 1), ended: make(chan error, 1)}
	r.loop = New(w.o, r, r, memory{w.memory, w}, w, selectAll{}, zap.NewNop())
	return r
}

func (r *replica) run() {
	ctx, cancel := context.WithCancel(r.w.t.Context())
	r.cancel = cancel
	go func() { r.ended <- r.loop.Run(ctx) }()
}

type selectAll struct{}

// Match implements Selector. Companies whose id begins with "un" are not wanted.
func (selectAll) Match(value []byte) (bool, error) {
	return !strings.Contains(string(value), `{"id":"un`), nil
}

var errKilled = errors.New("killed")

// kill ends a process: what it had in hand is gone.
func (w *world) kill(r *replica) {
	w.mu.Lock()
	r.dead = true
	delete(w.members, r)
	w.mu.Unlock()
	r.cancel()
	if err := <-r.ended; err != nil {
		w.t.Errorf("a process that was killed ended with %v", err)
	}
	w.balance()
}

// stop ends a process as a signal does.
func (w *world) stop(r *replica) {
	r.cancel()
	if err := <-r.ended; err != nil {
		w.t.Errorf("got %v after a stop, want no error", err)
	}
}

// parts are all partitions of a slot.
func (w *world) parts(slot int32) []Place {
	parts := []Place{{sitesName, slot}}
	if slot == 0 {
		parts = append(parts, Place{"requests", 0})
	}
	for _, name := range w.o.Topics.Retries {
		parts = append(parts, Place{name, slot})
	}
	return parts
}

// balance gives each slot to a member, and moves one here and there.
func (w *world) balance() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var members []*replica
	for r := range w.members {
		members = append(members, r)
	}
	if len(members) == 0 {
		clear(w.owner)
		return
	}
	for slot := range int32(worldSlots) {
		from, to := w.owner[slot], members[rand.IntN(len(members))]
		if w.members[from] && rand.IntN(2) == 0 {
			continue // it is sticky
		}
		if from != nil {
			w.revoke(from, w.parts(slot), !w.members[from])
		}
		w.owner[slot] = to
		for _, at := range w.parts(slot) {
			to.owned[at] = w.committed[at].Offset
			to.paused[at] = true
		}
		to.assigned(w.parts(slot))
		to.wake()
	}
}

// heard is how long after a revocation the loop has heard of it for sure.
const heard = 100 * time.Millisecond

func (w *world) revoke(r *replica, parts []Place, lost bool) {
	if r.dead {
		return
	}
	for _, at := range parts {
		delete(r.owned, at)
	}
	// What was asked for of what went is not the batch's any more; the loop hears of
	// it a moment later, when it may be back already.
	clear(r.risk)
	r.moved = time.Now()
	time.AfterFunc(heard, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		clear(r.risk)
	})
	r.aborts = true
	r.revoked(parts, lost)
}

func (r *replica) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// Join implements Broker.
func (r *replica) Join(_ context.Context, assigned func([]Place), revoked func([]Place, bool), current func() bool) (Group, error) {
	r.w.mu.Lock()
	if r.dead {
		r.w.mu.Unlock()
		return nil, errKilled
	}
	r.assigned, r.revoked, r.current = assigned, revoked, current
	r.w.members[r] = true
	r.w.mu.Unlock()
	go r.w.balance()
	return r, nil
}

// Slot implements Broker.
func (r *replica) Slot(key []byte, n int32) int32 { return worldSlot(key, n) }

// Tail implements Broker.
func (r *replica) Tail(ctx context.Context, at Place, from int64, each func(*kgo.Record) error) (int64, error) {
	r.w.mu.Lock()
	tail := r.w.tail
	r.w.mu.Unlock()
	if tail != nil {
		if err := tail(ctx, at); err != nil {
			return from, err
		}
	}
	r.w.mu.Lock()
	log := slices.Clone(r.w.logs[at])
	r.w.mu.Unlock()
	for _, record := range log[min(from, int64(len(log))):] {
		if err := each(record); err != nil {
			return from, err
		}
	}
	return int64(len(log)), nil
}

// busyWith notes that a call of the group begins, and returns what ends it.
func (r *replica) busyWith(call string) (end func()) {
	set := func(to string) {
		r.w.mu.Lock()
		defer r.w.mu.Unlock()
		if r.busy != "" && to != "" {
			r.w.t.Errorf("%s is called during %s", to, r.busy)
		}
		r.busy = to
	}
	set(call)
	return func() { set("") }
}

// Poll implements Group.
func (r *replica) Poll(ctx context.Context, most int) ([]*kgo.Record, error) {
	defer r.busyWith("Poll")()
	for {
		r.w.mu.Lock()
		polled := r.w.polled
		r.w.mu.Unlock()
		if polled != nil {
			if err := polled(); err != nil {
				return nil, err
			}
		}
		r.w.mu.Lock()
		var out []*kgo.Record
		for at, next := range r.owned {
			log := r.w.logs[at]
			for ; !r.paused[at] && next < int64(len(log)) && len(out) < most; next++ {
				out = append(out, log[next])
			}
			r.owned[at] = next
		}
		dead := r.dead
		r.w.mu.Unlock()
		if dead {
			return nil, errKilled
		}
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-r.news:
		case <-time.After(20 * time.Millisecond): // somebody appended
		}
	}
}

// Commit implements Group.
func (r *replica) Commit(ctx context.Context, records []*kgo.Record, positions map[Place]Position) (bool, error) {
	defer r.busyWith("Commit")()
	r.w.mu.Lock()
	join := r.w.join
	r.w.mu.Unlock()
	// Virtual: a transaction takes a while.
	if !wait(ctx, join+time.Duration(rand.IntN(20))*time.Millisecond) {
		return false, context.Cause(ctx)
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.dead {
		return false, errKilled
	}
	if r.aborts || !r.current() {
		r.aborts = false
		for at := range r.owned {
			r.owned[at] = r.w.committed[at].Offset
		}
		return false, nil
	}
	for at, p := range positions {
		if _, mine := r.owned[at]; !mine {
			r.w.t.Errorf("committed %v, which is another's", at)
		}
		if p.Offset < r.w.committed[at].Offset {
			r.w.t.Errorf("%v goes back from %d to %d", at, r.w.committed[at].Offset, p.Offset)
		}
		r.w.committed[at] = p
	}
	for _, record := range records {
		if size := len(record.Value); size > 1<<20 {
			r.w.t.Errorf("got a record of %d bytes for %s, which takes none", size, record.Topic)
		}
		record.Partition = 0
		if record.Topic != "letters" {
			record.Partition = worldSlot(record.Key, worldSlots)
		}
		r.w.append(record)
		delete(r.risk, string(record.Key))
	}
	return true, nil
}

// Committed implements Group.
func (r *replica) Committed(_ context.Context, parts []Place) (map[Place]Position, error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	out := make(map[Place]Position)
	for _, at := range parts {
		if p, ok := r.w.committed[at]; ok {
			out[at] = p
		}
	}
	return out, nil
}

// Pause implements Group.
func (r *replica) Pause(parts []Place) { r.pause(parts, true) }

// Resume implements Group.
func (r *replica) Resume(parts []Place) { r.pause(parts, false) }

func (r *replica) pause(parts []Place, paused bool) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	for _, at := range parts {
		r.paused[at] = paused
	}
}

// Close implements Group.
func (r *replica) Close(context.Context) {
	defer r.busyWith("Close")()
	r.w.mu.Lock()
	delete(r.w.members, r)
	dead := r.dead
	r.w.mu.Unlock()
	if !dead {
		r.w.balance()
	}
}

// URL implements Fetcher.
func (w *world) URL(id, details string) (string, error) {
	if details == "" {
		details = "https://good.example:443/" + id
	}
	if !strings.HasPrefix(details, "https://") {
		return "", &company.RefusedError{Reason: schemas.ReasonURLScheme, URL: details, Detail: "no https"}
	}
	return details, nil
}

// URL implements Fetcher.
func (r *replica) URL(id, details string) (string, error) { return r.w.URL(id, details) }

// Get implements Fetcher. It checks what a crash would repeat.
func (r *replica) Get(ctx context.Context, id, url, etag string) (company.Answer, error) {
	r.w.mu.Lock()
	if _, mine := r.owned[Place{sitesName, worldSlot([]byte(id), worldSlots)}]; mine {
		r.risk[id] = true
	}
	if len(r.risk) > r.loop.o.Batch && time.Since(r.moved) > heard {
		r.w.t.Errorf("%d companies are under way or answered with nothing committed of them, want at most %d", len(r.risk), r.loop.o.Batch)
	}
	r.w.mu.Unlock()
	answer, err := r.w.Get(ctx, id, url, etag)
	if verdict, _, _ := company.Judge(err); answer.NotModified || ctx.Err() != nil || err != nil && verdict != company.Dead {
		r.w.mu.Lock()
		delete(r.risk, id) // no record comes of it, or it is asked again in any case
		r.w.mu.Unlock()
	}
	return answer, err
}

// memory is the world's, where calls may fail.
type memory struct {
	*checkpoint.MemoryFetched
	w *world
}

// Recall implements Memory.
func (m memory) Recall(ctx context.Context, ids []string) (map[string]checkpoint.Known, error) {
	m.w.mu.Lock()
	recalled := m.w.recalled
	m.w.mu.Unlock()
	if recalled != nil {
		if err := recalled(); err != nil {
			return nil, err
		}
	}
	return m.MemoryFetched.Recall(ctx, ids)
}

// Get implements Fetcher.
func (w *world) Get(ctx context.Context, id, url, etag string) (company.Answer, error) {
	w.mu.Lock()
	w.gets[id]++
	version, hangs, latency := w.versions[id], w.hanging[company.Host(url)], w.latency()
	missing, broken, late := w.missing[id], w.broken[id] || w.broken[company.Host(url)], w.late[id]
	if hangs || w.stuck(id) {
		latency, hangs = 30*time.Second, true
	}
	w.mu.Unlock()
	if !wait(ctx, latency) {
		return company.Answer{}, context.Cause(ctx)
	}
	switch tag := fmt.Sprintf(`"%d"`, version); {
	case late:
		return company.Answer{}, &company.StatusError{URL: url, Status: 429, RetryAfter: time.Minute}
	case missing:
		return company.Answer{}, &company.StatusError{URL: url, Status: 404}
	case hangs || broken:
		w.mu.Lock()
		w.failures++
		w.mu.Unlock()
		return company.Answer{}, &company.StatusError{URL: url, Status: 503}
	case etag == tag:
		return company.Answer{NotModified: true, ETag: tag, FetchedAt: time.Now()}, nil
	default:
		return company.Answer{Profile: fmt.Appendf(nil, `{"id":%q,"v":%d%s}`, id, version, w.padding), ETag: tag, FetchedAt: time.Now()}, nil
	}
}

// Take implements Limiter.
func (w *world) Take(ctx context.Context) (func(ratelimit.Report), error) {
	w.mu.Lock()
	limit := w.limit
	w.mu.Unlock()
	if limit != nil {
		limit(ctx)
	}
	return func(ratelimit.Report) {}, context.Cause(ctx)
}

// Until implements Limiter.
func (w *world) Until(_ context.Context, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, t)
}

// published returns the records of a topic by key, in order.
func (w *world) published(topic string) map[string][]*kgo.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string][]*kgo.Record)
	for at, log := range w.logs {
		if at.Topic != topic {
			continue
		}
		for _, r := range log {
			out[string(r.Key)] = append(out[string(r.Key)], r)
		}
	}
	return out
}

func headerOf(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// total is how often the source was asked.
func (w *world) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, gets := range w.gets {
		n += gets
	}
	return n
}

// quiet waits until every position stands at the end, all records done.
func (w *world) quiet() {
	w.t.Helper()
	for range 100_000 {
		time.Sleep(100 * time.Millisecond) // virtual
		w.mu.Lock()
		behind := 0
		for at, log := range w.logs {
			if at.Topic == "companies" || at.Topic == "letters" {
				continue
			}
			if p := w.committed[at]; p.Offset < int64(len(log)) {
				behind++
			}
		}
		w.mu.Unlock()
		if behind == 0 {
			return
		}
	}
	w.t.Fatalf("it does not come to an end: %+v", maps.Clone(w.committed))
}

// judge checks what a reader of the companies topic sees.
func (w *world) judge() {
	w.t.Helper()
	published := w.published("companies")
	for id, version := range w.versions {
		records := published[id]
		if strings.HasPrefix(id, "un") || w.missing[id] || w.broken[id] {
			continue
		}
		if len(records) == 0 {
			w.t.Errorf("%s is lost", id)
			continue
		}
		if last := string(records[len(records)-1].Value); last != fmt.Sprintf(`{"id":%q,"v":%d}`, id, version) {
			w.t.Errorf("%s ends with %s, want version %d", id, last, version)
		}
		seen := make(map[string]bool)
		before := ""
		for _, r := range records {
			at := headerOf(r, schemas.HeaderSiteVersion)
			if seen[at] && !w.forced[id] {
				w.t.Errorf("%s is published twice for %s", id, at)
			}
			if at < before {
				w.t.Errorf("%s goes back from %s to %s", id, before, at)
			}
			seen[at], before = true, at
		}
	}
}
