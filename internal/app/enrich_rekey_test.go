package app

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/secret"
)

func TestANewKeyHasRequestLimitsOfItsOwn(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	store := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = store.Close() })
	old, fresh := secret.New("jobo_old"), secret.New("jobo_new")
	config := Enricher{Company: company.Config{BaseURL: "https://connect.jobo.world", Key: old, SendKey: true}}
	client, err := company.New(config.Company)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p := &enricherParts{
		client: client, config: config,
		sharing: ratelimit.SharedOptions{Windows: ratelimit.Windows{{N: 1, Per: time.Hour}}, Redis: store},
	}
	p.share()
	take := func(key secret.String) {
		t.Helper()
		done, err := p.limits.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done(ratelimit.Report{})
		for _, name := range server.Keys() {
			if strings.Contains(name, key.Fingerprint()) {
				return
			}
		}
		t.Errorf("got the keys %q in Redis, want some of %s", server.Keys(), key.Fingerprint())
	}
	take(old)
	if err := p.rekey(fresh); err != nil {
		t.Fatal(err)
	}
	take(fresh) // the old key's hour has no request left
}
