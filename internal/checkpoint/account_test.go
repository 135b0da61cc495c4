package checkpoint_test

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

// accounts are the ways to open an account. A real server is used where
// REDIS_URL names one.
func accounts() map[string]func(t *testing.T) checkpointtest.Purse {
	open := map[string]func(t *testing.T) checkpointtest.Purse{
		"memory": func(*testing.T) checkpointtest.Purse {
			a := checkpoint.NewMemoryAccount()
			return checkpointtest.Purse{Account: a, Wipe: a.Wipe}
		},
		"miniredis": func(t *testing.T) checkpointtest.Purse {
			return redisPurse(t, "redis://"+miniredis.RunT(t).Addr())
		},
	}
	if url := os.Getenv("REDIS_URL"); url != "" {
		open["real"] = func(t *testing.T) checkpointtest.Purse { return redisPurse(t, url) }
	}
	return open
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for name, open := range accounts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkpointtest.RunAccount(t, open)
		})
	}
}

// A round is 100 checks, or what -rapid.checks says.
func TestAccountsKeepToTheLimitsInEveryOrder(t *testing.T) {
	t.Parallel()
	for name, open := range accounts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, checkpointtest.WalletModel(t.Context(), open(t)))
		})
	}
}

// redisPurse is the account of a key of its own, whose Redis keys are deleted
// with t.
func redisPurse(t *testing.T, url string) checkpointtest.Purse {
	t.Helper()
	s, admin := openRedis(t, url)
	key := secret.New(rand.Text())
	wipe := func() {
		keys := admin.client.Keys(admin.ctx, checkpoint.BudgetKeys(key)+"*")
		admin.must(keys)
		if len(keys.Val()) > 0 {
			admin.must(admin.client.Del(admin.ctx, keys.Val()...))
		}
	}
	t.Cleanup(wipe)
	return checkpointtest.Purse{Account: s.Account(key), Wipe: wipe}
}

func TestKeysOfAnAccountShareASlotAndDoNotShowTheAPIKey(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis://"+m.Addr())
	spend(t, s.Account(secret.New("hunter2")))
	for _, key := range m.Keys() {
		// SHA-256 of hunter2 begins with these 8 bytes.
		if !strings.HasPrefix(key, "jobo:{key-f52fbd32b2b3b86f}:budget:") {
			t.Errorf("key %s: want it under the digest of the API key", key)
		}
		if left := m.TTL(key); left <= 0 || left > 100*24*time.Hour {
			t.Errorf("key %s: lives for %s, want up to 100 days", key, left)
		}
	}
	if n := len(m.Keys()); n != 5 {
		t.Errorf("got %d keys, want open, wallet, run, day and month", n)
	}
	if got, err := s.Account(secret.New("other")).Totals(t.Context(), time.Now(), "run"); err != nil || got.Reserved != 0 {
		t.Errorf("account of another key: got %+v, %v, want nothing", got, err)
	}
}

// spend goes through every call once, and leaves one reservation open.
func spend(t *testing.T, a *checkpoint.RedisAccount) {
	t.Helper()
	for _, call := range spending(t, a) {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
}

func spending(t *testing.T, a *checkpoint.RedisAccount) []func() error {
	t.Helper()
	now := checkpointtest.Ask("a").At
	return []func() error{
		func() error { _, err := a.Reserve(t.Context(), checkpointtest.Ask("a")); return err },
		func() error { _, err := a.Reserve(t.Context(), checkpointtest.Ask("b")); return err },
		func() error { return a.Lose(t.Context(), "b", "fenced", 1) },
		func() error { return a.Settle(t.Context(), now, 100, schemas.Purchase{ID: "a", Credits: 2500}) },
		func() error { _, err := a.Open(t.Context(), "feed"); return err },
		func() error { _, err := a.Totals(t.Context(), now, "run"); return err },
	}
}

func TestALostReplyReservesAndSettlesOnce(t *testing.T) {
	t.Parallel()
	for name, server := range replyServers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := throughProxy(t, server)
			a := s.Account(secret.New(rand.Text()))
			spend(t, s.Account(secret.New(s.Feed()))) // so that the server knows the scripts
			lost := func(what string, call func() error) {
				t.Helper()
				p.lose("evalsha", 1)
				if err := call(); err != nil || p.calls() != 2 {
					t.Errorf("%s: got %v after %d calls, want success after 2", what, err, p.calls())
				}
			}
			var g checkpoint.Grant
			ask := checkpointtest.Ask("a")
			ask.DayMax = 2000
			lost("reserve", func() (err error) { g, err = a.Reserve(t.Context(), ask); return err })
			if g.Rows != 40 || g.Day != 2000 || g.Tight != checkpoint.BoundDay {
				t.Errorf("grant: got %+v, want 40 rows, bound by the day", g)
			}
			lost("lose", func() error { return a.Lose(t.Context(), "a", "fenced", 1900) })
			lost("settle", func() error {
				return a.Settle(t.Context(), ask.At, 5000, schemas.Purchase{ID: "a", Credits: 1900})
			})
			got, err := a.Totals(t.Context(), ask.At, "run")
			want := checkpoint.Totals{Run: 1900, Day: 1900, Month: 1900, Balance: 5000, BalanceAt: ask.At}
			if err != nil || got != want {
				t.Errorf("totals: got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestForeignValuesInABudgetStopTheBuying(t *testing.T) {
	t.Parallel()
	key := secret.New("hunter2")
	for name, value := range map[string]struct{ field, value string }{
		"open":             {"a", "{"},
		"wallet":           {"balance", "x"},
		"day:2026-11-15":   {"feed", "x"},
		"month:2026-11":    {"other feed", "1,5"},
		"run:run":          {"feed", ""},
		"open without day": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := miniredis.RunT(t)
			a := mustOpen(t, "redis://"+m.Addr()).Account(key)
			at, ok := checkpoint.BudgetKeys(key)+name, value.field != ""
			if ok {
				m.HSet(at, value.field, value.value)
			} else {
				at = checkpoint.BudgetKeys(key) + "open"
				m.HSet(at, "a", `{"feed":"feed","run":"run"}`)
			}
			wantLoss := func(says string) {
				t.Helper()
				_, err := a.Reserve(t.Context(), checkpointtest.Ask("b"))
				_, totalsErr := a.Totals(t.Context(), checkpointtest.Ask("b").At, "run")
				for _, err := range []error{err, totalsErr} {
					var corrupt *checkpoint.CorruptError
					if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "safe") {
						t.Errorf("got %v, want %s to be corrupt, with what its loss costs", err, says)
					}
				}
			}
			wantLoss(at)
			m.Del(at)
			if err := m.Set(at, "not a hash"); err != nil {
				t.Fatal(err)
			}
			wantLoss("one of these keys is not a hash")
			m.Del(at)
			if g, err := a.Reserve(t.Context(), checkpointtest.Ask("b")); err != nil || g.Rows != 50 {
				t.Errorf("after the key was deleted: got %+v, %v, want 50 rows", g, err)
			}
		})
	}
}

func TestAnAccountOnAServerThatIsAwayIsDown(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	a := mustOpen(t, "redis://"+m.Addr()).Account(secret.New("hunter2"))
	m.SetError("LOADING Redis is loading the dataset in memory")
	for _, call := range spending(t, a) {
		wantDown(t, call(), true, "loading its data", m.Addr())
	}
	twin := checkpoint.NewMemoryAccount()
	twin.SetError(redis.ErrClosed)
	if _, err := twin.Reserve(t.Context(), checkpointtest.Ask("a")); !errors.Is(err, redis.ErrClosed) {
		t.Errorf("twin: got %v, want what it was told", err)
	}
}
