package simulation

import (
	"sync"
	"time"
)

// concurrent is a network that takes every message on its own goroutine.
type concurrent struct {
	*world
	copies sync.WaitGroup
}

func (c *concurrent) carry(m *message) {
	f := c.fateOf(m)
	c.copies.Go(func() {
		if f.hung {
			if !f.lost {
				time.Sleep(f.there)
				c.deliver(m, f.effect)
			}
			return
		}
		if f.late {
			time.Sleep(f.back)
			m.reply <- errConnection
			time.Sleep(f.there - f.back)
			c.deliver(m, f.effect)
			return
		}
		time.Sleep(f.there)
		if f.lost {
			m.reply <- errConnection
			return
		}
		d := c.deliver(m, f.effect)
		time.Sleep(f.back)
		c.answer(m, d, f.lostReply || !c.healed.Load() && c.isCut(m.process.machine))
		if f.again > 0 {
			time.Sleep(f.again)
			c.deliver(m, f.effect)
		}
	})
}
