package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// grants lists what a role may do, each as "action on resource", sorted.
func (tpl template) grants(role string) []string {
	var grants []string
	allow := func(document any) {
		statements, _ := document.(map[string]any)
		for _, statement := range list(statements["Statement"]) {
			statement, _ := statement.(map[string]any)
			if statement["Effect"] != "Allow" {
				continue
			}
			for _, action := range list(statement["Action"]) {
				for _, on := range list(statement["Resource"]) {
					grants = append(grants, fmt.Sprintf("%v on %s", action, readable(render(on))))
				}
			}
		}
	}
	for _, policy := range tpl.all("AWS::IAM::Policy") {
		for _, holder := range list(policy.Properties["Roles"]) {
			if render(holder) == "${"+role+"}" {
				allow(policy.Properties["PolicyDocument"])
			}
		}
	}
	properties := tpl.Resources[role].Properties
	for _, policy := range list(properties["Policies"]) {
		policy, _ := policy.(map[string]any)
		allow(policy["PolicyDocument"])
	}
	for _, managed := range list(properties["ManagedPolicyArns"]) {
		grants = append(grants, "* of "+render(managed))
	}
	slices.Sort(grants)
	return grants
}

var logicalHash = regexp.MustCompile(`([a-z])[0-9A-F]{8}\b`)

// readable takes the hashes off logical ids.
func readable(text string) string {
	return logicalHash.ReplaceAllString(text, "$1")
}

// TestLeastPrivilege holds that each function may do what its code does, and
// nothing else.
func TestLeastPrivilege(t *testing.T) {
	tpl := demo(t)
	for command, want := range map[string][]string{
		"customers": {
			"dynamodb:DeleteItem on ${IdempotencyTable.Arn}",
			"dynamodb:GetItem on ${Data.Arn}",
			"dynamodb:GetItem on ${IdempotencyTable.Arn}",
			"dynamodb:PutItem on ${Data.Arn}",
			"dynamodb:PutItem on ${IdempotencyTable.Arn}",
			"dynamodb:UpdateItem on ${Data.Arn}", // which counts faults
			"logs:CreateLogStream on ${CustomersLogs.Arn}",
			"logs:PutLogEvents on ${CustomersLogs.Arn}",
		},
		"payments": {
			"dynamodb:DeleteItem on ${IdempotencyTable.Arn}",
			"dynamodb:GetItem on ${Data.Arn}",
			"dynamodb:GetItem on ${IdempotencyTable.Arn}",
			"dynamodb:PutItem on ${Data.Arn}",
			"dynamodb:PutItem on ${IdempotencyTable.Arn}",
			"dynamodb:Query on ${Data.Arn}",
			"dynamodb:UpdateItem on ${Data.Arn}",             // which counts faults
			"dynamodb:UpdateItem on ${IdempotencyTable.Arn}", // which records steps
			"logs:CreateLogStream on ${PaymentsLogs.Arn}",
			"logs:PutLogEvents on ${PaymentsLogs.Arn}",
			"sqs:DeleteMessage on ${PaymentQueue.Arn}",
			"sqs:GetQueueAttributes on ${PaymentQueue.Arn}",
			"sqs:ReceiveMessage on ${PaymentQueue.Arn}",
		},
		"orders": { // the actions that its transactions consist of
			"dynamodb:GetItem on ${Data.Arn}",
			"dynamodb:GetItem on ${IdempotencyTable.Arn}",
			"dynamodb:PutItem on ${Data.Arn}",
			"dynamodb:PutItem on ${IdempotencyTable.Arn}",
			"dynamodb:UpdateItem on ${Data.Arn}",
			"logs:CreateLogStream on ${OrdersLogs.Arn}",
			"logs:PutLogEvents on ${OrdersLogs.Arn}",
		},
		"activity": {
			"dynamodb:GetItem on ${IdempotencyTable.Arn}",
			"dynamodb:Query on ${Data.Arn}",
			"logs:CreateLogStream on ${ActivityLogs.Arn}",
			"logs:PutLogEvents on ${ActivityLogs.Arn}",
		},
	} {
		t.Run(command, func(t *testing.T) {
			_, function := tpl.function(t, command)
			role := fmt.Sprint(at(t, function.Properties, "Role", "Fn::GetAtt", 0))
			if diff := cmp.Diff(want, tpl.grants(role)); diff != "" {
				t.Errorf("what %s may do (-want +got):\n%s", command, diff)
			}
			for other, r := range tpl.all("AWS::Lambda::Function") {
				if r.Properties["Handler"] != command && render(r.Properties["Role"]) == "${"+role+".Arn}" {
					t.Errorf("%s has the role of %s", other, command)
				}
			}
		})
	}
}

// TestWildcards holds that no role is allowed more than what is named, but for
// what is listed here with its reason.
func TestWildcards(t *testing.T) {
	tpl := demo(t)
	want := []string{
		// Emptying the bucket when the demo is destroyed. CDK brings this role
		// and cannot be told another; the managed policy lets it write logs.
		"CustomS3AutoDeleteObjectsCustomResourceProviderRole: * of arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",

		// Copying the website: from the bucket of assets, which is there for
		// deployments alone, to the website's own.
	}
	const assets = "arn:${AWS::Partition}:s3:::cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
	for _, action := range []string{"s3:GetBucket*", "s3:GetObject*", "s3:List*"} {
		want = append(want,
			"SiteDeploymentRole: "+action+" on "+assets,
			"SiteDeploymentRole: "+action+" on "+assets+"/*")
	}
	for _, action := range []string{"s3:Abort*", "s3:DeleteObject*", "s3:GetBucket*", "s3:GetObject*", "s3:List*"} {
		want = append(want, "SiteDeploymentRole: "+action+" on ${SiteBucket.Arn}")
	}
	for _, action := range []string{
		"s3:Abort*", "s3:DeleteObject*", "s3:GetBucket*", "s3:GetObject*", "s3:List*", "s3:PutObject",
		"s3:PutObjectLegalHold", "s3:PutObjectRetention", "s3:PutObjectTagging", "s3:PutObjectVersionTagging",
	} {
		want = append(want, "SiteDeploymentRole: "+action+" on ${SiteBucket.Arn}/*")
	}

	var got []string
	for role := range tpl.all("AWS::IAM::Role") {
		for _, grant := range tpl.grants(role) {
			if strings.Contains(grant, "*") {
				got = append(got, readable(role)+": "+grant)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wildcards (-want +got):\n%s", diff)
	}
}

// TestInvocation holds that a function is invoked by its routes and by nobody
// else.
func TestInvocation(t *testing.T) {
	tpl := demo(t)
	want := map[string]string{}
	for routeKey, command := range routes {
		_, path, _ := strings.Cut(routeKey, " ")
		want[path] = command
	}
	got := map[string]string{}
	for _, r := range tpl.all("AWS::Lambda::Permission") {
		if principal := r.Properties["Principal"]; principal != "apigateway.amazonaws.com" {
			t.Errorf("%v may invoke a function", principal)
		}
		function := fmt.Sprint(at(t, r.Properties, "FunctionName", "Fn::GetAtt", 0))
		_, path, found := strings.Cut(render(r.Properties["SourceArn"]), "}/*/*")
		if !found {
			t.Errorf("not for routes of the API alone: %v", render(r.Properties["SourceArn"]))
		}
		got[path] = fmt.Sprint(tpl.Resources[function].Properties["Handler"])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who may be invoked by which path (-want +got):\n%s", diff)
	}
}
