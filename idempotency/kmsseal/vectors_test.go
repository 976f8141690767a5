package kmsseal_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/idempotent-requests/idempotent-requests/idempotency/kmsseal"
)

// vector is a sealed result that each later version has to open. The vectors of
// testdata/vectors.json were made by another implementation, and never change.
type vector struct {
	Name             string
	ID, Step         string
	Result           hexadecimal
	DataKey          hexadecimal
	EncryptedDataKey hexadecimal
	Sealed           hexadecimal
}

type hexadecimal []byte

func (h *hexadecimal) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode([]byte{}, text)
	return err
}

// oneKey is a KMS that knows one data key.
type oneKey struct {
	kmsseal.Client
	vector
}

func (k oneKey) Decrypt(_ context.Context, asked *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	if *asked.KeyId != "alias/idempotency" || !bytes.Equal(asked.CiphertextBlob, k.EncryptedDataKey) ||
		!maps.Equal(asked.EncryptionContext, map[string]string{"purpose": "idempotency"}) {
		return nil, errors.New("another request was expected")
	}
	return &kms.DecryptOutput{Plaintext: bytes.Clone(k.DataKey)}, nil
}

func (k oneKey) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return &kms.GenerateDataKeyOutput{Plaintext: bytes.Clone(k.DataKey), CiphertextBlob: k.EncryptedDataKey}, nil
}

func TestVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Version int
		Vectors []vector
	}
	if err := json.Unmarshal(text, &file); err != nil || file.Version != 1 || len(file.Vectors) < 5 {
		t.Fatalf("%d vectors of version %d, %v", len(file.Vectors), file.Version, err)
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			sealer, err := kmsseal.New(kmsseal.Config{Client: oneKey{vector: v}, KeyID: "alias/idempotency"})
			if err != nil {
				t.Fatal(err)
			}
			associated := v.ID
			if v.Step != "" {
				associated += "\n" + v.Step
			}
			opened, err := sealer.Open(t.Context(), v.Sealed, []byte(associated))
			if err != nil || opened == nil || !bytes.Equal(opened, v.Result) {
				t.Errorf("opened %x, %v", opened, err)
			}
			// What is sealed today differs in its nonce alone, and so in all that comes
			// after that.
			seal, err := sealer.Seal(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := seal(v.Result, []byte(associated))
			header := 7 + len(v.EncryptedDataKey)
			if err != nil || len(sealed) != len(v.Sealed) || !bytes.Equal(sealed[:header], v.Sealed[:header]) {
				t.Errorf("sealed %x, %v", sealed, err)
			}
		})
	}
}
