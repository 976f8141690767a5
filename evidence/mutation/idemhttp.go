package main

// idemhttpMutants are those of the HTTP middleware and of canonical JSON.
var idemhttpMutants = []mutant{
	{
		name:     "canonical JSON: decimals that a double rounds accepted",
		file:     "canonicaljson/scalar.go",
		old:      "if rounded(number, f) {",
		new:      "if rounded(number, f) && f > maxInteger {",
		packages: []string{"evidence/library/canonicaljson"},
		why:      "two amounts have one fingerprint",
	},
	{
		name:     "canonical JSON: numbers taken for short although they have an exponent",
		file:     "canonicaljson/scalar.go",
		old:      "len(number) <= exactDigits && bytes.IndexByte(number, 'e') < 0 &&",
		new:      "len(number) <= exactDigits &&",
		packages: []string{"evidence/library/canonicaljson"},
		why:      "1e-400 and 0 have one fingerprint",
	},
	{
		name:     "canonical JSON: numbers of any length taken for exact",
		file:     "canonicaljson/scalar.go",
		old:      "const exactDigits = 15",
		new:      "const exactDigits = 18",
		packages: []string{"evidence/library/canonicaljson"},
		why:      "two amounts have one fingerprint",
	},
	{
		name:     "http: silence recorded",
		file:     "idemhttp/idemhttp.go",
		old:      "if !w.written && ctx.Err() != nil {",
		new:      "if !w.written && ctx.Err() != nil && e.cfg.MaxBody < 0 {",
		packages: []string{"idempotency/idemhttp"},
		why:      "an empty 200 is replayed, though nothing has happened",
	},
	{
		name:     "http: silence with a live context is a failure",
		file:     "idemhttp/idemhttp.go",
		old:      "if !w.written && ctx.Err() != nil {",
		new:      "if !w.written {",
		packages: []string{"idempotency/idemhttp"},
		why:      "a handler with nothing to say runs again",
	},
	{
		name:     "http: silence discards the key",
		file:     "idemhttp/idemhttp.go",
		old:      `return idempotency.Result{}, fmt.Errorf("%w: %w", errNoResponse, context.Cause(ctx))`,
		new:      "return idempotency.Result{Discard: true}, nil",
		packages: []string{"idempotency/idemhttp"},
		why:      "what may have happened is executed again under every policy",
	},
	{
		name:     "http: a body of another length than stated is fingerprinted",
		file:     "idemhttp/body.go",
		old:      "return int64(length) == r.ContentLength",
		new:      "return true",
		packages: []string{"idempotency/idemhttp"},
		why:      "a form that was parsed before is empty, and every amount is the same payload",
	},
	{
		name:     "http: an empty body of unknown length is fingerprinted",
		file:     "idemhttp/body.go",
		old:      "return length > 0 && !parsed",
		new:      "return !parsed || length > 0",
		packages: []string{"idempotency/idemhttp"},
		why:      "what was read before is empty, and every amount is the same payload",
	},
	{
		name:     "http: a closed body is the client's fault",
		file:     "idemhttp/body.go",
		old:      "if errors.Is(err, http.ErrBodyReadAfterClose) {",
		new:      "if errors.Is(err, http.ErrHijacked) {",
		packages: []string{"idempotency/idemhttp"},
		why:      "the developer's mistake is told to the client",
	},
	{
		name:     "http: outer headers lost",
		file:     "idemhttp/response.go",
		old:      "return &response{header: outer.Clone()}",
		new:      "return &response{header: make(http.Header)}",
		packages: []string{"idempotency/idemhttp"},
		why:      "what middleware in front has set is lost",
	},
	{
		name: "http: headers removed by the handler come back",
		file: "idemhttp/response.go",
		old: `	clear(header)
	maps.Copy(header, w.sent)`,
		new:      "	maps.Copy(header, w.sent)",
		packages: []string{"idempotency/idemhttp"},
		why:      "the handler cannot remove a header",
	},
	{
		name:     "http: outer headers recorded",
		file:     "idemhttp/bhttp.go",
		old:      "(len(outer) == 0 || !slices.Equal(values, outer[name]))",
		new:      "true",
		packages: []string{"idempotency/idemhttp"},
		why:      "the headers of one request are replayed to another",
	},
	{
		name:     "http: multipart by its bytes",
		file:     "idemhttp/form.go",
		old:      `fields, err = multipartFields(r.Header.Get("Content-Type"), body)`,
		new:      "return rawFingerprint(r, media, body), nil",
		packages: []string{"idempotency/idemhttp"},
		why:      "an honest retry with another boundary is refused",
	},
	{
		name:     "http: files not in the fingerprint",
		file:     "idemhttp/form.go",
		old:      "			content: content,",
		new:      "			content: content[:0],",
		packages: []string{"idempotency/idemhttp"},
		why:      "another file is given the response",
	},
	{
		name:     "http: a multipart body that was cut off is whole",
		file:     "idemhttp/form.go",
		old:      `if !bytes.Contains(body, []byte("--"+parameters["boundary"]+"--")) {`,
		new:      `if !bytes.Contains(body, []byte("--")) {`,
		packages: []string{"idempotency/idemhttp"},
		why:      "two payloads have one fingerprint",
	},
	{
		name: "http: pointers that lead nowhere are covered",
		file: "idemhttp/members.go",
		old: `			if !found {
				return "", malformed`,
		new: `			if !found && len(body) == 0 {
				return "", malformed`,
		packages: []string{"idempotency/idemhttp"},
		why:      "a fingerprint of nothing is the same for all payloads",
	},
	{
		name:     "http: names in another case ignored",
		file:     "idemhttp/members.go",
		old:      "if name != token && strings.EqualFold(name, token) {",
		new:      `if name != token && strings.EqualFold(name, token) && name == "" {`,
		packages: []string{"idempotency/idemhttp"},
		why:      "encoding/json reads another amount than the fingerprint covers",
	},
	{
		name: "http: optional members absent or null alike",
		file: "idemhttp/members.go",
		old: `				subset = append(subset, nil)
`,
		new: `				subset = append(subset, []any{nil})
`,
		packages: []string{"idempotency/idemhttp"},
		why:      "two payloads have one fingerprint",
	},
	{
		name: "http: an excluded element counts",
		file: "idemhttp/members.go",
		old: `			v[i] = nil
`,
		new: `			_ = i
`,
		packages: []string{"idempotency/idemhttp"},
		why:      "an honest retry is refused",
	},
	{
		name:     "http: a reconciled server error passes",
		file:     "idemhttp/idemhttp.go",
		old:      "case errors.Is(err, idempotency.ErrReconcile):\n",
		new:      "case err == nil && errors.Is(err, idempotency.ErrReconcile):\n",
		packages: []string{"idempotency/idemhttp"},
		why:      "the client is not told to retry",
	},
	{
		name:     "http: media type guessed on replay",
		file:     "idemhttp/replay.go",
		old:      `		header["Content-Type"] = nil`,
		new:      "		_ = header",
		packages: []string{"idempotency/idemhttp"},
		why:      "a replay differs from the response",
	},
	{
		name:     "http: trailers dropped",
		file:     "idemhttp/bhttp.go",
		old:      "	return appendString(message, trailers)",
		new:      "	return appendString(message, trailers[:0])",
		packages: []string{"idempotency/idemhttp"},
		why:      "a replay differs from the response",
	},
	{
		name: "http: trailers left in the header",
		file: "idemhttp/response.go",
		old: `				w.addTrailer(name, values)
				delete(w.sent, name)
`,
		new: `				w.addTrailer(name, values)
`,
		packages: []string{"idempotency/idemhttp"},
		why:      "a trailer is sent twice",
	},
	{
		name: "http: the trailer of outer middleware lost",
		file: "idemhttp/response.go",
		old: `		w.sent["Trailer"] = open
`,
		new: `		_ = open
`,
		packages: []string{"idempotency/idemhttp"},
		why:      "what is announced is dropped",
	},
	{
		name:     "http: a decompressed body refused",
		file:     "idemhttp/body.go",
		old:      "(int64(length) == r.ContentLength || !coded) {",
		new:      "(int64(length) == r.ContentLength || !coded || coded) {",
		packages: []string{"idempotency/idemhttp"},
		why:      "honest requests are refused",
	},
	{
		name:     "http: cookies in trailers",
		file:     "idemhttp/response.go",
		old:      "if len(values) == 0 || slices.Contains(neverRecorded, name) {",
		new:      "if len(values) == 0 {",
		packages: []string{"idempotency/idemhttp"},
		why:      "one caller's cookies are replayed",
	},
	{
		name:     "http: content codings not heeded",
		file:     "idemhttp/replay.go",
		old:      `undo := coding != "" && !accepts(r.Header, coding)`,
		new:      "undo := false && !accepts(r.Header, coding)",
		packages: []string{"idempotency/idemhttp"},
		why:      "a client cannot read the replay",
	},
	{
		name:     "http: a strong ETag for decoded content",
		file:     "idemhttp/replay.go",
		old:      `header["Etag"] = []string{"W/" + etag}`,
		new:      `header["Etag"] = []string{etag}`,
		packages: []string{"idempotency/idemhttp"},
		why:      "one ETag stands for two contents",
	},
	{
		name:     "http: Retry-After of a whole lease",
		file:     "idemhttp/problems.go",
		old:      "seconds(min(inProgress.RetryAfter, maxRetryAfter))",
		new:      "seconds(inProgress.RetryAfter)",
		packages: []string{"idempotency/idemhttp"},
		why:      "clients lose their patience with a request that ends soon",
	},
	{
		name:     "http: statuses that are none accepted",
		file:     "idemhttp/response.go",
		old:      "if status < 100 || status > 999 {",
		new:      "if status < 0 {",
		packages: []string{"idempotency/idemhttp"},
		why:      "the server panics after the effect was recorded",
	},
	{
		name:     "problem: a status that is none",
		file:     "problem/problem.go",
		old:      "if p == nil || p.Status < 400 || p.Status > 599 {",
		new:      "if p == nil {",
		packages: []string{"idempotency/problem"},
		why:      "the server panics",
	},
	{
		name:     "http: credentials recorded",
		file:     "idemhttp/response.go",
		old:      `"Authorization", "Connection"`,
		new:      `"Connection"`,
		packages: []string{"idempotency/idemhttp"},
		why:      "one caller's credentials are replayed",
	},
	{
		name:     "http: safe methods need a key",
		file:     "idemhttp/idemhttp.go",
		old:      "if !slices.Contains(h.cfg.Methods, r.Method) {",
		new:      `if !slices.Contains(h.cfg.Methods, r.Method) && r.Method == "" {`,
		packages: []string{"idempotency/idemhttp"},
		why:      "nothing can be read without a key",
	},
	{
		name:     "http: safe methods may be protected",
		file:     "idemhttp/config.go",
		old:      "if !isToken(method) || slices.Contains(safeMethods, method) {",
		new:      "if !isToken(method) || slices.Contains(safeMethods[:0], method) {",
		packages: []string{"idempotency/idemhttp"},
		why:      "a page is shown as it was yesterday",
	},
	{
		name: "http: two patterns under one name",
		file: "idemhttp/operation.go",
		old: `		readable = false
`,
		new: `		readable = true
`,
		packages: []string{"idempotency/idemhttp"},
		why:      "one key serves two operations",
	},
	{
		name:     "http: a pattern of a router that has not chosen yet",
		file:     "idemhttp/operation.go",
		old:      `if r.Pattern == "" || strings.HasSuffix(r.Pattern, "/*") {`,
		new:      `if r.Pattern == "" {`,
		packages: []string{"idempotency/idemhttp"},
		why:      "one key serves two operations",
	},
	{
		name:     "http: keys from elsewhere unchecked",
		file:     "idemhttp/idemhttp.go",
		old:      `err = checkKey(token, "idempotency key")`,
		new:      "_ = checkKey",
		packages: []string{"idempotency/idemhttp"},
		why:      "a blank key makes strangers of one intent one",
	},
	{
		name:     "http: an optional key's body is lost",
		file:     "idemhttp/idemhttp.go",
		old:      "r = e.requestIn(r.Context())",
		new:      "_ = e.requestIn",
		packages: []string{"idempotency/idemhttp"},
		why:      "the handler reads an empty body",
	},
	{
		name: "http: another error passes for no key",
		file: "idemhttp/idemhttp.go",
		old: `	if errors.Is(err, ErrNoKey) {
		return "", ErrNoKey
	}
	if err == nil && e.cfg.CheckKey != nil {`,
		new: `	if err == nil && e.cfg.CheckKey != nil {
		if err = e.cfg.CheckKey(token); errors.Is(err, ErrNoKey) {
			return "", ErrNoKey
		}
	}
	if errors.Is(err, ErrNoKey) {
		return "", ErrNoKey
	}
	if err == nil && e.cfg.CheckKey != nil {`,
		packages: []string{"idempotency/idemhttp"},
		why:      "an unprotected request passes",
	},
	{
		name:     "http: the application's errors taken for the guard's",
		file:     "idemhttp/problems.go",
		old:      "case errors.As(err, &mistake), errors.Is(err, idempotency.ErrPlan):",
		new:      "case errors.As(err, &mistake) && mistake == nil, errors.Is(err, idempotency.ErrPlan):",
		packages: []string{"idempotency/idemhttp"},
		why:      "a mistake in the program is told as try again",
	},
	{
		name:     "http: redaction reaches the first caller",
		file:     "idemhttp/idemhttp.go",
		old:      "bytes.Clone(response.Body)",
		new:      "response.Body",
		packages: []string{"idempotency/idemhttp"},
		why:      "the first caller never sees the secret",
	},
	{
		name:     "http: not redacted",
		file:     "idemhttp/idemhttp.go",
		old:      "			response = e.cfg.Redact(Response",
		new:      "			_ = e.cfg.Redact(Response",
		packages: []string{"idempotency/idemhttp"},
		why:      "a secret is stored",
	},
	{
		name: "http: a refusal without a status is a 200",
		file: "idemhttp/problems.go",
		old: `	refusal.commit()
`,
		new:      "",
		packages: []string{"idempotency/idemhttp"},
		why:      "the client takes a refusal for success",
	},
	{
		name: "http: the application's problem changed",
		file: "idemhttp/problems.go",
		old: `	p := *problemOf(err)
`,
		new: `	found := problemOf(err)
	defer func() { found.Instance = h.instance(w, r) }()
	p := *found
`,
		packages: []string{"idempotency/idemhttp"},
		why:      "one request's id is shown to another",
	},
	{
		name: "http: refusals unobserved",
		file: "idemhttp/idemhttp.go",
		old: `		h.cfg.Guard.ObserveRefusal(r.Context(), e.operationName(), observable(err))
`,
		new: `		_, _ = e.operationName, observable
`,
		packages: []string{"idempotency/idemhttp"},
		why:      "a scope that fails is a silent 500",
	},
	{
		name:     "http: the server's faults are warnings",
		file:     "idemhttp/problems.go",
		old:      "if problemOf(err).StatusCode() >= 500 {",
		new:      "if problemOf(err).StatusCode() > 600 {",
		packages: []string{"idempotency/idemhttp"},
		why:      "nobody is woken by a scope that fails",
	},
	{
		name:     "http: a failure without a response is a 200",
		file:     "idemhttp/idemhttp.go",
		old:      "e.response != nil && e.response.written",
		new:      "e.response != nil",
		packages: []string{"idempotency/idemhttp"},
		why:      "the client takes a failure for success",
	},
	{
		name:     "http: a failure's own response is lost",
		file:     "idemhttp/idemhttp.go",
		old:      "	return errors.Is(err, idempotency.ErrFailed) &&",
		new:      "	return errors.Is(err, idempotency.ErrConflict) &&",
		packages: []string{"idempotency/idemhttp"},
		why:      "the client is told less than the handler said",
	},
	{
		name: "http: a plan that cannot be written is an outage",
		file: "idemhttp/problems.go",
		old:  "case errors.As(err, &mistake), errors.Is(err, idempotency.ErrPlan):",
		new: `case errors.As(err, &mistake):
	case errors.Is(err, idempotency.ErrPlan):
		return &problem.Problem{Type: TypeStoreUnavailable, Status: 503, Title: "x"}`,
		packages: []string{"idempotency/idemhttp"},
		why:      "a mistake in the program is told as try again",
	},
	{
		name: "http: what was discarded on purpose is an error in the log",
		file: "execute.go",
		old: `		err = Discard(err) // meant, and so no failure to observers
`,
		new:      "",
		packages: []string{"idempotency/idemhttp"},
		why:      "whoever sheds load is woken by it",
	},
}
