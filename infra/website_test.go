package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSiteIsPrivate holds that the website's files are read by its
// distribution, signed, and by nobody else.
func TestSiteIsPrivate(t *testing.T) {
	tpl := demo(t)
	bucketID, bucket := tpl.one(t, "AWS::S3::Bucket", "SiteBucket")
	want := map[string]any{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}
	if diff := cmp.Diff(any(want), bucket.Properties["PublicAccessBlockConfiguration"]); diff != "" {
		t.Errorf("public access (-want +got):\n%s", diff)
	}
	if at(t, bucket.Properties, "BucketEncryption", "ServerSideEncryptionConfiguration", 0, "ServerSideEncryptionByDefault", "SSEAlgorithm") != "AES256" {
		t.Error("the bucket is not encrypted")
	}

	controlID, control := tpl.one(t, "AWS::CloudFront::OriginAccessControl", "SiteAccess")
	config := at(t, control.Properties, "OriginAccessControlConfig")
	if at(t, config, "SigningBehavior") != "always" || at(t, config, "SigningProtocol") != "sigv4" {
		t.Errorf("requests to the bucket are not always signed: %v", config)
	}
	distributionID, origin := siteOrigin(t, tpl)
	if got := render(at(t, origin, "OriginAccessControlId")); got != "${"+controlID+".Id}" {
		t.Errorf("the site's origin has access control %s", got)
	}
	if got := render(at(t, origin, "DomainName")); got != "${"+bucketID+".RegionalDomainName}" {
		t.Errorf("the site's origin is %s", got)
	}

	_, policy := tpl.one(t, "AWS::S3::BucketPolicy", "SiteBucketPolicy")
	var readers []string
	for _, statement := range list(at(t, policy.Properties, "PolicyDocument", "Statement")) {
		principal := render(at(t, statement, "Principal"))
		if at(t, statement, "Effect") == "Deny" {
			continue
		}
		readers = append(readers, readable(principal))
		if !strings.Contains(principal, "cloudfront") {
			continue
		}
		if diff := cmp.Diff([]any{"s3:GetObject", "s3:ListBucket"}, list(at(t, statement, "Action"))); diff != "" {
			t.Errorf("what CloudFront may do (-want +got):\n%s", diff)
		}
		source := render(at(t, statement, "Condition", "StringEquals", "AWS:SourceArn"))
		if !strings.HasSuffix(source, ":distribution/${"+distributionID+"}") {
			t.Errorf("CloudFront may read on behalf of %s", source)
		}
	}
	slices.Sort(readers)
	wantReaders := []string{
		`{"AWS":{"Fn::GetAtt":["CustomS3AutoDeleteObjectsCustomResourceProviderRole","Arn"]}}`, // when the demo is destroyed
		`{"Service":"cloudfront.amazonaws.com"}`,
	}
	if diff := cmp.Diff(wantReaders, readers); diff != "" {
		t.Errorf("who may use the bucket (-want +got):\n%s", diff)
	}
}

// TestSiteSurvives holds that the website's files stay where a stage matters,
// and that the bucket can be deleted where it does not.
func TestSiteSurvives(t *testing.T) {
	for name, test := range map[string]struct {
		tpl     template
		policy  string
		emptied int
	}{
		"demo":          {demo(t), "Delete", 1},
		"another stage": {alone(t, nil), "RetainExceptOnCreate", 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, bucket := test.tpl.one(t, "AWS::S3::Bucket", "SiteBucket")
			if bucket.DeletionPolicy != test.policy {
				t.Errorf("when deleted: %s, want %s", bucket.DeletionPolicy, test.policy)
			}
			if got := len(test.tpl.all("Custom::S3AutoDeleteObjects")); got != test.emptied {
				t.Errorf("emptied on deletion: %d, want %d", got, test.emptied)
			}
		})
	}
}

func TestSecurityHeaders(t *testing.T) {
	tpl := demo(t)
	id, policy := tpl.one(t, "AWS::CloudFront::ResponseHeadersPolicy", "SiteHeaders")
	config := at(t, policy.Properties, "ResponseHeadersPolicyConfig")

	want := map[string]any{
		"ContentSecurityPolicy": map[string]any{"Override": true, "ContentSecurityPolicy": strings.Join([]string{
			"default-src 'none'",
			"script-src 'self'",
			"style-src 'self'",
			"connect-src 'self'",
			"img-src 'self'",
			"font-src 'self'",
			"manifest-src 'self'",
			"worker-src 'self'",
			"base-uri 'none'",
			"form-action 'self'",
			"frame-ancestors 'none'",
		}, "; ")},
		"ContentTypeOptions": map[string]any{"Override": true},
		"FrameOptions":       map[string]any{"Override": true, "FrameOption": "DENY"},
		"ReferrerPolicy":     map[string]any{"Override": true, "ReferrerPolicy": "no-referrer"},
		"StrictTransportSecurity": map[string]any{
			"Override": true, "AccessControlMaxAgeSec": 31536000.0, "IncludeSubdomains": true,
		},
	}
	if diff := cmp.Diff(any(want), at(t, config, "SecurityHeadersConfig")); diff != "" {
		t.Errorf("security headers (-want +got):\n%s", diff)
	}
	var custom []string
	for _, header := range list(at(t, config, "CustomHeadersConfig", "Items")) {
		custom = append(custom, fmt.Sprint(at(t, header, "Header")))
	}
	for _, name := range []string{"Permissions-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
		if !slices.Contains(custom, name) {
			t.Errorf("header %s is missing", name)
		}
	}

	_, distribution := tpl.one(t, "AWS::CloudFront::Distribution", "Distribution")
	for name, behavior := range map[string]any{
		"website": at(t, distribution.Properties, "DistributionConfig", "DefaultCacheBehavior"),
		"API":     at(t, distribution.Properties, "DistributionConfig", "CacheBehaviors", 0),
	} {
		if used := render(at(t, behavior, "ResponseHeadersPolicyId")); used != "${"+id+"}" {
			t.Errorf("the %s is served with headers %s", name, used)
		}
	}
}

// TestNoErrorIsCached holds that CloudFront keeps none of the errors whose caching
// can be configured, in any stage.
func TestNoErrorIsCached(t *testing.T) {
	for name, tpl := range map[string]template{"demo": demo(t), "production": alone(t, nil)} {
		_, distribution := tpl.one(t, "AWS::CloudFront::Distribution", "Distribution")
		var got []any
		for _, e := range list(at(t, distribution.Properties, "DistributionConfig", "CustomErrorResponses")) {
			if diff := cmp.Diff(any(map[string]any{"ErrorCode": at(t, e, "ErrorCode"), "ErrorCachingMinTTL": 0.0}), e); diff != "" {
				t.Errorf("%s: an error is changed or kept (-want +got):\n%s", name, diff)
			}
			got = append(got, at(t, e, "ErrorCode"))
		}
		if diff := cmp.Diff([]any{400.0, 403.0, 404.0, 405.0, 414.0, 416.0, 500.0, 501.0, 502.0, 503.0, 504.0}, got); diff != "" {
			t.Errorf("%s: errors that are not kept (-want +got):\n%s", name, diff)
		}
	}
}

// TestNothingIsSaidOfOtherDomains holds that a domain of one's own asks browsers
// for HTTPS for itself alone: what is below an apex may not have it.
func TestNothingIsSaidOfOtherDomains(t *testing.T) {
	_, policy := with(t, map[string]any{
		"domainName":     "example.com",
		"certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
	}).one(t, "AWS::CloudFront::ResponseHeadersPolicy", "SiteHeaders")
	hsts := at(t, policy.Properties, "ResponseHeadersPolicyConfig", "SecurityHeadersConfig", "StrictTransportSecurity")
	want := map[string]any{"Override": true, "AccessControlMaxAgeSec": 31536000.0, "IncludeSubdomains": false}
	if diff := cmp.Diff(any(want), hsts); diff != "" {
		t.Errorf("HSTS (-want +got):\n%s", diff)
	}
}

// TestAccessLogsOfTheSite holds that production writes down who asked for what,
// for a month, in a bucket that nobody else reads, and the demo does not.
func TestAccessLogsOfTheSite(t *testing.T) {
	tpl := alone(t, nil)
	id, logs := tpl.one(t, "AWS::S3::Bucket", "AccessLogs")
	if rule := at(t, logs.Properties, "LifecycleConfiguration", "Rules", 0); at(t, rule, "ExpirationInDays") != 30.0 || at(t, rule, "Status") != "Enabled" {
		t.Errorf("logs are kept by %v", rule)
	}
	if at(t, logs.Properties, "PublicAccessBlockConfiguration", "BlockPublicPolicy") != true {
		t.Error("the logs can be made public")
	}
	_, distribution := tpl.one(t, "AWS::CloudFront::Distribution", "Distribution")
	if to := render(at(t, distribution.Properties, "DistributionConfig", "Logging", "Bucket")); to != "${"+id+".RegionalDomainName}" {
		t.Errorf("the distribution logs to %s", to)
	}
	_, bucket := tpl.one(t, "AWS::S3::Bucket", "SiteBucket")
	if to := render(at(t, bucket.Properties, "LoggingConfiguration", "DestinationBucketName")); to != "${"+id+"}" {
		t.Errorf("the website's bucket logs to %s", to)
	}
	if found := demo(t).all("AWS::S3::Bucket"); len(found) != 1 {
		t.Errorf("the demo has the buckets %v, want the website's alone", found)
	}
}

func TestDistribution(t *testing.T) {
	tpl := demo(t)
	_, distribution := tpl.one(t, "AWS::CloudFront::Distribution", "Distribution")
	config := at(t, distribution.Properties, "DistributionConfig")
	if got := at(t, config, "HttpVersion"); got != "http2and3" {
		t.Errorf("HTTP version %v", got)
	}
	if got := at(t, config, "DefaultRootObject"); got != "index.html" {
		t.Errorf("default root object %v", got)
	}

	site := at(t, config, "DefaultCacheBehavior")
	if got := at(t, site, "ViewerProtocolPolicy"); got != "redirect-to-https" {
		t.Errorf("website over HTTP: %v", got)
	}
	functionID, function := tpl.one(t, "AWS::CloudFront::Function", "SiteRoutes")
	if got := at(t, function.Properties, "FunctionConfig", "Runtime"); got != "cloudfront-js-2.0" {
		t.Errorf("function runs on %v", got)
	}
	source, err := os.ReadFile(filepath.Join("stack", "spa.js"))
	if err != nil {
		t.Fatal(err)
	}
	if function.Properties["FunctionCode"] != string(source) {
		t.Error("the function is not stack/spa.js")
	}
	association := map[string]any{
		"EventType":   "viewer-request",
		"FunctionARN": map[string]any{"Fn::GetAtt": []any{functionID, "FunctionARN"}},
	}
	if diff := cmp.Diff(any([]any{association}), at(t, site, "FunctionAssociations")); diff != "" {
		t.Errorf("functions on the website (-want +got):\n%s", diff)
	}

	// CloudFront's managed policies, by their published ids.
	const cachingDisabled, allViewerExceptHost = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"
	api := at(t, config, "CacheBehaviors", 0)
	for name, want := range map[string]any{
		"PathPattern":           "/api/*",
		"CachePolicyId":         cachingDisabled,
		"OriginRequestPolicyId": allViewerExceptHost,
		"ViewerProtocolPolicy":  "https-only",
		"Compress":              false,
		"AllowedMethods":        []any{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"},
	} {
		if diff := cmp.Diff(want, at(t, api, name)); diff != "" {
			t.Errorf("API's %s (-want +got):\n%s", name, diff)
		}
	}
	if got := len(list(at(t, config, "CacheBehaviors"))); got != 1 {
		t.Errorf("%d paths have a behaviour of their own, want the API alone", got)
	}
}

// TestSiteDeployment holds how long each file may be kept, and that neither of
// the two deployments deletes what the other brought.
func TestSiteDeployment(t *testing.T) {
	tpl := demo(t)
	_, hashed := tpl.one(t, "Custom::CDKBucketDeployment", "SiteAssets")
	_, entry := tpl.one(t, "Custom::CDKBucketDeployment", "SiteEntry")
	for _, test := range []struct {
		name         string
		deployment   resource
		cacheControl string
		prune        bool
		exclude      []any
		include      []any
	}{
		{"hashed assets", hashed, "public, max-age=31536000, immutable", false, []any{"*"}, []any{"assets/*"}},
		{"everything else", entry, "no-cache", true, []any{"assets/*"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			properties := test.deployment.Properties
			if got := at(t, properties, "SystemMetadata", "cache-control"); got != test.cacheControl {
				t.Errorf("Cache-Control: %v, want %s", got, test.cacheControl)
			}
			if properties["Prune"] != test.prune {
				t.Errorf("prunes: %v, want %v", properties["Prune"], test.prune)
			}
			if diff := cmp.Diff(test.exclude, list(properties["Exclude"])); diff != "" {
				t.Errorf("excludes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.include, list(properties["Include"])); diff != "" {
				t.Errorf("includes (-want +got):\n%s", diff)
			}
		})
	}
	hashedID, _ := tpl.one(t, "Custom::CDKBucketDeployment", "SiteAssets")
	if !slices.Contains(entry.DependsOn, hashedID) {
		t.Error("the page is deployed before the files it names")
	}
	if got := len(list(entry.Properties["SourceObjectKeys"])); got != 2 {
		t.Errorf("the page is deployed from %d sources, want the build and config.json", got)
	}
}

func TestSiteConfig(t *testing.T) {
	for name, test := range map[string]struct {
		tpl  template
		want map[string]any
	}{
		"demo":          {demo(t), map[string]any{"apiUrl": "/api", "stage": "demo", "demoFaults": true}},
		"another stage": {alone(t, map[string]any{"stage": "staging"}), map[string]any{"apiUrl": "/api", "stage": "staging", "demoFaults": false}},
	} {
		t.Run(name, func(t *testing.T) {
			text, _ := test.tpl.Outputs["SiteConfig"].Value.(string)
			var got map[string]any
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("config.json (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOwnDomain holds what a domain of one's own and a web ACL change in the
// distribution.
func TestOwnDomain(t *testing.T) {
	const (
		certificate = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
		acl         = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/pay/12345678-1234-1234-1234-123456789012"
	)
	tpl := with(t, map[string]any{"domainName": "pay.example.com", "certificateArn": certificate, "webAclArn": acl})
	_, distribution := tpl.one(t, "AWS::CloudFront::Distribution", "Distribution")
	config := at(t, distribution.Properties, "DistributionConfig")
	for name, want := range map[string]any{
		"Aliases":  []any{"pay.example.com"},
		"WebACLId": acl,
		"ViewerCertificate": map[string]any{
			"AcmCertificateArn": certificate, "MinimumProtocolVersion": "TLSv1.2_2021", "SslSupportMethod": "sni-only",
		},
	} {
		if diff := cmp.Diff(want, at(t, config, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := tpl.Outputs["SiteUrl"].Value; render(got) != "https://pay.example.com" {
		t.Errorf("the website's address is %s", render(got))
	}
	if got := readable(render(tpl.Outputs["DistributionDomainName"].Value)); got != "${Distribution.DomainName}" {
		t.Errorf("DNS is to lead to %s", got)
	}
}

func TestOutputs(t *testing.T) {
	tpl := demo(t)
	got := map[string]string{}
	for name, output := range tpl.Outputs {
		got[name] = readable(render(output.Value))
	}
	want := map[string]string{
		"SiteUrl":    "https://${Distribution.DomainName}",
		"SiteConfig": `{"apiUrl":"/api","stage":"demo","demoFaults":true}`,
		"ApiUrl":     "${Api.ApiEndpoint}",

		"PaymentQueueUrl":           "${PaymentQueue}",
		"PaymentDeadLetterQueueUrl": "${PaymentQueueDeadLetters}",
		"IdempotencyTableName":      "${IdempotencyTable}",
		"DataTableName":             "${Data}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

// siteOrigin returns the distribution and the origin behind its default
// behaviour.
func siteOrigin(t *testing.T, tpl template) (distributionID string, origin any) {
	t.Helper()
	distributionID, distribution := tpl.one(t, "AWS::CloudFront::Distribution", "Distribution")
	config := at(t, distribution.Properties, "DistributionConfig")
	target := at(t, config, "DefaultCacheBehavior", "TargetOriginId")
	for _, origin := range list(at(t, config, "Origins")) {
		if at(t, origin, "Id") == target {
			return distributionID, origin
		}
	}
	t.Fatalf("there is no origin %v", target)
	return "", nil
}
