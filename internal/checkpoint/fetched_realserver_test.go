package checkpoint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
)

// sha1 is as long as a quoted SHA-1.
const sha1 = `"da39a3ee5e6b4b0d3255bfef95601890afd80709"`

func TestARealServerKeepsABucketInAListpack(t *testing.T) {
	t.Parallel()
	port := realServer(t, "")
	c := control(t, port)
	f := mustOpen(t, "redis://127.0.0.1:"+port).Fetched(checkpoint.FetchedOptions{})
	bucket := f.Bucket("a")
	for etag, want := range map[string]string{sha1: "listpack", sha1 + "x": "hashtable"} {
		do(t, c, "FLUSHALL")
		k := checkpointtest.Profile("a", 1)
		k.ETag = etag
		if err := f.Remember(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		if got := c.ObjectEncoding(t.Context(), bucket).Val(); got != want {
			t.Errorf("with an ETag of %d bytes: got a %s, want a %s", len(etag), got, want)
		}
	}
}

// The rights in the package comment, and the keys of the companies.
func TestARealClusterRemembersUnderTheDocumentedRights(t *testing.T) {
	t.Parallel()
	port := realServer(t, "cluster-enabled yes")
	c := control(t, port)
	do(t, c, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	await(t, "a working cluster", func() bool {
		info, err := c.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	args := []any{"ACL", "SETUSER", "jobo", "on", ">hunter2", "~jobo:{career-sites}:*", "~jobo:{companies}:*"}
	for _, right := range append(rights(), "+cluster|slots") {
		args = append(args, right)
	}
	do(t, c, args...)
	s := mustOpen(t, "redis+cluster://jobo:hunter2@127.0.0.1:"+port)
	f := s.Fetched(checkpoint.FetchedOptions{})
	use(t, f)
	many := make([]checkpoint.Known, 1000)
	ids := make([]string, len(many))
	for i := range many {
		ids[i] = fmt.Sprint(i)
		many[i] = checkpointtest.Profile(ids[i], 1)
	}
	if err := f.Remember(t.Context(), many...); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Recall(t.Context(), ids); err != nil || len(got) != len(ids) {
		t.Errorf("got %d, %v, want %d", len(got), err, len(ids))
	}
	if got, err := redis.NewScript("return redis.call('SET', KEYS[1], 'x').ok").
		Run(t.Context(), s.Scripter(), []string{"jobo:{companies}:rate:x"}).Text(); err != nil || got != "OK" {
		t.Errorf("a script of another package: got %q, %v, want OK", got, err)
	}
	// What the user may not do is said, and is not taken for a corrupt value.
	do(t, c, "ACL", "SETUSER", "jobo", "resetkeys", "~jobo:{career-sites}:*")
	for _, call := range calls(t, f) {
		wantDown(t, call(), false, "lacks a right")
	}
	if n, last := f.Corrupt(); n != 0 {
		t.Errorf("corrupt: got %d, %v, want none", n, last)
	}
}
