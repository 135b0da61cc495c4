// Package checkpoint keeps two things of a feed in Redis: the lease, which says
// which instance works, and a copy of the checkpoint, which says how far it is.
// It also keeps the account of an API key: what all the feeds that use the key
// spend. And it keeps what was fetched of each company, which all feeds share.
//
// Lease and copy carry no promise. The checkpoint itself is on the progress topic and
// is committed in one transaction with the page that it is of; Kafka fences
// whoever lost the lease without noticing. The copy is what an operator looks
// at, what a status page reads, and a witness: a copy that is further than the
// topic means that Kafka lost data. So Redis may be wiped, rolled back by a
// fail-over or be away, at the price of a take-over. A lease that could not be
// renewed for two thirds of its time is given up, and nothing is bought without
// one.
//
// Redis is the store, Memory its twin for tests, Lease what a loop holds.
// RedisAccount is the account, MemoryAccount its twin. RedisFetched is what was
// fetched, MemoryFetched its twin. Package checkpointtest has what the twins must
// pass.
//
// # Keys
//
// The braces are part of the names and keep a feed's keys on one node of a
// cluster.
//
//	jobo:{FEED}:lease       string owner|token, expires with the lease
//	jobo:{FEED}:fence       counter of the tokens, never expires
//	jobo:{FEED}:checkpoint  hash, never expires
//
// The copy has fence, seq and op, which decide whether a write is late, and
// state, the whole record as JSON. The fields cursor, watermark, run_id and
// updated_at repeat parts of it for people:
//
//	redis-cli HGETALL 'jobo:{career-sites}:checkpoint'
//
// A lease that is set by hand without an expiry keeps every instance out until
// it is deleted:
//
//	redis-cli SET 'jobo:{career-sites}:lease' maintenance NX
//
// # Budgets
//
// Money is reserved before it is spent, in one call that all processes with the
// same API key share, so that two of them cannot take the same allowance. FP is
// 16 hexadecimal digits of the key's SHA-256.
//
//	jobo:{key-FP}:budget:open            hash, what is reserved: id to JSON
//	jobo:{key-FP}:budget:wallet          hash of balance, at and settled (all that ever was)
//	jobo:{key-FP}:budget:day:2006-01-02  hash, credits spent by feed
//	jobo:{key-FP}:budget:month:2006-01   hash, the same
//	jobo:{key-FP}:budget:run:RUN         hash, the same
//
// Days are in UTC and those of the callers' clocks. After their last change the
// keys are kept for 41, 100, 3, 70 and 100 days.
//
// A reservation counts as spent until it is settled or its day is over, also if
// its process died: a crash makes the day's allowance smaller and never larger.
// It is listed for 40 days or until somebody settles it, which moves its cost to
// the day it was made on.
//
// Where Redis lost the counters, each feed brings back its own share from its
// checkpoint, with its next request. What is lost are the shares of feeds that
// do not ask, and what was reserved. So a limit may be passed by that much
// after a wipe; nothing else depends on these keys. A value that is not of
// these scripts is a *CorruptError and stops the buying, because to guess would
// be to spend.
//
// The balance is the last one that the feed reported, less what was settled
// since without a report. Answers may overtake each other, so a report that may
// be older than the balance is believed only as far as it cannot be too high.
// While the floor forbids every purchase, nobody is told that the wallet was
// filled: Settle without a purchase overwrites the balance.
//
// # What was fetched
//
// Of each company the version that was fetched last is remembered, so that no
// version is asked for twice, and how far the topics are remembered that say so.
//
//	jobo:{companies}:fetched:SCOPE:N      hash, company id to entry; N from 0 to 4095
//	jobo:{companies}:fetched:SCOPE:marks  hash, TOPIC/PARTITION to offset
//
// N is the 32-bit FNV-1a hash of the id modulo 4096. An entry is one text of 21
// bytes and the ETag, which Redis keeps in a listpack as long as it has at most
// 64: a million companies with ids of 36 bytes take 66 bytes each without an
// ETag, 114 with one of 42 (a quoted SHA-1), and 205 with longer ones of 84
// (measured on Redis 7.0 with its default settings).
//
// None of these keys expires. A company that was missing is forgotten by whoever
// reads, by the clock of the reader, and its entry gives way to the next one.
//
// All of it can be read again from the topics. So FLUSHALL is no loss, as long
// as it takes the marks as well: a mark says that what is below it needs no
// second reading. Where single keys go, by hand or because maxmemory-policy is
// not noeviction, or where a value cannot be read, their companies count as
// unknown and may be fetched once more. A value that cannot be read is
// overwritten by the next that is remembered, and is counted.
//
// # Scripts
//
// Each change is one Lua script (folder scripts), so that nothing comes between
// its look and its write. Each may run twice with the effect of once, because
// the client sends a call again when the reply to it was lost: an acquisition
// knows its owner by a nonce, a put its operation by its id, a reservation its
// grant by the id that the caller made up, and what was remembered is not newer
// than itself.
//
// A put moves the copy forward only: its fence must not be lower than the one
// that stands there, and its sequence number must be higher. A repair, right
// after a take-over, replaces whatever is there with what the topic says, and
// only while the lease is held.
//
// # URL
//
//	redis://[user:password@]host[:port][/db]
//	rediss://...                      TLS 1.2 or newer
//	unix://[user:password@]/path[?db=0]
//	redis+sentinel://[user:password@]host[:port][/db]?master_name=NAME
//	redis+cluster://[user:password@]host[:port]
//	rediss+sentinel://..., rediss+cluster://...
//
// More sentinels, or nodes of a cluster, follow as addr=host:port, as often as
// needed. With sentinels, user and password are for the sentinels, and the
// options username and password for the server that they name. A CA of one's
// own is trusted by naming its file in SSL_CERT_FILE. Other options are
// protocol, pool_size, conn_max_idle_time and conn_max_lifetime. Timeouts are
// no option, because the lease depends on them, and replicas are never asked:
// they may be behind.
//
// # Rights
//
// This user is enough, for one feed:
//
//	ACL SETUSER jobo on >PASSWORD ~jobo:{FEED}:* ~jobo:{key-*}:*
//	  +client|setname +ping +eval +evalsha +get +set +del +incr +pexpire +pttl +hset +hmget +hgetall +hdel
//
// The enricher needs the keys ~jobo:{companies}:* as well, and for its request
// limits +time +hincrby +zadd +zcard +zcount +zrangebyscore +zrank +zrem
// +zremrangebyscore +zrevrange +zscore. A cluster asks for
// +cluster|slots besides. Diagnose says more with +info +time +config|get, and
// does without.
package checkpoint
