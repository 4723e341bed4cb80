package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// grown is what differs between two audits that find the same.
var grown = regexp.MustCompile(`[0-9]+ entries|below [0-9]+|(?s)\ncustodock gaps v1.*`)

// auditStores are the two stores of a dock as a case has them.
type auditStores struct {
	first, second func(r reader) (reader, error)
}

func (s auditStores) open(url string, r reader) (reader, error) {
	if strings.HasSuffix(url, "/one") {
		return s.first(r)
	}
	return s.second(r)
}

func there(r reader) (reader, error) { return r, nil }

func unopened(r reader) (reader, error) {
	_ = r.Close()
	return nil, fmt.Errorf("open store: %w", store.ErrAway)
}

func lacking(kinds ...string) func(reader) (reader, error) {
	return func(r reader) (reader, error) { return hiding{r, kinds}, nil }
}

func leavingBehind(given int64, kind string) func(reader) (reader, error) {
	var left atomic.Int64
	left.Store(given)
	return func(r reader) (reader, error) { return fading{r, kind, &left}, nil }
}

// twoStores is a dock with a camera in its two stores, and a statement about its gaps.
func twoStores(t *testing.T) (dock func(auditStores, ...string) (int, string, string), dir, note string) {
	t.Helper()
	state := t.TempDir()
	dir = t.TempDir()
	note = filepath.Join(dir, "note")
	dock = func(s auditStores, args ...string) (int, string, string) {
		stores := []string{"--state", state, "--store", "file://" + filepath.Join(dir, "one"), "--store", "file://" + filepath.Join(dir, "two")}
		return command(t, s.open, append(stores, args...)...)
	}
	for _, args := range [][]string{{"init"}, {"ingest", "--no-case", "r", cameraFolder(t)}, {"audit", "gaps", "-o", note}} {
		if code, out, errs := dock(auditStores{there, there}, args...); code != exitDone {
			t.Fatal(args, code, out, errs)
		}
	}
	return dock, dir, note
}

// audits are the commands, each as it ends well where nothing is away.
var audits = map[string][]string{
	"sample": {"audit", "sample", "--seed", "x", "--rate", "1"}, "gaps": {"audit", "gaps"}, "access": {"audit", "access"},
}

// TestAuditsOfSeveralStores: what one store of a dock has not got, or does not give, comes
// from the other.
func TestAuditsOfSeveralStores(t *testing.T) {
	dock, _, note := twoStores(t)
	for audit, args := range audits {
		_, out, _ := dock(auditStores{there, there}, args...)
		want := grown.ReplaceAllString(out, "")
		cases := map[string]auditStores{
			"the first cannot be opened":    {unopened, there},
			"the second cannot be opened":   {there, unopened},
			"the second is away":            {there, leavingBehind(0, "")},
			"one lacks records and objects": {lacking("record/", "object/"), there},
			"each lacks some":               {lacking("record/", "log/"), lacking("object/")},
		}
		for given := range int64(12) {
			cases[fmt.Sprint("the first goes away behind ", given)] = auditStores{leavingBehind(given, ""), there}
		}
		for what, stores := range cases {
			code, out, errs := dock(stores, args...)
			if got := grown.ReplaceAllString(out, ""); code != exitDone || got != want || errs != "" {
				t.Errorf("%s, %s: %d, %s%s\nnot %s", audit, what, code, got, errs, want)
			}
		}
	}
	if code, out, errs := dock(auditStores{lacking("object/"), there}, "verify", note); code != exitDone {
		t.Errorf("a statement, and one store lacks the device's own log: %d, %s%s", code, out, errs)
	}
}

// TestAuditsWhileOneStoreIsAway: what the store that is there has not got may be in the
// other, so that it is an outage and no finding.
func TestAuditsWhileOneStoreIsAway(t *testing.T) {
	dock, _, _ := twoStores(t)
	for audit, args := range audits {
		cases := map[string]auditStores{
			"neither can be opened":            {unopened, unopened},
			"one lacks the log, one is away":   {lacking("log/"), leavingBehind(0, "")},
			"one is away, one lacks the log":   {unopened, lacking("log/")},
			"one lacks entries, one goes away": {lacking("log/", "record/"), leavingBehind(2, "log/")},
		}
		if audit != "sample" { // which reads no records
			cases["one lacks records"] = auditStores{lacking("record/"), unopened}
			cases["one lacks records, one goes away"] = auditStores{lacking("record/"), leavingBehind(0, "record/")}
		}
		if audit == "gaps" {
			cases["one lacks a device's own log"] = auditStores{lacking("object/"), unopened}
			cases["one lacks a device's own log, one goes away"] = auditStores{leavingBehind(0, "object/"), lacking("object/")}
		}
		for what, stores := range cases {
			if code, out, errs := dock(stores, args...); code != exitError || out != "" || !strings.Contains(errs, store.ErrAway.Error()) || strings.Count(errs, "\n") != 1 {
				t.Errorf("%s, %s: %d, %s%s", audit, what, code, out, errs)
			}
		}
	}
	lacks := auditStores{lacking("record/"), lacking("record/")}
	if code, _, errs := dock(lacks, "audit", "gaps"); code != exitMismatch {
		t.Errorf("no store has the records: %d, %s", code, errs)
	}
}

// of opens another store in the place of one.
func of(t *testing.T, dir string) func(reader) (reader, error) {
	return func(r reader) (reader, error) {
		_ = r.Close()
		return openReader(t.Context(), configs.Store{URL: dir})
	}
}

// shown is how many entries a store shows of its one log, and the file that says so.
func shown(t *testing.T, dir string) (size int, path string) {
	t.Helper()
	found, err := filepath.Glob(dir + "/log/*/checkpoint")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	b, err := os.ReadFile(found[0])
	if err == nil {
		size, err = strconv.Atoi(strings.Split(string(b), "\n")[1])
	}
	if err != nil {
		t.Fatal(err)
	}
	return size, found[0]
}

// TestAuditsOfAStoreBehind: the store that shows most of the log is read, but one whose
// checkpoint is wrong is not passed over.
func TestAuditsOfAStoreBehind(t *testing.T) {
	dock, dir, _ := twoStores(t)
	old, newest := t.TempDir(), filepath.Join(dir, "one")
	if err := os.CopyFS(old, os.DirFS(newest)); err != nil {
		t.Fatal(err)
	}
	_, clips, _ := dock(auditStores{there, there}, "clips", "--json")
	clip := regexp.MustCompile(`"clip":"([^"]+)"`).FindStringSubmatch(clips)[1]
	if code, _, errs := dock(auditStores{there, there}, "view", clip, "--reason", "look"); code != exitDone {
		t.Fatal(code, errs)
	}
	one, _ := shown(t, newest)
	if two, _ := shown(t, filepath.Join(dir, "two")); two > one { // a command waits for one store
		newest = filepath.Join(dir, "two")
	}
	for what, stores := range map[string]auditStores{"first": {of(t, old), of(t, newest)}, "second": {of(t, newest), of(t, old)}} {
		if code, out, errs := dock(stores, "audit", "access"); code != exitDone || !strings.Contains(out, "1 access,") {
			t.Errorf("the %s is behind: %d, %s%s", what, code, out, errs)
		}
	}
	_, path := shown(t, old)
	if err := os.WriteFile(path, []byte("no checkpoint"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := dock(auditStores{of(t, newest), of(t, old)}, "audit", "access"); code != exitMismatch || out != "" {
		t.Errorf("a checkpoint is wrong: %d, %s%s", code, out, errs)
	}
}
