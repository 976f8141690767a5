package dynamostore

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/idempotent-requests/idempotent-requests/idempotency"
)

// Steps are a list in their record's attribute "steps". An element is a map of the
// step's name and its data, or of how many parts of data are beside the record and
// which owner wrote them. A record without steps has no such attribute, and is
// written by PutItem as a whole; one with steps is changed by UpdateItem.

// maxInlineSteps bounds what a step keeps in the record, so that the record of the
// largest number of steps fits into an item.
const maxInlineSteps = maxPart / idempotency.MaxSteps

// partsExpire returns when the parts of a step expire, in epoch seconds: one window
// after their record, at least a day, because a takeover begins another window.
func partsExpire(r *idempotency.Record) int64 {
	window := 24 * time.Hour
	if !r.Claimed.IsZero() {
		window = max(window, r.Expires.Sub(r.Claimed)) // condition: parts-outlive
	}
	return r.Expires.Add(window).Unix()
}

// RecordStep implements [idempotency.StepStore] with one UpdateItem, before which
// comes one PutItem for each 380 KiB of a result that is kept beside the record.
func (s *Store) RecordStep(ctx context.Context, r idempotency.Record, step idempotency.RecordedStep) (bool, error) {
	p, err := s.pack(step.Data, min(s.inlineLimit, maxInlineSteps))
	if err != nil {
		return false, err
	}
	if err := s.putParts(ctx, parted{r.ID, r.Owner, step.Name}, partsExpire(&r), p); err != nil {
		return false, err
	}
	input := &dynamodb.UpdateItemInput{
		Key:                       keyOf(r.ID),
		ConditionExpression:       aws.String(isOwn), // condition: step-once
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: own(r.Owner),
	}
	// Whichever copy of this request arrives, and however late, it writes the same
	// element: only the owner adds steps, one after another.
	if n := len(r.Steps); n == 0 {
		input.ConditionExpression = aws.String(isOwn + " AND " + hasNoSteps) // condition: step-once
		input.UpdateExpression = aws.String("SET steps = :steps")
		input.ExpressionAttributeValues[":steps"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{toStep(step.Name, r.Owner, p)}}
	} else {
		input.UpdateExpression = aws.String(fmt.Sprintf("SET steps[%d] = :step", n))
		input.ExpressionAttributeValues[":step"] = toStep(step.Name, r.Owner, p)
	}
	_, existing, refused, err := s.updateItem(ctx, input)
	if !refused || err != nil {
		return err == nil, err
	}
	return isHeld(existing, r.Owner), nil
}

// TakeOver implements [idempotency.StepStore] with one UpdateItem if c.TakeOver has
// steps, and else with one PutItem, which a step recorded since refuses.
func (s *Store) TakeOver(ctx context.Context, c idempotency.Claim) ([]idempotency.RecordedStep, *idempotency.Record, error) {
	if len(c.TakeOver.Steps) == 0 {
		existing, err := s.replace(ctx, c)
		if err != nil || existing == nil || !isSame(existing, c.TakeOver) {
			return nil, existing, err
		}
	}
	updated, existing, refused, err := s.updateItem(ctx, &dynamodb.UpdateItemInput{
		Key: keyOf(c.Record.ID),
		UpdateExpression: aws.String("SET #owner = :owner, validation = :validation, claimed = :claimed, " +
			"in_progress_expiration = :until, expiration = :expires"),
		ConditionExpression:      aws.String(isObserved + " AND expiration > :now"),
		ExpressionAttributeNames: ownerAndStatus,
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":owner":      text(c.Record.Owner),
			":validation": text(string(c.Record.Fingerprint)),
			":claimed":    number(c.Record.Claimed.UnixMilli()),
			":until":      number(c.Record.LeaseUntil.UnixMilli()),
			":expires":    number(c.Record.Expires.Unix()),
			":observed":   text(c.TakeOver.Owner),
			":inprogress": text(string(idempotency.InProgress)),
			":lease":      number(c.TakeOver.LeaseUntil.UnixMilli()),
			":now":        number(c.Now.Unix()),
		},
		ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return nil, nil, err
	}
	if !refused {
		steps, err := s.stepsOf(ctx, updated)
		return steps, nil, err
	}
	if existing != nil {
		met, _, err := fromItem(existing)
		if err != nil {
			return nil, nil, err
		}
		if isSame(met, &c.Record) { // the SDK repeated the request, whose reply was lost
			steps, err := s.stepsOf(ctx, existing)
			return steps, nil, err
		}
	}
	c.TakeOver = nil // it is gone
	met, err := s.Claim(ctx, c)
	return nil, met, err
}

// keepSteps renews a record that has steps.
func (s *Store) keepSteps(ctx context.Context, r idempotency.Record) (bool, error) {
	input := &dynamodb.UpdateItemInput{
		Key:                       keyOf(r.ID),
		UpdateExpression:          aws.String("SET in_progress_expiration = :lease, expiration = :expires"),
		ConditionExpression:       aws.String(isOwnAndNotLater),
		ExpressionAttributeNames:  ownerAndStatus,
		ExpressionAttributeValues: own(r.Owner),
	}
	if r.LeaseUntil.IsZero() {
		input.ConditionExpression = aws.String(isOwn)
	}
	input.ExpressionAttributeValues[":lease"] = number(r.LeaseUntil.UnixMilli())
	input.ExpressionAttributeValues[":expires"] = number(r.Expires.Unix())
	_, existing, refused, err := s.updateItem(ctx, input)
	if !refused || err != nil {
		return err == nil, err
	}
	return isHeld(existing, r.Owner), nil
}

// updateItem makes the update and returns the attributes that were asked for, or the
// item that refused it, nil if there is none.
func (s *Store) updateItem(ctx context.Context, input *dynamodb.UpdateItemInput) (updated, existing map[string]types.AttributeValue, refused bool, err error) {
	input.TableName = &s.table
	input.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	input.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	limited, cancel := s.limited(ctx, 0)
	defer cancel()
	output, err := inTurn(limited, func() (*dynamodb.UpdateItemOutput, error) { return s.client.UpdateItem(limited, input) })
	if existing, refused = refusal(err); refused {
		countRefusal(ctx, existing)
		if existing != nil {
			return nil, existing, true, nil
		}
		existing, err = s.get(ctx, input.Key["id"].(*types.AttributeValueMemberS).Value, true, 0)
		return nil, existing, true, err
	}
	if err != nil {
		return nil, nil, false, err
	}
	countWrite(ctx, output.ConsumedCapacity)
	return output.Attributes, nil, false, nil
}

func toStep(name, owner string, p payload) types.AttributeValue {
	m := map[string]types.AttributeValue{"name": text(name)}
	p.addTo(m)
	if len(p.parts) > 0 {
		m["owner"] = text(owner)
	}
	return &types.AttributeValueMemberM{Value: m}
}

// stepNames reads the names of an item's steps.
func stepNames(r *reader) []idempotency.RecordedStep {
	if !r.has("steps") {
		return nil
	}
	elements := r.list("steps")
	steps := make([]idempotency.RecordedStep, len(elements))
	for i, element := range elements {
		m := r.member(element)
		if steps[i].Name = m.text("name"); m.err != nil {
			r.fail("steps")
		}
	}
	return steps
}

// stepsOf reads an item's steps, with their data.
func (s *Store) stepsOf(ctx context.Context, item map[string]types.AttributeValue) ([]idempotency.RecordedStep, error) {
	r := reader{item: item}
	steps := stepNames(&r)
	for i := range steps {
		of, p := stepPayload(&r, i)
		if r.err != nil {
			return nil, r.err
		}
		var err error
		if steps[i].Data, err = s.unpack(ctx, of, p); err != nil {
			return nil, err
		}
	}
	return steps, r.err
}

// stepPayload reads the payload of the i-th step.
func stepPayload(r *reader, i int) (of parted, p payload) {
	m := r.member(r.list("steps")[i])
	of = parted{id: r.text("id"), step: m.text("name")}
	if p = m.payload(); len(p.parts) > 0 {
		of.owner = m.text("owner")
	}
	if m.err != nil {
		r.fail("steps")
	}
	return of, p
}

// partsBeside returns the ids of all parts beside a record and those of its steps.
func partsBeside(item map[string]types.AttributeValue, of parted, p payload) (ids []string, err error) {
	for i := range p.parts {
		ids = append(ids, of.part(i))
	}
	r := reader{item: item}
	for i := range stepNames(&r) {
		of, p := stepPayload(&r, i)
		for i := range p.parts {
			ids = append(ids, of.part(i))
		}
	}
	return ids, r.err
}
