package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/evidence/bench/measure"
)

// The floor and the limit do the very requests that ours does: they are recorded
// from it, and repeated under another id.

// credentialsOf returns those of the environment, as the SDK finds them.
var credentialsOf = sync.OnceValue(func() aws.CredentialsProvider {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	return cfg.Credentials
})

// recorder is a client that remembers what it is asked.
type recorder struct {
	*dynamodb.Client
	inputs []any
}

func (r *recorder) PutItem(ctx context.Context, input *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	r.inputs = append(r.inputs, input)
	return r.Client.PutItem(ctx, input, options...)
}

func (r *recorder) GetItem(ctx context.Context, input *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	r.inputs = append(r.inputs, input)
	return r.Client.GetItem(ctx, input, options...)
}

func (r *recorder) TransactWriteItems(ctx context.Context, input *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	r.inputs = append(r.inputs, input)
	return r.Client.TransactWriteItems(ctx, input, options...)
}

// record lets ours do what the task is about, after preparation, once.
func record(ctx context.Context, task measure.Task, client *dynamodb.Client, forget func()) (*recorder, error) {
	r := &recorder{Client: client}
	operate, err := prepareOurs(ctx, task, r)
	if err != nil {
		return nil, err
	}
	r.inputs = nil
	forget()
	return r, operate(ctx, 0)
}

// prepareSDK repeats the requests by the SDK alone.
func prepareSDK(ctx context.Context, task measure.Task, client *dynamodb.Client) (operation, error) {
	recorded, err := record(ctx, task, client, func() {})
	if err != nil {
		return nil, err
	}
	id := idOf(recorded.inputs[0])
	renew := isFirst(task.Path)
	return func(ctx context.Context, _ int) error {
		newID := id
		if renew {
			newID = anotherID(id)
		}
		for _, input := range recorded.inputs {
			var err error
			switch in := input.(type) {
			case *dynamodb.PutItemInput:
				again := *in
				again.Item = renamed(in.Item, id, newID)
				_, err = client.PutItem(ctx, &again)
			case *dynamodb.GetItemInput:
				_, err = client.GetItem(ctx, in)
			case *dynamodb.TransactWriteItemsInput:
				again := *in
				again.ClientRequestToken = nil // the SDK has put its own there
				again.TransactItems = make([]types.TransactWriteItem, len(in.TransactItems))
				for i, w := range in.TransactItems {
					put := *w.Put
					put.Item = renamed(put.Item, id, newID)
					again.TransactItems[i].Put = &put
				}
				_, err = client.TransactWriteItems(ctx, &again)
			}
			if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); err != nil && (renew || !refused) {
				return err
			}
		}
		return nil
	}, nil
}

func isFirst(path string) bool { return strings.HasPrefix(path, "first") || path == "atomic" }

func idOf(input any) string {
	var value types.AttributeValue
	switch in := input.(type) {
	case *dynamodb.PutItemInput:
		value = in.Item["id"]
	case *dynamodb.GetItemInput:
		value = in.Key["id"]
	case *dynamodb.TransactWriteItemsInput:
		value = in.TransactItems[0].Put.Item["id"]
	}
	return value.(*types.AttributeValueMemberS).Value
}

// anotherID is as long as id is, and new.
func anotherID(id string) string {
	var random [sha256.Size]byte
	_, _ = rand.Read(random[:])
	name, _, _ := strings.Cut(id, "#")
	return name + "#" + base64.RawURLEncoding.EncodeToString(random[:])
}

// renamed is the item, made anew as for every request, under its new id; an item
// of another kind gets a new one.
func renamed(template map[string]types.AttributeValue, from, to string) map[string]types.AttributeValue {
	item := make(map[string]types.AttributeValue, len(template))
	for name, value := range template {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			item[name] = &types.AttributeValueMemberS{Value: v.Value}
		case *types.AttributeValueMemberN:
			item[name] = &types.AttributeValueMemberN{Value: v.Value}
		case *types.AttributeValueMemberB:
			item[name] = &types.AttributeValueMemberB{Value: v.Value}
		}
	}
	id := item["id"].(*types.AttributeValueMemberS).Value
	if rest, found := strings.CutPrefix(id, from); found {
		id = to + rest
	} else {
		id = "order#" + rand.Text()
	}
	item["id"] = &types.AttributeValueMemberS{Value: id}
	return item
}

// message is one request as it goes over the wire.
type message struct {
	target string
	body   []byte
}

// wiretap remembers messages.
type wiretap struct {
	http.RoundTripper
	messages []message
}

func (t *wiretap) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	t.messages = append(t.messages, message{r.Header.Get("X-Amz-Target"), body})
	r.Body = io.NopCloser(bytes.NewReader(body))
	return t.RoundTripper.RoundTrip(r)
}

var requestToken = regexp.MustCompile(`"ClientRequestToken":"([^"]*)"`)

// prepareHTTP repeats the requests by net/http and a signature, which is what
// cannot be done without. Replies are read and not parsed.
func prepareHTTP(ctx context.Context, task measure.Task) (operation, error) {
	transport := &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64, DisableCompression: true}
	tap := &wiretap{RoundTripper: transport}
	recorded, err := record(ctx, task, dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(task.Endpoint),
		Credentials:  credentialsOf(),
		HTTPClient:   &http.Client{Transport: tap},
	}), func() { tap.messages = nil })
	if err != nil {
		return nil, err
	}
	credentials, err := credentialsOf().Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sender := sender{&http.Client{Transport: transport}, v4.NewSigner(), credentials, task.Endpoint}
	id := idOf(recorded.inputs[0])
	renew := isFirst(task.Path)
	return func(ctx context.Context, _ int) error {
		newID := []byte(anotherID(id))
		for _, m := range tap.messages {
			body := m.body
			if renew {
				body = bytes.ReplaceAll(body, []byte(id), newID)
				if token := requestToken.FindSubmatchIndex(body); token != nil {
					copy(body[token[2]:token[3]], rand.Text())
				}
			}
			if err := sender.send(ctx, m.target, body, renew); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

type sender struct {
	client      *http.Client
	signer      *v4.Signer
	credentials aws.Credentials
	endpoint    string
}

func (s *sender) send(ctx context.Context, target string, body []byte, succeeds bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	if err := s.signer.SignHTTP(ctx, s.credentials, r, hex.EncodeToString(sum[:]), "dynamodb", "us-east-1", time.Now()); err != nil {
		return err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 500 || succeeds && response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, reply)
	}
	return nil
}
