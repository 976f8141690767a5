package dynamostore_test

import (
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/model"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal/dynamotest"
)

func TestTheStoreMakesTheStepsOfTheModel(t *testing.T) {
	t.Parallel()
	db := dynamotest.New(t, dynamolocal.Config{})
	db.CreateTable(t, "idempotency", "id")
	model.TestStore(t, newStore(t, db, "idempotency"))
}
