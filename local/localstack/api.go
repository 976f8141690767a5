package localstack

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/localstack/gateway"
	"github.com/idempotent-requests/idempotent-requests/local/localstack/template"
)

type apiProperties struct {
	ProtocolType      string
	CorsConfiguration *struct {
		AllowCredentials template.Bool
		AllowHeaders     []string
		AllowMethods     []string
		AllowOrigins     []string
		ExposeHeaders    []string
		MaxAge           template.Int // seconds
	}

	Description template.Ignored
	Name        template.Ignored
	Tags        template.Ignored
}

type stageProperties struct {
	ApiID                string `json:"ApiId"`
	StageName            string
	StageVariables       map[string]string
	DefaultRouteSettings routeSettings
	RouteSettings        map[string]routeSettings // by route key

	AccessLogSettings template.Ignored // functions log what they did
	AutoDeploy        template.Ignored // there is one deployment
	Description       template.Ignored
	Tags              template.Ignored
}

type routeSettings struct {
	ThrottlingBurstLimit template.Int
	ThrottlingRateLimit  template.Float

	DetailedMetricsEnabled template.Ignored
}

func (s routeSettings) throttle() gateway.Throttle {
	return gateway.Throttle{Rate: float64(s.ThrottlingRateLimit), Burst: int(s.ThrottlingBurstLimit)}
}

type integrationProperties struct {
	ApiID                string `json:"ApiId"`
	IntegrationType      string
	IntegrationURI       string `json:"IntegrationUri"`
	PayloadFormatVersion string
	TimeoutInMillis      template.Int

	Description       template.Ignored
	IntegrationMethod template.Ignored // Lambda is always invoked by POST
}

type routeProperties struct {
	id                string
	ApiID             string `json:"ApiId"`
	RouteKey          string
	Target            string
	AuthorizationType string

	OperationName template.Ignored
}

func (p *plan) addAPI(res *template.Resource) error {
	var props apiProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if props.ProtocolType != "HTTP" {
		return refused(res, "the protocol %q is not understood: an HTTP API is expected", props.ProtocolType)
	}
	if len(p.apis) > 0 {
		return refused(res, "one API is served, and there is another")
	}
	id, err := p.ref(res)
	if err != nil {
		return err
	}
	p.apis[id] = props
	return nil
}

func (p *plan) addStage(res *template.Resource) error {
	var props stageProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if props.StageName != "$default" {
		return refused(res, "the stage %q is not served: only $default is, which adds nothing to paths", props.StageName)
	}
	p.stages[props.ApiID] = props
	return nil
}

func (p *plan) addIntegration(res *template.Resource) error {
	var props integrationProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if props.IntegrationType != "AWS_PROXY" || props.PayloadFormatVersion != "2.0" {
		return refused(res, "the integration type %q with payload format %q is not understood: AWS_PROXY with 2.0 is expected",
			props.IntegrationType, props.PayloadFormatVersion)
	}
	id, err := p.ref(res)
	if err != nil {
		return err
	}
	p.integrations[id] = props
	return nil
}

func (p *plan) addRoute(res *template.Resource) error {
	var props routeProperties
	if err := p.resolver.Decode(res, &props); err != nil {
		return err
	}
	if props.AuthorizationType != "" && props.AuthorizationType != "NONE" {
		return refused(res, "the authorization type %q is not understood: routes are open", props.AuthorizationType)
	}
	props.id = res.ID
	p.routes = append(p.routes, props)
	return nil
}

// gateway makes the template's API.
func (p *plan) gateway(invoke gateway.Invoker, unthrottled bool, log *slog.Logger) (string, *gateway.API, error) {
	for id, api := range p.apis {
		stage, ok := p.stages[id]
		if !ok {
			return "", nil, errors.New("the API has no stage: it is not served anywhere")
		}
		cfg := gateway.Config{
			ID:             id,
			Domain:         apiDomain(id),
			AccountID:      accountID,
			Throttle:       stage.DefaultRouteSettings.throttle(),
			StageVariables: stage.StageVariables,
			Invoker:        invoke,
			Log:            log,
		}
		if c := api.CorsConfiguration; c != nil {
			cfg.CORS = &gateway.CORS{
				AllowCredentials: bool(c.AllowCredentials),
				AllowHeaders:     c.AllowHeaders,
				AllowMethods:     c.AllowMethods,
				AllowOrigins:     c.AllowOrigins,
				ExposeHeaders:    c.ExposeHeaders,
				MaxAge:           time.Duration(c.MaxAge) * time.Second,
			}
		}
		if unthrottled {
			cfg.Throttle, stage.RouteSettings = gateway.Throttle{}, nil
		}
		for _, r := range p.routes {
			route, err := p.route(r, stage)
			if err != nil {
				return "", nil, fmt.Errorf("resource %s (AWS::ApiGatewayV2::Route): %w", r.id, err)
			}
			cfg.Routes = append(cfg.Routes, route)
		}
		made, err := gateway.New(cfg)
		return apiDomain(id), made, err
	}
	return "", nil, errors.New("the template has no API")
}

func (p *plan) route(r routeProperties, stage stageProperties) (gateway.Route, error) {
	id, ok := strings.CutPrefix(r.Target, "integrations/")
	integration, known := p.integrations[id]
	if !ok || !known {
		return gateway.Route{}, fmt.Errorf("the target %q is not an integration of the template", r.Target)
	}
	i := slices.IndexFunc(p.functions, func(f function) bool {
		// The ARN itself, or what API Gateway makes of it.
		return integration.IntegrationURI == f.arn || strings.HasSuffix(integration.IntegrationURI, "/functions/"+f.arn+"/invocations")
	})
	if i < 0 {
		return gateway.Route{}, fmt.Errorf("the integration %q is not a function of the template", integration.IntegrationURI)
	}
	return gateway.Route{
		Key:      r.RouteKey,
		Function: p.functions[i].name,
		Timeout:  time.Duration(integration.TimeoutInMillis) * time.Millisecond,
		Throttle: stage.RouteSettings[r.RouteKey].throttle(),
	}, nil
}
