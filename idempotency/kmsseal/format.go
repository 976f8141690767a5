package kmsseal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// A sealed result, version 1:
//
//	4 bytes   c1 6b 6d 73
//	1 byte    the version, 1
//	2 bytes   the length of the data key's encrypted form, big-endian
//	          the data key's encrypted form, KMS's CiphertextBlob
//	12 bytes  the nonce, random
//	          the result, encrypted by AES-256-GCM, with the tag of 16 bytes at its end
//
// The additional data of AES-GCM is everything before the nonce, and after that the
// associated data that the guard gives. Testdata has vectors.
var magic = []byte{0xc1, 'k', 'm', 's'} // no UTF-8, so no JSON, and no Binary HTTP

const (
	version      = 1
	headerLength = 7
	keyLength    = 32
	// maxWrapped is the longest CiphertextBlob that KMS takes.
	maxWrapped = 6144
)

var (
	errVersion = errors.New("kmsseal: the result was sealed by a later version of this package")
	errCut     = errors.New("kmsseal: the sealed result is cut off")
	errOpen    = errors.New("kmsseal: the sealed result was changed, or belongs to another record")
)

// wrappedKey returns the encrypted data key of a sealed result, and reports whether it
// is one.
func wrappedKey(sealed []byte) (wrapped []byte, isSealed bool, err error) {
	if !bytes.HasPrefix(sealed, magic) {
		return nil, false, nil
	}
	if len(sealed) < headerLength {
		return nil, true, errCut
	}
	if sealed[4] != version {
		return nil, true, errVersion
	}
	end := headerLength + int(binary.BigEndian.Uint16(sealed[5:]))
	if len(sealed) < end {
		return nil, true, errCut
	}
	return sealed[headerLength:end], true, nil
}

// dataKey seals and opens. It is safe for concurrent use.
type dataKey struct {
	aead   cipher.AEAD
	header []byte // of what it seals, with the encrypted key
	made   time.Time
	uses   atomic.Int64
}

// newDataKey returns the key, whose plain form it clears.
func newDataKey(plain, wrapped []byte, made time.Time) (*dataKey, error) {
	defer clear(plain)
	if len(plain) != keyLength || len(wrapped) == 0 || len(wrapped) > maxWrapped {
		return nil, mistake{fmt.Errorf("KMS returned a data key of %d bytes, %d in encrypted form", len(plain), len(wrapped))}
	}
	block, err := aes.NewCipher(plain)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	header := append(slices.Clone(magic), version)
	header = binary.BigEndian.AppendUint16(header, uint16(len(wrapped)))
	return &dataKey{aead: aead, header: append(header, wrapped...), made: made}, nil
}

// seal is an [idempotency.SealFunc].
func (k *dataKey) seal(data, associated []byte) ([]byte, error) {
	k.uses.Add(1)
	sealed := make([]byte, len(k.header), len(k.header)+len(data)+k.aead.Overhead())
	copy(sealed, k.header)
	return k.aead.Seal(sealed, nil, data, slices.Concat(k.header, associated)), nil
}

func (k *dataKey) open(sealed, associated []byte) ([]byte, error) {
	data, err := k.aead.Open([]byte{}, nil, sealed[len(k.header):], slices.Concat(k.header, associated))
	if err != nil {
		return nil, errOpen
	}
	return data, nil
}
