package access

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/custodock/custodock/configs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// known is a machine with a few accounts.
func known(name string) (uint32, bool) {
	id, ok := map[string]uint32{"li": 1000, "wang": 1001, "police": 2000, "audit": 2001, "wheel": 10}[name]
	return id, ok
}

func testPolicy() Policy {
	p := New(configs.Access{
		Officer: configs.Members{Users: []string{"li", "gone"}, Groups: []string{"police"}},
		Auditor: configs.Members{Groups: []string{"audit", "gone"}},
		Admin:   configs.Members{Users: []string{"wang"}, Groups: []string{"wheel"}},
	}, 990)
	p.userID, p.groupID = known, known
	return p
}

func TestRoles(t *testing.T) {
	p := testPolicy()
	for _, c := range []struct {
		name string
		peer Peer
		want []Role
	}{
		{"root", Peer{UID: 0}, []Role{Admin}},
		{"the daemon's own user", Peer{UID: 990, GID: 990}, []Role{Admin}},
		{"by user", Peer{UID: 1000, GID: 1000}, []Role{Officer}},
		{"by group", Peer{UID: 5, GID: 2000}, []Role{Officer}},
		{"by a supplementary group", Peer{UID: 5, GID: 5, Groups: []uint32{7, 2001}}, []Role{Auditor}},
		{"by many", Peer{UID: 1001, GID: 2000, Groups: []uint32{2001}}, []Role{Admin, Auditor, Officer}},
		{"a user id that is a group's", Peer{UID: 2000, GID: 5}, nil},
		{"a group id that is a user's", Peer{UID: 5, GID: 1001, Groups: []uint32{1000}}, nil},
		{"group 0", Peer{UID: 5, GID: 0, Groups: []uint32{0}}, nil},
		{"the group of the daemon", Peer{UID: 5, GID: 990}, nil},
		{"nobody", Peer{UID: 65534, GID: 65534}, nil},
	} {
		if d := cmp.Diff(c.want, p.Roles(c.peer)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestAct(t *testing.T) {
	p := testPolicy()
	li, wang := Peer{UID: 1000, GID: 1000}, Peer{UID: 1001, GID: 2000, Groups: []uint32{2001}}
	for _, c := range []struct {
		op    string
		peer  Peer
		claim string
		want  Role // "" is denied
	}{
		{"tag", li, "", Officer},
		{"tag", li, "officer", Officer},
		{"tag", li, "admin", ""},
		{"tag", li, "dock", ""},
		{"export", li, "", ""},
		{"tag", wang, "", Admin},
		{"tag", wang, "officer", Officer},
		{"tag", wang, "auditor", ""},
		{"export", wang, "auditor", Auditor},
		{"doctor", Peer{UID: 5, Groups: []uint32{2001}}, "", Auditor},
		{"erase", Peer{UID: 0}, "", Admin},
		{"erase", wang, "auditor", ""},
		{"erase", li, "", ""},
		{"destroy", Peer{UID: 0}, "", ""},
		{"", Peer{UID: 0}, "", ""},
	} {
		got, err := p.Act(c.op, c.peer, c.claim)
		if got != c.want || (c.want == "") != errors.Is(err, ErrDenied) {
			t.Errorf("%+v does %q as %q: %q, %v; want %q", c.peer, c.op, c.claim, got, err, c.want)
		}
	}
}

func TestDeniedSaysTheWay(t *testing.T) {
	p := testPolicy()
	_, err := p.Act("export", Peer{UID: 1000}, "")
	want := `export: user id 1000 (officer): not allowed for this user: it needs role auditor or admin: have the dock's admin add you to group audit or gone or wheel, then log in again`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	_, err = p.Act("tag", Peer{UID: 1000}, "admin\n")
	if err == nil || !strings.Contains(err.Error(), `user id 1000 (officer) as "admin\n": not allowed`) {
		t.Errorf("a claim: %v", err)
	}
	_, err = New(configs.Access{}, 0).Act("status", Peer{UID: 7}, "")
	if err == nil || !strings.Contains(err.Error(), "name you under access in the configuration") {
		t.Errorf("without groups: %v", err)
	}
}

func TestTheTableIsSane(t *testing.T) {
	for _, op := range Operations() {
		needs := Needs(op)
		if !slices.Contains(needs, Admin) {
			t.Errorf("%s: an admin may do everything, and not this", op)
		}
		for _, r := range needs {
			if !slices.Contains(roles, r) || !May(r, "version") {
				t.Errorf("%s: role %q is none, or may not ask for its rights", op, r)
			}
		}
	}
	if got := Rights(nil); got == nil || len(got) > 0 {
		t.Errorf("rights of nobody: %v", got)
	}
	if got := Rights([]Role{Officer, Auditor}); !slices.Contains(got, "tag") || !slices.Contains(got, "export") {
		t.Errorf("two roles together may %v", got)
	}
}

func TestNamesOfThisMachine(t *testing.T) {
	if id, ok := userID("root"); !ok || id != 0 {
		t.Errorf("root is user %d, %v", id, ok)
	}
	if id, ok := groupID("daemon"); !ok || id == 0 {
		t.Errorf("daemon is group %d, %v", id, ok)
	}
	for _, lookup := range []func(string) (uint32, bool){userID, groupID} {
		if id, ok := lookup("no-such-account"); ok {
			t.Errorf("an account that nobody has is %d", id)
		}
	}
}

// pair is a connection of this process with itself.
func pair(t *testing.T) (near, far *net.UnixConn) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if near, err = net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr)); err != nil {
		t.Fatal(err)
	}
	if far, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func TestPeerOf(t *testing.T) {
	_, far := pair(t)
	got, err := PeerOf(far)
	if err != nil || int(got.UID) != os.Getuid() || int(got.GID) != os.Getgid() {
		t.Errorf("PeerOf = %+v, %v; want %d, %d", got, err, os.Getuid(), os.Getgid())
	}
	mine, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	groups := []int{}
	for _, g := range got.Groups {
		groups = append(groups, int(g))
	}
	if d := cmp.Diff(append([]int{}, mine...), groups); d != "" {
		t.Errorf("groups (-want +got):\n%s", d)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := PeerOf(far); err == nil {
		t.Error("PeerOf of a closed socket gave no error")
	}
}
