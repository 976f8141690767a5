package stack

import (
	_ "embed" // for spa.js
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfrontorigins"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3deployment"
	"github.com/aws/jsii-runtime-go"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

//go:embed spa.js
var spaFunction string

// assets is the folder of the website whose file names carry a hash of their
// content: what Vite calls assetsDir.
const assets = "assets/*"

// siteConfig is what the page reads from /config.json when it starts. The page
// is built once and runs at any origin.
type siteConfig struct {
	// APIURL is the base of the API, relative to the page.
	APIURL string `json:"apiUrl"`
	Stage  string `json:"stage"`
	// DemoFaults reports whether the Demo-Fault header has an effect.
	DemoFaults bool `json:"demoFaults"`
}

// addWebsite adds the private bucket with the page, and the distribution
// through which the page and the API share one origin.
func (s *Stack) addWebsite() {
	logs := s.accessLogBucket()
	bucket := s.siteBucket(logs)
	distribution := s.distribution(bucket, logs)
	s.deploySite(bucket)
	host := distribution.DistributionDomainName()
	if s.settings.DomainName != "" {
		s.output("DistributionDomainName", "What the DNS record of the website leads to", host)
		host = jsii.String(s.settings.DomainName)
	}
	s.output("SiteUrl", "The website", awscdk.Fn_Join(jsii.String(""), &[]*string{jsii.String("https://"), host}))
}

func (s *Stack) siteBucket(logs awss3.Bucket) awss3.Bucket {
	props := s.bucketProps()
	if logs != nil {
		props.ServerAccessLogsBucket = logs
		props.ServerAccessLogsPrefix = jsii.String("bucket/")
	}
	return awss3.NewBucket(s.stack, jsii.String("SiteBucket"), props)
}

// bucketProps is what all buckets have in common: nobody but the account and
// CloudFront reads them.
func (s *Stack) bucketProps() *awss3.BucketProps {
	return &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		RemovalPolicy:     construct.RemovalPolicy(s.settings.Retain),
		AutoDeleteObjects: jsii.Bool(!s.settings.Retain),
	}
}

// accessLogDays is how long the access logs of CloudFront and S3 are kept. They
// hold callers' addresses.
const accessLogDays = 30

// accessLogBucket adds the bucket of access logs, if there are to be any.
// CloudFront writes with an access control list, which the bucket has to allow.
func (s *Stack) accessLogBucket() awss3.Bucket {
	if !s.settings.AccessLogs {
		return nil
	}
	props := s.bucketProps()
	props.ObjectOwnership = awss3.ObjectOwnership_BUCKET_OWNER_PREFERRED
	props.LifecycleRules = &[]*awss3.LifecycleRule{{Expiration: awscdk.Duration_Days(jsii.Number(accessLogDays))}}
	return awss3.NewBucket(s.stack, jsii.String("AccessLogs"), props)
}

func (s *Stack) distribution(bucket, logs awss3.Bucket) awscloudfront.Distribution {
	headers := s.securityHeaders()
	props := &awscloudfront.DistributionProps{
		Comment:           jsii.String("Idempotent requests: website and API"),
		DefaultRootObject: jsii.String("index.html"),
		HttpVersion:       awscloudfront.HttpVersion_HTTP2_AND_3,
		PriceClass:        awscloudfront.PriceClass_PRICE_CLASS_100,
		ErrorResponses:    uncachedErrors(),
		DefaultBehavior: &awscloudfront.BehaviorOptions{
			Origin: awscloudfrontorigins.S3BucketOrigin_WithOriginAccessControl(bucket, &awscloudfrontorigins.S3BucketOriginWithOACProps{
				OriginAccessControl: s.originAccessControl(),
				// Without LIST, S3 answers 403 for a file that does not exist.
				OriginAccessLevels: &[]awscloudfront.AccessLevel{
					awscloudfront.AccessLevel_READ,
					awscloudfront.AccessLevel_LIST,
				},
			}),
			AllowedMethods:        awscloudfront.AllowedMethods_ALLOW_GET_HEAD(),
			ViewerProtocolPolicy:  awscloudfront.ViewerProtocolPolicy_REDIRECT_TO_HTTPS,
			CachePolicy:           awscloudfront.CachePolicy_CACHING_OPTIMIZED(),
			ResponseHeadersPolicy: headers,
			Compress:              jsii.Bool(true),
			FunctionAssociations: &[]*awscloudfront.FunctionAssociation{{
				EventType: awscloudfront.FunctionEventType_VIEWER_REQUEST,
				Function:  s.spaFunction(),
			}},
		},
		AdditionalBehaviors: &map[string]*awscloudfront.BehaviorOptions{
			"/api/*": {
				Origin:         awscloudfrontorigins.NewHttpOrigin(s.apiDomain(), &awscloudfrontorigins.HttpOriginProps{}),
				AllowedMethods: awscloudfront.AllowedMethods_ALLOW_ALL(),
				// Not redirected: a redirected POST comes back as a GET.
				ViewerProtocolPolicy: awscloudfront.ViewerProtocolPolicy_HTTPS_ONLY,
				CachePolicy:          awscloudfront.CachePolicy_CACHING_DISABLED(),
				OriginRequestPolicy:  awscloudfront.OriginRequestPolicy_ALL_VIEWER_EXCEPT_HOST_HEADER(),
				// An answer of the API can be opened like a page: it is of the page's origin.
				ResponseHeadersPolicy: headers,
				// Compression would turn the strong ETag into a weak one.
				Compress: jsii.Bool(false),
			},
		},
	}
	if logs != nil {
		props.EnableLogging = jsii.Bool(true)
		props.LogBucket = logs
		props.LogFilePrefix = jsii.String("distribution/")
	}
	if s.settings.WebACL != "" {
		props.WebAclId = jsii.String(s.settings.WebACL)
	}
	if s.settings.DomainName != "" {
		props.DomainNames = jsii.Strings(s.settings.DomainName)
		props.Certificate = awscertificatemanager.Certificate_FromCertificateArn(
			s.stack, jsii.String("Certificate"), jsii.String(s.settings.CertificateARN))
		props.MinimumProtocolVersion = awscloudfront.SecurityPolicyProtocol_TLS_V1_2_2021
	}
	distribution := awscloudfront.NewDistribution(s.stack, jsii.String("Distribution"), props)
	// LIST lets a reader of / list the bucket unless something is served there.
	awscdk.Annotations_Of(distribution).AcknowledgeWarning(
		jsii.String("@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk"),
		jsii.String("the distribution has a default root object"))
	return distribution
}

// uncachedErrors keeps CloudFront from remembering errors. It would keep one for
// ten seconds, whatever the cache policy says and, of 500 and 502 to 504,
// whatever the response says. The cache's key is the path: one visitor's error
// would be everybody's.
func uncachedErrors() *[]*awscloudfront.ErrorResponse {
	// All that can be configured:
	// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
	var responses []*awscloudfront.ErrorResponse
	for _, status := range []int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504} {
		responses = append(responses, &awscloudfront.ErrorResponse{
			HttpStatus: jsii.Number(status), Ttl: awscdk.Duration_Seconds(jsii.Number(0)),
		})
	}
	return &responses
}

// apiDomain is the API's host name.
func (s *Stack) apiDomain() *string {
	return awscdk.Fn_Join(jsii.String(""), &[]*string{
		s.api.ApiId(), jsii.String(".execute-api."), s.stack.Region(), jsii.String("."), s.stack.UrlSuffix(),
	})
}

// edgeName names a CloudFront resource. These names are unique in an account,
// not in a region: without stack and region in them, two stages would collide.
func (s *Stack) edgeName(name string) *string {
	return awscdk.Fn_Join(jsii.String("-"), &[]*string{
		awscdk.Aws_STACK_NAME(), awscdk.Aws_REGION(), jsii.String(name),
	})
}

func (s *Stack) originAccessControl() awscloudfront.S3OriginAccessControl {
	return awscloudfront.NewS3OriginAccessControl(s.stack, jsii.String("SiteAccess"), &awscloudfront.S3OriginAccessControlProps{
		OriginAccessControlName: s.edgeName("site"),
		Signing:                 awscloudfront.Signing_SIGV4_ALWAYS(),
	})
}

func (s *Stack) spaFunction() awscloudfront.Function {
	return awscloudfront.NewFunction(s.stack, jsii.String("SiteRoutes"), &awscloudfront.FunctionProps{
		FunctionName: s.edgeName("routes"),
		Comment:      jsii.String("Answers the page's own routes with the page"),
		Runtime:      awscloudfront.FunctionRuntime_JS_2_0(),
		Code:         awscloudfront.FunctionCode_FromInline(jsii.String(spaFunction)),
	})
}

// contentSecurityPolicy allows the page what it needs: its own scripts, styles,
// images, fonts, manifest and worker, and calls to its own origin, where the
// API is. Nothing inline is allowed, neither scripts nor styles.
func contentSecurityPolicy() string {
	return strings.Join([]string{
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
	}, "; ")
}

// permissionsPolicy turns off what a page could ask a visitor for and this one
// never does.
func permissionsPolicy() string {
	return "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), " +
		"magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
}

func (s *Stack) securityHeaders() awscloudfront.ResponseHeadersPolicy {
	yes := jsii.Bool(true)
	custom := func(name, value string) *awscloudfront.ResponseCustomHeader {
		return &awscloudfront.ResponseCustomHeader{Header: jsii.String(name), Value: jsii.String(value), Override: yes}
	}
	return awscloudfront.NewResponseHeadersPolicy(s.stack, jsii.String("SiteHeaders"), &awscloudfront.ResponseHeadersPolicyProps{
		ResponseHeadersPolicyName: s.edgeName("headers"),
		Comment:                   jsii.String("Security headers of website and API"),
		SecurityHeadersBehavior: &awscloudfront.ResponseSecurityHeadersBehavior{
			ContentSecurityPolicy: &awscloudfront.ResponseHeadersContentSecurityPolicy{
				ContentSecurityPolicy: jsii.String(contentSecurityPolicy()), Override: yes,
			},
			ContentTypeOptions: &awscloudfront.ResponseHeadersContentTypeOptions{Override: yes},
			FrameOptions: &awscloudfront.ResponseHeadersFrameOptions{
				FrameOption: awscloudfront.HeadersFrameOption_DENY, Override: yes,
			},
			ReferrerPolicy: &awscloudfront.ResponseHeadersReferrerPolicy{
				ReferrerPolicy: awscloudfront.HeadersReferrerPolicy_NO_REFERRER, Override: yes,
			},
			StrictTransportSecurity: &awscloudfront.ResponseHeadersStrictTransportSecurity{
				AccessControlMaxAge: awscdk.Duration_Days(jsii.Number(365)), Override: yes,
				// A domain of one's own can have others below it, which do not all
				// speak HTTPS.
				IncludeSubdomains: jsii.Bool(s.settings.DomainName == ""),
			},
		},
		CustomHeadersBehavior: &awscloudfront.ResponseCustomHeadersBehavior{
			CustomHeaders: &[]*awscloudfront.ResponseCustomHeader{
				custom("Permissions-Policy", permissionsPolicy()),
				custom("Cross-Origin-Opener-Policy", "same-origin"),
				custom("Cross-Origin-Resource-Policy", "same-origin"),
			},
		},
	})
}

// deploySite copies the website into the bucket, in two deployments because
// they differ in how long a browser may keep the files, and in this order so
// that the page never names a file that is not there yet.
func (s *Stack) deploySite(bucket awss3.Bucket) {
	config, err := json.Marshal(siteConfig{
		APIURL: "/api", Stage: s.settings.Stage, DemoFaults: s.settings.DemoFaults,
	})
	if err != nil {
		panic(fmt.Sprintf("encode site config: %v", err)) // strings and booleans always encode
	}
	s.output("SiteConfig", "The website's /config.json", jsii.String(string(config)))

	site := awss3deployment.Source_Asset(jsii.String(s.artefacts.Site), nil)
	logs := s.logGroup("SiteDeploymentLogs")
	role := s.deploymentRole(logs)

	// A file with a hash in its name never changes. Those of earlier
	// deployments stay: a page that is open still asks for them.
	hashed := awss3deployment.NewBucketDeployment(s.stack, jsii.String("SiteAssets"), &awss3deployment.BucketDeploymentProps{
		DestinationBucket: bucket,
		Sources:           &[]awss3deployment.ISource{site},
		Exclude:           jsii.Strings("*"),
		Include:           jsii.Strings(assets),
		Prune:             jsii.Bool(false),
		CacheControl: &[]awss3deployment.CacheControl{
			awss3deployment.CacheControl_FromString(jsii.String("public, max-age=31536000, immutable")),
		},
		Role:     role,
		LogGroup: logs,
	})

	// Everything else keeps its name when it changes: the page, its
	// configuration, the service worker. CloudFront keeps such a file for a second,
	// the least that its cache policy allows. Pruning spares what is excluded.
	entry := awss3deployment.NewBucketDeployment(s.stack, jsii.String("SiteEntry"), &awss3deployment.BucketDeploymentProps{
		DestinationBucket: bucket,
		Sources: &[]awss3deployment.ISource{
			site,
			awss3deployment.Source_Data(jsii.String("config.json"), jsii.String(string(config)), nil),
		},
		Exclude: jsii.Strings(assets),
		Prune:   jsii.Bool(true),
		CacheControl: &[]awss3deployment.CacheControl{
			awss3deployment.CacheControl_NoCache(),
		},
		Role:     role,
		LogGroup: logs,
	})
	entry.Node().AddDependency(hashed)
}

// deploymentRole is the role of the function that copies the website. CDK adds
// to it what it needs of the two buckets; left alone it would also add the
// right to write to every log group.
func (s *Stack) deploymentRole(logs awslogs.LogGroup) awsiam.Role {
	role := awsiam.NewRole(s.stack, jsii.String("SiteDeploymentRole"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What the deployment of the website may do"),
	})
	logs.GrantWrite(role)
	return role
}
