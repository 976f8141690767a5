package idempotency

import "bytes"

// Home returns the one of the given places, such as AWS Regions, to which a key
// belongs, or "" if there are none. It is the same on every machine that gives the same
// places, in any order. Keys are spread evenly, and when a place comes or goes only
// the keys move that it gets or had.
//
// It is for stores whose copies in several places are not one: a global table of
// DynamoDB with eventual consistency, say. If every request goes to its key's home, or
// at least every request of the store, a key is never claimed in two places. A key
// that moves within its window can execute again. docs/guarantees.md of the repository
// says what holds.
func (k Key) Home(places ...string) string {
	var home string
	var highest []byte
	for _, place := range places {
		rank := hashParts("home", k.id, place)
		if bytes.Compare(rank[:], highest) > 0 {
			home, highest = place, rank[:]
		}
	}
	return home
}
