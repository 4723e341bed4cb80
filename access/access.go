// Package access decides who may do what at the daemon's socket. The only
// witness it trusts is the kernel: unix(7) names the user, the group and the
// supplementary groups at the other end of a unix socket as they were when the
// connection was made. The configuration gives users and groups their roles,
// and one table gives roles their operations.
//
// A connection keeps the rights of the process that made it, also where that
// process hands it to another.
package access

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/custodock/custodock/configs"
)

// ErrDenied is wrapped when a user may not do what was asked.
var ErrDenied = errors.New("not allowed for this user")

// Role is what a person is to a dock. Its text stands in the log as the actor.
type Role string

// The roles, as they stand in the configuration and in the log.
const (
	Officer Role = "officer" // docks cameras and says what their clips show
	Auditor Role = "auditor" // reads, checks and takes evidence out
	Admin   Role = "admin"   // runs the dock
)

// roles in the order of their weight: the first that may do something is who
// did it, unless the person says otherwise.
var roles = []Role{Admin, Auditor, Officer}

// Policy says which peer has which role. Names are looked up for each
// connection, so an account that is made later counts at once; a name nobody
// knows gives nobody a role.
type Policy struct {
	members map[Role]configs.Members
	self    uint32

	userID, groupID func(name string) (uint32, bool)
}

// New makes the policy of a daemon that runs as user id self.
func New(c configs.Access, self uint32) Policy {
	return Policy{
		members: map[Role]configs.Members{Officer: c.Officer, Auditor: c.Auditor, Admin: c.Admin},
		self:    self, userID: userID, groupID: groupID,
	}
}

// Roles are all roles of a peer, the weightiest first; none for a stranger.
// Root and the daemon's own user are admins whatever is configured.
func (p Policy) Roles(peer Peer) []Role {
	var out []Role
	for _, r := range roles {
		always := r == Admin && (peer.UID == 0 || peer.UID == p.self)
		if always || p.names(p.members[r], peer) {
			out = append(out, r)
		}
	}
	return out
}

func (p Policy) names(m configs.Members, peer Peer) bool {
	for _, name := range m.Users {
		if id, ok := p.userID(name); ok && id == peer.UID {
			return true
		}
	}
	for _, name := range m.Groups {
		if id, ok := p.groupID(name); ok && (id == peer.GID || slices.Contains(peer.Groups, id)) {
			return true
		}
	}
	return false
}

// Act returns the role in which a peer does op: the weightiest it has that may,
// or the one it claims, where it has that and it may. Else the error is a
// *DeniedError.
func (p Policy) Act(op string, peer Peer, claim string) (Role, error) {
	has := p.Roles(peer)
	for _, r := range has {
		if May(r, op) && (claim == "" || claim == string(r)) {
			return r, nil
		}
	}
	d := &DeniedError{Operation: op, UID: peer.UID, Has: has, Claim: claim, Needs: Needs(op)}
	for _, r := range d.Needs {
		d.Groups = append(d.Groups, p.members[r].Groups...)
	}
	return "", d
}

// DeniedError is who may not do what, and what would change that. It is
// ErrDenied.
type DeniedError struct {
	Operation string
	UID       uint32
	Has       []Role   // roles of the user
	Claim     string   // role the user said to act in, "" when it said none
	Needs     []Role   // any of these may
	Groups    []string // whose members have one of them
}

// Error is one line that names the roles needed and the way to them.
func (e *DeniedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: user id %d", e.Operation, e.UID)
	if len(e.Has) > 0 {
		fmt.Fprintf(&b, " (%s)", join(e.Has, " and "))
	}
	if e.Claim != "" {
		fmt.Fprintf(&b, " as %q", e.Claim)
	}
	fmt.Fprintf(&b, ": %v", ErrDenied)
	switch {
	case len(e.Needs) == 0:
		b.WriteString(": nobody may")
	case len(e.Groups) == 0:
		fmt.Fprintf(&b, ": it needs role %s: have the dock's admin name you under access in the configuration", join(e.Needs, " or "))
	default:
		fmt.Fprintf(&b, ": it needs role %s: have the dock's admin add you to group %s, then log in again",
			join(e.Needs, " or "), strings.Join(e.Groups, " or "))
	}
	return b.String()
}

// Unwrap makes it ErrDenied.
func (e *DeniedError) Unwrap() error { return ErrDenied }

func join(list []Role, with string) string {
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = string(r)
	}
	return strings.Join(words, with)
}

func userID(name string) (uint32, bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, false // nobody has the role by this name
	}
	return number(u.Uid)
}

func groupID(name string) (uint32, bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	return number(g.Gid)
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}
