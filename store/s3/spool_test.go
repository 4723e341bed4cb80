package s3

import (
	"errors"
	"os"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

func overwrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// testAdopted puts clips whose parts nobody knows, and one that is not what
// its digest says.
func testAdopted(t *testing.T, b bench) {
	s := open(t, b.options(newPrefix(), configs.LockGovernance))
	for _, size := range []int{0, 1000, 16<<20 + 1} {
		o := storetest.Object(t, storetest.Random(size, 40))
		o.PartSize, o.Parts, o.CRC64 = 0, nil, 0
		for range 2 {
			if info, err := s.Put(t.Context(), o); err != nil || info.Size != o.Size {
				t.Errorf("%d bytes: %+v, %v", size, info, err)
			}
		}
	}
	// The store compares many parts with no SHA-256: reading them must.
	for _, size := range []int{1000, 16<<20 + 1} {
		o := storetest.Object(t, storetest.Random(size, 41))
		o.PartSize, o.Parts, o.CRC64 = 0, nil, 0
		overwrite(t, o.Path, storetest.Random(size, 42))
		if _, err := s.Put(t.Context(), o); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%d other bytes: %v, want %v", size, err, store.ErrDamaged)
		}
	}
}
