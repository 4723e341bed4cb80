package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	testNonce  = "000102030405060708090a0b0c0d0e0f"
	testDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	testHead   = `"clock":{"error_ms":5,"source":"ntp","synced":true},"log":"dk3v9q","n":42,"nonce":"` + testNonce + `"`
	testTail   = `"t":"2026-03-01T08:00:00.125Z","type":"clip.ingested","v":1}`
	testEntry  = `{"actor":"dock","bay":"1",` + testHead +
		`,"record":"` + testDigest + `","sha256":"ab","size":7,"span":{"error_ms":2000,"from":"a","to":"b"},` + testTail
)

var testTime = time.Date(2026, 3, 1, 16, 0, 0, 125999999, time.FixedZone("", 8*3600))

func TestEncode(t *testing.T) {
	fields := func() Object {
		return Object{"sha256": "ab", "size": 7, "bay": "1", "span": Object{"to": "b", "from": "a", "error_ms": 2000}}
	}
	d := Draft{Type: "clip.ingested", Actor: "dock", Record: []byte{}, Fields: fields()}
	clock := Clock{Source: "ntp", Synced: true, ErrorMS: 5}
	raw, err := d.Encode("dk3v9q", 42, testNonce, testTime, clock)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fields(), d.Fields); diff != "" {
		t.Errorf("the draft changed: %s", diff)
	}
	if diff := cmp.Diff(testEntry, string(raw)); diff != "" {
		t.Error(diff)
	}
	got, err := ParseEntry(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{
		Log: "dk3v9q", N: 42, Nonce: testNonce, Type: "clip.ingested", T: time.Date(2026, 3, 1, 8, 0, 0, 125e6, time.UTC),
		Clock: Clock{Source: "ntp", Synced: true, ErrorMS: 5}, Actor: "dock", Record: testDigest,
		Fields: Object{"sha256": "ab", "size": int64(7), "bay": "1", "span": Object{"to": "b", "from": "a", "error_ms": int64(2000)}},
		Raw:    []byte(testEntry),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e, err := d.Entry("dk3v9q", 42, testNonce, testTime, clock); err != nil || !cmp.Equal(e, got) {
		t.Errorf("the draft makes another entry than its bytes do: %s (%v)", cmp.Diff(got, e), err)
	}
	if got.Name() != "dk3v9q-42" {
		t.Errorf("name is %q", got.Name())
	}
	if n, ok := got.Fields.Sub("span").Int("error_ms"); n != 2000 || !ok || got.Fields.Sub("none").Str("x") != "" {
		t.Errorf("fields: %v", got.Fields)
	}
}

func TestEncodeRefuses(t *testing.T) {
	good := Draft{Type: "run.started", Actor: "dock"}
	for name, change := range map[string]func(d *Draft, log *string, n *int64, nonce *string){
		"reserved key":  func(d *Draft, _ *string, _ *int64, _ *string) { d.Fields = Object{"nonce": "x"} },
		"array":         func(d *Draft, _ *string, _ *int64, _ *string) { d.Fields = Object{"a": []string{"x"}} },
		"null":          func(d *Draft, _ *string, _ *int64, _ *string) { d.Fields = Object{"a": nil} },
		"float":         func(d *Draft, _ *string, _ *int64, _ *string) { d.Fields = Object{"a": 1.5} },
		"two levels":    func(d *Draft, _ *string, _ *int64, _ *string) { d.Fields = Object{"a": Object{"b": Object{}}} },
		"invalid utf-8": func(d *Draft, _ *string, _ *int64, _ *string) { d.Fields = Object{"a": "\xff"} },
		"too long":      func(d *Draft, _ *string, _ *int64, _ *string) { d.Fields = Object{"a": strings.Repeat("x", MaxEntry)} },
		"type":          func(d *Draft, _ *string, _ *int64, _ *string) { d.Type = "Run.started" },
		"no actor":      func(d *Draft, _ *string, _ *int64, _ *string) { d.Actor = "" },
		"log":           func(_ *Draft, log *string, _ *int64, _ *string) { *log = "D" },
		"number":        func(_ *Draft, _ *string, n *int64, _ *string) { *n = -1 },
		"nonce":         func(_ *Draft, _ *string, _ *int64, nonce *string) { *nonce = "00" },
	} {
		d, log, n, nonce := good, "dk3v9q", int64(0), testNonce
		if _, err := d.Encode(log, n, nonce, testTime, Clock{}); err != nil {
			t.Fatal(err)
		}
		change(&d, &log, &n, &nonce)
		if _, err := d.Encode(log, n, nonce, testTime, Clock{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseEntryRefuses(t *testing.T) {
	if _, err := ParseEntry([]byte(testEntry)); err != nil {
		t.Fatal(err)
	}
	for name, swap := range map[string][2]string{
		"space":               {`"n":42`, `"n": 42`},
		"unsorted":            {`"actor":"dock","bay":"1"`, `"bay":"1","actor":"dock"`},
		"said twice":          {`"bay":"1"`, `"bay":"1","bay":"1"`},
		"null":                {`"bay":"1"`, `"bay":null`},
		"array":               {`"bay":"1"`, `"bay":[]`},
		"fraction":            {`"size":7`, `"size":7.0`},
		"exponent":            {`"size":7`, `"size":7e0`},
		"minus zero":          {`"size":7`, `"size":-0`},
		"too large":           {`"size":7`, `"size":9223372036854775808`},
		"deep":                {`"bay":"1"`, `"bay":{"a":{}}`},
		"needless escape":     {`"bay":"1"`, `"bay":"\u0031"`},
		"short escape":        {`"bay":"1"`, `"bay":"\n"`},
		"upper-case escape":   {`"bay":"1"`, `"bay":"\u202E"`},
		"bare bidi":           {`"bay":"1"`, "\"bay\":\"\u202e\""},
		"bare delete":         {`"bay":"1"`, "\"bay\":\"\x7f\""},
		"lone surrogate":      {`"bay":"1"`, `"bay":"\ud800"`},
		"surrogate pair":      {`"bay":"1"`, `"bay":"\ud83d\ude00"`},
		"invalid utf-8":       {`"bay":"1"`, "\"bay\":\"\xff\""},
		"version":             {`"v":1`, `"v":2`},
		"version is text":     {`"v":1`, `"v":"1"`},
		"no log":              {`"log":"dk3v9q",`, ``},
		"log name":            {`"log":"dk3v9q"`, `"log":"Dk3v9q"`},
		"negative number":     {`"n":42`, `"n":-42`},
		"nonce":               {`0e0f"`, `0e0F"`},
		"type":                {`clip.ingested`, `clip-ingested`},
		"time zone":           {`08:00:00.125Z`, `08:00:00.125+00:00`},
		"seconds only":        {`08:00:00.125Z`, `08:00:00Z`},
		"microseconds":        {`08:00:00.125Z`, `08:00:00.125000Z`},
		"comma":               {`08:00:00.125Z`, `08:00:00,125Z`},
		"no such day":         {`2026-03-01`, `2026-02-30`},
		"clock without field": {`"error_ms":5,`, ``},
		"clock is text":       {`"clock":{"error_ms":5,"source":"ntp","synced":true}`, `"clock":"ntp"`},
		"actor is a number":   {`"actor":"dock"`, `"actor":1`},
		"record is no digest": {testDigest, testDigest[1:]},
		"newline at the end":  {`"v":1}`, "\"v\":1}\n"},
		"text at the end":     {`"v":1}`, `"v":1}{}`},
		"cut":                 {`"v":1}`, `"v":1`},
		"an array":            {testEntry, `[]`},
		"nothing":             {testEntry, ``},
		"null alone":          {testEntry, `null`},
		"too long":            {`"bay":"1"`, `"bay":"` + strings.Repeat("x", MaxEntry) + `"`},
	} {
		raw := strings.Replace(testEntry, swap[0], swap[1], 1)
		if raw == testEntry {
			t.Fatalf("%s: nothing was swapped", name)
		}
		if e, err := ParseEntry([]byte(raw)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
}

func TestParseEntryAccepts(t *testing.T) {
	for name, swap := range map[string][2]string{
		"unknown type":  {`clip.ingested`, `weather.changed`},
		"unknown key":   {`"size":7`, `"size":7,"some-Key":true`},
		"in the clock":  {`"synced":true}`, `"synced":true,"zz":1}`},
		"escapes":       {`"bay":"1"`, `"bay":"\\\"\u000a\u202e` + "\u00e9中<&>" + `"`},
		"no record":     {`"record":"` + testDigest + `",`, ``},
		"empty object":  {`"span":{"error_ms":2000,"from":"a","to":"b"}`, `"span":{}`},
		"largest":       {`"size":7`, `"size":9223372036854775807`},
		"replacement":   {`"bay":"1"`, "\"bay\":\"\ufffd\""},
		"beyond 16 bit": {`"bay":"1"`, "\"bay\":\"\U0001f600\""},
	} {
		raw := strings.Replace(testEntry, swap[0], swap[1], 1)
		if _, err := ParseEntry([]byte(raw)); err != nil || raw == testEntry {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every flipped bit gives another leaf hash, and most are no entry at all.
func TestEntryBits(t *testing.T) {
	leaf := LeafHash([]byte(testEntry))
	for raw := range flips([]byte(testEntry)) {
		if LeafHash(raw) == leaf {
			t.Fatalf("%q has the same leaf hash", raw)
		}
		if e, err := ParseEntry(raw); err == nil && !bytes.Equal(e.Raw, raw) {
			t.Fatalf("%q is taken for %q", raw, e.Raw)
		}
	}
}

func TestRecord(t *testing.T) {
	type sub struct {
		Name string `json:"name"`
	}
	b, err := NewRecord(sub{"a\x1b[2J\u202eb\u009b<&>\xff\n\u2028é"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `,"name":"a\u001b[2J\u202eb\u009b<&>\ufffd\n\u2028é"}`
	const open = `{"nonce":"`
	if !strings.HasPrefix(string(b), open) || string(b[len(open)+32+1:]) != want {
		t.Errorf("record is %s", b)
	}
	one, err1 := NewRecord(sub{"same"})
	two, err2 := NewRecord(sub{"same"})
	if err1 != nil || err2 != nil || RecordDigest(one) == RecordDigest(two) {
		t.Error("two records of the same have one digest: it can be guessed")
	}
	if b, err := NewRecord(struct{}{}); err != nil || !json.Valid(b) {
		t.Errorf("empty record is %s, %v", b, err)
	}
	for name, v := range map[string]any{
		"array": []int{1}, "text": "x", "null": nil, "nil map": map[string]any(nil),
		"nonce taken": map[string]string{"nonce": "x"}, "not json": func() {},
	} {
		if b, err := NewRecord(v); err == nil {
			t.Errorf("%s: %s", name, b)
		}
	}
}

// TestAddList: the list is the last key of the record, as printable as the rest, in
// memory that was taken once.
func TestAddList(t *testing.T) {
	b, err := NewRecord(map[string]int{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	head := string(b[:len(b)-1])
	for want, list := range map[string][]string{`[]`: nil, `["x"]`: {"x"}, `["\u001b<é>","\n"]`: {"\x1b<é>", "\n"}} {
		if got, err := AddList([]byte(head+"}"), "list", slices.Values(list)); err != nil || string(got) != head+`,"list":`+want+"}" {
			t.Errorf("%s, %v", got, err)
		}
	}
	many := slices.Repeat([]string{"DCIM/é\u009b"}, 100_000)
	if got, err := AddList(b, "list", slices.Values(many)); err != nil || cap(got)-len(got) > len(got)/50 || !json.Valid(got) {
		t.Errorf("%d bytes in memory for %d, %v", len(got), cap(got), err)
	}
	if got, err := AddList(b, "list", slices.Values([]any{func() {}})); err == nil {
		t.Errorf("not json: %s", got)
	}
}

func TestPrintable(t *testing.T) {
	in := []byte("{\n\t\"a\u061c\": \"\u200f\u2066\u0085\x7f\\u202e中\xc3\", \x1b}")
	want := "{\n\t\"a\\u061c\": \"\\u200f\\u2066\\u0085\\u007f\\u202e中\\ufffd\", \\u001b}"
	if diff := cmp.Diff(want, string(Printable(in))); diff != "" {
		t.Error(diff)
	}
}
