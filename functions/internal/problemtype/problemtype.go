// Package problemtype lists the types of the demo's own problem documents, which
// lead to docs/http-api.md. Those of the idempotency middleware are listed in
// package idemhttp.
package problemtype

// The types, with the status that each comes with.
const (
	SessionMissing       = base + "session-missing"        // 400
	SessionMalformed     = base + "session-malformed"      // 400
	FaultMalformed       = base + "fault-malformed"        // 400
	Unauthenticated      = base + "unauthenticated"        // 401
	NotFound             = base + "not-found"              // 404
	MethodNotAllowed     = base + "method-not-allowed"     // 405
	MediaTypeUnsupported = base + "media-type-unsupported" // 415
	OutOfStock           = base + "out-of-stock"           // 409, with "available"
	ValidationFailed     = base + "validation-failed"      // 422, with "errors"
	TooManyFaults        = base + "too-many-faults"        // 429 with Retry-After

	base = "https://github.com/idempotent-requests/idempotent-requests/blob/main/docs/http-api.md#"
)
