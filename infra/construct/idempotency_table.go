package construct

import (
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// The shape of an idempotency record's table. Both names are those of
// Powertools for AWS Lambda, so that its users find what they know.
const (
	recordKey        = "id"
	recordExpiration = "expiration"
)

// IdempotencyTableProps configures an [IdempotencyTable].
type IdempotencyTableProps struct {
	// Retain keeps the table when its stack is deleted and refuses its
	// deletion by other means. Default: false, the table goes with its stack.
	//
	// Losing the table means that every request whose window is still running
	// can execute a second time: production wants true.
	Retain bool
}

// IdempotencyTable is the DynamoDB table in which idempotency records live:
// on demand, encrypted, restorable to any second of the last 35 days, and
// swept of records past their window by DynamoDB's time to live.
//
// It grants by role, not by action: see [IdempotencyTable.GrantClaims],
// [IdempotencyTable.GrantTransactions] and [IdempotencyTable.GrantInspection].
type IdempotencyTable struct {
	// Table is the underlying table, for its name, its ARN and its metrics.
	Table awsdynamodb.Table
}

// NewIdempotencyTable adds an idempotency table to scope.
func NewIdempotencyTable(scope constructs.Construct, id string, props IdempotencyTableProps) *IdempotencyTable {
	this := constructs.NewConstruct(scope, jsii.String(id))
	return &IdempotencyTable{
		Table: NewTable(this, "Table", TableProps{
			PartitionKey: recordKey,
			TimeToLive:   recordExpiration,
			Retain:       props.Retain,
		}),
	}
}

// GrantClaims lets grantee run requests idempotently in leased mode: claim a
// key, renew and complete it (PutItem), release it (DeleteItem), and read a
// response that is kept beside its record (GetItem).
func (t *IdempotencyTable) GrantClaims(grantee awsiam.IGrantable) {
	Allow(grantee, t.Table, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem")
}

// GrantTransactions lets grantee run requests idempotently in atomic mode: write
// completed records, in transactions (PutItem), and read a response that is kept
// beside its record (GetItem). DynamoDB asks for the permissions of a
// transaction's parts and for none on the transaction.
func (t *IdempotencyTable) GrantTransactions(grantee awsiam.IGrantable) {
	Allow(grantee, t.Table, "dynamodb:GetItem", "dynamodb:PutItem")
}

// GrantInspection lets grantee look up a record by its key (GetItem), and
// nothing else.
func (t *IdempotencyTable) GrantInspection(grantee awsiam.IGrantable) {
	Allow(grantee, t.Table, "dynamodb:GetItem")
}

// Environment is what a program needs to find its records: the table's name
// and, as a Go duration, how long a key is remembered.
func (t *IdempotencyTable) Environment(window time.Duration) map[string]string {
	text := window.String()
	if window%time.Hour == 0 {
		text = fmt.Sprintf("%dh", window/time.Hour) // 24h reads better than 24h0m0s
	}
	return map[string]string{
		"IDEMPOTENCY_TABLE":  *t.Table.TableName(),
		"IDEMPOTENCY_WINDOW": text,
	}
}

// TableProps configures [NewTable]. Keys are strings.
type TableProps struct {
	// PartitionKey is the name of the partition key. Required.
	PartitionKey string
	// SortKey is the name of the sort key. Default: none.
	SortKey string
	// TimeToLive is the name of the attribute with the epoch second after
	// which DynamoDB deletes an item. Required.
	TimeToLive string
	// Retain keeps the table when its stack is deleted and refuses its
	// deletion by other means. Default: false.
	Retain bool
}

// NewTable adds a table to scope as this project wants its tables: on demand,
// encrypted with the account's DynamoDB key, point-in-time recovery, time to
// live.
func NewTable(scope constructs.Construct, id string, props TableProps) awsdynamodb.Table {
	var sortKey *awsdynamodb.Attribute
	if props.SortKey != "" {
		sortKey = stringAttribute(props.SortKey)
	}
	return awsdynamodb.NewTable(scope, jsii.String(id), &awsdynamodb.TableProps{
		PartitionKey:        stringAttribute(props.PartitionKey),
		SortKey:             sortKey,
		TimeToLiveAttribute: jsii.String(props.TimeToLive),
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Encryption:          awsdynamodb.TableEncryption_AWS_MANAGED,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(props.Retain),
		RemovalPolicy:      RemovalPolicy(props.Retain),
	})
}

// Allow lets grantee perform exactly these actions on exactly this table.
//
// Table.Grant would do the same and add every index of the table as a second
// resource, which for a table without indexes reads as a grant on nothing.
func Allow(grantee awsiam.IGrantable, table awsdynamodb.ITable, actions ...string) {
	grantee.GrantPrincipal().AddToPrincipalPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: &[]*string{table.TableArn()},
	}))
}

// RemovalPolicy is what CloudFormation does with a resource that leaves its
// stack: keep it, or delete it.
func RemovalPolicy(retain bool) awscdk.RemovalPolicy {
	if retain {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

func stringAttribute(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}
