package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/ingest"
)

// shapes are what the calls take and answer; of streams, a line.
var shapes = map[string]struct{ query, answer any }{
	pathVersion:    {nil, Version{}},
	pathStatus:     {empty{}, ingest.Status{}},
	pathChanged:    {empty{}, empty{}},
	pathEvents:     {nil, ingest.StreamEvent{}},
	pathClips:      {ingest.Filter{}, line{}},
	pathShow:       {what{}, ingest.ClipDetail{}},
	pathTag:        {ingest.TagRequest{}, stampAnswer{}},
	pathIngest:     {ingest.Request{}, line{}},
	pathExport:     {ingest.ExportRequest{}, clipsAnswer{}},
	pathClock:      {ingest.ClockRequest{}, empty{}},
	pathKey:        {empty{}, keyAnswer{}},
	pathInstall:    {ingest.InstallRequest{}, ingest.Endorsement{}},
	pathCheckpoint: {empty{}, bytesAnswer{}},
	pathEntry:      {what{}, bytesAnswer{}},
	pathProve:      {what{}, bytesAnswer{}},
	pathView:       {ingest.ViewRequest{}, empty{}},
	pathAnchor:     {empty{}, ingest.AnchorView{}},
	pathReceipt:    {what{}, ingest.ReceiptView{}},
	pathGaps:       {ingest.GapsRequest{}, noteAnswer{}},
	pathDoctor:     {empty{}, condAnswer{}},
	pathAgree:      {agreement{}, empty{}},
	pathDevices:    {empty{}, ingest.Registry{}},
	pathRegister:   {ingest.RegisterRequest{}, ingest.DeviceView{}},
	pathForget:     {ingest.ForgetRequest{}, empty{}},
	pathBays:       {empty{}, baysAnswer{}},
	pathBind:       {ingest.BindRequest{}, ingest.BayView{}},
	pathDerive:     {ingest.DeriveRequest{}, ingest.DerivedView{}},
	pathErase:      {ingest.EraseOrder{}, ingest.EraseResult{}},
}

func document(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	heading = regexp.MustCompile("(?m)^### `(GET|POST) (/[^`]*)`$")
	example = regexp.MustCompile("(?s)```json\n(.*?)```")
	row     = regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| (yes|) ?\\| (yes|) ?\\| (yes|) ?\\|$")
	fails   = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([0-9]{3}) \\|")
)

// sections are the texts of the calls by method and path.
func sections(t *testing.T) map[string]string {
	t.Helper()
	doc := document(t)
	out := map[string]string{}
	at := heading.FindAllStringSubmatchIndex(doc, -1)
	for i, m := range at {
		end := strings.Index(doc, "\n## Shapes")
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		out[doc[m[2]:m[3]]+" "+doc[m[4]:m[5]]] = doc[m[1]:end]
	}
	return out
}

func TestDocumentNamesEveryCall(t *testing.T) {
	var served, told []string
	for _, r := range newServer(options(nil)).routes() {
		served = append(served, r.method+" "+r.path)
	}
	for name := range sections(t) {
		told = append(told, name)
	}
	slices.Sort(served)
	slices.Sort(told)
	if d := cmp.Diff(served, told); d != "" {
		t.Errorf("docs/api.md (-served +told):\n%s", d)
	}
}

func TestDocumentHasTheTable(t *testing.T) {
	told := map[string][]access.Role{}
	for _, m := range row.FindAllStringSubmatch(document(t), -1) {
		for i, r := range []access.Role{access.Officer, access.Auditor, access.Admin} {
			if m[2+i] == "yes" {
				told[m[1]] = append(told[m[1]], r)
			}
		}
	}
	want := map[string][]access.Role{}
	for _, op := range access.Operations() {
		want[op] = access.Needs(op)
	}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("docs/api.md (-table +told):\n%s", d)
	}
}

func TestDocumentHasTheErrors(t *testing.T) {
	told, want := map[string]string{}, map[string]string{}
	for _, m := range fails.FindAllStringSubmatch(document(t), -1) {
		told[m[1]] = m[2]
	}
	for _, c := range codes {
		want[c.code] = fmt.Sprint((&fault{Code: c.code}).status())
	}
	for _, code := range []string{codeOther, codeHeld} {
		want[code] = fmt.Sprint((&fault{Code: code}).status())
	}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("docs/api.md (-codes +told):\n%s", d)
	}
}

// strictly decodes every line of an example.
func strictly(t *testing.T, name, text string, shape any) {
	t.Helper()
	for l := range strings.Lines(text) {
		v := reflect.New(reflect.TypeOf(shape)).Interface()
		if err := readJSON(strings.NewReader(l), v); err != nil {
			t.Errorf("%s: %v in %s", name, err, l)
		}
	}
}

func TestExamplesAreTrue(t *testing.T) {
	state, _ := start(t, fullDesk())
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	for name, text := range sections(t) {
		method, path, _ := strings.Cut(name, " ")
		found := example.FindAllStringSubmatch(text, -1)
		want := 2
		if method == http.MethodGet {
			want = 1
		}
		if len(found) != want {
			t.Errorf("%s: %d examples, want %d", name, len(found), want)
			continue
		}
		strictly(t, name, found[want-1][1], shapes[path].answer)
		if method == http.MethodGet {
			continue
		}
		strictly(t, name, found[0][1], shapes[path].query)
		body, fds := strings.TrimSpace(found[0][1]), []int(nil)
		switch path {
		case pathIngest:
			body, fds = strings.ReplaceAll(body, "officer", "admin"), []int{int(folder.Fd())} // root asks
		case pathDerive:
			fds = []int{int(openFile(t).Fd())}
		}
		if status, got := ask(t, who{}, state, method, path, body, fds...); status != http.StatusOK {
			t.Errorf("%s: the example is answered %d %s", name, status, got)
		}
	}
}

// keys are the JSON keys of a type and what is in it.
func keys(of reflect.Type, found map[string]bool, seen map[reflect.Type]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		keys(of.Elem(), found, seen)
		return
	case reflect.Struct:
	default:
		return
	}
	if seen[of] || of == reflect.TypeFor[time.Time]() {
		return
	}
	seen[of] = true
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name != "" {
			found[name] = true
		}
		keys(f.Type, found, seen)
	}
}

func TestDocumentNamesEveryKey(t *testing.T) {
	doc, found := document(t), map[string]bool{}
	for path, s := range shapes {
		for _, shape := range []any{s.query, s.answer} {
			if shape != nil {
				keys(reflect.TypeOf(shape), found, map[reflect.Type]bool{})
			}
		}
		if _, err := json.Marshal(s.answer); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if len(found) < 60 {
		t.Fatalf("only %d keys found", len(found))
	}
	for key := range found {
		if !strings.Contains(doc, `"`+key+`":`) && !strings.Contains(doc, "`"+key+"`") {
			t.Errorf("docs/api.md does not name key %q", key)
		}
	}
}
