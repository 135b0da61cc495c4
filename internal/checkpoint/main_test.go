package checkpoint_test

import (
	"testing"

	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"
)

// The client library writes to standard error until a store is opened.
func TestMain(m *testing.M) {
	logging.Disable()
	goleak.VerifyTestMain(m)
}
