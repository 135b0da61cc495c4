package producer

import (
	"sync"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// View is where a Loop stands, for whoever looks on.
type View struct {
	// Progress is what the next transaction follows: committed, but for a run that
	// has just begun.
	Progress schemas.Progress
	// Balance is the wallet as the feed last said; feed.Unknown if it did not.
	Balance int64
	// BalanceAt is when it said so, UTC.
	BalanceAt time.Time
	// Held is how many pages are bought and not committed yet.
	Held int
}

// view is the View that others may read.
type view struct {
	mu sync.Mutex
	View
}

// View returns where the loop stands. It may be called by any goroutine.
func (l *Loop) View() View {
	l.view.mu.Lock()
	defer l.view.mu.Unlock()
	return l.view.View
}

// see lets others see where the loop stands now.
func (l *Loop) see() {
	l.view.mu.Lock()
	defer l.view.mu.Unlock()
	l.view.View = View{Progress: l.at, Balance: l.result.Balance, BalanceAt: l.balanceAt, Held: len(l.held)}
}
