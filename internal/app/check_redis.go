package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// redis connects to Redis for the items that follow, and looks at what a restart
// or a lack of memory would do to the keys.
func (k *servers) redis(ctx context.Context) []finding {
	store, err := checkpoint.Open(ctx, checkpoint.Config{URL: k.redisURL, Feed: k.name})
	if err != nil {
		return redisDown(err)
	}
	k.store = store
	d, err := store.Diagnose(ctx)
	if err != nil {
		return redisDown(err)
	}
	return []finding{serving(d), k.losses.persistence(d), k.losses.eviction(d)}
}

// redisDown takes the fix from the error, which knows it.
func redisDown(err error) []finding {
	var down *checkpoint.UnavailableError
	if errors.As(err, &down) {
		text := "redis at " + down.Addr + ": " + down.Reason
		if down.Err != nil {
			text += " (" + strings.Join(strings.Fields(down.Err.Error()), " ") + ")"
		}
		return one(fail, text, down.Fix)
	}
	return one(fail, err.Error(), "check REDIS_URL")
}

func serving(d checkpoint.Diagnosis) finding {
	text := "reached, version " + d.Version
	if d.Role == "slave" {
		return finding{fail, text + ", a replica, which takes no writes", "name the master in REDIS_URL, or use a redis+sentinel:// URL"}
	}
	return finding{okay, text, ""}
}

// losses are what a program loses with its keys, in words.
type losses struct {
	// crash is what a crash loses that snapshots do not save, restart what one loses
	// without any, keys which ones may be thrown away.
	crash, restart, keys string
}

func ofProducer() losses {
	return losses{
		crash:   "the newest budgets and lease are lost at a crash, nothing is bought twice",
		restart: "lease and budgets are lost at a restart; nothing is bought twice",
		keys:    "budgets and lease",
	}
}

// persistence says what a restart loses.
func (l losses) persistence(d checkpoint.Diagnosis) finding {
	switch {
	case d.AppendOnly == "yes":
		return finding{okay, "it writes each change to disk (appendonly)", ""}
	case d.Snapshots == "yes":
		return finding{okay, "it saves snapshots to disk: " + l.crash, ""}
	case d.Snapshots == checkpoint.Unknown || d.AppendOnly == checkpoint.Unknown:
		return finding{skip, "it does not tell this user whether it keeps anything on disk", ""}
	}
	return finding{warn, "it keeps nothing on disk: " + l.restart, "appendonly yes"}
}

// eviction says what a lack of memory loses.
func (l losses) eviction(d checkpoint.Diagnosis) finding {
	const fix = "CONFIG SET maxmemory-policy noeviction (and in its configuration file)"
	switch {
	case d.Eviction == checkpoint.Unknown:
		return finding{skip, "it does not tell this user its maxmemory-policy", ""}
	case d.Evicts():
		return finding{warn, fmt.Sprintf("maxmemory-policy is %s: %s may be thrown away when memory runs out", d.Eviction, l.keys), fix}
	case d.Eviction != "noeviction":
		return finding{warn, fmt.Sprintf("maxmemory-policy is %s: harmless until maxmemory is set, which it is not", d.Eviction), fix}
	}
	return finding{okay, "it throws nothing away (noeviction)", ""}
}

// budgets shows what may be spent and what is.
func (k *checkup) budgets(ctx context.Context) []finding {
	b := k.c.Budget.limits()
	var set []string
	for _, limit := range []struct {
		per     string
		credits int64
	}{{"run", b.PerRun}, {"day", b.PerDay}, {"month", b.PerMonth}} {
		if limit.credits >= 0 {
			set = append(set, fmt.Sprintf("at most %d credits a %s", limit.credits, limit.per))
		}
	}
	if b.MinBalance > 0 {
		set = append(set, fmt.Sprintf("%d stay in the wallet", b.MinBalance))
	}
	if len(set) == 0 {
		set = append(set, "no limit but the wallet")
	}
	text := strings.Join(set, ", ")
	if k.store == nil {
		return one(skip, text+"; what is spent is in Redis, which was not reached", "")
	}
	t, err := k.store.Account(k.c.Feed.Key).Totals(ctx, time.Now(), "")
	if err != nil {
		return redisDown(err)
	}
	text += fmt.Sprintf("; spent with this key: %d today, %d this month, %d reserved", t.Day, t.Month, t.Reserved)
	if usedUp(b.PerDay, t.Day+t.Reserved) || usedUp(b.PerMonth, t.Month+t.Reserved) {
		return one(warn, text+": used up, nothing is bought until the day or the month (UTC) is over", "raise CREDITS_MAX_PER_DAY or CREDITS_MAX_PER_MONTH, or wait")
	}
	return one(okay, text, "")
}

// usedUp reports whether a limit leaves nothing. Negative is no limit.
func usedUp(limit, spent int64) bool { return limit >= 0 && spent >= limit }
