package localstack_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestQueuesAreAskedAsSQSIs sends, receives and deletes as the AWS CLI would.
func TestQueuesAreAskedAsSQSIs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	url, ok := s.Output("PaymentDeadLetterQueueUrl")
	if !ok {
		t.Fatal("there is no output with the queue's URL")
	}
	do := func(operation string, request map[string]any) map[string]any {
		t.Helper()
		request["QueueUrl"] = url
		payload, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		res, body := send(t, http.MethodPost, s.URL(), string(payload), "X-Amz-Target", "AmazonSQS."+operation)
		var answer map[string]any
		if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", operation, res.Status, body)
		}
		return answer
	}
	do("SendMessage", map[string]any{"MessageBody": "hello"})
	received := do("ReceiveMessage", map[string]any{})["Messages"].([]any)[0].(map[string]any)
	if received["Body"] != "hello" {
		t.Errorf("got %v", received)
	}
	counts := do("GetQueueAttributes", map[string]any{})["Attributes"].(map[string]any)
	if counts["ApproximateNumberOfMessagesNotVisible"] != "1" {
		t.Errorf("got %v", counts)
	}
	do("DeleteMessage", map[string]any{"ReceiptHandle": received["ReceiptHandle"]})
	if visible, hidden := s.Queue("PaymentDeadLetterQueueUrl").Count(); visible+hidden != 0 {
		t.Errorf("%d messages are left", visible+hidden)
	}
}

func TestQueuesRefuse(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	url, _ := s.Output("PaymentDeadLetterQueueUrl")
	for _, c := range []struct {
		operation, payload, says string
		headers                  []string
	}{
		{"SendMessage", `{"QueueUrl":"` + url + `","MessageBody":"x"}`, "web pages", []string{"Origin", "https://example.com"}},
		{"PurgeQueue", `{"QueueUrl":"` + url + `"}`, "is not served", nil},
		{"SendMessage", `{`, "not JSON", nil},
		{"SendMessage", `{"QueueUrl":"nowhere","MessageBody":"x"}`, "there is no queue", nil},
		{"SendMessage", `{"QueueUrl":"` + url + `"}`, "1 to 1048576 bytes", nil},
		{"DeleteMessage", `{"QueueUrl":"` + url + `","ReceiptHandle":"x"}`, "no message of the receipt", nil},
	} {
		res, body := send(t, http.MethodPost, s.URL(), c.payload, append(c.headers, "X-Amz-Target", "AmazonSQS."+c.operation)...)
		if res.StatusCode/100 != 4 || !strings.Contains(body, c.says) {
			t.Errorf("%s %s: %s %s, want %q", c.operation, c.payload, res.Status, body, c.says)
		}
	}
}
