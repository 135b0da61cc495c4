// Package ratelimit keeps requests within rolling windows: never more than N in
// any minute, hour or day, wherever that minute begins. A token bucket of the
// same rate would let up to twice as many through in one window.
//
// Limiter does so within one process. A consumer needs one method:
//
//	type Limiter interface { Wait(ctx context.Context) error }
//
// Shared does so for all processes that use the same Redis and prefix.
//
// # What a restart forgets
//
// A Limiter begins empty: what an earlier process sent within the last window is
// not known to it. After a restart the server may therefore answer one 429. It
// bills nothing, it says how long to wait, and Until holds every request back
// until then, so the limit is met again after that one answer. A Shared forgets
// nothing as long as Redis does not.
//
// # How the shared windows hold
//
// Redis keeps one sorted set of all requests of the largest window: 100 bytes
// each, 10 MB for 100,000 a day. All times in it are by the clock of that server.
//
//	PREFIX:log       requests, each with the latest time at which it can have arrived
//	PREFIX:queue     replicas that wait, in the order in which they came
//	PREFIX:waiting   when each of them was heard of for the last time
//	PREFIX:replicas  the same for all replicas
//	PREFIX:state     until when all are held, what the answers' headers said, and
//	                 born, the name of this log
//
// A request counts from when it starts until its answer has come, and for the
// length of the window after that. It arrived in between, so where N count, the
// server may have N, and where fewer do it has fewer: there is no margin for the
// way to the server, and what a window loses is the time that one answer takes. A
// request without an answer counts as if it took 35 seconds, so a process that
// dies gives its places back.
//
// Of each replica one caller waits in the queue, and the one at rank r is let
// through when more than r places are free. Whoever is not heard of for three
// seconds loses its turn.
//
// # What the server says
//
// X-RateLimit headers speak of one window. Where it has more requests than ours
// can be, those in flight included, others use the key, and so many places are
// left to them until later answers say fewer. A limit that is none of ours and
// below the N of the shortest window is that window's under a smaller plan: it
// holds for all replicas until an answer names the configured one. So the windows
// should be those of the server, or of the shortest the same length at least.
//
// # Without Redis
//
// When a call fails, the process goes on by itself with its share of the windows:
// N divided by the replicas that Redis knew. It asks Redis again every second.
// Each process remembers its own requests, and brings them along when Redis is
// back, or when it finds that Redis lost them (FLUSHALL; a clock that went back by
// more than a second counts as that too). For 2.5 seconds nobody starts anything
// then, so that all have done so. What a Redis that is lost costs beyond that is
// what dead processes had sent; the first 429 mends it.
//
// # Rights
//
// Besides those that package checkpoint names, the user needs
//
//	+time +hincrby +zadd +zcard +zcount +zrangebyscore +zrank +zrem
//	+zremrangebyscore +zrevrange +zscore
//
// for the keys that begin with the prefix.
package ratelimit
