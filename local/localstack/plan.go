package localstack

import (
	"errors"
	"fmt"
	"io"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

// plan is what a template says, read and checked, before anything is made.
type plan struct {
	resolver *template.Resolver
	lookup   *lookup
	count    int // of resources

	tables       []table
	functions    []function
	queues       []queue
	eventSources []eventSourceProperties
	apis         map[string]apiProperties         // by API id
	stages       map[string]stageProperties       // by API id
	integrations map[string]integrationProperties // by integration id
	routes       []routeProperties
	buckets      map[string]*bucket // by name
	deployments  []bucketDeployment
	edge         map[string]edgeFunction                // by ARN
	headers      map[string]responseHeadersPolicyConfig // by policy id
	distribution *distributionConfig
	domain       string // the distribution's
}

// readPlan reads a template. Its error tells everything that is wrong, not
// just the first thing.
func readPlan(r io.Reader) (*plan, error) {
	t, err := template.Parse(r)
	if err != nil {
		return nil, err
	}
	names := &lookup{kinds: kinds()}
	resolver, err := template.NewResolver(t, template.Environment{
		Region: region, AccountID: accountID, Partition: partition, URLSuffix: urlSuffix, StackName: stackName,
		Lookup: names,
	})
	if err != nil {
		return nil, err
	}
	names.resolver = resolver
	p := &plan{
		resolver:     resolver,
		lookup:       names,
		apis:         map[string]apiProperties{},
		stages:       map[string]stageProperties{},
		integrations: map[string]integrationProperties{},
		buckets:      map[string]*bucket{},
		edge:         map[string]edgeFunction{},
		headers:      map[string]responseHeadersPolicyConfig{},
	}
	resources, err := resolver.Resources()
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, res := range resources {
		k, ok := names.kinds[res.Type]
		switch {
		case !ok:
			problems = append(problems, unknownType(res))
		case k.plan != nil:
			if err := k.plan(p, res); err != nil {
				problems = append(problems, err)
			}
		}
	}
	p.count = len(resources)
	return p, errors.Join(problems...)
}

// ref is what Ref gives for a resource.
func (p *plan) ref(res *template.Resource) (string, error) { return p.lookup.Ref(res) }

// refused is an error about a resource that was understood and cannot be run.
func refused(res *template.Resource, format string, args ...any) error {
	return fmt.Errorf("resource %s (%s): %w", res.ID, res.Type, fmt.Errorf(format, args...))
}
