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

// What is opened bare says nothing of a version; the rest is as ever.
func TestOpenBare(t *testing.T) {
	s := openNew(t, t.TempDir())
	if _, err := s.Create(t.Context(), "log/a/key", []byte("k")); err != nil {
		t.Fatal(err)
	}
	if b, err := store.ReadBare(t.Context(), s, "log/a/key", 10); err != nil || string(b) != "k" {
		t.Errorf("%q, %v", b, err)
	}
	f, err := store.OpenBare(t.Context(), s, "log/a/key")
	if err != nil {
		t.Fatal(err)
	}
	if info := f.Info(); info.Version != "" || info.Size != 1 || info.Name != "log/a/key" {
		t.Errorf("%+v", info)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"log/a/absent", "../key", "log/a"} {
		if f, err := store.OpenBare(t.Context(), s, name); err == nil || f != nil {
			t.Errorf("opened %s", name)
		}
	}
}
