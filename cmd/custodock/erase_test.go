package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

func TestErasedIsTold(t *testing.T) {
	for _, c := range []struct {
		lang string
		res  ingest.EraseResult
		want string
		kept bool
	}{
		{message.English, ingest.EraseResult{Erased: 1}, "1 file erased from camera c017\n", false},
		{message.English, ingest.EraseResult{Erased: 2, Left: []ingest.EraseLeft{{Reason: "held", Files: 3}, {Reason: "new\x1b", Files: 1}}},
			"2 files erased from camera c017\n3 files stay on it: held\n1 file stays on it: new\\x1b\n", true},
		{message.Chinese, ingest.EraseResult{Left: []ingest.EraseLeft{{Reason: "protected", Files: 1}}}, "已清除 0 个文件（设备 c017）\n1 个文件保留在设备上：设备上已标记保护\n", true},
	} {
		var out bytes.Buffer
		a := newApp(nil, &out, nil, nil)
		a.lang = c.lang
		if err := a.printErased("c017", c.res); errors.Is(err, errKept) != c.kept || out.String() != c.want {
			t.Errorf("%q, %v; want %q", out.String(), err, c.want)
		}
	}
}

// TestCustodyOfErased: whether the camera was seen to erase a clip is told.
func TestCustodyOfErased(t *testing.T) {
	a := newApp(nil, nil, nil, nil)
	a.lang = message.English
	for result, want := range map[string]string{
		"erased": "camera c017 erased its file", "found_gone": "camera c017 was told to erase its file, which was found gone later", "else": "",
	} {
		draft := manifest.Draft{Type: "clip.erased", Actor: "dock", Fields: manifest.Object{"clip": "dk3-1", "device": "c017", "result": result}}
		raw, err := draft.Encode("dk3", 7, manifest.NewNonce(), a.now(), manifest.Clock{Source: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if got := a.custodyNote(ingest.Custody{Type: "clip.erased", Entry: string(raw)}); got != want {
			t.Errorf("%s: %q, want %q", result, got, want)
		}
	}
	if got := a.custodyNote(ingest.Custody{Type: "clip.erased", Entry: "{"}); got != "" {
		t.Errorf("%q", got)
	}
}

// TestStatusSaysWhyFilesStay: beside that the camera may be taken.
func TestStatusSaysWhyFilesStay(t *testing.T) {
	a := newApp(nil, nil, nil, nil)
	a.lang = message.English
	got := a.bays([]ingest.BayStatus{{Bay: "bay1", State: ingest.BayDone, MayTake: true, Erase: &ingest.EraseStatus{Erased: 4, Left: 2, Reason: "same_disk"}}})
	if want := "may be taken; 4 files erased from it; 2 files stay on it: stored on the dock's own disk only"; !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
}
