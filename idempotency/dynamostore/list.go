package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Scanner is the part of *[dynamodb.Client] that [Store.List] uses beside [Client].
type Scanner interface {
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// ListRequest asks for a page of a table's records.
type ListRequest struct {
	// After is the [Page.Next] of the page before, "" for the first one.
	After string
	// Limit is how many items of the table are looked at, at most; DynamoDB stops
	// after 1 MB of them in any case. Default: 1 MB.
	Limit int
	// Status is that of the records listed. Default: any.
	Status idempotency.Status
}

// Page is a page of a table's records.
type Page struct {
	// Records are without their data, in no order. Expired ones are among them.
	Records []idempotency.Record
	// Scanned is the number of items looked at.
	Scanned int
	// Unreadable is the number of items that are no records, and no part of one.
	Unreadable int
	// Next is [ListRequest.After] of the next page, "" if this is the last.
	Next string
}

// List returns a page of the records in the table. It is for operators: it reads
// the whole table, page by page, and each page costs half a read unit for every 4 KB
// of it, whatever is listed. The client has to be a [Scanner].
func (s *Store) List(ctx context.Context, request ListRequest) (Page, error) {
	client, ok := s.client.(Scanner)
	if !ok {
		return Page{}, fmt.Errorf("dynamostore: the client %T is no Scanner: %w", s.client, errors.ErrUnsupported)
	}
	input := &dynamodb.ScanInput{
		TableName:                &s.table,
		ProjectionExpression:     aws.String("id, #status, #owner, validation, expiration, in_progress_expiration, claimed, data_parts, data_encoding"),
		ExpressionAttributeNames: ownerAndStatus,
		ReturnConsumedCapacity:   types.ReturnConsumedCapacityTotal,
	}
	if request.After != "" {
		input.ExclusiveStartKey = keyOf(request.After)
	}
	if request.Limit > 0 {
		input.Limit = aws.Int32(int32(request.Limit))
	}
	if request.Status != "" {
		input.FilterExpression = aws.String("#status = :status")
		input.ExpressionAttributeValues = map[string]types.AttributeValue{":status": text(string(request.Status))}
	}
	ctx, cancel := s.limited(ctx, scanned)
	defer cancel()
	output, err := client.Scan(ctx, input)
	if err != nil {
		return Page{}, err
	}
	countRead(ctx, output.ConsumedCapacity)
	page := Page{Scanned: int(output.ScannedCount)}
	for _, item := range output.Items {
		if r := (reader{item: item}); !r.has("status") && r.has("expiration") {
			continue // a part of a response
		}
		record, _, err := fromItem(item)
		if err != nil {
			page.Unreadable++
			continue
		}
		page.Records = append(page.Records, *record)
	}
	if output.LastEvaluatedKey != nil {
		r := reader{item: output.LastEvaluatedKey}
		if page.Next = r.text("id"); r.err != nil {
			return Page{}, r.err
		}
	}
	return page, nil
}

// scanned is how many bytes DynamoDB looks at for one page, at most.
const scanned = 1 << 20
