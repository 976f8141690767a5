package ledger

import (
	"slices"
	"strings"
)

// Tell enters how a call ended that is seen from outside alone, as clients of an API
// see it. The response names its effects, and rest is what else it says. From there
// the call is an execution if it was not replayed.
func (b *Book) Tell(c *Call, replayed bool, receipts []string, rest string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.Ended, c.Answer, c.Data = b.now(), Replayed, string(Receipts(receipts...))+rest
	if !replayed {
		c.Answer = Executed
		c.executedOutside()
	}
}

func (c *Call) executedOutside() {
	c.Settlement = Recorded
	c.Executions = []*Execution{{Started: c.Began, Finished: c.Ended, LeaseOver: Never, Keeps: true}}
}

// List enters an effect that is found when all is over, and reports whether anybody
// was told of it.
func (b *Book) List(name, id string) (told bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var owner *Call
	for _, c := range b.calls {
		names := slices.ContainsFunc(ReceiptsIn(c.Data), func(receipt string) bool { return strings.HasPrefix(receipt, Receipt(id, "")) })
		if names && (owner == nil || c.Answer == Executed) {
			owner = c
		}
	}
	if owner == nil {
		return false
	}
	if len(owner.Executions) == 0 { // the answer of the call that had the effect was lost
		owner.executedOutside()
	}
	b.happen(Effect{ID: id, Name: name, Call: owner})
	return true
}
