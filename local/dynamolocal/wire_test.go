package dynamolocal_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/idempotent-requests/idempotent-requests/local/dynamolocal"
)

// send sends a request without an SDK and returns the answer and its body.
func (s *server) send(t *testing.T, target, body string) (*http.Response, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", target)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("X-Amz-Crc32"); response.StatusCode != http.StatusRequestEntityTooLarge &&
		got != strconv.FormatUint(uint64(crc32.ChecksumIEEE(data)), 10) {
		t.Errorf("the checksum is %s for %s", got, data)
	}
	var decoded map[string]any
	// An answer that is no JSON decodes to nothing.
	_ = json.Unmarshal(data, &decoded)
	return response, decoded
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	response, body := s.send(t, "DynamoDB_20120810.ListTables", "{}")
	if response.StatusCode != http.StatusOK || len(body["TableNames"].([]any)) != 1 {
		t.Errorf("got %s, %v", response.Status, body)
	}
	if got := response.Header.Get("Content-Type"); got != "application/x-amz-json-1.0" {
		t.Errorf("the content type is %q", got)
	}
	if got := response.Header.Get("X-Amzn-RequestId"); len(got) != 52 {
		t.Errorf("the request id is %q", got)
	}
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	const (
		serialization = "com.amazon.coral.service#SerializationException"
		validation    = "com.amazon.coral.validate#ValidationException"
		unknown       = "com.amazon.coral.service#UnknownOperationException"
		notFound      = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
	)
	cases := []struct{ target, body, name, message string }{
		{"DynamoDB_20120810.PutItem", `{`, serialization, "unexpected end of JSON input"},
		{"DynamoDB_20120810.PutItem", ``, serialization, "unexpected end of JSON input"},
		{"DynamoDB_20120810.PutItem", `null`, serialization, "The request is null"},
		{"DynamoDB_20120810.PutItem", `{} {}`, serialization, "there is more than one value"},
		{"DynamoDB_20120810.PutItem", "{\"TableName\": \"\xff\"}", serialization, "The request is not valid UTF-8"},
		{"DynamoDB_20120810.PutItem", `[]`, serialization, "START_ARRAY cannot be converted to Structure"},
		{"DynamoDB_20120810.PutItem", `{"TableName": 1}`, serialization, "NUMBER_VALUE cannot be converted to String"},
		{"DynamoDB_20120810.PutItem", `{"TableName": "items", "Item": []}`, serialization, "START_ARRAY cannot be converted to Map"},
		{"DynamoDB_20120810.PutItem", `{"TableName": "items", "Item": {"pk": "a"}}`, serialization, "Unexpected value type in payload"},
		{"DynamoDB_20120810.PutItem", `{"TableName": "items", "Item": {"pk": {"S": 1}}}`, serialization, "NUMBER_VALUE cannot be converted to String"},
		{"DynamoDB_20120810.Query", `{"Limit": "1"}`, serialization, "STRING_VALUE cannot be converted to Integer"},
		{"DynamoDB_20120810.GetItem", `{"ConsistentRead": {}}`, serialization, "START_OBJECT cannot be converted to Boolean"},
		{"DynamoDB_20120810.GetItem", `{}`, validation, "2 validation errors detected: " +
			"Value null at 'tableName' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'key' failed to satisfy constraint: Member must not be null"},
		{"DynamoDB_20120810.PutItem", `{"TableName": "it ms", "Item": {}}`, validation, "1 validation error detected: " +
			"Value 'it ms' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{"DynamoDB_20120810.GetItem", `{"TableName": "nothing", "Key": {"pk": {"S": "a"}}}`, notFound, "Requested resource not found"},
		{"DynamoDB_20120810.TagResource", `{}`, unknown, "not one that this engine has"},
		{"PutItem", `{}`, unknown, ""},
		{"", `{}`, unknown, ""},
		{
			"DynamoDB_20120810.PutItem", `{"TableName": "items", "Item": {"pk": {"S": "a"}}, "Expected": {"pk": {"Exists": false}}}`, validation,
			"Legacy parameters are not supported here, use expressions instead: {Expected}",
		},
		{
			"DynamoDB_20120810.UpdateItem", `{"TableName": "items", "Key": {}, "AttributeUpdates": {}, "UpdateExpression": "REMOVE a"}`, validation,
			"Can not use both expression and non-expression parameters in the same request: " +
				"Non-expression parameters: {AttributeUpdates} Expression parameters: {UpdateExpression}",
		},
		{
			"DynamoDB_20120810.Query", `{"TableName": "items", "KeyConditions": {}}`, validation,
			"Conditions can be of length 1 or 2 only",
		},
	}
	s := serve(t, dynamolocal.Config{})
	s.table(t, "items", false)
	for _, c := range cases {
		response, body := s.send(t, c.target, c.body)
		message, _ := body["message"].(string)
		if capital, ok := body["Message"].(string); ok {
			message = capital
		}
		if response.StatusCode != http.StatusBadRequest || body["__type"] != c.name || !strings.Contains(message, c.message) {
			t.Errorf("%s %s gives %s, %v; want %s %q", c.target, c.body, response.Status, body, c.name, c.message)
		}
	}
}

func TestRequestSize(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	const limit = 16 << 20
	padded := func(size int) string { return "{" + strings.Repeat(" ", size-2) + "}" }
	if response, _ := s.send(t, "DynamoDB_20120810.ListTables", padded(limit)); response.StatusCode != http.StatusOK {
		t.Errorf("16 MB are answered %s", response.Status)
	}
	response, _ := s.send(t, "DynamoDB_20120810.ListTables", padded(limit+1))
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("more than 16 MB are answered %s", response.Status)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	response, err := http.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || !strings.HasPrefix(string(body), "healthy") {
		t.Errorf("got %q, %v", body, err)
	}
}

// What is compressed may not expand to more than a request may have.
func TestCompressedRequestSize(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{})
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write([]byte("{" + strings.Repeat(" ", 16<<20) + "}")); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, &compressed)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("it is answered %s, %v", response.Status, err)
	}
}

// A client that begins a request and does not go on is answered, and its
// connection closed.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	s := serve(t, dynamolocal.Config{ReadTimeout: time.Second})
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if _, err := io.WriteString(connection, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Length: 10\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("it is answered %q, %v", answer, err)
	}
}
