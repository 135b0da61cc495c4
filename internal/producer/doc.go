// Package producer is the sync loop: it moves one feed's pages into Kafka, each
// bought once and delivered once.
//
//	feed page -> records -+-> one Kafka transaction -> copy of the checkpoint to Redis -> next page
//	          checkpoint -+
//
// # Invariants
//
// The code cites the number where it holds one of them.
//
//  1. A cursor becomes visible only together with every row of its page: rows
//     and checkpoint commit in one transaction or not at all.
//  2. The cursor moves only by a committed page. The watermark moves only in a
//     run's last page, and never back.
//  3. A crash anywhere repeats at most the page in hand, and skips none: every
//     process starts from the newest committed checkpoint, which it reads after
//     it has fenced all older writers.
//  4. An outcome that is unknown is not success and not failure: the writer is
//     replaced, and the progress topic says which it was. The page stays in
//     memory until then, it is never bought again for that.
//  5. Commit order is fetch order: a page is bought after the fence and
//     committed before the next one is bought, so the last record of a key is
//     its newest version.
//  6. No page is bought without the lease, and none while state and settings
//     contradict each other: then the loop refuses, with what it found.
//  7. A run keeps its identity: its start, taken before its first request, its
//     filters and its lower bound stay the same, whichever process finishes it.
//
// # Why it holds
//
// Fence ends every transaction of older epochs, so what is read after it is
// final (3). Each writer appends to what it read, one epoch can commit at a
// time, hence committed checkpoints form one chain, each naming the page that
// it came with (1, 2). A page is fetched only by a writer that fenced first, and
// all that older writers committed came before its fence (5). Redis appears
// nowhere in this: it holds the lease, which keeps two processes from buying
// the same page, and a copy of the checkpoint to look at. Losing it costs a
// take-over.
//
// The argument needs durable topics whose partitions never change, and readers
// with isolation.level=read_committed. What it does not cover is what the feed
// itself sends twice: the overlap of incremental runs, and the rows before a
// cursor that the feed voided.
package producer
