package configs

// The modes of erasing: when a file whose copies are proved goes from its
// camera.
const (
	EraseNever          = "never"
	EraseAfterConfirmed = "after-confirmed" // as soon as it is proved
	EraseAfterDays      = "after-days"      // so many days after it was taken in
	EraseManual         = "manual"          // when an admin says so
)

// Erase says when files go from cameras. What must hold before is no matter of
// configuration.
type Erase struct {
	Mode string `yaml:"mode"`
	Days int    `yaml:"days"` // of EraseAfterDays, since the file was taken in
	// Cosigned wants the entries that prove a clip under a checkpoint that witnesses
	// cosigned as they are to.
	Cosigned bool `yaml:"cosigned"`
}

func (c *Config) checkErase(d *Document) error {
	switch e := c.Erase; {
	case e.Mode != EraseNever && e.Mode != EraseAfterConfirmed && e.Mode != EraseAfterDays && e.Mode != EraseManual:
		return d.Errorf("erase.mode", "erase.mode %q; use %s, %s, %s or %s", e.Mode, EraseNever, EraseAfterConfirmed, EraseAfterDays, EraseManual)
	case e.Mode == EraseAfterDays && (e.Days < 1 || e.Days > 3650):
		return d.Errorf("erase.days", "erase.days %d; use 1 to 3650 with mode %s", e.Days, EraseAfterDays)
	case e.Mode != EraseAfterDays && e.Days != 0:
		return d.Errorf("erase.days", "erase.days %d with mode %s; days are of mode %s, remove them", e.Days, e.Mode, EraseAfterDays)
	case e.Mode != EraseNever && c.Scrub.Days == 0:
		return d.Errorf("erase.mode", "erase.mode %s while scrub.days is 0; nothing is read back then, so nothing could ever be erased", e.Mode)
	case e.Cosigned && !c.Witnesses.Any():
		return d.Errorf("erase.cosigned", "erase.cosigned without witnesses; name some under witnesses, or nothing could ever be erased")
	}
	return nil
}
