package localstack

import (
	"fmt"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// kind is what the local stack does with one type of resource.
type kind struct {
	// plan reads a resource into the plan. Nil: the resource is accepted
	// without being deployed, for the reason that accepted gives.
	plan     func(*plan, *template.Resource) error
	accepted string

	// name is the property that names the resource physically, if one does.
	name string
	// ref makes what Ref gives of the physical name, and attributes what
	// Fn::GetAtt gives. A nil ref gives the name itself.
	ref        func(name string) string
	attributes map[string]func(name string) string
}

// kinds is every type of resource that a template may have. A type that is not
// here is an error: nothing in a template is passed over in silence.
func kinds() map[string]kind {
	return map[string]kind{
		"AWS::DynamoDB::Table": {
			plan: (*plan).addTable, name: "TableName",
			attributes: attributes{"Arn": arn("dynamodb", "table/%s")},
		},
		"AWS::Lambda::Function": {
			plan: (*plan).addFunction, name: "FunctionName",
			attributes: attributes{"Arn": arn("lambda", "function:%s")},
		},
		"AWS::SQS::Queue": {
			plan: (*plan).addQueue, name: "QueueName", ref: queueURL,
			attributes: attributes{"Arn": arnOf("sqs"), "QueueName": sameName, "QueueUrl": queueURL},
		},
		"AWS::Lambda::EventSourceMapping": {plan: (*plan).addEventSource},
		"AWS::ApiGatewayV2::Api": {
			plan: (*plan).addAPI, ref: apiID,
			attributes: attributes{"ApiId": apiID, "ApiEndpoint": func(name string) string { return "https://" + apiDomain(apiID(name)) }},
		},
		"AWS::ApiGatewayV2::Integration": {plan: (*plan).addIntegration},
		"AWS::ApiGatewayV2::Route":       {plan: (*plan).addRoute},
		"AWS::ApiGatewayV2::Stage":       {plan: (*plan).addStage, name: "StageName"},
		"AWS::S3::Bucket": {
			plan: (*plan).addBucket, name: "BucketName", ref: strings.ToLower,
			attributes: attributes{
				"Arn":                func(name string) string { return "arn:aws:s3:::" + strings.ToLower(name) },
				"RegionalDomainName": bucketDomain,
			},
		},
		"AWS::S3::BucketPolicy":       {plan: (*plan).addBucketPolicy},
		"Custom::CDKBucketDeployment": {plan: (*plan).addBucketDeployment},
		"AWS::CloudFront::Distribution": {
			plan: (*plan).addDistribution, ref: distributionID,
			attributes: attributes{
				"Id":         distributionID,
				"DomainName": func(name string) string { return strings.ToLower(name) + ".cloudfront.net" },
			},
		},
		"AWS::CloudFront::Function": {
			plan: (*plan).addEdgeFunction, name: "Name", ref: edgeFunctionARN,
			attributes: attributes{"FunctionARN": edgeFunctionARN},
		},
		"AWS::CloudFront::ResponseHeadersPolicy": {
			plan:       (*plan).addHeadersPolicy,
			attributes: attributes{"Id": sameName},
		},

		"AWS::CloudFront::OriginAccessControl": {
			accepted:   "CloudFront and S3 are one process here: there is no request between them to sign",
			attributes: attributes{"Id": sameName},
		},
		"AWS::IAM::Role": {
			accepted: "the engine takes any credentials; that the roles suffice and are no wider is for the tests of the stack", name: "RoleName",
			attributes: attributes{"Arn": func(name string) string { return "arn:aws:iam::" + accountID + ":role/" + name }},
		},
		"AWS::IAM::Policy":          {accepted: "it belongs to a role"},
		"AWS::SQS::QueuePolicy":     {accepted: "nobody but this machine can reach the queue"},
		"AWS::Budgets::Budget":      {accepted: "nothing here costs anything"},
		"AWS::Lambda::Permission":   {accepted: "the gateway calls functions in this process, unasked"},
		"AWS::Lambda::LayerVersion": {accepted: "it belongs to a function of CDK's own, which is not run; a layer of any other function is an error"},
		"AWS::Logs::LogGroup": {
			accepted: "logs go to one stream", name: "LogGroupName",
			attributes: attributes{"Arn": arn("logs", "log-group:%s:*")},
		},
		"AWS::Logs::MetricFilter":         {accepted: "there are no metrics to watch"},
		"AWS::CloudWatch::Alarm":          {accepted: "there are no metrics to watch", attributes: attributes{"Arn": arn("cloudwatch", "alarm:%s")}},
		"AWS::CloudWatch::CompositeAlarm": {accepted: "there are no metrics to watch"},
		"AWS::CloudWatch::Dashboard":      {accepted: "there are no metrics to show"},
		"Custom::S3AutoDeleteObjects":     {accepted: "the bucket is a directory that nobody wants emptied"},
		"AWS::CDK::Metadata":              {accepted: "it describes the template"},
	}
}

type attributes = map[string]func(name string) string

// Where the stack says it is. Nothing depends on the values: they are in the
// names that functions see.
const (
	region    = "us-east-1"
	accountID = "000000000000"
	partition = "aws"
	urlSuffix = "amazonaws.com"
	stackName = "local"
)

func arn(service, resource string) func(string) string {
	return func(name string) string {
		return fmt.Sprintf("arn:%s:%s:%s:%s:"+resource, partition, service, region, accountID, name)
	}
}

// arnOf is arn for services whose resources have no type.
func arnOf(service string) func(string) string { return arn(service, "%s") }

func queueURL(name string) string {
	return "https://sqs." + region + "." + urlSuffix + "/" + accountID + "/" + name
}

func sameName(name string) string { return name }
func apiID(name string) string    { return strings.ToLower(strings.TrimPrefix(name, stackName+"-")) }
func apiDomain(id string) string  { return id + ".execute-api." + region + "." + urlSuffix }
func bucketDomain(name string) string {
	return strings.ToLower(name) + ".s3." + region + "." + urlSuffix
}
func distributionID(name string) string {
	return strings.ToUpper(strings.TrimPrefix(name, stackName+"-"))
}
func edgeFunctionARN(name string) string {
	return "arn:aws:cloudfront::" + accountID + ":function/" + name
}

// lookup tells the template what its resources are called.
type lookup struct {
	kinds    map[string]kind
	resolver *template.Resolver
}

// Ref implements template.Lookup.
func (l *lookup) Ref(r *template.Resource) (string, error) {
	k, name, err := l.kindAndName(r)
	if err != nil {
		return "", err
	}
	if k.ref != nil {
		return k.ref(name), nil
	}
	return name, nil
}

// GetAtt implements template.Lookup.
func (l *lookup) GetAtt(r *template.Resource, attribute string) (string, error) {
	k, name, err := l.kindAndName(r)
	if err != nil {
		return "", err
	}
	f, ok := k.attributes[attribute]
	if !ok {
		return "", fmt.Errorf("the attribute %s of %s (%s) is not understood", attribute, r.ID, r.Type)
	}
	return f(name), nil
}

// kindAndName gives a resource's kind and physical name: the one that the
// template gives it, or one made of the stack's name and the logical id.
func (l *lookup) kindAndName(r *template.Resource) (kind, string, error) {
	k, ok := l.kinds[r.Type]
	if !ok {
		return kind{}, "", unknownType(r)
	}
	given, ok := r.Properties[k.name]
	if k.name == "" || !ok {
		return k, stackName + "-" + r.ID, nil
	}
	v, err := l.resolver.Value(given)
	if err != nil {
		return kind{}, "", fmt.Errorf("resource %s (%s): %s: %w", r.ID, r.Type, k.name, err)
	}
	name, ok := v.(string)
	if !ok {
		return kind{}, "", fmt.Errorf("resource %s (%s): %s is not a text", r.ID, r.Type, k.name)
	}
	return k, name, nil
}

func unknownType(r *template.Resource) error {
	return fmt.Errorf("resource %s: the type %s is not one that the local stack knows", r.ID, r.Type)
}
