// Package outside is a module of somebody else's, with a handler to test.
package outside

import (
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateOrder takes an order once: it answers 201, or 409 if it has it already.
func CreateOrder(client *dynamodb.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := client.PutItem(r.Context(), &dynamodb.PutItemInput{
			TableName:           aws.String("orders"),
			Item:                map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: r.FormValue("id")}},
			ConditionExpression: aws.String("attribute_not_exists(id)"),
		})
		switch {
		case err == nil:
			w.WriteHeader(http.StatusCreated)
		case errors.As(err, new(*types.ConditionalCheckFailedException)):
			w.WriteHeader(http.StatusConflict)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
}
