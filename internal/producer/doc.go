// Package producer is the sync loop: it moves one feed's pages into Kafka, each
// bought once and delivered once.
//
//	feed page -> records -+-> one Kafka transaction -> copy of the checkpoint to Redis -> next page
//	          checkpoint -+
//
// # Rooms
//
//	loop.go      Sync: the lease, and one epoch after another until the run is done
//	takeover.go  the order of a take-over, and what becomes of pages in hand
//	guard.go     what contradicts itself, and the ways to go on with their prices
//	epoch.go     who buys when: all decisions, made by one goroutine
//	order.go     one page: reserve, ask, shrink, and what came of it
//	advance.go   the reservation for the page after it, made in time
//	publish.go   one transaction: pages that waited together, and their records
//	run.go       how a run begins, counts and ends
//	scan.go      a pagination, and how a backfill is cut into several
//	known.go     which rows the topic has already, so that they are not published again
//	money.go     what may be spent, what was spent, and how that enters a checkpoint
//	doubt.go     what of it was spent for nothing, as the wallet shows it
//	reset.go     an operator's yes
//	service.go   runs for ever, stands by, pauses and goes on
//
// # Invariants
//
// The code cites the number where it holds one of them.
//
//  1. A cursor becomes visible only together with every row of its page: rows
//     and checkpoint commit in one transaction or not at all. Pages that share a
//     transaction share its fate, and its checkpoint names exactly these.
//  2. The cursor moves only by a committed page. The watermark moves only in a
//     run's last page, and never back.
//  3. A crash anywhere repeats at most the pages in hand, one of each scan and
//     Options.Prefetch more, and skips none: every process starts from the newest
//     committed checkpoint, which it reads after it has fenced all older writers.
//  4. An outcome that is unknown is not success and not failure: the writer is
//     replaced, and the progress topic says which it was. The pages stay in
//     memory until then, they are never bought again for that.
//  5. Commit order is fetch order within a scan, and a company is in one scan
//     alone: so the last record of a key is its newest version. A page is bought
//     after the fence.
//  6. No page is bought without the lease and without a reservation that covers
//     it, and none while state and settings contradict each other: then the loop
//     refuses, with what it found.
//  7. A run keeps its identity: its start, taken before its first request, its
//     filters, its cuts and its lower bound stay the same, whichever process
//     finishes it.
//
// # Why it holds
//
// Fence ends every transaction of older epochs, so what is read after it is
// final (3). Each writer appends to what it read, one epoch can commit at a
// time, hence committed checkpoints form one chain, each naming the pages that
// it came with (1, 2). The chain is that of the stream's own record, which every
// transaction writes; a window's record only adds where that window is. A page
// is fetched only by a writer that fenced first, and all that older writers
// committed came before its fence (5). Redis appears nowhere in this: it holds
// the lease, which keeps two processes from buying the same page, the budgets,
// and a copy of the checkpoint to look at. Losing it costs a take-over.
//
// The argument needs durable topics whose partitions never change, and readers
// with isolation.level=read_committed.
//
// # What the feed sends twice
//
// An incremental run begins before the watermark, and a scan whose cursor was
// voided begins again: both buy rows that the topic has. Those that did not
// change are not published again. Which these are is read from the topic itself
// at the take-over (known.go), so neither a crash nor an empty Redis makes a
// duplicate of them; what they cost is counted as waste.
//
// # Where money goes
//
// Each request for a page has a reservation of its own in the account that all
// processes of an API key share. It is settled by the checkpoint that has the
// page; one that nobody settles belongs to a page that was lost, or to a request
// that was never billed. Which of the two, the wallet says: the page that is
// bought next, alone, comes with a balance, and what is missing there was billed
// for nothing. Where that can't be told, because somebody else spends from the
// wallet or fills it, all of it counts as waste.
package producer
