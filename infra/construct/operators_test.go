package construct_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

func TestOperatorsOfTheDocuments(t *testing.T) {
	stack := newStack(t)
	records := construct.NewIdempotencyTable(stack, "Idempotency", construct.IdempotencyTableProps{})
	operators := awsiam.NewRole(stack, jsii.String("Operators"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewAccountRootPrincipal(), // or your identity provider
	})
	records.GrantOperators(operators)
	wantGrant(t, properties(t, stack, "AWS::IAM::Policy"), "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan")
}

func TestViewersChangeNothing(t *testing.T) {
	stack := newStack(t)
	key := awskms.NewKey(stack, jsii.String("Key"), nil)
	records := construct.NewIdempotencyTable(stack, "Idempotency", construct.IdempotencyTableProps{
		Customise: func(p *awsdynamodb.TableProps) {
			p.Encryption, p.EncryptionKey = awsdynamodb.TableEncryption_CUSTOMER_MANAGED, key
		},
	})
	records.GrantViewers(awsiam.NewUser(stack, jsii.String("Viewer"), nil))
	policy := properties(t, stack, "AWS::IAM::Policy")
	wantGrant(t, policy, "dynamodb:GetItem", "dynamodb:Scan")
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "kms:Decrypt") {
		t.Errorf("they cannot read what the key encrypts: %s", text)
	}
}

// wantGrant checks the first statement of a policy: these actions on the one table.
func wantGrant(t *testing.T, policy map[string]any, actions ...any) {
	t.Helper()
	statement := policy["PolicyDocument"].(map[string]any)["Statement"].([]any)[0].(map[string]any)
	on := statement["Resource"]
	delete(statement, "Resource")
	want := map[string]any{"Effect": "Allow", "Action": actions}
	if diff := cmp.Diff(want, statement); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	attribute, _ := on.(map[string]any)["Fn::GetAtt"].([]any)
	if len(attribute) != 2 || !strings.HasPrefix(attribute[0].(string), "IdempotencyTable") || attribute[1] != "Arn" {
		t.Errorf("the grant is on %v", on)
	}
}
