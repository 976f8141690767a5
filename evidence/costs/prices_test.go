package costs_test

import "math"

// List prices in US dollars of the region us-east-1, without free tiers and
// discounts. Whoever changes one changes the date in docs/costs.md.
const (
	million = 1e6
	gb      = 1e9 // AWS bills some of these by 2^30; the difference is within what is assumed
	month   = 30 * 24 * 3600

	// DynamoDB, standard table class.
	writeRequest    = 0.625 / million // a unit, on demand
	readRequest     = 0.125 / million
	writeCapacity   = 0.00065 * 720 // a provisioned unit, a month
	storedGB        = 0.25          // a month
	recoverableGB   = 0.20          // a month of point-in-time recovery
	partitionWrites = 1000          // units a second
	partitionReads  = 3000

	// Lambda, arm64.
	invocation = 0.20 / million

	// CloudFront, United States and Europe.
	edgeRequest  = 1.00 / million // HTTPS
	edgeToOrigin = 0.02 / gb
)

// What is paid less for in quantity, a month.
var (
	gateway  = tariff{{300 * million, 1.00 / million}, {math.Inf(1), 0.90 / million}} // HTTP API, requests up to 512 KB
	compute  = tariff{{7.5e9, 0.0000133334}, {11.25e9, 0.0000120001}, {math.Inf(1), 0.0000106667}}
	logged   = tariff{{10e3 * gb, 0.50 / gb}, {20e3 * gb, 0.25 / gb}, {20e3 * gb, 0.10 / gb}, {math.Inf(1), 0.05 / gb}}
	edgeSent = tariff{
		{10e3 * gb, 0.085 / gb}, {40e3 * gb, 0.080 / gb}, {100e3 * gb, 0.060 / gb}, {350e3 * gb, 0.040 / gb},
		{524e3 * gb, 0.030 / gb}, {4e6 * gb, 0.025 / gb}, {math.Inf(1), 0.020 / gb},
	}
)

// tariff is a price by tiers.
type tariff []struct{ quantity, price float64 }

// of is what a quantity costs in a month.
func (t tariff) of(quantity float64) float64 {
	cost := 0.0
	for _, tier := range t {
		in := min(quantity, tier.quantity)
		cost += in * tier.price
		quantity -= in
	}
	return cost
}

// What is assumed of a request. Each is named in the document.
const (
	memoryGB      = 0.25 // what the stack gives a function
	ownMs         = 2.0  // the function's own work
	roundTripMs   = 5.0  // a request to DynamoDB
	requestBytes  = 1500 // from CloudFront to the API, headers included
	responseBytes = 2000 // to the client, headers included, where the response is small
	logBytes      = 2100 // half of it the function's lines, the rest Lambda's and the access log
	duplicates    = 0.02 // of all requests
	storedDays    = 2    // the window, and DynamoDB's delay in deleting what is past it
)

// bill is what requests cost in a month, by service.
type bill struct{ dynamodb, storage, lambda, gateway, cloudfront, logs float64 }

// bill is the bill of n requests that all take one path.
func (m measured) bill(n float64) bill {
	return bill{
		dynamodb:   n * (m.writes*writeRequest + m.reads*readRequest),
		lambda:     n*invocation + compute.of(n*m.milliseconds()/1000*memoryGB),
		gateway:    gateway.of(n),
		cloudfront: n*edgeRequest + n*requestBytes*edgeToOrigin + edgeSent.of(n*(responseBytes+m.extraBytes)),
		logs:       logged.of(n * logBytes),
	}
}

func (m measured) milliseconds() float64 { return ownMs + roundTripMs*m.roundTrips }

func (b bill) total() float64 {
	return b.dynamodb + b.storage + b.lambda + b.gateway + b.cloudfront + b.logs
}

// perSecond is how many requests a second that all meet one key a partition takes.
func (m measured) perSecond() float64 {
	return min(partitionWrites/m.writes, partitionReads/m.reads) // infinite without units
}

// mixture is what requests are measured as on average, a part of them duplicates.
func mixture(first, again measured, duplicates float64) measured {
	mean := func(a, b float64) float64 { return a*(1-duplicates) + b*duplicates }
	return measured{
		roundTrips: mean(first.roundTrips, again.roundTrips),
		writes:     mean(first.writes, again.writes),
		reads:      mean(first.reads, again.reads),
	}
}
