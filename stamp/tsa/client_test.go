package tsa

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/stamp"
)

func TestMain(m *testing.M) { testbench.Main(m) }

// TestAsk: a real authority answers, and every fault on the way is told in a line.
func TestAsk(t *testing.T) {
	a := testbench.NewTSA(t, 400)
	c := New(a.URL)
	r, err := stamp.NewRequest([]byte("data"), "")
	if err != nil {
		t.Fatal(err)
	}
	der, err := r.DER()
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.Ask(t.Context(), der)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stamp.Parse(reply)
	if err != nil || s.Answers(r) != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	for fault, want := range map[string]string{
		testbench.TSADown:  "EOF",
		testbench.TSAError: "status 500",
		testbench.TSAPage:  `sends "text/html`,
		testbench.TSAHuge:  "more than 65536 bytes",
		testbench.TSASlow:  "no answer within 300ms",
	} {
		a.Break(fault)
		if fault == testbench.TSASlow {
			c.timeout = 300 * time.Millisecond
		}
		_, err := c.Ask(t.Context(), der)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", fault, err)
		}
		if a.Fired(fault) == 0 {
			t.Errorf("%s did not fire", fault)
		}
		c.timeout = Timeout
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Ask(ended, der); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := New("http://127.0.0.1:1").Ask(t.Context(), der); err == nil {
		t.Error("nobody listens there")
	}
}
