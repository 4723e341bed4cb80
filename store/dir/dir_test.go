package dir

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openNew(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openNew(t, t.TempDir()) })
}
