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
	// Retain keeps the table when its stack is deleted. A table that was made by
	// a deployment which then failed is deleted all the same. Default: false, the
	// table goes with its stack.
	//
	// Losing the table means that every request whose window is still running
	// can execute a second time: production wants true.
	Retain bool

	// Protection refuses the table's deletion by anybody. It has to be off for a
	// first deployment, which could not be rolled back otherwise. Default: false.
	Protection bool

	// Backups keeps the table restorable to any second of the last 35 days, for
	// as long after its deletion. Default: false.
	Backups bool

	// MaxUnits bounds the read units and the write units that the table takes in
	// a second, as a target that DynamoDB holds on average. What exceeds it is
	// throttled. Default: no bound.
	MaxUnits int

	// Customise changes what the table is made of, such as the key that encrypts
	// it. Key and time to live have to stay as they are. Default: nil.
	Customise func(*awsdynamodb.TableProps)
}

// IdempotencyTable is the DynamoDB table in which idempotency records live: on
// demand, encrypted, and swept of records past their window by DynamoDB's time
// to live.
//
// It grants by role, not by action: see [IdempotencyTable.GrantClaims],
// [IdempotencyTable.GrantTransactions] and [IdempotencyTable.GrantInspection], and for
// people [IdempotencyTable.GrantOperators] and [IdempotencyTable.GrantViewers].
type IdempotencyTable struct {
	// Table is the underlying table, for its name, its ARN and its metrics.
	Table awsdynamodb.ITable
}

// NewIdempotencyTable adds an idempotency table to scope.
func NewIdempotencyTable(scope constructs.Construct, id string, props IdempotencyTableProps) *IdempotencyTable {
	this := constructs.NewConstruct(scope, jsii.String(id))
	return &IdempotencyTable{
		Table: NewTable(this, "Table", TableProps{
			PartitionKey: recordKey,
			TimeToLive:   recordExpiration,
			Retain:       props.Retain,
			Protection:   props.Protection,
			Backups:      props.Backups,
			MaxUnits:     props.MaxUnits,
			Customise:    props.Customise,
		}),
	}
}

// FromTable returns the idempotency table that a table of one's own is: one
// whose partition key is the string "id", without a sort key, and whose time to
// live is the attribute "expiration". It may be another stack's. The table is
// not changed.
func FromTable(table awsdynamodb.ITable) *IdempotencyTable { return &IdempotencyTable{Table: table} }

// GrantClaims lets grantee run requests idempotently in leased mode: claim a
// key, renew and complete it (PutItem), release it (DeleteItem), and read a
// response that is kept beside its record (GetItem).
func (t *IdempotencyTable) GrantClaims(grantee awsiam.IGrantable) {
	Allow(grantee, t.Table, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem")
}

// GrantSteps lets grantee, beside what [IdempotencyTable.GrantClaims] does, record
// the steps of its executions (UpdateItem).
func (t *IdempotencyTable) GrantSteps(grantee awsiam.IGrantable) {
	Allow(grantee, t.Table, "dynamodb:UpdateItem")
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

// GrantViewers lets grantee look at records and list them: the commands show, list
// and export of the program idempotency. It is for a role of people, and no function
// needs it.
func (t *IdempotencyTable) GrantViewers(grantee awsiam.IGrantable) {
	Allow(grantee, t.Table, "dynamodb:GetItem", "dynamodb:Scan")
}

// GrantOperators lets grantee do what [IdempotencyTable.GrantViewers] does, settle
// what was interrupted (PutItem) and forget keys (DeleteItem): all commands of the
// program idempotency. It is for a role of operators alone.
func (t *IdempotencyTable) GrantOperators(grantee awsiam.IGrantable) {
	Allow(grantee, t.Table, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan")
}

// Environment returns the environment variables by which a program finds its
// records: the table's name and, as a Go duration, how long a key is remembered.
func (t *IdempotencyTable) Environment(window time.Duration) map[string]string {
	return map[string]string{
		"IDEMPOTENCY_TABLE":  *t.Table.TableName(),
		"IDEMPOTENCY_WINDOW": Duration(window),
	}
}

// Duration returns d as [time.ParseDuration] reads it, in hours if it can be.
func Duration(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour) // 24h reads better than 24h0m0s
	}
	return d.String()
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

	// Retain, Protection, Backups, MaxUnits and Customise are as in
	// [IdempotencyTableProps].
	Retain, Protection, Backups bool
	MaxUnits                    int
	Customise                   func(*awsdynamodb.TableProps)
}

// NewTable adds a table to scope as this project wants its tables: on demand,
// encrypted with the account's DynamoDB key, with a time to live.
func NewTable(scope constructs.Construct, id string, props TableProps) awsdynamodb.Table {
	table := &awsdynamodb.TableProps{
		PartitionKey:        stringAttribute(props.PartitionKey),
		TimeToLiveAttribute: jsii.String(props.TimeToLive),
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		Encryption:          awsdynamodb.TableEncryption_AWS_MANAGED,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(props.Backups),
		},
		DeletionProtection: jsii.Bool(props.Protection),
		RemovalPolicy:      RemovalPolicy(props.Retain),
	}
	if props.SortKey != "" {
		table.SortKey = stringAttribute(props.SortKey)
	}
	if props.MaxUnits > 0 {
		table.MaxReadRequestUnits, table.MaxWriteRequestUnits = jsii.Number(props.MaxUnits), jsii.Number(props.MaxUnits)
	}
	if props.Customise != nil {
		props.Customise(table)
	}
	return awsdynamodb.NewTable(scope, jsii.String(id), table)
}

// Allow lets grantee perform exactly these actions on exactly this table, and
// use the key that encrypts it if that is a key of the account's own.
//
// Table.Grant would do the same and add every index of the table as a second
// resource, which for a table without indexes reads as a grant on nothing.
func Allow(grantee awsiam.IGrantable, table awsdynamodb.ITable, actions ...string) {
	grantee.GrantPrincipal().AddToPrincipalPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: &[]*string{table.TableArn()},
	}))
	if key := table.EncryptionKey(); key != nil {
		key.GrantEncryptDecrypt(grantee)
	}
}

// RemovalPolicy returns what CloudFormation does with a resource that leaves
// its stack: it deletes it, or keeps it. Even then a resource is deleted that was
// made by the deployment which fails, so that the deployment can be repeated.
func RemovalPolicy(retain bool) awscdk.RemovalPolicy {
	if retain {
		return awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	}
	return awscdk.RemovalPolicy_DESTROY
}

func stringAttribute(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
}
