package localstack

import (
	"encoding/json"
	"slices"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

type bucketPolicyProperties struct {
	Bucket         string
	PolicyDocument struct {
		Statement []struct {
			Action    oneOrMore
			Effect    string
			Principal principal

			Condition template.Ignored
			Resource  template.Ignored
			Sid       template.Ignored
		}

		ID      template.Ignored `json:"Id"`
		Version template.Ignored
	}
}

// addBucketPolicy reads what CloudFront may do with a bucket.
func (p *plan) addBucketPolicy(res *template.Resource) error {
	var props bucketPolicyProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	b := p.bucket(props.Bucket)
	for _, s := range props.PolicyDocument.Statement {
		if s.Effect != "Allow" || !slices.Contains(s.Principal.Service, "cloudfront.amazonaws.com") {
			continue
		}
		for _, action := range s.Action {
			b.readable = b.readable || slices.Contains([]string{"s3:GetObject", "s3:GetObject*", "s3:Get*", "s3:*"}, action)
			b.listable = b.listable || slices.Contains([]string{"s3:ListBucket", "s3:List*", "s3:*"}, action)
		}
	}
	return nil
}

// oneOrMore is a text or a list of texts, as in policies.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	var many []string
	err := json.Unmarshal(data, &many)
	*o = many
	return err
}

// principal is the services that a policy statement is about.
type principal struct{ Service oneOrMore }

func (p *principal) UnmarshalJSON(data []byte) error {
	var everybody string
	if json.Unmarshal(data, &everybody) == nil {
		return nil // "*", which is not a service
	}
	var kinds map[string]oneOrMore
	err := json.Unmarshal(data, &kinds)
	p.Service = kinds["Service"]
	return err
}
