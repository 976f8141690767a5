package valkeystore_test

import (
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/model"
	"github.com/idempotent-requests/idempotent-requests/evidence/valkeyserver"
)

func TestTheStoreMakesTheStepsOfTheModel(t *testing.T) {
	t.Parallel()
	_, eval := withGoRedis(t, valkeyserver.Start(t))
	model.TestStore(t, newStore(t, eval))
}
