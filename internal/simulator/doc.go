// Package simulator is the Jobo API as this pipeline uses it, in one process:
// the metered career-sites feed and the public company profiles, over data that
// is generated from a seed. It is a second reading of the feed's contract and
// imports no other package of this module, so that a misreading in a client
// shows up as a difference instead of being repeated here.
//
// # Use
//
// [New] returns a plain [net/http.Handler]. [Start] binds an address and serves
// it; [Serve] takes a listener that the caller made, an in-memory one included.
// Time is read from [Options.Clock] alone and no goroutine ticks in the
// background, so the package runs inside a testing/synctest bubble.
//
//	srv, err := simulator.Start(ctx, "127.0.0.1:0", simulator.Options{Rows: 500})
//	defer srv.Close()
//	// POST srv.URL()+"/api/career-sites/feed" with X-Api-Key: simulator.DefaultAPIKey
//	bill := srv.Ledger()
//
// A third of the companies on a host that hangs, until it is told to answer:
//
//	host, err := simulator.StartHost(ctx, "127.0.0.1:0")
//	srv, err := simulator.Start(ctx, "127.0.0.1:0", simulator.Options{DetailsURL: func(id string) string {
//		if id[0]%3 == 0 {
//			return host.URL() + "/api/companies/" + id
//		}
//		return "/api/companies/" + id // on the simulator's own address
//	}})
//	host.Answer(srv) // later: it serves the same profiles
//
// Where a client's dialer leads every host name to the simulator, a fault of kind
// [KindHang] with [When].Host does the same, and the requests are in the account.
//
// # What it keeps account of
//
// The [Ledger] says, to the credit, which version of which row was billed how
// often and which pages were bought again. [Simulator.Truth] holds the exact
// bytes of the newest version of every row, [Simulator.Served] those of every
// version that was ever sold: what a consumer ends up with can be compared byte
// for byte. The [ProfileLedger] says how the GETs of each version of a company were
// answered, and how many were admitted in any window of time.
//
// # Order, cursors, change
//
// Rows are ordered by updated_at, then id. A cursor names a place in that order,
// not a row number: a row that changes while a scan runs moves behind the place
// and is met again with its new version. A scan ends when it has reached the
// rows that exist at that moment. Rows change through [Simulator.Update],
// [Simulator.Insert] and, while pages are served, [Options.Change].
//
// # Faults
//
// [Simulator.AddFault] (and POST /admin/faults) queue misbehaviour; for each
// request the first fault in the queue that matches fires, and only that one,
// so a queue reads as a script. [Kind] lists what can go wrong. Rows that a
// fault makes up have ids that begin with [ForeignIDPrefix] where they have an
// id at all; they take a place on the page, and the rows that they push out come
// with the next page, so that no fault loses a row by itself. A fault with
// [RouteCompanies], an id and a count of -1 makes one company bad for good;
// [Simulator.Remove] and [Simulator.Retire] make it 404 and 410, also for a client
// that knows an ETag.
//
// # Admin API
//
// JSON over HTTP on the same server, without a key; [Options.NoAdmin] removes it.
//
//	GET    /admin                  the counters in one object
//	GET    /admin/wallet           {"balance":n}
//	PUT    /admin/wallet           {"balance":n} sets it, {"add":n} adds to it
//	GET    /admin/ledger           totals; ?pages=true adds every page billed
//	GET    /admin/rows             {"rows":n}
//	GET    /admin/rows/{id}        the row's exact bytes; X-Row-Version, X-Row-Billed
//	POST   /admin/rows/update      {"ids":[...]} or {"count":n}
//	POST   /admin/rows/insert      {"count":n}
//	GET    /admin/profiles         the account of profile requests, most_in a second, minute, hour, day
//	GET    /admin/profiles/{id}    how each version of one company was answered
//	POST   /admin/profiles/remove  {"ids":[...]}, "status":404|410|200; 200 ends a removal
//	GET    /admin/latency          {"feed":"0s","companies":"0s"}
//	PUT    /admin/latency          either or both
//	GET    /admin/faults           the queue, with how often each fired
//	POST   /admin/faults           one Fault, or an array of them
//	DELETE /admin/faults           empties the queue
//	POST   /admin/cursors/void     {"cursor":"..."} or {"all":true}, "status":400|409
//	GET    /admin/keys             {"key":"active|no_feed|revoked", ...}
//	PUT    /admin/keys             {"key":"...","state":"..."}
//
// # Speed
//
// One client that pages over loopback with full pages gets about 330,000 rows a
// second uncompressed, 85,000 with gzip and 210,000 while five rows change behind
// every page: BenchmarkFeed with -benchtime=3000x over 100,000 rows, on two shared
// cores, client and server in one process. A profile of 20 KiB takes about 110 us
// of CPU, client included, and 240 us with gzip: BenchmarkProfiles.
//
// # Where the contract is silent
//
// An explicit batch_size beside a cursor sizes and prices that one page, while
// the cursor goes on carrying the first one. Empty lists and nulls are filters
// that were not given. Rows whose attribute is unknown match no filter on it.
// Requests that were refused by a limit do not count against it. A key that is
// unknown is refused by the feed and treated as no key by the public profiles.
package simulator
