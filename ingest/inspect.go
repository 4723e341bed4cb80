package ingest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// mostSkew is how far the clocks of dock and store may be apart before some
// servers refuse what the dock sends.
const mostSkew = 5 * time.Minute

// inspect asks a store about itself, where it is of a kind that can tell.
func (s *Station) inspect(ctx context.Context, c *central) []Condition {
	mode, retain := c.cfg.Locked()
	agreed := mode != configs.LockCompliance || s.agreed(c.cfg, retain)
	var found store.Inspection
	inspector := false
	err := c.use(func(st store.Store) (err error) {
		var i store.Inspector
		if i, inspector = st.(store.Inspector); inspector {
			found, err = i.Inspect(ctx, mode != configs.LockNone && agreed)
		}
		return err
	})
	if !inspector {
		return nil
	}
	if err != nil {
		return []Condition{{Code: "inspect", Args: []string{c.name}, Text: "store " + c.name + " tells about itself", Mend: err.Error()}}
	}
	out := []Condition{versionsCondition(c, found), lockCondition(c, mode, retain, found)}
	if mode == configs.LockCompliance && found.Locks {
		out = append(out, consentCondition(c, retain, agreed))
	}
	if found.Default != "" {
		out = append(out, Condition{
			Code: "default", Args: []string{c.name, found.Default}, Text: fmt.Sprintf("the bucket of store %s locks whatever is written, %s", c.name, found.Default),
			Mend: "take the default retention off the bucket: records must be erasable by law, and the dock locks what has to be locked itself",
		})
	}
	return append(out, keysCondition(c, found), skewCondition(c, found))
}

func versionsCondition(c *central, found store.Inspection) Condition {
	cond := Condition{Code: "versions", Args: []string{c.name}, Text: "the bucket of store " + c.name + " keeps versions", OK: found.Versioned}
	if !cond.OK {
		cond.Mend = "turn versioning on for the bucket: without it a later writer can replace what the dock stored"
	}
	return cond
}

func lockCondition(c *central, mode string, retain time.Duration, found store.Inspection) Condition {
	cond := Condition{
		Code: "lock", Args: []string{c.name, mode, fmt.Sprint(days(retain))}, OK: mode != configs.LockNone && found.Locks,
		Text: fmt.Sprintf("store %s locks objects: %s, %d days", c.name, mode, days(retain)),
	}
	switch {
	case cond.OK:
	case mode == configs.LockNone && found.Locks:
		cond.Mend = "set lock: compliance for the store; what it holds now can be removed and frees no camera"
	default:
		cond.Mend = "make a bucket with object lock and name it as another store; what this one holds can be removed and frees no camera"
	}
	return cond
}

func consentCondition(c *central, retain time.Duration, agreed bool) Condition {
	cond := Condition{
		Code: "consent", Args: []string{c.name, fmt.Sprint(days(retain))}, OK: agreed,
		Text: fmt.Sprintf("an admin agreed that store %s locks each object for %d days and nobody can undo that", c.name, days(retain)),
	}
	if !agreed {
		cond.Mend = "run custodock doctor and say yes, or custodock doctor --yes; until then clips wait on the dock"
	}
	return cond
}

func keysCondition(c *central, found store.Inspection) Condition {
	cond := Condition{
		Code: "keys", Args: []string{c.name, strings.Join(found.Allowed, ", ")}, OK: len(found.Allowed) == 0,
		Text: "the keys of store " + c.name + " can remove nothing",
	}
	if !cond.OK {
		cond.Mend = "give the dock keys without s3:DeleteObject, s3:DeleteObjectVersion, s3:BypassGovernanceRetention and s3:PutObjectLegalHold to OFF"
	}
	return cond
}

func skewCondition(c *central, found store.Inspection) Condition {
	cond := Condition{
		Code: "skew", Args: []string{c.name, found.Clock.Round(time.Second).String()}, OK: found.Clock.Abs() < mostSkew,
		Text: fmt.Sprintf("the clock of store %s is %s before the dock's", c.name, found.Clock.Round(time.Second)),
	}
	if !cond.OK {
		cond.Mend = "set the clock that is wrong: past 15 minutes the store refuses everything"
	}
	return cond
}

// volatile are the file systems that forget or that promise no syncing, by the
// magic numbers of statfs(2).
var volatile = map[int64]string{
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.NFS_SUPER_MAGIC: "nfs",
	unix.SMB2_SUPER_MAGIC: "cifs", unix.CIFS_SUPER_MAGIC: "cifs", unix.FUSE_SUPER_MAGIC: "fuse", unix.MSDOS_SUPER_MAGIC: "vfat",
}

func filesystemCondition(state string) Condition {
	c := Condition{Code: "filesystem", Args: []string{state}, Text: "the state is on a file system that keeps its word"}
	var st unix.Statfs_t
	if err := unix.Statfs(state, &st); err != nil {
		c.Mend = stateError(state, err).Error()
		return c
	}
	name, bad := volatile[int64(st.Type)]
	if c.OK = !bad; bad {
		c.Args = append(c.Args, name)
		c.Mend = fmt.Sprintf("it is on %s, which loses clips in a power cut: move the state to a disk with ext4 or xfs", name)
	}
	return c
}
