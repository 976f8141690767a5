package idemlambda

import (
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/events"
)

// UnwrapSNS returns the message of an SNS notification: a [Config].Unwrap for a
// queue that is subscribed to a topic. Two notifications of one event differ in
// id, time and signature, and are the same with it. A topic with raw message
// delivery sends no envelope and needs no Unwrap.
func UnwrapSNS(content []byte) ([]byte, error) {
	var n struct {
		Type, TopicArn string
		Message        *string
	}
	if err := json.Unmarshal(content, &n); err != nil || n.Type != "Notification" || n.TopicArn == "" || n.Message == nil {
		return nil, errors.New("not a notification of SNS; with raw message delivery there is none, and Config.Unwrap is not needed")
	}
	return []byte(*n.Message), nil
}

// UnwrapEventBridge returns the detail of an EventBridge event: a [Config].Unwrap
// for a queue or a stream that is the target of a rule.
func UnwrapEventBridge(content []byte) ([]byte, error) {
	var e events.EventBridgeEvent
	if err := json.Unmarshal(content, &e); err != nil || e.Source == "" || e.DetailType == "" || len(e.Detail) == 0 {
		return nil, errors.New("not an event of EventBridge")
	}
	return e.Detail, nil
}
