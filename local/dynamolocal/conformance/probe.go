package conformance

import "runtime"

// complains tries a case that the target is known to fail, and says whether it did.
func (p *probe) complains(body func(p *probe)) bool {
	done := make(chan struct{})
	go func() { // a goroutine of its own, for Fatalf to end
		defer close(done)
		body(p)
	}()
	<-done
	return p.complained
}

// Errorf fails the case, or notes the complaint if the target is known to fail it.
func (p *probe) Errorf(format string, args ...any) {
	p.Helper()
	if p.reason == "" {
		p.T.Errorf(format, args...)
		return
	}
	p.mu.Lock()
	p.complained = true
	p.mu.Unlock()
	p.Logf(format, args...)
}

// Fatalf is Errorf and ends the case.
func (p *probe) Fatalf(format string, args ...any) {
	p.Helper()
	p.Errorf(format, args...)
	if p.reason == "" {
		p.FailNow()
	}
	runtime.Goexit()
}
