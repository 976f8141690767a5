/*
 * The three pieces of code that the page shows. Tests hold them to what is true: the first is run against the client
 * library, the second is compiled and run as an example of the Go package, the third is a response that was recorded.
 */

/** In the browser: `source` says how it was answered. */
export const submitSnippet = `const client = createClient({
  scope: user.id,
  storage: createBrowserStorage(),
});
const { source } = await client.submit({
  url: '/api/payments',
  body: { amount: 1250, currency: 'EUR' },
});
// executed · server-replay
// client-cache · queued`;

/** At the server. */
export const protectSnippet = `guard, err := idempotency.New(
	idempotency.Config{Store: store})
// …
protect, err := idemhttp.New(idemhttp.Config{
	Guard: guard, Operation: "payments.create",
	Scope: callerOf, // who is asking
})
// …
mux.Handle("POST /payments",
	protect(createPayment))`;

/** On the wire: the second response. */
export const replaySnippet = `HTTP/1.1 201 Created
Idempotent-Replayed: true
Idempotency-Expires: Sun, 29 Nov 2026 …
Location: /api/payments/b99ced71-…
ETag: "szQownloMzvQnq-uh0nAzQ"

{"id":"b99ced71-…","amount":1250, …}`;
