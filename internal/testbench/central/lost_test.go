package central

import (
	"fmt"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

const (
	small = 200_000
	large = 40 << 20 // three parts
)

// wireDay is a way in which the line fails while clips are uploaded.
type wireDay struct {
	name  string
	fault testbench.WireFault
	size  int64
	clips int
	fires int // at least
}

var wireDays = []wireDay{
	{"46 lost reply of a PUT", testbench.WireFault{Kind: testbench.LostReply, Method: "PUT", Part: "/dock/object/", Times: 3}, small, 6, 3},
	{"46 a PUT that was done answers 500", testbench.WireFault{Kind: testbench.LostReply, Method: "PUT", Part: "/dock/object/", Times: 3, Status: 500}, small, 6, 3},
	{"46 lost replies of the log", testbench.WireFault{Kind: testbench.LostReply, Method: "PUT", Part: "/dock/log/", Times: 4}, small, 2, 4},
	{"46 lost replies of the records", testbench.WireFault{Kind: testbench.LostReply, Method: "PUT", Part: "/dock/record/", Times: 1}, small, 2, 1},
	{"47 lost reply of a Complete", testbench.WireFault{Kind: testbench.LostReply, Method: "POST", Part: "uploadId=", Times: 1}, large, 1, 1},
	{"48 200 with an error body", testbench.WireFault{Kind: testbench.Refused, Method: "POST", Part: "uploadId=", Times: 1, Status: 200, Code: "InternalError"}, large, 1, 1},
	{"48 200 with an error body, and it was done", testbench.WireFault{Kind: testbench.LostReply, Method: "POST", Part: "uploadId=", Times: 1, Status: 200, Code: "InternalError"}, large, 1, 1},
	{"49 a bit of a PUT is wrong", testbench.WireFault{Kind: testbench.FlippedRequest, Method: "PUT", Part: "/dock/object/", N: 1000, Times: 1}, small, 2, 1},
	{"49 a bit of a part is wrong", testbench.WireFault{Kind: testbench.FlippedRequest, Method: "PUT", Part: "partNumber=2", N: 1000, Times: 1}, large, 1, 1},
}

// survives takes clips in while the line fails, and they are stored all the
// same, once, without a word to the person who waits.
func (day wireDay) survives(t testing.TB, bin string, c *centre) error {
	d := newDock(t, bin, c.Env(), "", storeText("centre", c.url(), unlocked))
	cam, files := camera(t, day.clips, day.size, 1)
	c.line.Inject(day.fault)
	out := d.ingest("60s", cam)
	if n := c.line.Fired(day.fault.Kind); n < day.fires {
		t.Fatalf("the fault fired %d times, want %d", n, day.fires)
	}
	c.line.Heal()
	if err := out.complete(len(files)); err != nil {
		return err
	}
	for _, f := range files {
		if n := c.uploads(f.SHA256); n != 0 {
			return fmt.Errorf("%d uploads of %s are left", n, f.Name)
		}
	}
	return d.settled(c, files...)
}

// TestWireDays: replies that are lost, and bytes that arrive changed (faults
// 46 to 49).
func TestWireDays(t *testing.T) {
	bin := testbench.Build(t)
	for _, kind := range kinds {
		s := testbench.S3(t, testbench.S3Options{Kind: kind})
		for i, day := range wireDays {
			t.Run(kind+" "+day.name, func(t *testing.T) {
				c := bucketOf(t, s, fmt.Sprintf("day-%d", i), false)
				if err := day.survives(t, bin, c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
