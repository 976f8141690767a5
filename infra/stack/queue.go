package stack

import (
	"time"

	"github.com/idempotent-requests/idempotent-requests/infra/construct"
)

// How the queue of payments is consumed. A message that waits for longer than
// tolerableAge is not being handled: a delivery that failed is repeated after a
// minute.
const (
	queueConsumers = 5
	tolerableAge   = 10 * time.Minute
)

// addQueue adds the queue of payments, which the payments function consumes
// beside its requests. Nobody but the account itself can send to it.
func (s *Stack) addQueue() error {
	var err error
	s.queue, err = construct.NewIdempotentQueueConsumer(s.stack, "PaymentQueue", construct.IdempotentQueueConsumerProps{
		Function:     s.payments,
		MaxConsumers: queueConsumers,
		Retain:       s.settings.Retain,
	})
	if err != nil {
		return err
	}
	s.output("PaymentQueueUrl", "The queue of payments; a message is a payments.Command as JSON", s.queue.Queue.QueueUrl())
	s.output("PaymentDeadLetterQueueUrl", "The queue of payments that could not be made", s.queue.DeadLetters.QueueUrl())
	return nil
}
