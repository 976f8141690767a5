package model_test

import (
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/model"
	"github.com/idempotent-requests/idempotent-requests/idempotency/memstore"
)

func TestMemoryMakesTheStepsOfTheModel(t *testing.T) {
	t.Parallel()
	model.TestStore(t, memstore.New())
}
