package localstack

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/site"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// siteConfigOutput is the output that holds the website's /config.json.
const siteConfigOutput = "SiteConfig"

// bucket is a bucket as the template has it.
type bucket struct {
	id, name           string
	readable, listable bool // for CloudFront
}

type bucketProperties struct {
	BucketName string

	// About keeping objects safe.
	BucketEncryption               template.Ignored
	LifecycleConfiguration         template.Ignored
	OwnershipControls              template.Ignored
	PublicAccessBlockConfiguration template.Ignored
	Tags                           template.Ignored
	VersioningConfiguration        template.Ignored
}

func (p *plan) addBucket(res *template.Resource) error {
	var props bucketProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	name, err := p.ref(res)
	if err != nil {
		return err
	}
	p.bucket(name).id = res.ID
	return nil
}

// bucket gives the bucket of that name, which its policy may come before.
func (p *plan) bucket(name string) *bucket {
	if p.buckets[name] == nil {
		p.buckets[name] = &bucket{name: name}
	}
	return p.buckets[name]
}

// bucketDeployment is an upload to a bucket as the template has it.
type bucketDeployment struct {
	id        string
	dependsOn []string
	props     bucketDeploymentProperties
}

type bucketDeploymentProperties struct {
	DestinationBucketName string
	Exclude, Include      []string
	SystemMetadata        map[string]string

	// Where the content comes from in the cloud, and what becomes of what was
	// there before.
	DistributionID                  template.Ignored `json:"DistributionId"`
	DistributionPaths               template.Ignored
	OutputObjectKeys                template.Ignored
	Prune                           template.Ignored
	RetainOnDelete                  template.Ignored
	ServiceToken                    template.Ignored
	SourceBucketNames               template.Ignored
	SourceMarkers                   template.Ignored
	SourceMarkersConfig             template.Ignored
	SourceObjectKeys                template.Ignored
	WaitForDistributionInvalidation template.Ignored
}

func (p *plan) addBucketDeployment(res *template.Resource) error {
	var props bucketDeploymentProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	p.deployments = append(p.deployments, bucketDeployment{res.ID, res.DependsOn, props})
	return nil
}

// deploymentsTo gives the uploads to a bucket in the order in which they are
// made: one that depends on another comes after it.
func (p *plan) deploymentsTo(bucketName string) ([]site.Deployment, error) {
	var left []bucketDeployment
	for _, d := range p.deployments {
		if d.props.DestinationBucketName == bucketName {
			left = append(left, d)
		}
	}
	var ordered []site.Deployment
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(d bucketDeployment) bool {
			return !slices.ContainsFunc(left, func(other bucketDeployment) bool { return slices.Contains(d.dependsOn, other.id) })
		})
		if next < 0 {
			return nil, fmt.Errorf("resource %s (Custom::CDKBucketDeployment): it depends on itself", left[0].id)
		}
		props := left[next].props
		ordered = append(ordered, site.Deployment{Exclude: props.Exclude, Include: props.Include, Metadata: props.SystemMetadata})
		left = slices.Delete(left, next, next+1)
	}
	return ordered, nil
}

// bucketOrigin makes a bucket and what is deployed to it.
func (p *plan) bucketOrigin(b *bucket, dir string) (http.Handler, error) {
	if !b.readable {
		return nil, fmt.Errorf("resource %s (AWS::S3::Bucket): no bucket policy lets CloudFront read it (s3:GetObject)", b.id)
	}
	deployments, err := p.deploymentsTo(b.name)
	if err != nil {
		return nil, err
	}
	cfg := site.BucketConfig{Deployments: deployments, Listable: b.listable, Objects: map[string][]byte{}}
	config, ok, err := p.resolver.Output(siteConfigOutput)
	if err != nil {
		return nil, err
	}
	if ok {
		cfg.Objects["config.json"] = []byte(config)
	}
	if dir != "" {
		cfg.Files = os.DirFS(dir)
	}
	return site.NewBucket(cfg)
}

// website makes the template's distribution, in front of the API and of the
// bucket that holds the site in dir.
func (p *plan) website(apiDomain string, api http.Handler, dir string, log *slog.Logger) (http.Handler, error) {
	d := p.distribution
	cfg := site.Config{Domain: p.domain, RootObject: d.DefaultRootObject, Origins: map[string]site.Origin{}, Log: log}
	ofAPI := map[string]bool{}
	for _, o := range d.Origins {
		origin := site.Origin{Host: o.DomainName, Path: o.OriginPath}
		if o.DomainName == apiDomain {
			origin.Handler = api
			ofAPI[o.ID] = true
		}
		for _, b := range p.buckets {
			if o.DomainName != bucketDomain(b.name) {
				continue
			}
			var err error
			if origin.Handler, err = p.bucketOrigin(b, dir); err != nil {
				return nil, err
			}
		}
		if origin.Handler == nil {
			return nil, fmt.Errorf("the origin %s (%s) is neither a bucket nor the API of the template", o.ID, o.DomainName)
		}
		cfg.Origins[o.ID] = origin
	}
	for _, e := range d.CustomErrorResponses {
		response := site.ErrorResponse{Code: int(e.ErrorCode), Page: e.ResponsePagePath, ResponseCode: int(e.ResponseCode)}
		if e.ErrorCachingMinTTL != nil {
			ttl := time.Duration(*e.ErrorCachingMinTTL) * time.Second
			response.CachingMinTTL = &ttl
		}
		cfg.ErrorResponses = append(cfg.ErrorResponses, response)
	}
	var err error
	if cfg.Default, err = p.behavior(d.DefaultCacheBehavior, ofAPI); err != nil {
		return nil, err
	}
	for _, c := range d.CacheBehaviors {
		b, err := p.behavior(c, ofAPI)
		if err != nil {
			return nil, err
		}
		cfg.Behaviors = append(cfg.Behaviors, b)
	}
	return site.New(cfg)
}

func (p *plan) behavior(c cacheBehavior, ofAPI map[string]bool) (site.Behavior, error) {
	b := site.Behavior{
		PathPattern:    c.PathPattern,
		Origin:         c.TargetOriginID,
		AllowedMethods: c.AllowedMethods,
	}
	where := "the behaviour " + cmp.Or(c.PathPattern, "by default")
	if err := c.checkPolicies(ofAPI[c.TargetOriginID]); err != nil {
		return b, fmt.Errorf("%s: %w", where, err)
	}
	// What is not cached is not compressed either.
	b.Compress = bool(c.Compress) && c.CachePolicyID != cachingDisabled
	for _, f := range c.FunctionAssociations {
		edge, ok := p.edge[f.FunctionARN]
		if !ok || f.EventType != "viewer-request" {
			return b, fmt.Errorf("%s: the function %s at %s is not understood: viewer-request functions of the template are run",
				where, f.FunctionARN, f.EventType)
		}
		var err error
		if b.ViewerRequest, err = site.NewFunction(edge.id, edge.code); err != nil {
			return b, err
		}
	}
	if id := c.ResponseHeadersPolicyID; id != "" {
		policy, ok := p.headers[id]
		if !ok {
			return b, fmt.Errorf("%s: the response headers policy %s is not one of the template", where, id)
		}
		b.Headers = policy.headers()
	}
	return b, nil
}
