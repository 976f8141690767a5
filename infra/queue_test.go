package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQueue holds how the queue of payments is consumed: messages stay hidden for
// six times as long as the function may take, a batch fails message by message,
// and what cannot be handled is kept for two weeks.
func TestQueue(t *testing.T) {
	for name, test := range map[string]struct {
		template template
		policy   string
	}{
		"demo":       {demo(t), "Delete"},
		"production": {alone(t, nil), "RetainExceptOnCreate"},
	} {
		t.Run(name, func(t *testing.T) {
			tpl := test.template
			deadID, dead := tpl.one(t, "AWS::SQS::Queue", "PaymentQueueDeadLetters")
			queues := tpl.all("AWS::SQS::Queue")
			delete(queues, deadID)
			if len(queues) != 1 {
				t.Fatalf("there are %d queues beside the dead letters", len(queues))
			}
			functionID, function := tpl.function(t, "payments")
			for id, queue := range queues {
				for name, want := range map[string]any{
					"VisibilityTimeout":    6 * function.Properties["Timeout"].(float64),
					"SqsManagedSseEnabled": true,
					"RedrivePolicy":        map[string]any{"deadLetterTargetArn": map[string]any{"Fn::GetAtt": []any{deadID, "Arn"}}, "maxReceiveCount": 5.0},
				} {
					if diff := cmp.Diff(want, queue.Properties[name]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
				_, mapping := tpl.one(t, "AWS::Lambda::EventSourceMapping", "")
				want := map[string]any{
					"BatchSize":             10.0,
					"EventSourceArn":        map[string]any{"Fn::GetAtt": []any{id, "Arn"}},
					"FunctionName":          map[string]any{"Ref": functionID},
					"FunctionResponseTypes": []any{"ReportBatchItemFailures"},
					"ScalingConfig":         map[string]any{"MaximumConcurrency": 5.0},
					"Tags":                  mapping.Properties["Tags"],
				}
				if diff := cmp.Diff(want, mapping.Properties); diff != "" {
					t.Errorf("event source mapping (-want +got):\n%s", diff)
				}
				if queue.DeletionPolicy != test.policy || dead.DeletionPolicy != test.policy {
					t.Errorf("when deleted: %s and %s, want %s", queue.DeletionPolicy, dead.DeletionPolicy, test.policy)
				}
			}
			if dead.Properties["MessageRetentionPeriod"] != 1209600.0 {
				t.Errorf("dead letters are kept for %v seconds", dead.Properties["MessageRetentionPeriod"])
			}
			for id, policy := range tpl.all("AWS::SQS::QueuePolicy") {
				statements := list(at(t, policy.Properties, "PolicyDocument", "Statement"))
				if len(statements) != 1 || at(t, statements[0], "Effect") != "Deny" {
					t.Errorf("%s lets somebody in: %v", id, statements)
				}
			}
		})
	}
}
