package s3

import (
	"context"
	"errors"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/minio/minio-go/v7"
)

var busy = minio.ErrorResponse{StatusCode: http.StatusServiceUnavailable, Code: "SlowDown"}

// taken is a pace all of whose turns are taken.
func taken(t *testing.T, first, most float64) *pace {
	t.Helper()
	p := newPace(first, most)
	for range int(first) {
		if err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestPaceAdapts lets answers, refusals and time pass.
func TestPaceAdapts(t *testing.T) {
	for _, tt := range []struct {
		what        string
		first, most float64
		tell        func(p *pace, now time.Time)
		want        int
	}{
		{"a round of answers", 4, 16, func(p *pace, now time.Time) {
			for range 5 {
				p.tell(now, nil)
			}
		}, 5},
		{"no more than the most", 4, 6, func(p *pace, now time.Time) {
			for range 100 {
				p.busy = int(p.may)
				p.tell(now, nil)
			}
		}, 6},
		{"answers while turns are free", 4, 16, func(p *pace, now time.Time) {
			p.leave()
			for range 100 {
				p.tell(now, nil)
			}
		}, 4},
		{"other errors", 4, 16, func(p *pace, now time.Time) {
			p.tell(now, errors.New("reset"))
			p.tell(now, minio.ErrorResponse{StatusCode: http.StatusPreconditionFailed})
		}, 4},
		{"a refusal", 16, 16, func(p *pace, now time.Time) { p.tell(now, busy) }, 8},
		{"refusals of one round", 16, 16, func(p *pace, now time.Time) {
			for range 16 {
				p.tell(now, busy)
			}
		}, 8},
		{"refusals of two rounds", 16, 16, func(p *pace, now time.Time) {
			p.tell(now, busy)
			<-time.After(time.Second)
			p.tell(time.Now(), busy)
			p.tell(now.Add(time.Millisecond), busy) // of the first
		}, 4},
		{"refusals for ever", 16, 16, func(p *pace, _ time.Time) {
			for range 10 {
				<-time.After(time.Second)
				p.tell(time.Now(), busy)
			}
		}, leastAtOnce},
		{"a slow answer", 16, 16, func(p *pace, now time.Time) {
			<-time.After(slow + 1)
			p.tell(now, nil)
		}, 8},
		{"a line that took nothing", 16, 16, func(p *pace, now time.Time) { p.tell(now, os.ErrDeadlineExceeded) }, 8},
	} {
		synctest.Test(t, func(t *testing.T) {
			<-time.After(time.Second)
			p := taken(t, tt.first, tt.most)
			tt.tell(p, time.Now())
			if int(p.may) != tt.want {
				t.Errorf("%s: %.2f, want %d", tt.what, p.may, tt.want)
			}
		})
	}
}

// TestPaceTurns gives turns in order, and those of who went away to the next.
func TestPaceTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taken(t, 1, 1)
		turns := make(chan int, 3)
		for i := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if p.enter(ctx) == nil {
					turns <- i
				}
			}()
			synctest.Wait()
			if i == 1 {
				cancel()
				synctest.Wait()
			} else {
				defer cancel()
			}
		}
		for _, want := range []int{0, 2} {
			p.leave()
			if got := <-turns; got != want {
				t.Errorf("turn of %d, want %d", got, want)
			}
		}
		p.leave()
		if p.busy != 0 || p.waiting.Len() != 0 {
			t.Errorf("%d busy and %d waiting at the end", p.busy, p.waiting.Len())
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.enter(over); !errors.Is(err, context.Canceled) || p.busy != 0 {
			t.Errorf("%v with %d busy", err, p.busy)
		}
	})
}
