package configs

import (
	"fmt"
	"time"
)

// DefaultHookTimeout is how long a hook may take, where it does not say.
const DefaultHookTimeout = 10 * time.Second

// Hook names programs that talk to cameras of one profile in the vendor's way.
// The dock itself only reads.
type Hook struct {
	Profile string   `yaml:"profile"`
	Unlock  []string `yaml:"unlock"`  // program and arguments: has a camera show its storage
	Clock   []string `yaml:"clock"`   // program and arguments: prints the time of the camera's clock
	Timeout Duration `yaml:"timeout"` // DefaultHookTimeout when not set
}

// settleHooks fills in what a hook does not say.
func (c *Config) settleHooks(d *Document) {
	for i := range c.Hooks {
		if !d.Has(fmt.Sprintf("hooks.%d.timeout", i)) {
			c.Hooks[i].Timeout = DefaultHookTimeout
		}
	}
}

func (c *Config) checkHooks(d *Document) error {
	seen := map[string]bool{}
	for i, h := range c.Hooks {
		at := fmt.Sprintf("hooks.%d", i)
		if !c.HasProfile(h.Profile) {
			return d.Errorf(at+".profile", "no device profile %q; see configs/devices for their names", h.Profile)
		}
		if seen[h.Profile] {
			return d.Errorf(at+".profile", "a second hook of profile %s; give each profile one", h.Profile)
		}
		seen[h.Profile] = true
		if len(h.Unlock)+len(h.Clock) == 0 {
			return d.Errorf(at, "the hook of profile %s runs nothing; give unlock or clock, or remove it", h.Profile)
		}
		if h.Timeout < time.Second || h.Timeout > 5*time.Minute {
			return d.Errorf(at+".timeout", "timeout %s; use 1s to 5m", h.Timeout)
		}
		for key, command := range map[string][]string{"unlock": h.Unlock, "clock": h.Clock} {
			if err := checkCommand(d, at+"."+key, command); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCommand accepts a program by its absolute path, with arguments that can
// be shown; an empty list is none.
func checkCommand(d *Document, at string, command []string) error {
	if len(command) > 0 && !clean(command[0]) {
		return d.Errorf(at, "program %q; write its clean absolute path", command[0])
	}
	for i, arg := range command {
		if len(arg) > maxText || arg != "" && !plain(arg) {
			return d.Errorf(fmt.Sprintf("%s.%d", at, i), "argument %q; use at most %d bytes of printable text", arg, maxText)
		}
	}
	return nil
}
