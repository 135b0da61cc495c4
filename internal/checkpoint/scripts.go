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
)

// scripts are called by their digest; a server that does not know it, such as
// one that was started anew, is sent the text.
type scripts struct{ acquire, renew, release, put, repair *redis.Script }

func newScripts() scripts {
	return scripts{
		acquire: redis.NewScript(acquireLua),
		renew:   redis.NewScript(renewLua),
		release: redis.NewScript(releaseLua),
		put:     redis.NewScript(putLua),
		repair:  redis.NewScript(repairLua),
	}
}
