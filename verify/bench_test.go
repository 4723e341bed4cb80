package verify_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// BenchmarkLog says how many entries a second are proved.
func BenchmarkLog(b *testing.B) {
	const entries = 1 << 17
	l := verifytest.New(b, b.TempDir())
	for i := range entries / 4 {
		n := l.Clip("DCIM/"+strconv.Itoa(i)+".MP4", strconv.Itoa(i%50))
		l.Stored(n)
		l.About(n, "clip.tagged", nil, map[string]any{"tags": map[string]any{"cases": []string{"A-17"}}})
		l.Append("run.started", manifest.Object{"version": "v0.1.0"}, nil)
	}
	l.Publish()
	mem := l.Memory()
	b.ResetTimer()
	for range b.N {
		report, err := verify.Store(context.Background(), verify.Options{Store: mem, Key: l.Key, Clips: []string{"dk3v9q-0"}}, nil)
		if err != nil || report.Size != entries {
			b.Fatal(err, report)
		}
	}
	b.ReportMetric(float64(b.N)*entries/b.Elapsed().Seconds(), "entries/s")
}
