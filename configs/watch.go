package configs

import (
	"fmt"
	"regexp"
	"time"
)

// Alarms say when a person is called, and how.
type Alarms struct {
	Command     []string `yaml:"command"`      // program and arguments, told of each alarm that begins or ends; none: nobody
	QueueAge    Duration `yaml:"queue_age"`    // the oldest clip that waits for a store
	Late        Duration `yaml:"late"`         // a clip that is not in central storage so long after it was ingested
	Clock       Duration `yaml:"clock"`        // the dock's clock against true time
	CameraClock Duration `yaml:"camera_clock"` // a camera's clock against the dock's
	Disk        int      `yaml:"disk"`         // percent of the dock's disk that should be free
}

// Access names who has which role at the socket of the daemon. Root and the
// daemon's own user are always admins.
type Access struct {
	Officer Members `yaml:"officer"`
	Admin   Members `yaml:"admin"`
	Auditor Members `yaml:"auditor"`
}

// Members are users and groups of the system, by name.
type Members struct {
	Users  []string `yaml:"users"`
	Groups []string `yaml:"groups"`
}

var account = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

func (c *Config) checkAlarms(d *Document) error {
	a := c.Alarms
	if err := checkCommand(d, "alarms.command", a.Command); err != nil {
		return err
	}
	for _, v := range []struct {
		key   string
		value time.Duration
		least time.Duration
	}{{"queue_age", a.QueueAge, time.Second}, {"late", a.Late, time.Second}, {"clock", a.Clock, 100 * time.Millisecond},
		{"camera_clock", a.CameraClock, time.Second}} {
		if v.value < v.least || v.value > 8760*time.Hour {
			return d.Errorf("alarms."+v.key, "%s %s; use %s to 8760h", v.key, v.value, v.least)
		}
	}
	if a.Disk < 1 || a.Disk > 90 {
		return d.Errorf("alarms.disk", "disk %d; use 1 to 90 percent", a.Disk)
	}
	return nil
}

func (c *Config) checkAccess(d *Document) error {
	for role, m := range map[string]Members{"officer": c.Access.Officer, "admin": c.Access.Admin, "auditor": c.Access.Auditor} {
		for key, names := range map[string][]string{"users": m.Users, "groups": m.Groups} {
			for i, name := range names {
				if !account.MatchString(name) {
					return d.Errorf(fmt.Sprintf("access.%s.%s.%d", role, key, i), "%q is no name of a user or group", name)
				}
			}
		}
	}
	return nil
}
