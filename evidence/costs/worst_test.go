package costs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/document"
)

// More prices, of what a demo pays beside its requests.
const (
	customMetric   = 0.30 // a month
	alarmedMetric  = 0.10 // a month, each metric of an alarm
	dashboardPrice = 3.00 // a month
	queueRequest   = 0.40 / million
	keyRequest     = 0.03 / 10_000 // to KMS
)

// What is assumed of strangers who do what costs most, all month. Each is named
// in the document.
const (
	// gatewayUnits is what API Gateway bills for a request of 10 MB, the largest
	// that it takes: one for each 512 KB. Lambda refuses it, for it takes 6 MB.
	gatewayUnits = 20
	// duplicateSeconds is what a duplicate takes that waits for the first request,
	// readSeconds what a read of many entries takes.
	duplicateSeconds, faultSeconds, readSeconds = 2.5, 4.5, 0.5
	// writeUnits are those of the dearest write. listUnits are the read units of
	// the list of executions, if a session is full of entries as large as they can
	// be, readUnits those of any other read.
	writeUnits, listUnits, readUnits = 12, 300, 15
	strangersLogBytes                = 4096
	strangersItems                   = 8 // of a kilobyte, each kept for storedDays and one more
	metricsPerOutcome                = 5
	pollsASecond                     = 5.0 / 20 // five pollers, which wait for twenty seconds each
	keySeconds                       = 300      // DynamoDB asks KMS again after five minutes
)

// deployment is what the template of the demo says that bounds its costs.
type deployment struct {
	writes, reads      float64 // requests a second that are admitted, with and without an effect
	lists              float64 // of reads, those of the list of executions
	concurrency        float64 // executions at once
	memoryGB           float64
	tableWrites        float64 // units a second, of all tables
	tableReads         float64
	tables, functions  float64
	operations         float64
	alarmed            float64 // metrics that alarms look at
	dashboards, queues float64
}

// readTemplate reads what bounds the demo's costs. It fails if something is not
// bounded.
func readTemplate(t *testing.T) (d deployment) {
	t.Helper()
	text, err := os.ReadFile("../../infra/testdata/golden/default.template.json")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	routes, throttled := 0, 0
	for id, r := range template.Resources {
		var p struct {
			AccessLogSettings            json.RawMessage
			RouteSettings                map[string]struct{ ThrottlingRateLimit float64 }
			Handler                      string
			MemorySize                   float64
			ReservedConcurrentExecutions float64
			OnDemandThroughput           struct{ MaxReadRequestUnits, MaxWriteRequestUnits float64 }
			Metrics                      []struct{ MetricStat json.RawMessage }
			DashboardBody                json.RawMessage
		}
		if err := json.Unmarshal(r.Properties, &p); err != nil {
			continue // of a shape that is not looked at
		}
		switch r.Type {
		case "AWS::ApiGatewayV2::Route":
			routes++
		case "AWS::ApiGatewayV2::Stage":
			if p.AccessLogSettings != nil {
				t.Error("the access log has a line for each request, admitted or not: nothing bounds it")
			}
			for key, limit := range p.RouteSettings {
				throttled++
				if strings.HasPrefix(key, "POST ") {
					d.writes += limit.ThrottlingRateLimit
				} else {
					d.reads += limit.ThrottlingRateLimit
				}
				if strings.HasSuffix(key, "/executions") {
					d.lists += limit.ThrottlingRateLimit
				}
			}
		case "AWS::Lambda::Function":
			if _, err := os.Stat("../../functions/cmd/" + p.Handler); err != nil {
				continue // CDK's own, which run while the stack is deployed
			}
			if p.ReservedConcurrentExecutions == 0 {
				t.Errorf("nothing bounds the executions of %s", id)
			}
			d.functions++
			d.concurrency += p.ReservedConcurrentExecutions
			d.memoryGB = max(d.memoryGB, p.MemorySize/1024)
		case "AWS::DynamoDB::Table":
			if p.OnDemandThroughput.MaxWriteRequestUnits == 0 || p.OnDemandThroughput.MaxReadRequestUnits == 0 {
				t.Errorf("nothing bounds the requests to %s", id)
			}
			d.tables++
			d.tableWrites += p.OnDemandThroughput.MaxWriteRequestUnits
			d.tableReads += p.OnDemandThroughput.MaxReadRequestUnits
		case "AWS::CloudWatch::Alarm":
			metrics := 0.0
			for _, m := range p.Metrics {
				if m.MetricStat != nil {
					metrics++
				}
			}
			d.alarmed += max(1, metrics)
		case "AWS::CloudWatch::Dashboard":
			d.dashboards++
			for _, found := range regexp.MustCompile(`operation=\\*"([\w.]+)`).FindAllStringSubmatch(string(r.Properties), -1) {
				operations[found[1]] = true
			}
		case "AWS::Lambda::EventSourceMapping":
			d.queues++
		}
	}
	if throttled != routes || routes == 0 {
		t.Errorf("of %d routes %d have a throttle", routes, throttled)
	}
	d.operations = float64(len(operations))
	return d
}

// declared returns a number that the code declares.
func declared(t *testing.T, file, pattern string) float64 {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindStringSubmatch(string(text))
	if found == nil {
		t.Fatalf("%s declares nothing like %s", file, pattern)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// outcomes is how many outcomes the metrics of an operation can have.
func outcomes(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "The words are those of logs and metrics.")
	list, _, _ = strings.Cut(list, "replayed:\n")
	n := strings.Count(list, "            - ")
	if n < 10 {
		t.Fatalf("the document lists %d outcomes", n)
	}
	return float64(n)
}

// affordable is the most that a public demo may cost in a month, of what is
// bounded.
const affordable = 300

// TestWorstMonth adds up what strangers can have the owner of a public demo pay
// who do all month what costs most, by the template that is deployed.
func TestWorstMonth(t *testing.T) {
	d := readTemplate(t)
	const faults = "../../functions/internal/fault/fault.go"
	delay := declared(t, faults, `MaxDelay = (\d+) \* time\.Second`)
	slow := min(d.writes, declared(t, faults, `ForAll\s+= (\d+)`)/60)
	if delay >= faultSeconds {
		t.Errorf("a fault takes up to %v s, which is more than is assumed", delay)
	}

	requests := (d.writes + d.reads) * month
	busy := min(d.concurrency, slow*faultSeconds+(d.writes-slow)*duplicateSeconds+d.reads*readSeconds)
	written := min(d.tableWrites, d.writes*writeUnits)
	read := min(d.tableReads, d.lists*listUnits+(d.reads-d.lists)*readUnits)
	lines := []struct {
		what string
		cost float64
	}{
		{fmt.Sprintf("HTTP API: %.2f requests a second, %d units each", d.writes+d.reads, gatewayUnits), gateway.of(requests * gatewayUnits)},
		{fmt.Sprintf("Lambda: %.1f executions at once, all month", busy), requests*invocation + compute.of(busy*d.memoryGB*month)},
		{
			fmt.Sprintf("DynamoDB: %.0f write units and %.0f read units a second", written, read),
			written*month*writeRequest + read*month*readRequest,
		},
		{"DynamoDB: storage", d.writes * strangersItems * (storedDays + 1) * 24 * 3600 * 1000 / gb * storedGB},
		{fmt.Sprintf("CloudWatch Logs: %s bytes a request", thousands(strangersLogBytes)), logged.of(requests * strangersLogBytes)},
		{"CloudWatch: every metric of every outcome", d.operations * outcomes(t) * metricsPerOutcome * customMetric},
		{fmt.Sprintf("CloudWatch: %.0f metrics in alarms, %.0f dashboard", d.alarmed, d.dashboards), d.alarmed*alarmedMetric + d.dashboards*dashboardPrice},
		{"SQS: polling an empty queue", d.queues * pollsASecond * month * queueRequest},
		{"KMS: the key of the tables", d.tables * d.functions * month / keySeconds * keyRequest},
	}
	rows, total := [][]string{{"the worst month of a public demo", "US dollars"}}, 0.0
	for _, line := range lines {
		total += line.cost
		rows = append(rows, []string{line.what, dollars(line.cost)})
	}
	rows = append(rows, []string{"all that is bounded", dollars(total)})
	if total > affordable {
		t.Errorf("the worst month costs %.2f, want at most %d:\n%s", total, affordable, table(rows...))
	}
	idle := d.alarmed*alarmedMetric + d.dashboards*dashboardPrice + d.queues*pollsASecond*month*queueRequest
	document.Publish(t, "costs.md", "the worst month", table(rows...), command)
	document.Publish(t, "costs.md", "an idle month", table(
		[]string{"an idle month", "US dollars"},
		[]string{fmt.Sprintf("%.0f metrics in alarms, %.0f dashboard, the polling of a queue", d.alarmed, d.dashboards), dollars(idle)},
	), command)
}
