// Package checkpoint keeps a feed's lease and a copy of its checkpoint in Redis.
package checkpoint
