package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// payload is a record's data as it is stored: in the record, or in parts beside
// it. Neither means that there is none.
type payload struct {
	inline   []byte
	parts    [][]byte
	encoding string // of the data, "" for none
}

// size returns the length in bytes.
func (p payload) size() int {
	n := len(p.inline)
	for _, part := range p.parts {
		n += len(part)
	}
	return n
}

const (
	// maxPart leaves room in an item of 400 KB for the other attributes.
	maxPart = 380 << 10
	// maxParts bounds what a record may make us fetch: some 95 MB.
	maxParts = 256
	// concurrentParts bounds the requests made at once for one record.
	concurrentParts = 8
)

// pack decides how data is stored: in the record if it is not larger than
// inlineLimit when it is compressed.
func (s *Store) pack(data []byte, inlineLimit int) (payload, error) {
	if data == nil {
		return payload{}, nil
	}
	data, encoding, err := s.codec.Compress(data)
	if err != nil {
		return payload{}, err
	}
	p := payload{encoding: encoding}
	if len(data) <= inlineLimit {
		p.inline = data
		return p, nil
	}
	p.parts = slices.Collect(slices.Chunk(data, maxPart))
	if len(p.parts) > maxParts {
		return payload{}, fmt.Errorf("dynamostore: %d parts: %w", len(p.parts), idempotency.ErrTooLarge)
	}
	return p, nil
}

// unpack returns the data. If a part of it is gone for good there is none: the
// result was not kept.
func (s *Store) unpack(ctx context.Context, of parted, p payload) ([]byte, error) {
	data := p.inline
	if len(p.parts) > 0 {
		if err := s.getParts(ctx, of, p.parts); errors.Is(err, errPartGone) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		data = slices.Concat(p.parts...)
	}
	decompressed, err := s.codec.Decompress(data, p.encoding)
	if err != nil {
		return nil, fmt.Errorf("dynamostore: the record's data: %w", err)
	}
	return decompressed, nil
}

// complete completes a record by its data.
func (s *Store) complete(ctx context.Context, r *idempotency.Record, p payload) (*idempotency.Record, error) {
	data, err := s.unpack(ctx, parted{id: r.ID, owner: r.Owner}, p)
	if err != nil {
		return nil, err
	}
	r.Data = data
	return r, nil
}

// parted is what has parts: a record, or one of its steps. It is bound to the claim
// that wrote the parts: an owner that was taken over cannot touch those of its
// successor.
type parted struct{ id, owner, step string }

func (p parted) part(i int) string {
	if p.step != "" {
		return fmt.Sprintf("%s#%s#%s#%d", p.id, p.owner, p.step, i)
	}
	return fmt.Sprintf("%s#%s#%d", p.id, p.owner, i)
}

// putParts writes what is kept beside a record. It comes before the record is
// completed, or the step recorded, so that neither lacks a part; those of a record
// that never is expire. A part that is there already was written by an attempt whose
// reply was lost.
func (s *Store) putParts(ctx context.Context, of parted, expiration int64, p payload) error {
	return concurrently(len(p.parts), func(i int) error {
		input := &dynamodb.PutItemInput{
			TableName:              &s.table,
			Item:                   partItem(of.part(i), expiration, p.parts[i]),
			ConditionExpression:    aws.String("attribute_not_exists(id)"), // condition: part-once
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		}
		err := s.putOnce(ctx, input, travelling(len(p.parts)))
		if _, refused := refusal(err); refused {
			return nil
		}
		return err
	})
}

func partItem(id string, expiration int64, data []byte) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"id":         text(id),
		"expiration": number(expiration),
		"data":       &types.AttributeValueMemberB{Value: data},
	}
}

var errPartGone = errors.New("dynamostore: a part of the response is gone")

// getParts fills parts. They were written before their record and never change,
// so the cheaper read will do, and only one that finds nothing is repeated.
func (s *Store) getParts(ctx context.Context, of parted, parts [][]byte) error {
	return concurrently(len(parts), func(i int) error {
		for _, consistent := range []bool{false, true} {
			item, err := s.get(ctx, of.part(i), consistent, travelling(len(parts)))
			if err != nil {
				return err
			}
			if item != nil {
				reader := reader{item: item}
				parts[i] = reader.bytes("data")
				return reader.err
			}
		}
		return errPartGone
	})
}

// travelling returns how many bytes of that many parts travel at once.
func travelling(parts int) int { return min(parts, concurrentParts) * maxPart }

// concurrently calls step for 0 to n-1 and returns one of the errors, if any.
func concurrently(n int, step func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	free := make(chan struct{}, concurrentParts)
	for i := range n {
		free <- struct{}{}
		wg.Go(func() {
			errs[i] = step(i)
			<-free
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
