package contract_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// metricLog collects what the functions of all stacks write as metrics while the
// tests run. It is the writer of their logs.
type metricLog struct {
	mu   sync.Mutex
	line []byte

	namespaces map[string]bool
	dimensions map[string]bool // the names, joined with commas
	metrics    map[string]bool
	operations map[string]bool
	outcomes   map[string]bool
	functions  map[string]bool // that were made to crash
}

var written = metricLog{
	namespaces: map[string]bool{}, dimensions: map[string]bool{}, metrics: map[string]bool{},
	operations: map[string]bool{}, outcomes: map[string]bool{}, functions: map[string]bool{},
}

// Write implements [io.Writer].
func (l *metricLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = append(l.line, p...)
	for {
		line, rest, whole := bytes.Cut(l.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.read(line)
		l.line = rest
	}
}

// read notes what a line in the embedded metric format has.
func (l *metricLog) read(line []byte) {
	_, text, _ := bytes.Cut(line, []byte(" | ")) // the function's name comes before it
	var entry struct {
		Operation, Outcome, Function string
		AWS                          struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	if json.Unmarshal(text, &entry) != nil {
		return
	}
	for _, m := range entry.AWS.CloudWatchMetrics {
		l.namespaces[m.Namespace] = true
		l.operations[entry.Operation] = true
		l.outcomes[entry.Outcome] = true
		l.functions[entry.Function] = true
		for _, names := range m.Dimensions {
			l.dimensions[strings.Join(names, ",")] = true
		}
		for _, metric := range m.Metrics {
			l.metrics[metric.Name] = true
		}
	}
}

// search is a search expression of the dashboard.
var search = regexp.MustCompile(`SEARCH\('\{(\w+),([\w,]+)\} MetricName=\\*"(\w+)\\*" operation=\\*"([\w.]+)\\*"`)

// alarmMetric is a metric that an alarm looks at.
type alarmMetric struct {
	Namespace, MetricName string
	Dimensions            []struct {
		Name  string
		Value json.RawMessage
	}
}

// alarmMetrics returns the metrics of an alarm: its own, and those of its
// expression.
func alarmMetrics(properties json.RawMessage) ([]alarmMetric, error) {
	var alarm struct {
		alarmMetric
		Metrics []struct{ MetricStat struct{ Metric alarmMetric } }
	}
	if err := json.Unmarshal(properties, &alarm); err != nil {
		return nil, err
	}
	metrics := []alarmMetric{alarm.alarmMetric}
	for _, m := range alarm.Metrics {
		metrics = append(metrics, m.MetricStat.Metric)
	}
	return metrics, nil
}

// compareMetrics compares the metrics that alarms and dashboard of the template
// look at with those that were written over all tests. An alarm on a metric that
// nobody writes is silent for ever.
func (l *metricLog) compareMetrics() error {
	text, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	var document struct{ Resources map[string]resource }
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var problems []error
	know := func(where, what, name string, seen map[string]bool) {
		if !seen[name] {
			problems = append(problems, fmt.Errorf("%s looks at the %s %q; the functions write %q", where, what, name, slices.Sorted(maps.Keys(seen))))
		}
	}
	looked := 0
	for id, r := range document.Resources {
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			metrics, err := alarmMetrics(r.Properties)
			if err != nil {
				return err
			}
			for _, metric := range metrics {
				if metric.Namespace == "" || strings.HasPrefix(metric.Namespace, "AWS/") {
					continue // an expression of others, or AWS's own
				}
				looked++
				know(id, "namespace", metric.Namespace, l.namespaces)
				know(id, "metric", metric.MetricName, l.metrics)
				var names []string
				for _, d := range metric.Dimensions {
					names = append(names, d.Name)
					value := strings.Trim(string(d.Value), `"`)
					switch d.Name {
					case "operation":
						know(id, "operation", value, l.operations)
					case "outcome":
						know(id, "outcome", value, l.outcomes)
					case "function":
						know(id, "function", value, l.functions)
					}
				}
				know(id, "dimensions", strings.Join(names, ","), l.dimensions)
			}
		case "AWS::CloudWatch::Dashboard":
			for _, found := range search.FindAllStringSubmatch(string(r.Properties), -1) {
				looked++
				know(id, "namespace", found[1], l.namespaces)
				know(id, "dimensions", found[2], l.dimensions)
				know(id, "metric", found[3], l.metrics)
				know(id, "operation", found[4], l.operations)
			}
		}
	}
	if looked == 0 {
		return errors.New("no alarm of the template looks at a metric of the functions")
	}
	return errors.Join(problems...)
}
