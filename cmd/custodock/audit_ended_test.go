package main

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// TestEndedLog: a log that ended is believed by what the log behind it says of its end,
// to the entry and the root, and by nothing else.
func TestEndedLog(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for range 4 {
		l.Append("docking.opened", nil, nil)
	}
	l.Publish()
	r, err := openReader(t.Context(), configs.Store{URL: l.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	head, err := verify.Open(t.Context(), verify.Options{Store: r, Key: l.Key})
	if err != nil {
		t.Fatal(err)
	}
	end := func(origin string, size int64, root string) manifest.Object {
		return manifest.Object{"origin": origin, "size": size, "root": root}
	}
	root, elsewhere := head.Checkpoint.Root.String(), strings.Repeat("A", 43)+"="
	for what, c := range map[string]struct {
		old  manifest.Object
		says string
	}{
		"it":              {end(verifytest.Origin, 4, root), ""},
		"another root":    {end(verifytest.Origin, 4, elsewhere), "ended with other entries"},
		"entries behind":  {end(verifytest.Origin, 3, root), "ended with other entries"},
		"entries missing": {end(verifytest.Origin, 5, root), "ended with other entries"},
		"another dock's":  {end("else/"+verifytest.Name, 4, root), "ended with other entries"},
		"another log":     {end("else/gate4", 4, root), "log/gate4/key is missing"},
		"no log":          {end("else", 4, root), "which is no log"},
	} {
		o, err := endedLog(t.Context(), r, "gate4", c.old)
		switch {
		case c.says == "" && (err != nil || o.Key != l.Key):
			t.Errorf("%s: %+v, %v", what, o, err)
		case c.says != "" && (!errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v", what, err)
		}
	}
	for given := range int64(2) {
		var left atomic.Int64
		left.Store(given)
		gone := auditLogs{parts: []store.Reader{hiding{r, []string{"log/"}}, fading{r, "", &left}}}
		if err := gone.follow(t.Context(), "gate4", end(verifytest.Origin, 4, root)); !errors.Is(err, store.ErrAway) || gone.bad != nil || len(gone.list) > 0 {
			t.Errorf("it may be in a store that goes away behind %d: %v, %v", given, err, gone.bad)
		}
	}
}
