package construct_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

func TestSealingOfTheDocuments(t *testing.T) {
	stack := newStack(t)
	role := awsiam.NewRole(stack, jsii.String("Role"), &awsiam.RoleProps{AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil)})
	key := awskms.NewKey(stack, jsii.String("Results"), &awskms.KeyProps{
		Alias:             jsii.String("alias/idempotency"),
		EnableKeyRotation: jsii.Bool(true),
	})
	construct.GrantSealing(role, key, nil)
	former := awskms.Key_FromKeyArn(stack, jsii.String("Former"), jsii.String("arn:aws:kms:eu-central-1:123456789012:key/former"))
	construct.GrantSealing(role, former, map[string]string{"purpose": "idempotency", "stage": "live"})

	policy := properties(t, stack, "AWS::IAM::Policy")["PolicyDocument"].(map[string]any)["Statement"].([]any)
	var resources []any
	for i, context := range []map[string]any{
		{"kms:EncryptionContext:purpose": "idempotency"},
		{"kms:EncryptionContext:purpose": "idempotency", "kms:EncryptionContext:stage": "live"},
	} {
		statement := policy[i].(map[string]any)
		resources = append(resources, statement["Resource"])
		delete(statement, "Resource")
		want := map[string]any{
			"Effect": "Allow", "Action": []any{"kms:Decrypt", "kms:GenerateDataKey"},
			"Condition": map[string]any{"StringEquals": context},
		}
		if diff := cmp.Diff(want, statement); diff != "" {
			t.Errorf("statement %d (-want +got):\n%s", i, diff)
		}
	}
	if len(policy) != 2 || !slices.Contains(resources, any("arn:aws:kms:eu-central-1:123456789012:key/former")) {
		t.Errorf("the policy has %d statements, on %v", len(policy), resources)
	}
}
