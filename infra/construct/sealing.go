package construct

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
)

// GrantSealing lets grantee seal results by a KMS key and open them
// (GenerateDataKey and Decrypt, in one encryption context), and nothing else of the
// key. An empty context is the default one of package kmsseal. A former key needs
// the same grant for as long as results are recorded that it sealed.
//
// It adds to the grantee's policy. A key of another account needs a key policy that
// allows the same.
func GrantSealing(grantee awsiam.IGrantable, key awskms.IKey, context map[string]string) {
	if len(context) == 0 {
		context = map[string]string{"purpose": "idempotency"}
	}
	conditions := make(map[string]any)
	for name, value := range context {
		conditions["kms:EncryptionContext:"+name] = value
	}
	grantee.GrantPrincipal().AddToPrincipalPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"),
		Resources:  &[]*string{key.KeyArn()},
		Conditions: &map[string]any{"StringEquals": conditions},
	}))
}
