package idempotency

// Must returns value and panics if err is not nil. It is for the start of
// programs that cannot go on without what a constructor returns:
//
//	guard := idempotency.Must(idempotency.New(idempotency.Config{Store: store}))
func Must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
