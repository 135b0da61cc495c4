package producer

import (
	"cmp"
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// The reasons of a doubt, as the account keeps them.
const (
	reasonCrash   = "crash"
	reasonUnknown = "unknown_outcome"
	reasonFenced  = "fenced"
)

// doubt is a purchase that brought nothing, and of which nobody knows whether it
// was billed: at most for credits.
type doubt struct {
	id      string // of its reservation; empty if it has none of its own
	credits int64
	reason  string
}

// doubtOf is a reservation that nobody settled, for the reason that stands with
// it or else for otherwise.
func doubtOf(r checkpoint.Reservation, otherwise string) doubt {
	return doubt{id: r.ID, credits: r.Credits, reason: cmp.Or(r.Reason, otherwise)}
}

// look finds out who else spent gap: another instance of this stream, which was
// thought dead, may have bought a page that it can't publish.
func (m *money) look(ctx context.Context, ours []string, gap int64) {
	if m.redisLost {
		// The evidence is gone. What is missing after an interrupted run is its page.
		m.doubts, m.redisLost = append(m.doubts, doubt{credits: gap, reason: reasonCrash}), false
		return
	}
	open, err := m.account.Open(ctx, m.feed)
	if err != nil {
		m.logger.Warn("the wallet holds less than it should, and what is reserved can't be looked at", zap.Int64("credits", gap), zap.Error(err))
		return
	}
	for _, r := range open {
		if !slices.Contains(ours, r.ID) && !m.mine(r.ID) {
			m.doubts = append(m.doubts, doubtOf(r, reasonFenced))
		}
	}
	if len(m.doubts) == 0 {
		// Who had reserved a page and was silent at the take-over may buy it later.
		m.doubts, m.cleared = m.cleared, nil
	}
}

// inHand reports whether a reservation is that of a page in hand.
func inHand(held []*purchase, id string) bool {
	return slices.ContainsFunc(held, func(p *purchase) bool { return p.id == id })
}

// mine reports whether this process has accounted for a purchase already.
func (m *money) mine(id string) bool {
	is := func(p schemas.Purchase) bool { return p.ID == id }
	return slices.ContainsFunc(m.unsettled, is) || slices.ContainsFunc(m.asked, is) || slices.ContainsFunc(m.resolved, is) ||
		slices.ContainsFunc(m.doubts, func(d doubt) bool { return d.id == id })
}

// reckon decides what the doubts came to. gap is what the wallet lacks; where it
// fits none of them (it was filled, or somebody else spends from it), or is not
// known (negative), each of them counts in full: rather too much than hidden.
func (m *money) reckon(gap int64) {
	sum := int64(0)
	for _, d := range m.doubts {
		sum += d.credits
	}
	if gap < 0 || gap > sum {
		gap = sum
	}
	for _, d := range m.doubts {
		cost := min(gap, d.credits)
		gap -= cost
		switch d.reason {
		case reasonFenced:
			m.pending.Fenced += cost
		case reasonUnknown:
			m.pending.UnknownOutcome += cost
		default:
			m.pending.Crash += cost
		}
		if cost == 0 && d.credits > 0 && len(m.cleared) < maxCleared {
			late := doubt{credits: d.credits, reason: d.reason}
			if late.reason == reasonCrash {
				late.reason = reasonFenced // it was not dead, if it buys yet
			}
			m.cleared = append(m.cleared, late)
		}
		if d.id != "" {
			m.resolved = append(m.resolved, schemas.Purchase{ID: d.id, Credits: cost})
		}
		if cost > 0 {
			m.logger.Warn("credits were spent for nothing", zap.String("reason", d.reason), zap.String("cost", feed.Price(cost)))
		}
	}
	m.doubts, m.redisLost = nil, false
}

// maxCleared bounds how many doubts are remembered that came to nothing.
const maxCleared = 16

// recover finds out, after a take-over, which purchases nobody has accounted for.
// rebased says that newest is not what this process committed last.
func (m *money) recover(ctx context.Context, newest schemas.Progress, held []*purchase, rebased, redisLost bool) error {
	open, err := m.account.Open(ctx, m.feed)
	if err != nil {
		return err
	}
	if rebased {
		m.rebase(newest)
		m.redisLost = redisLost && newest.Phase == schemas.Paging && newest.Pages > 0
	}
	for _, r := range open {
		accounted := slices.IndexFunc(newest.Purchases, func(p schemas.Purchase) bool { return p.ID == r.ID })
		switch {
		case inHand(held, r.ID) || m.mine(r.ID):
		case accounted >= 0:
			m.unsettled = append(m.unsettled, newest.Purchases[accounted])
		default:
			m.doubts = append(m.doubts, doubtOf(r, reasonCrash))
		}
	}
	return nil
}
