package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExampleIsTheDefault(t *testing.T) {
	got, err := Load(write(t, t.TempDir(), "custodock.yaml", string(Example()), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Stores, want.Drops, want.Bays, want.Hooks, want.Devices = []Store{}, []Drop{}, []Bay{}, []Hook{}, []Device{}
	want.Alarms.Command, want.TSA = []string{}, []TSA{}
	want.Witnesses.List = []Witness{}
	want.Access.Officer.Users, want.Access.Admin.Users, want.Access.Auditor.Users = []string{}, []string{}, []string{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for key := range strings.SplitSeq("log authority key lang stores copies scrub keep alarms access roots drops bays mounter usb board policy erase reread_days stall reserve publish tsa anchor_every zone sm3 matters profiles unknown devices witnesses", " ") {
		if !strings.Contains(string(Example()), "\n"+key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name, yaml string
		want       func(*Config)
	}{
		{"empty", "", func(*Config) {}},
		{"comment", "# nothing\n", func(*Config) {}},
		{"byte order mark and CRLF", "\ufefflang: zh\r\npolicy: central\r\n", func(c *Config) { c.Lang, c.Policy = "zh", "central" }},
		{"no roots", "roots: []\n", func(c *Config) { c.Roots = []string{} }},
		{"no mounter", "mounter: \"\"\n", func(c *Config) { c.Mounter = "" }},
		{"no board", "board: \"\"\n", func(c *Config) { c.Board = "" }},
		{"everything", strings.Join([]string{
			"log: dk3v9q", "authority: dock.example.org", "key: /nowhere/key", "lang: zh",
			"stores: [{name: a, url: 'file:///srv/a', fs_uuid: 3b1c}, {name: b, url: 's3://bucket/p?endpoint=http://h:9000&region=x'," +
				" lock: governance, retain_days: 3, hold: true, credentials: s3, profile: p, ca: /etc/ca.pem, cert: /etc/c.pem, cert_key: /nowhere/c.key," +
				" proxy: 'http://p:3128', bandwidth: [{from: '22:00', to: '06:30', rate: 1MiB}]}]",
			"copies: {stored: 1, confirmed: 2}", "scrub: {days: 9, rate: 1MiB}", "keep: {days: 3, percent: 50}",
			"alarms: {command: [/usr/bin/page, '-q'], queue_age: 1h, late: 2h, clock: 1s, camera_clock: 5m, disk: 5}",
			"access: {officer: {users: [li], groups: []}, admin: {groups: [wheel]}, auditor: {users: [], groups: []}}",
			"roots: [/mnt]", "drops: [{path: /srv/drop}, {path: /srv/two, quiet: 2m, bay: desk}]",
			"bays: [{name: bay-01, path: 1-1.4}]", "mounter: /run/m/s", "usb: {guard: bays, vendor: ['0603:8611']}", "board: '[::1]:80'", "policy: central", "erase: {mode: after-days, days: 14, cosigned: true}", "reread_days: 7", "stall: 90s", "reserve: 1GiB",
			"tsa: [{url: 'https://tsa.example.org:8443/tsr', roots: /etc/root.pem}, {name: b, url: 'http://h/', roots: /etc/b.pem, policy: 1.2.3}]", "anchor_every: 10m",
			"publish: 500ms", "zone: Asia/Shanghai", "sm3: true", "matters: /etc/m.yaml", "profiles: /", "unknown: take",
			"hooks: [{profile: a11, clock: [/usr/bin/ask, '-q']}, {profile: zoom, unlock: [/usr/bin/open], timeout: 1m}]",
			"devices: [{id: c017, match: {fs_uuid: 5F3A-1B2C, label: X, serial: '0123', profile_id: P7}, collectors: [{person: 李雷, badge: '013370', unit: u}]," +
				" unit: Patrol 3, zone: '+08:00', profile: a11, bay: bay-01}]",
			"witnesses: {list: [{name: a, key: " + witnessOfTest + ", url: 'https://h/w'}], quorum: 1}",
		}, "\n"), func(c *Config) {
			*c = Config{
				Log: "dk3v9q", Authority: "dock.example.org", Key: "/nowhere/key", Lang: "zh",
				Stores: []Store{{Name: "a", URL: "file:///srv/a", FSUUID: "3b1c"},
					{Name: "b", URL: "s3://bucket/p?endpoint=http://h:9000&region=x", Lock: LockGovernance, RetainDays: 3, Hold: true,
						Credentials: "s3", Profile: "p", CA: "/etc/ca.pem", Cert: "/etc/c.pem", CertKey: "/nowhere/c.key",
						Proxy: "http://p:3128", Bandwidth: []Window{{From: "22:00", To: "06:30", Rate: 1 << 20}}}},
				Copies: Copies{Stored: 1, Confirmed: 2}, Scrub: Scrub{Days: 9, Rate: 1 << 20}, Keep: Keep{Days: 3, Percent: 50},
				Alarms: Alarms{Command: []string{"/usr/bin/page", "-q"}, QueueAge: time.Hour, Late: 2 * time.Hour, Clock: time.Second, CameraClock: 5 * time.Minute, Disk: 5},
				Access: Access{Officer: Members{Users: []string{"li"}, Groups: []string{}}, Admin: Members{Groups: []string{"wheel"}},
					Auditor: Members{Users: []string{}, Groups: []string{}}},
				Roots: []string{"/mnt"},
				Drops: []Drop{{Path: "/srv/drop", Quiet: DefaultQuiet}, {Path: "/srv/two", Quiet: 2 * time.Minute, Bay: "desk"}},
				Bays:  []Bay{{Name: "bay-01", Path: "1-1.4"}}, Mounter: "/run/m/s", USB: USB{Guard: "bays", Vendor: []string{"0603:8611"}}, Board: "[::1]:80", Policy: "central", Erase: Erase{Mode: EraseAfterDays, Days: 14, Cosigned: true}, RereadDays: 7, Stall: 90 * time.Second, Reserve: 1 << 30,
				TSA:         []TSA{{URL: "https://tsa.example.org:8443/tsr", Roots: "/etc/root.pem"}, {Name: "b", URL: "http://h/", Roots: "/etc/b.pem", Policy: "1.2.3"}},
				AnchorEvery: 10 * time.Minute,
				Publish:     500 * time.Millisecond, Zone: "Asia/Shanghai", SM3: true, Matters: "/etc/m.yaml", Profiles: "/", Unknown: UnknownTake,
				Hooks: []Hook{{Profile: "a11", Clock: []string{"/usr/bin/ask", "-q"}, Timeout: DefaultHookTimeout},
					{Profile: "zoom", Unlock: []string{"/usr/bin/open"}, Timeout: time.Minute}},
				Devices: []Device{{ID: "c017", Match: Match{FSUUID: "5F3A-1B2C", Label: "X", Serial: "0123", ProfileID: "P7"},
					Collectors: []Collector{{Person: "李雷", Badge: "013370", Unit: "u"}},
					Unit:       "Patrol 3", Zone: "+08:00", Profile: "a11", Bay: "bay-01"}},
				Witnesses: Witnesses{List: []Witness{{Name: "a", Key: witnessOfTest, URL: "https://h/w"}}, Quorum: 1},
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Load(write(t, t.TempDir(), "c.yaml", tt.yaml, 0o644))
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			tt.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name, yaml string
		line, col  int
		has        string
	}{
		{"tsa url", "tsa: [{url: 'ftp://h/', roots: /r}]\n", 1, 13, "tsa url"},
		{"tsa password", "tsa: [{url: 'http://u:p@h/', roots: /r}]\n", 1, 13, "without a password"},
		{"tsa roots", "tsa: [{url: 'http://h/', roots: r.pem}]\n", 1, 33, "PEM file"},
		{"tsa policy", "tsa: [{url: 'http://h/', roots: /r, policy: 1.02}]\n", 1, 45, "must be text"},
		{"tsa policy text", "tsa: [{url: 'http://h/', roots: /r, policy: '1.02.3'}]\n", 1, 45, "object identifier"},
		{"tsa twice", "tsa: [{url: 'http://h/', roots: /r}, {url: 'http://h/', roots: /r}]\n", 1, 39, "second tsa"},
		{"tsa without a name", "tsa: [{url: 'http://[::1]/', roots: /r}]\n", 1, 13, "give it one"},
		{"anchor_every", "anchor_every: 1s\n", 1, 15, "1m to 24h"},
		{"unknown key", "lang: en\npolcy: dock\n", 2, 1, `unknown key "polcy"`},
		{"unknown key within", "stores:\n  - name: a\n    uri: file:///x\n", 3, 5, `unknown key "uri"`},
		{"duplicate key", "lang: en\nlang: zh\n", 2, 1, "already defined"},
		{"number for text", "zone: 8\n", 1, 7, "put it in quotes"},
		{"number for text within", "devices:\n  - id: c1\n    match: {serial: 0123}\n", 3, 21, "put it in quotes"},
		{"fraction for text", "devices:\n  - id: c1\n    match: {fs_uuid: 12.4}\n", 3, 22, "put it in quotes"},
		{"text for number", "reread_days: many\n", 1, 14, "whole number"},
		{"quoted number", "reread_days: '7'\n", 1, 14, "whole number"},
		{"fraction", "reread_days: 1.5\n", 1, 14, "whole number"},
		{"too big", "reread_days: 99999999999999999999\n", 1, 14, "whole number"},
		{"text for bool", "sm3: yes\n", 1, 6, "true or false"},
		{"text for list", "roots: /media\n", 1, 8, "a list"},
		{"list for text", "zone: [a]\n", 1, 7, "text, not a list"},
		{"list for keys", "- a\n", 1, 1, "keys with values"},
		{"no value", "lang:\n", 1, 1, "no value"},
		{"empty item", "roots: [~]\n", 1, 9, "no value"},
		{"anchor", "zone: &z UTC\n", 1, 7, "anchor"},
		{"alias", "authority: x\nzone: *z\n", 2, 7, "anchor"},
		{"merge", "<<: {lang: en}\n", 1, 1, "unknown key"},
		{"tag", "lang: !!str en\n", 1, 7, "tag"},
		{"two documents", "lang: en\n---\nlang: zh\n", 3, 1, "second document"},
		{"syntax", "lang: {\n", 1, 7, ""},
		{"size without unit", "reserve: 5\n", 1, 10, "must be text"},
		{"size", "reserve: lots\n", 1, 10, "256MiB"},
		{"small reserve", "reserve: 1MiB\n", 1, 10, "16MiB"},
		{"duration", "publish: 1 second\n", 1, 10, "500ms"},
		{"negative duration", "publish: -1s\n", 1, 10, "500ms"},
		{"publish too often", "publish: 1ms\n", 1, 10, "100ms"},
		{"log", "log: Dock!\n", 1, 6, "log name"},
		{"authority", "authority: a b\n", 1, 12, "authority"},
		{"lang", "lang: fr\n", 1, 7, "en or zh"},
		{"policy", "policy: maybe\n", 1, 9, "dock or central"},
		{"erase mode", "erase: {mode: yes}\n", 1, 15, "never, after-confirmed"},
		{"erase without days", "erase: {mode: after-days}\n", 1, 9, "1 to 3650"},
		{"erase days of another mode", "erase:\n  mode: manual\n  days: 3\n", 3, 9, "remove them"},
		{"erase without reading back", "scrub: {days: 0}\nerase: {mode: manual}\n", 2, 15, "nothing is read back"},
		{"erase cosigned by nobody", "erase: {cosigned: true}\n", 1, 19, "without witnesses"},
		{"erase mistyped", "erase: {mod: manual}\n", 1, 9, "unknown key"},
		{"board", "board: 8630\n", 1, 8, "must be text"},
		{"board port", "board: localhost:99999\n", 1, 8, "host:port"},
		{"zone", "zone: Mars/Olympus\n", 1, 7, "unknown zone"},
		{"zone offset", "zone: '+99:00'\n", 1, 7, "unknown zone"},
		{"zone path", "zone: ../../etc/passwd\n", 1, 7, "unknown zone"},
		{"root", "roots: [media]\n", 1, 9, "absolute"},
		{"root not clean", "roots: [/media/../etc]\n", 1, 9, "absolute"},
		{"root twice", "roots: [/a, /a]\n", 1, 13, "twice"},
		{"drop is a root", "drops: [{path: /media}]\n", 1, 16, "twice"},
		{"drop quiet", "drops: [{path: /d, quiet: 1ms}]\n", 1, 27, "100ms"},
		{"drop quiet zero", "drops: [{path: /d, quiet: 0s}]\n", 1, 27, "100ms"},
		{"drop without path", "drops: [{quiet: 1s}]\n", 1, 10, "drop path"},
		{"bay", "bays: [{name: Bay 1, path: 1-1}]\n", 1, 15, "bay name"},
		{"bay port twice", "bays: [{name: a, path: 1-1}, {name: b, path: 1-1}]\n", 1, 46, "two bays"},
		{"a guard of no kind", "usb: {guard: some}\n", 1, 14, "bays"},
		{"no model", "usb: {vendor: [a603]}\n", 1, 16, "vendor:product"},
		{"relative mounter", "mounter: socket\n", 1, 10, "clean absolute"},
		{"mounter too long", "mounter: /" + strings.Repeat("a", 107) + "\n", 1, 10, "clean absolute"},
		{"store twice", "stores: [{name: a, url: 'file:///x'}, {name: a, url: 'file:///y'}]\n", 1, 46, "own name"},
		{"store scheme", "stores: [{name: a, url: 'ftp://x'}]\n", 1, 25, "file:///path"},
		{"lock of a folder", "stores: [{name: a, url: 'file:///a', lock: none}]\n", 1, 44, "is a folder"},
		{"unknown lock", "stores: [{name: a, url: 's3://b', lock: worm}]\n", 1, 41, "compliance"},
		{"lock in url", "stores: [{name: a, url: 's3://b?lock=worm'}]\n", 1, 25, "lock \"worm\"; use compliance, governance or none"},
		{"endpoint without scheme", "stores: [{name: a, url: 's3://b?endpoint=h:9000'}]\n", 1, 25, "https://host:port"},
		{"half a client certificate", "stores: [{name: a, url: 's3://b', cert: /c}]\n", 1, 41, "cert_key"},
		{"proxy with a password", "stores: [{name: a, url: 's3://b', proxy: 'http://a:b@c'}]\n", 1, 42, "without a password"},
		{"window of no length", "stores: [{name: a, url: 's3://b', bandwidth: [{from: '07:00', to: '07:00', rate: 1MiB}]}]\n", 1, 48, "times of day"},
		{"copies of more stores", "copies: {stored: 2}\n", 1, 18, "1 to 1"},
		{"no confirmed copy", "copies: {confirmed: 0}\n", 1, 21, "1 to 1"},
		{"slow scrub", "scrub: {rate: 1KiB}\n", 1, 15, "64KiB"},
		{"keep on a full disk", "keep: {percent: 100}\n", 1, 17, "1 to 99"},
		{"relative alarm command", "alarms: {command: [page]}\n", 1, 19, "absolute"},
		{"alarm after no time", "alarms: {late: 0s}\n", 1, 16, "1s to"},
		{"hook of no profile", "hooks: [{clock: [/a]}]\n", 1, 10, "no device profile"},
		{"hook of an unknown profile", "hooks: [{profile: ../generic, clock: [/a]}]\n", 1, 19, "no device profile"},
		{"hook twice", "hooks: [{profile: a11, clock: [/a]}, {profile: a11, unlock: [/a]}]\n", 1, 48, "a second hook"},
		{"hook that runs nothing", "hooks: [{profile: a11, unlock: []}]\n", 1, 10, "runs nothing"},
		{"hook that is relative", "hooks: [{profile: a11, unlock: [open]}]\n", 1, 32, "absolute"},
		{"hook that hides", "hooks: [{profile: a11, clock: [/a, \"\\e[2J\"]}]\n", 1, 36, "printable"},
		{"hook that is cut off at once", "hooks: [{profile: a11, clock: [/a], timeout: 0s}]\n", 1, 46, "1s to 5m"},
		{"hook that may hang", "hooks: [{profile: a11, clock: [/a], timeout: 6m}]\n", 1, 46, "1s to 5m"},
		{"camera clock", "alarms: {camera_clock: 10ms}\n", 1, 24, "1s to"},
		{"group with a space", "access: {admin: {groups: ['a b']}}\n", 1, 27, "no name"},
		{"store password", "stores: [{name: a, url: 's3://k:pw@b'}]\n", 1, 25, "password"},
		{"store secret in query", "stores: [{name: a, url: 's3://b?secret_key=x'}]\n", 1, 25, "password"},
		{"device id", "devices: [{id: 张三, match: {label: x}}]\n", 1, 16, "neutral"},
		{"device known by nothing", "devices: [{id: c1}]\n", 1, 12, "known by nothing"},
		{"same match", "devices: [{id: c1, match: {label: x}}, {id: c2, match: {label: x}}]\n", 1, 57, "match the same"},
		{"device zone", "devices: [{id: c1, match: {label: x}, zone: Mars}]\n", 1, 45, "unknown zone"},
		{"device profile", "devices: [{id: c1, match: {label: x}, profile: ../generic}]\n", 1, 48, "no device profile"},
		{"unknown cameras", "unknown: ask\n", 1, 10, "hold or take"},
		{"relative profiles", "profiles: own\n", 1, 11, "absolute"},
		{"profiles that are not there", "profiles: /no/such\n", 1, 11, "make it"},
		{"collector", "devices: [{id: c1, match: {label: x}, collectors: [{unit: u}]}]\n", 1, 53, "person or badge"},
		{"escape", "devices: [{id: c1, match: {label: \"\\e[2J\"}}]\n", 1, 35, "printable"},
		{"two kinds of witnesses", "witnesses: {policy: /p, quorum: 1}\n", 1, 21, "or the file"},
		{"relative policy", "witnesses: {policy: p}\n", 1, 21, "clean absolute"},
		{"policy that is not there", "witnesses: {policy: /no/such}\n", 1, 21, "write the policy"},
		{"quorum of nobody", "witnesses: {quorum: 1}\n", 1, 21, "0 for all"},
		{"witness without a name", "witnesses: {list: [{key: k}]}\n", 1, 21, "its own"},
		{"witness called none", "witnesses: {list: [{name: none}]}\n", 1, 27, "its own"},
		{"witness key", "witnesses: {list: [{name: a, key: k}]}\n", 1, 35, "custodock witness key"},
		{"witness url", "witnesses: {list: [{name: a, key: " + witnessOfTest + ", url: 'http://u:p@h'}]}\n", 1, 113, "without a password"},
		{"relative key", "key: key\n", 1, 6, "absolute"},
		{"key is a folder", "key: /\n", 1, 6, "regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, t.TempDir(), "c.yaml", tt.yaml, 0o644)
			_, err := Load(file)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Line != tt.line || e.Column != tt.col || !strings.Contains(e.Problem, tt.has) {
				t.Errorf("got %v, want %d:%d and %q", e, tt.line, tt.col, tt.has)
			}
			if want := fmt.Sprintf("%s:%d:%d: ", file, tt.line, tt.col); !strings.HasPrefix(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("message %q, want one line that begins with %q", err, want)
			}
		})
	}
}

const witnessOfTest = "witness.example/w+5f3a1b2c+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestProfilesOfTheAdmin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "own.yaml", "name: own\n", 0o644)
	text := "profiles: " + dir + "\ndevices: [{id: c1, match: {label: x}, profile: own}]\n"
	if _, err := Load(write(t, t.TempDir(), "c.yaml", text, 0o644)); err != nil {
		t.Errorf("a profile of the admin's folder: %v", err)
	}
	_, err := Load(write(t, t.TempDir(), "c.yaml", strings.Replace(text, "profile: own", "profile: other", 1), 0o644))
	if err == nil || !strings.Contains(err.Error(), "your folder") {
		t.Errorf("a profile that is nowhere: %v", err)
	}
}

func TestSecretKey(t *testing.T) {
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o644: false,
	} {
		dir := t.TempDir()
		key := write(t, dir, "key", "PRIVATE", mode)
		_, err := Load(write(t, dir, "c.yaml", "lang: en\nkey: "+key+"\n", 0o644))
		var e *Error
		switch {
		case ok && err != nil:
			t.Errorf("mode %o: %v", mode, err)
		case !ok && (!errors.As(err, &e) || e.Line != 2 || e.Column != 6 || !strings.Contains(e.Problem, "chmod 600")):
			t.Errorf("mode %o: got %v, want a refusal at 2:6", mode, err)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0B": 0, "1B": 1, "4096B": 4096, "1KiB": 1 << 10, "256MiB": 256 << 20, "2GiB": 2 << 30, "3TiB": 3 << 40,
		"10GB": 1e10, "5 MB": 5e6,
	} {
		var s, again Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %d, %v; want %d", text, s, err, want)
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%q is written as %q, which reads as %d, %v", text, s, again, err)
		}
	}
	for _, text := range []string{"", "B", "5", "-1B", "1.5GiB", "9999999TiB", "1mib", "MiB 1"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q taken for %d", text, s)
		}
	}
}

func TestMatters(t *testing.T) {
	list, err := Matters()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"查封扣押财产": RecordWhole, "强制拆除": RecordWhole, "罚没财物处置": RecordWhole, "执法办案场所": RecordWhole,
		"现场执法": RecordRequired, "调查取证": RecordRequired, "举行听证": RecordRequired, "留置送达": RecordRequired, "公告送达": RecordRequired,
	}
	for _, m := range list {
		if r, ok := want[m.ZH]; ok && r == m.Recording {
			delete(want, m.ZH)
		}
	}
	if len(want) > 0 {
		t.Errorf("not in the list: %v", want)
	}
	for name, tt := range map[string]struct {
		yaml string
		line int
	}{
		"id twice":  {"matters:\n- {id: a, zh: 甲, en: a, recording: whole}\n- {id: a, zh: 乙, en: b, recording: whole}\n", 3},
		"recording": {"matters:\n- {id: a, zh: 甲, en: a, recording: maybe}\n", 2},
		"no name":   {"matters:\n- {id: a, en: a, recording: whole}\n", 2},
		"id":        {"matters:\n- {id: 甲, zh: 甲, en: a, recording: whole}\n", 2},
	} {
		_, err := LoadMatters(write(t, t.TempDir(), "m.yaml", tt.yaml, 0o644))
		var e *Error
		if !errors.As(err, &e) || e.Line != tt.line {
			t.Errorf("%s: got %v, want an error in line %d", name, err, tt.line)
		}
	}
	if _, err := LoadMatters(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent list: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		string(Example()), "lang: en\nlang: zh", "devices: [{id: c1, match: {label: x}}]", "reserve: 1GiB\npublish: 1s", "{", "? a\n: b", "a: &a [*a]",
		"\ufeff---\n...\n", "drops:\n- path: /x\n  quiet: 1s\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		c, _, err := parse("c.yaml", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || strings.ContainsAny(e.Error(), "\n\x1b") {
				t.Fatalf("error without place or in several lines: %q", err)
			}
			return
		}
		if c.Reserve < 16<<20 || c.Publish <= 0 || !validZone(c.Zone) || c.RereadDays < 1 {
			t.Fatalf("taken: %+v", c)
		}
	})
}
