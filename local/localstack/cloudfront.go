package localstack

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/site"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// The policies that CloudFront itself offers and this package knows:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
const (
	cachingDisabled           = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	cachingOptimized          = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	allViewerExceptHostHeader = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
)

type distributionConfig struct {
	CacheBehaviors       []cacheBehavior
	CustomErrorResponses []struct {
		ErrorCode          template.Int
		ErrorCachingMinTTL *template.Int // seconds
		ResponseCode       template.Int
		ResponsePagePath   string
	}
	DefaultCacheBehavior cacheBehavior
	DefaultRootObject    string
	Enabled              template.Bool
	Origins              []struct {
		DomainName string
		ID         string `json:"Id"`
		OriginPath string

		// About the connection to the origin, which is a function call.
		ConnectionAttempts    template.Ignored
		ConnectionTimeout     template.Ignored
		CustomOriginConfig    template.Ignored
		OriginAccessControlID template.Ignored `json:"OriginAccessControlId"`
		OriginShield          template.Ignored
		S3OriginConfig        template.Ignored
	}

	// About connections, names and costs.
	Aliases           template.Ignored
	Comment           template.Ignored
	HTTPVersion       template.Ignored `json:"HttpVersion"`
	IPV6Enabled       template.Ignored
	Logging           template.Ignored
	PriceClass        template.Ignored
	ViewerCertificate template.Ignored
	WebACLID          template.Ignored `json:"WebACLId"`
}

type cacheBehavior struct {
	AllowedMethods       []string
	CachePolicyID        string `json:"CachePolicyId"`
	Compress             template.Bool
	FunctionAssociations []struct {
		EventType   string
		FunctionARN string
	}
	OriginRequestPolicyID   string `json:"OriginRequestPolicyId"`
	PathPattern             string
	ResponseHeadersPolicyID string `json:"ResponseHeadersPolicyId"`
	TargetOriginID          string `json:"TargetOriginId"`

	CachedMethods        template.Ignored // content is not cached
	ViewerProtocolPolicy template.Ignored // there is no certificate for localhost, so no HTTPS
}

// checkPolicies refuses policies whose effect would differ from what this
// machine does, which is to cache no content and to pass on what viewers send.
func (c cacheBehavior) checkPolicies(ofAPI bool) error {
	switch {
	case ofAPI && c.CachePolicyID != cachingDisabled:
		return fmt.Errorf("the cache policy %q of an API is not understood: CachingDisabled (%s) is expected", c.CachePolicyID, cachingDisabled)
	case ofAPI && c.OriginRequestPolicyID != allViewerExceptHostHeader:
		return fmt.Errorf("the origin request policy %q of an API is not understood: AllViewerExceptHostHeader (%s) is expected",
			c.OriginRequestPolicyID, allViewerExceptHostHeader)
	case !ofAPI && c.CachePolicyID != cachingOptimized && c.CachePolicyID != cachingDisabled:
		return fmt.Errorf("the cache policy %q of a website is not understood: CachingOptimized (%s) or CachingDisabled (%s) is expected",
			c.CachePolicyID, cachingOptimized, cachingDisabled)
	case !ofAPI && c.OriginRequestPolicyID != "":
		return fmt.Errorf("the origin request policy %q of a website is not understood: none is expected", c.OriginRequestPolicyID)
	}
	return nil
}

func (p *plan) addDistribution(res *template.Resource) error {
	var props struct {
		DistributionConfig distributionConfig

		Tags template.Ignored
	}
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if p.distribution != nil {
		return refused(res, "one distribution is served, and there is another")
	}
	if !props.DistributionConfig.Enabled {
		return refused(res, "it is not enabled: there is nothing to serve")
	}
	domain, err := p.lookup.GetAtt(res, "DomainName")
	if err != nil {
		return err
	}
	p.distribution, p.domain = &props.DistributionConfig, domain
	return nil
}

// edgeFunction is a CloudFront Function as the template has it.
type edgeFunction struct{ id, code string }

func (p *plan) addEdgeFunction(res *template.Resource) error {
	var props struct {
		FunctionCode   string
		FunctionConfig struct {
			Runtime string

			Comment template.Ignored
		}
		Name string

		AutoPublish      template.Ignored // what is deployed here is always live
		FunctionMetadata template.Ignored
		Tags             template.Ignored
	}
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if !strings.HasPrefix(props.FunctionConfig.Runtime, "cloudfront-js-") {
		return refused(res, "the runtime %q is not understood", props.FunctionConfig.Runtime)
	}
	// Loaded once more for each behaviour; here to tell of an error early.
	if _, err := site.NewFunction(res.ID, props.FunctionCode); err != nil {
		return refused(res, "%w", err)
	}
	arn, err := p.ref(res)
	if err != nil {
		return err
	}
	p.edge[arn] = edgeFunction{id: res.ID, code: props.FunctionCode}
	return nil
}

type responseHeadersPolicyConfig struct {
	CustomHeadersConfig struct {
		Items []struct {
			Header, Value string
			Override      template.Bool
		}
	}
	RemoveHeadersConfig struct {
		Items []struct{ Header string }
	}
	SecurityHeadersConfig struct {
		ContentSecurityPolicy *struct {
			ContentSecurityPolicy string
			Override              template.Bool
		}
		ContentTypeOptions *struct{ Override template.Bool }
		FrameOptions       *struct {
			FrameOption string
			Override    template.Bool
		}
		ReferrerPolicy *struct {
			ReferrerPolicy string
			Override       template.Bool
		}
		StrictTransportSecurity *struct {
			AccessControlMaxAgeSec template.Int
			IncludeSubdomains      template.Bool
			Preload                template.Bool
			Override               template.Bool
		}
		XSSProtection *struct {
			Protection, ModeBlock template.Bool
			ReportURI             string `json:"ReportUri"`
			Override              template.Bool
		}
	}

	Comment template.Ignored
	Name    template.Ignored
}

func (p *plan) addHeadersPolicy(res *template.Resource) error {
	var props struct {
		ResponseHeadersPolicyConfig responseHeadersPolicyConfig
	}
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	id, err := p.ref(res)
	if err != nil {
		return err
	}
	p.headers[id] = props.ResponseHeadersPolicyConfig
	return nil
}

// headers gives the headers that the policy puts on responses.
func (c responseHeadersPolicyConfig) headers() *site.HeadersPolicy {
	policy := &site.HeadersPolicy{}
	set := func(name, value string, override template.Bool) {
		policy.Set = append(policy.Set, site.PolicyHeader{Name: name, Value: value, Override: bool(override)})
	}
	s := c.SecurityHeadersConfig
	if h := s.ContentSecurityPolicy; h != nil {
		set("Content-Security-Policy", h.ContentSecurityPolicy, h.Override)
	}
	if h := s.ContentTypeOptions; h != nil {
		set("X-Content-Type-Options", "nosniff", h.Override)
	}
	if h := s.FrameOptions; h != nil {
		set("X-Frame-Options", h.FrameOption, h.Override)
	}
	if h := s.ReferrerPolicy; h != nil {
		set("Referrer-Policy", h.ReferrerPolicy, h.Override)
	}
	if h := s.StrictTransportSecurity; h != nil {
		value := "max-age=" + strconv.Itoa(int(h.AccessControlMaxAgeSec))
		if h.IncludeSubdomains {
			value += "; includeSubDomains"
		}
		if h.Preload {
			value += "; preload"
		}
		set("Strict-Transport-Security", value, h.Override)
	}
	if h := s.XSSProtection; h != nil {
		value := "0"
		if h.Protection {
			value = "1"
			if h.ModeBlock {
				value += "; mode=block"
			}
			if h.ReportURI != "" {
				value += "; report=" + h.ReportURI
			}
		}
		set("X-XSS-Protection", value, h.Override)
	}
	for _, h := range c.CustomHeadersConfig.Items {
		set(h.Header, h.Value, h.Override)
	}
	for _, h := range c.RemoveHeadersConfig.Items {
		policy.Remove = append(policy.Remove, h.Header)
	}
	return policy
}
