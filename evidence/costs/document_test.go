package costs_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/idempotent-requests/idempotent-requests/evidence/document"
)

const command = "make guarantees"

func TestCosts(t *testing.T) {
	taken := map[string]measured{}
	for _, p := range paths {
		taken[p.name] = p.measure(t)
	}
	publish := func(name, text string) {
		document.Publish(t, "costs.md", name, text, command)
	}
	publish("prices", prices())
	publish("what every request costs", everyRequest())
	publish("a million requests by path", byPath(taken))
	publish("one hot key", hotKey(taken))
	publish("estimates", estimates(taken))
}

// table writes rows as Markdown, the first of them the heading, all columns but
// the first to the right.
func table(rows ...[]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "| --- |%s\n", strings.Repeat(" ---: |", len(row)-1))
		}
	}
	return b.String()
}

// prices is the list that everything is worked out of.
func prices() string {
	tiers := func(t tariff, unit float64) string {
		var all []string
		for _, tier := range t {
			all = append(all, strconv.FormatFloat(math.Round(tier.price*unit*1e10)/1e10, 'f', -1, 64))
		}
		return strings.Join(all, ", then ")
	}
	one := func(price, unit float64) string { return tiers(tariff{{0, price}}, unit) }
	return table(
		[]string{"price", "US dollars"},
		[]string{"DynamoDB on demand, a million write units", one(writeRequest, million)},
		[]string{"DynamoDB on demand, a million read units", one(readRequest, million)},
		[]string{"DynamoDB provisioned, a write unit a second for a month", one(writeCapacity, 1)},
		[]string{"DynamoDB, a GB stored for a month, and with point-in-time recovery", one(storedGB, 1) + " + " + one(recoverableGB, 1)},
		[]string{"Lambda, a million invocations", one(invocation, million)},
		[]string{"Lambda on arm64, a GB-second", tiers(compute, 1)},
		[]string{"HTTP API, a million requests", tiers(gateway, million)},
		[]string{"CloudFront, a million HTTPS requests", one(edgeRequest, million)},
		[]string{"CloudFront, a GB to clients", tiers(edgeSent, gb)},
		[]string{"CloudFront, a GB to the API", one(edgeToOrigin, gb)},
		[]string{"CloudWatch Logs of Lambda, a GB", tiers(logged, gb)},
	)
}

// everyRequest is what a million requests cost whatever they ask for.
func everyRequest() string {
	b := measured{}.bill(million)
	return table(
		[]string{"a million requests", "US dollars"},
		[]string{"HTTP API", dollars(b.gateway)},
		[]string{fmt.Sprintf("CloudFront: the request, %s bytes to the API, %s bytes to the client", thousands(requestBytes), thousands(responseBytes)), dollars(b.cloudfront)},
		[]string{fmt.Sprintf("CloudWatch Logs: %s bytes in six lines", thousands(logBytes)), dollars(b.logs)},
		[]string{fmt.Sprintf("Lambda: the invocation, and %v ms of the function's own work", ownMs), dollars(b.lambda)},
		[]string{"together", dollars(b.total())},
	)
}

// byPath is what the protocol adds to that.
func byPath(taken map[string]measured) string {
	rows := [][]string{{"path", "round trips", "write units", "read units", "DynamoDB", "Lambda waits", "together", "with the request itself"}}
	request := measured{}.bill(million)
	for _, p := range paths {
		m := taken[p.name]
		b := m.bill(million)
		waits := b.lambda - request.lambda
		rows = append(rows, []string{
			p.name, number(m.roundTrips), number(m.writes), number(m.reads),
			dollars(b.dynamodb), dollars(waits), dollars(b.dynamodb + waits), dollars(b.total()),
		})
	}
	return table(rows...)
}

// hotKey is how many duplicates of one request a second DynamoDB takes.
func hotKey(taken map[string]measured) string {
	rows := [][]string{{"duplicates of one request", "write units", "read units", "a second"}}
	for _, p := range paths {
		if !p.again {
			continue
		}
		m := taken[p.name]
		limit := "no limit of DynamoDB's"
		if n := m.perSecond(); !math.IsInf(n, 1) {
			limit = thousands(n)
		}
		rows = append(rows, []string{p.name, number(m.writes), number(m.reads), limit})
	}
	return table(rows...)
}

// estimates is what a service pays in a month that is called at a steady rate.
func estimates(taken map[string]measured) string {
	rates := []float64{10, 1000, 100_000}
	mean := mixture(taken[firstLeased], taken[replay], duplicates)
	rows := [][]string{{"requests a second"}, {"requests a month"}}
	lines := []struct {
		name string
		of   func(rate float64, b bill) float64
	}{
		{"HTTP API", func(_ float64, b bill) float64 { return b.gateway }},
		{"CloudFront", func(_ float64, b bill) float64 { return b.cloudfront }},
		{"CloudWatch Logs", func(_ float64, b bill) float64 { return b.logs }},
		{"Lambda", func(_ float64, b bill) float64 { return b.lambda }},
		{"DynamoDB: records, on demand", func(_ float64, b bill) float64 { return b.dynamodb }},
		{"DynamoDB: storage and recovery of records", func(_ float64, b bill) float64 { return b.storage }},
		{"together", func(_ float64, b bill) float64 { return b.total() }},
		{"records with provisioned capacity, 70 % used", func(rate float64, _ bill) float64 {
			return rate * mean.writes / 0.7 * writeCapacity
		}},
	}
	for _, line := range lines {
		rows = append(rows, []string{line.name})
	}
	rows = append(rows, []string{"write units a second"}, []string{"executions at once"})
	for _, rate := range rates {
		b := mean.bill(rate * month)
		b.storage = rate * (1 - duplicates) * storedDays * 24 * 3600 * 1000 / gb * (storedGB + recoverableGB)
		column := []string{thousands(rate), thousands(rate*month/million) + " million"}
		for _, line := range lines {
			column = append(column, thousands(line.of(rate, b)))
		}
		column = append(column, thousands(rate*mean.writes), thousands(rate*mean.milliseconds()/1000))
		for i := range rows {
			rows[i] = append(rows[i], column[i])
		}
	}
	return table(rows...)
}

func dollars(amount float64) string { return fmt.Sprintf("%.2f", math.Round(amount*100)/100) }

func number(n float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") }

// thousands writes a number to three digits, with commas.
func thousands(n float64) string {
	if n < 10 {
		return fmt.Sprintf("%.1f", n)
	}
	unit := math.Pow(10, math.Max(0, math.Floor(math.Log10(n))-2))
	digits := fmt.Sprintf("%.0f", math.Round(n/unit)*unit)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
