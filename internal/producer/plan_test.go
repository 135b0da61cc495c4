package producer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault is what happens to the process that reaches a yield point, or to a
// server while it is there.
type fault string

const (
	killed     fault = "killed"      // stops for ever, its connections stay open
	killedHard fault = "killed hard" // stops for ever, its connections are cut
	paused     fault = "paused"      // goes on later, when its lease may be another's
	// frozen is paused with its clock stopped, as a suspended machine is: it
	// wakes up and believes to hold the lease.
	frozen     fault = "frozen"
	wiped      fault = "redis wiped"
	rolledBack fault = "redis rolled back"
	away       fault = "redis away"
	refused    fault = "produce refused"
	unanswered fault = "answers lost"
	voided     fault = "cursors voided"
)

// costly says whether the fault may cost a page that is not published. What the
// brokers do may not: the page stays in hand. Nor does a scan that begins again:
// its pages are committed, whether their rows are published or not.
func (f fault) costly() bool { return f != refused && f != unanswered && f != voided }

// plan is what a seed decides before a schedule begins.
type plan struct {
	processes int
	companies int
	byID      bool
	// stamped says that every row tells the sale that it is from, so that none is
	// ever unchanged.
	stamped  bool
	prefetch int
	windows  int
	overlap  time.Duration
	changes  map[int]int // how many companies change at which sale
	faults   map[int]fault
}

// trouble is what a seed draws from: the kinds of faults, how many there are at
// most, and how many yield points the first one strikes within.
type trouble struct {
	kinds       []fault
	most, first int
}

// newPlan draws the faults. They stand at places in the one sequence of
// all yield points; a later one often stands close to the one before it, where
// the take-over is that the first one caused.
func newPlan(draw *rand.Rand, from trouble) plan {
	p := plan{
		processes: 2 + draw.IntN(2), companies: 18 + draw.IntN(9), byID: draw.IntN(2) == 0,
		stamped: draw.IntN(2) == 0, prefetch: []int{0, 0, 1, 3}[draw.IntN(4)], windows: []int{0, 0, 3}[draw.IntN(3)],
		overlap: []time.Duration{0, 3 * time.Hour}[draw.IntN(2)],
		changes: map[int]int{}, faults: map[int]fault{},
	}
	for range draw.IntN(3) {
		p.changes[draw.IntN(8)] = 1 + draw.IntN(2)
	}
	at := 1 + draw.IntN(from.first)
	for range 1 + draw.IntN(from.most) {
		p.faults[at] = from.kinds[draw.IntN(len(from.kinds))]
		at += 1 + draw.IntN([]int{20, 90}[draw.IntN(2)])
	}
	return p
}

// everyFault is what ordinary schedules draw from.
func everyFault() trouble {
	return trouble{[]fault{killed, killed, killedHard, paused, paused, frozen, frozen, wiped, wiped, rolledBack, away, refused, unanswered, voided, voided}, 3, 90}
}

// yield is called at every boundary of a port. It may not return: then the
// process is dead.
func (p *process) yield(point string) {
	w := p.world
	p.hang()
	w.mu.Lock()
	w.yields++
	fault := w.plan.faults[w.yields]
	if w.calm || p.immune {
		fault = ""
	}
	if fault != "" {
		w.struck[fault]++
	}
	w.keepSnapshot()
	w.mu.Unlock()
	w.note(p, point, string(fault))
	switch fault {
	case "":
	case killed, killedHard:
		p.die(fault)
	case paused, frozen:
		p.sleep(fault == frozen)
	default:
		w.strike(fault, p)
	}
	time.Sleep(p.latency())
}

// latency is the time that passes at a yield point: often none.
func (p *process) latency() time.Duration {
	if p.draw.IntN(2) == 0 {
		return 0
	}
	return time.Duration(p.draw.IntN(300)) * time.Millisecond
}

// keepSnapshot remembers what Redis holds now, for a later roll-back.
func (w *world) keepSnapshot() {
	w.snapshots = append(w.snapshots, w.store.Snapshot())
}

// strike makes a server fail.
func (w *world) strike(f fault, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f {
	case wiped:
		w.store.Wipe()
		w.wallet.Wipe()
		w.copies.reset()
	case rolledBack:
		back := 1 + p.draw.IntN(min(30, len(w.snapshots)))
		w.snapshots[len(w.snapshots)-back]()
		w.copies.reset()
	case away:
		w.store.SetError(down())
		w.wallet.SetError(down())
		time.AfterFunc(time.Duration(1+p.draw.IntN(20))*time.Second, func() { w.store.SetError(nil); w.wallet.SetError(nil) })
	case refused:
		topic := []string{sitesTopic, stateTopic}[p.draw.IntN(2)]
		errs := []*kerr.Error{kerr.UnknownServerError, kerr.InvalidTimestamp, kerr.PolicyViolation, kerr.InvalidTxnState}
		w.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: errs[p.draw.IntN(len(errs))]})
	case unanswered:
		key := []kmsg.Key{kmsg.EndTxn, kmsg.EndTxn, kmsg.Produce, kmsg.InitProducerID}[p.draw.IntN(4)]
		w.broker.wire.Cut(key, []int{1, 3, 30}[p.draw.IntN(3)])
	case voided:
		if w.struck[voided] == 1 { // a run is stopped where it happens again
			w.market.void()
		}
	default:
		panic(fmt.Sprintf("no such fault: %q", f))
	}
}

// costlyFaults is how many pages the faults that struck may have cost: those that
// a process may have in hand and on their way.
func (w *world) costlyFaults() (n int) {
	for f, times := range w.struck {
		if f.costly() {
			n += times
		}
	}
	return n * w.plan.inHand()
}

// inHand is how many pages a process may have paid for and not committed.
func (p plan) inHand() int { return (1 + p.prefetch) * max(1, p.windows) }

// kindsOf is for the figures at the end.
func kindsOf(struck map[fault]int) (out []string) {
	for f, n := range struck {
		out = append(out, fmt.Sprintf("%s %d", f, n))
	}
	slices.Sort(out)
	return out
}
