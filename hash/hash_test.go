package hash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/emmansun/gmsm/sm3"
	"github.com/google/go-cmp/cmp"
	"github.com/minio/crc64nvme"
	"go.uber.org/goleak"

	"github.com/custodock/custodock/clip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func content(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(b)
	return b
}

func TestCopy(t *testing.T) {
	for _, size := range []int{0, 1, BufferSize - 1, BufferSize, BufferSize + 1, 3 * BufferSize, PartSize, PartSize + 5} {
		data := content(size)
		pool := NewPool(4)
		var out bytes.Buffer
		got, err := Copy(context.Background(), &out, bytes.NewReader(data), pool, true)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		want := Sum{SHA256: clip.Digest(sha256.Sum256(data)), Size: int64(size), CRC64: crc64nvme.Checksum(data), PartSize: PartSize}
		for p := data; len(p) > 0; p = p[min(len(p), PartSize):] {
			want.Parts = append(want.Parts, crc64nvme.Checksum(p[:min(len(p), PartSize)]))
		}
		sm := sm3.Sum(data)
		want.SM3 = clip.Digest(sm).String()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d bytes: %s", size, diff)
		}
		if !bytes.Equal(out.Bytes(), data) {
			t.Errorf("%d bytes: written bytes differ", size)
		}
		if len(pool.free) != 4 {
			t.Errorf("%d bytes: %d of 4 buffers came back", size, len(pool.free))
		}
	}
}

func TestCopyOneByteReads(t *testing.T) {
	data := content(BufferSize + 100)
	got, err := Copy(context.Background(), nil, iotest.OneByteReader(bytes.NewReader(data)), NewPool(2), false)
	if err != nil || got.SHA256 != sha256.Sum256(data) {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestCopyFailures(t *testing.T) {
	bad := errors.New("planted")
	data := content(6 * BufferSize)
	cases := map[string]struct {
		r       io.Reader
		w       io.Writer
		reading bool
	}{
		"first read":   {iotest.ErrReader(bad), io.Discard, true},
		"later read":   {io.MultiReader(bytes.NewReader(data), iotest.ErrReader(bad)), io.Discard, true},
		"small write":  {bytes.NewReader(data[:10]), failing{bad}, false},
		"stream write": {bytes.NewReader(data), failing{bad}, false},
	}
	for name, c := range cases {
		pool := NewPool(3)
		_, err := Copy(context.Background(), c.w, c.r, pool, false)
		var re *ReadError
		var we *WriteError
		if !errors.Is(err, bad) || errors.As(err, &re) != c.reading || errors.As(err, &we) == c.reading {
			t.Errorf("%s: got %T %v", name, err, err)
		}
		if len(pool.free) != 3 {
			t.Errorf("%s: %d of 3 buffers came back", name, len(pool.free))
		}
	}
}

func TestCopyStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, err := Copy(ctx, io.Discard, r, NewPool(2), false); !errors.Is(err, context.Canceled) {
		t.Fatalf("an endless input ended with %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func BenchmarkCopy(b *testing.B) {
	data := content(64 << 20)
	pool := NewPool(16)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Copy(context.Background(), io.Discard, bytes.NewReader(data), pool, false); err != nil {
			b.Fatal(err)
		}
	}
}
