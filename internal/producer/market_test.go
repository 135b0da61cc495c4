package producer_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
)

// market is a feed in memory: it sells pages of companies that change and move
// while it is read, and keeps account of every page that it billed.
type market struct {
	// byID is the order of a scan: by id, where a company that changes after it
	// was passed is not met again in the same scan, or else by change, where it
	// moves to the end.
	byID bool
	// stamped says that every row carries the number of its sale.
	stamped bool
	// onSale is called with the number of each sale, before its answer leaves.
	onSale func(serial int)

	mu        sync.Mutex
	companies map[string]*company
	sales     []sale
	wallet    int64
	// era grows when all cursors become void: each names the one that it is of.
	era int
}

type company struct {
	version    int
	updated    time.Time
	discovered time.Time
}

// discoverySpan is how long ago the oldest company was discovered.
const discoverySpan = 100 * time.Hour

// version is one version of one company.
type version struct {
	id string
	n  int
}

// sale is a page that was billed. Its number is its place in market.sales.
type sale struct {
	buyer string
	query feed.Query
	rows  []version
	next  feed.Cursor
	cost  int64
}

func newMarket(companies int) *market {
	m := &market{companies: map[string]*company{}, onSale: func(int) {}, stamped: true, wallet: 1_000_000}
	for i := range companies {
		found := discoverySpan * time.Duration(i*7%companies) / time.Duration(companies)
		m.companies[fmt.Sprintf("c%03d", i)] = &company{
			version: 1, updated: time.Now().Add(time.Duration(i-companies) * time.Hour), discovered: time.Now().Add(-found),
		}
	}
	return m
}

// change gives n companies a new version, or makes new ones of one in four.
func (m *market) change(draw *rand.Rand, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		ids := slices.Sorted(keysOf(m.companies))
		id := ids[draw.IntN(len(ids))]
		if draw.IntN(4) == 0 {
			id = fmt.Sprintf("c%03d-%d", draw.IntN(len(ids)), len(ids)) // anywhere in the order
			m.companies[id] = &company{discovered: time.Now()}
		}
		m.companies[id].version++
		m.companies[id].updated = time.Now()
	}
}

// newest is what the topic has to hold in the end.
func (m *market) newest() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]int, len(m.companies))
	for id, c := range m.companies {
		out[id] = c.version
	}
	return out
}

// sell bills the page that q asks for. A stamped row carries the number of its
// sale, so that a record tells which page it came from.
func (m *market) sell(buyer string, q feed.Query) feed.Page {
	m.mu.Lock()
	serial := len(m.sales)
	behind, _, _ := strings.Cut(string(q.Cursor), eraMark)
	var ids []string
	for id, c := range m.companies {
		if c.updated.After(q.UpdatedAfter) && m.place(id) > behind && c.within(q.Filters) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(m.place(a), m.place(b)) })
	page := feed.Page{ServedAt: time.Now()}
	if len(ids) > q.BatchSize {
		ids, page.HasMore = ids[:q.BatchSize], true
		page.Next = feed.Cursor(fmt.Sprint(m.place(ids[len(ids)-1]), eraMark, m.era))
	}
	page.Credits = int64(len(ids)) * feed.CreditsPerRow
	m.wallet -= page.Credits
	page.Balance = m.wallet
	bill := sale{buyer: buyer, query: q, next: page.Next, cost: page.Credits}
	stamp := -1
	if m.stamped {
		stamp = serial
	}
	for _, id := range ids {
		c := m.companies[id]
		bill.rows = append(bill.rows, version{id, c.version})
		page.Rows = append(page.Rows, feed.Row{
			ID: id, UpdatedAt: c.updated.UTC(),
			Raw: fmt.Appendf(nil, `{"id":%q,"version":%d,"sale":%d}`, id, c.version, stamp),
		})
	}
	m.sales = append(m.sales, bill)
	m.mu.Unlock()
	m.onSale(serial)
	return page
}

// eraMark stands in a cursor before its era.
const eraMark = "~"

// void makes all cursors void.
func (m *market) void() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.era++
}

// takes reports whether a cursor is good.
func (m *market) takes(c feed.Cursor) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, era, _ := strings.Cut(string(c), eraMark)
	return c == "" || era == strconv.Itoa(m.era)
}

// within reports whether the company is in the window of f: on or after its
// begin and before its end.
func (c *company) within(f feed.Filters) bool {
	return (f.DiscoveredAfter == nil || !c.discovered.Before(*f.DiscoveredAfter)) &&
		(f.DiscoveredBefore == nil || c.discovered.Before(*f.DiscoveredBefore))
}

// place is where a company stands in the order of a scan: a cursor's content.
func (m *market) place(id string) string {
	if m.byID {
		return id
	}
	return m.companies[id].updated.UTC().Format("20060102150405.000000000") + "/" + id
}

// bills returns a copy of the account.
func (m *market) bills() []sale {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sales)
}

// buyer is the market as one process sees it, with the way there and back.
type buyer struct {
	*market
	name    string
	transit func() time.Duration
}

// Page implements producer.Pager: what is on its way is finished.
func (b buyer) Page(ctx context.Context, q feed.Query) (feed.Page, error) {
	if ctx.Err() != nil {
		return feed.Page{}, context.Cause(ctx)
	}
	start := time.Now()
	time.Sleep(b.transit())
	if !b.takes(q.Cursor) {
		return feed.Page{}, feed.ErrInvalidCursor
	}
	page := b.sell(b.name, q)
	time.Sleep(b.transit())
	page.Took = time.Since(start)
	return page, nil
}
