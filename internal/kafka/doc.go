// Package kafka is the only place that builds Kafka clients. It opens a
// cluster, creates and checks the topics, writes a stream's pages, and reads
// topics as a member of a group.
//
// A page is written by a Session: one epoch of the stream's transactional id.
// Fence begins an epoch and with it ends, for good, whatever an older holder of
// the id had open (KIP-98, KIP-360, KIP-890). What a Session reads afterwards is
// therefore final: Progress returns the last page that was ever committed.
//
// Commit writes rows and progress in one transaction. It has two outcomes: nil
// means that all of it is visible to read_committed readers; an error means that
// it may or may not be, and that the Session is spent. The caller then fences
// again and asks the progress topic.
//
// A Group is a member of a consumer group that reads topics and writes what comes
// of them. Partition p of all its topics is with one member, so that whatever is
// about one company is. Commit writes records and the group's positions in one
// transaction, tied to the generation of the group (KIP-447): a member that was
// thrown out publishes nothing. A position has a note beside it for what is done
// out of order. Tail reads what stands in a partition now.
package kafka
