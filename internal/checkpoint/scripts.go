package checkpoint

import (
	_ "embed" // for the scripts

	"github.com/redis/go-redis/v9"
)

// The scripts make each change of state one step on the server, and each of
// them may run twice with the effect of once: the client sends a call again
// when its reply is lost.
var (
	//go:embed scripts/acquire.lua
	acquireLua string
	//go:embed scripts/renew.lua
	renewLua string
	//go:embed scripts/release.lua
	releaseLua string
	//go:embed scripts/put.lua
	putLua string
	//go:embed scripts/repair.lua
	repairLua string

	// budgetLua is what the scripts of the budgets begin with.
	//go:embed scripts/budget.lua
	budgetLua string
	//go:embed scripts/reserve.lua
	reserveLua string
	//go:embed scripts/settle.lua
	settleLua string
	//go:embed scripts/lose.lua
	loseLua string
	//go:embed scripts/totals.lua
	totalsLua string

	//go:embed scripts/remember.lua
	rememberLua string
	//go:embed scripts/mark.lua
	markLua string
)

// scripts are called by their digest; a server that does not know it, such as
// one that was started anew, is sent the text.
type scripts struct {
	acquire, renew, release, put, repair *redis.Script
	reserve, settle, lose, totals        *budgetScript
	remember, mark                       *redis.Script
}

// budgetScript is a script of the budgets; reply is how much it answers.
type budgetScript struct {
	*redis.Script
	reply int
}

func newScripts() scripts {
	return scripts{
		acquire: redis.NewScript(acquireLua),
		renew:   redis.NewScript(renewLua),
		release: redis.NewScript(releaseLua),
		put:     redis.NewScript(putLua),
		repair:  redis.NewScript(repairLua),
		reserve: newBudgetScript(reserveLua, 7),
		settle:  newBudgetScript(settleLua, 1),
		lose:    newBudgetScript(loseLua, 1),
		totals:  newBudgetScript(totalsLua, 7),

		remember: redis.NewScript(rememberLua),
		mark:     redis.NewScript(markLua),
	}
}

func newBudgetScript(text string, reply int) *budgetScript {
	return &budgetScript{Script: redis.NewScript(budgetLua + text), reply: reply}
}

// Scripter is the connection, for scripts of other packages: the rate limit that
// the replicas of the enricher share, and nothing else. Its keys begin with
// jobo:{companies}:rate:, its errors are the client's own. Everything that is
// kept for longer than a moment belongs into this package. It is closed with s.
func (s *Redis) Scripter() redis.Scripter { return s.client }
