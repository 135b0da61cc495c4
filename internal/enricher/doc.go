// Package enricher is the enrichment loop: it reads career sites and requests,
// fetches the profiles of the companies that are chosen, and publishes each of
// them once.
//
//	career site -> chosen? -+-> known? -> GET -> profile -+-> one Kafka transaction -> note in Redis
//	request ----------------+            dead letter, retry -+
//	                                     positions ----------+
//
// # Rooms
//
//	loop.go      one replica: a membership of the group after the other
//	member.go    one membership: what is in hand, and the order in which it is looked at
//	intake.go    records come in: which of them is a reason for a fetch
//	event.go     such a reason, and when what is known answers it
//	queue.go     who is asked when, and what comes of it
//	host.go      how much one host is asked at a time, and when it counts as down
//	job.go       one company and its request
//	commit.go    the transaction
//	tracker.go   which records of a partition are done, in whatever order
//	warm.go      what was fetched is read from the topics, for the memory in Redis
//	recall.go    what is known of a company
//	records.go   what is published
//	watch.go     the watchdog
//
// # Invariants
//
//  1. What came of a record and the position that says that it is done commit
//     together or not at all.
//  2. Requests are made before the transaction begins, so it is open for
//     milliseconds. At most Options.Batch of them are under way or answered and not
//     committed: that many a crash repeats.
//  3. One member at a time works on a company: it belongs to one slot, and a
//     member has all partitions of a slot or none (slots.go). What stands in
//     another slot is sent there first. Within a member there is one request for
//     a company at a time. So the last profile of a company is its newest one.
//  4. A version of a company is fetched once: what was committed is remembered in
//     Redis. Redis is a cache of the topics here: before a slot is worked on, and
//     whenever the memory is a new one, what it lacks is read from the
//     companies topic and the dead letters (warm.go). One thing stands in no topic:
//     that the server said of a newer version that its profile has not changed
//     (304). Where Redis is lost, that is asked once more.
//  5. A rebalance takes the partitions that moved and what is in hand for them.
//     What is in hand for the others stays, a transaction that was aborted by it
//     included: nothing of it is fetched again.
//  6. A company that does not answer holds nobody up: it is tried again in place
//     for Options.Patience beside the others, then it moves to a retry topic. A
//     host that does not answer is left alone, and none of its companies loses a
//     try for that. Which of both it is, companies tell that were not asked before
//     (host.go).
//
// # Why it holds
//
// The position of a partition, with what it says about the records behind it
// (tracker.go), is committed by the consumer group inside the transaction
// (KIP-447): a member that lost the partition has an older generation, and the
// group refuses its transaction. So each record is done by exactly one transaction
// (1), and a member that was stopped and wakes up publishes nothing. A new owner
// reads the companies topic to its end before it works, which waits for every
// transaction that is still open, and fetches after that: later in the topic is
// later at the source (3).
//
// Without Redis the positions still hold: a record is done once. What is then not
// known is whether an event that comes a second time, as another record, was
// answered: the process goes on with what it did itself, and says so.
package enricher
