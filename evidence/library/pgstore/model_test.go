package pgstore_test

import (
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/model"
	"github.com/idempotent-requests/idempotent-requests/evidence/postgresserver"
)

func TestTheStoreMakesTheStepsOfTheModel(t *testing.T) {
	t.Parallel()
	model.TestStore(t, newStore(t, newPool(t, postgresserver.Shared(t).URL)))
}
