package configs

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The locks a store can put on an object (S3 Object Lock).
const (
	LockNone       = "none"
	LockGovernance = "governance"
	LockCompliance = "compliance"
)

// DefaultRetain is how many days an object is locked from its ingestion on,
// where the store does not say.
const DefaultRetain = 190

// Store is one place of central storage. All but Name, URL and FSUUID are for
// S3 only.
type Store struct {
	Name   string `yaml:"name"`
	URL    string `yaml:"url"`     // file:///path or s3://bucket/prefix?endpoint=…&region=…
	FSUUID string `yaml:"fs_uuid"` // filesystem UUID of an archive disk; it is never known by its mount point

	Lock        string   `yaml:"lock"`        // LockCompliance, LockGovernance or LockNone; "" is LockCompliance
	RetainDays  int      `yaml:"retain_days"` // of the lock, from ingestion on; 0 is DefaultRetain
	Hold        bool     `yaml:"hold"`        // a legal hold on every object
	Credentials string   `yaml:"credentials"` // file in the AWS form, or the name of a systemd credential; "" is AWS_* variables, then the machine's role
	Profile     string   `yaml:"profile"`     // of that file; "" is default
	CA          string   `yaml:"ca"`          // file of the authorities trusted for this store alone; "" is the system's
	Cert        string   `yaml:"cert"`        // file of the client certificate
	CertKey     string   `yaml:"cert_key"`    // file of its private key
	Proxy       string   `yaml:"proxy"`       // http://host:port; "" is HTTPS_PROXY and HTTP_PROXY; none is no proxy
	Bandwidth   []Window `yaml:"bandwidth"`   // limits by time of day; outside of them there is none
}

// Window limits what is sent and received while the dock's clock is between
// From and To, which may lie on the next day.
type Window struct {
	From string `yaml:"from"` // 07:00
	To   string `yaml:"to"`   // 19:30
	Rate Size   `yaml:"rate"` // bytes a second
}

// Copies say how many stores are enough.
type Copies struct {
	Stored    int `yaml:"stored"`    // that have a clip before it counts as stored; 0 is all of them
	Confirmed int `yaml:"confirmed"` // that have it read back and locked before its camera could be freed
}

// Scrub is the reading back of what is stored.
type Scrub struct {
	Days int  `yaml:"days"` // everything is read back once in so many; 0 turns it off
	Rate Size `yaml:"rate"` // bytes a second of each store
}

// Keep says how long clips stay on the dock after every store has them.
type Keep struct {
	Days    int `yaml:"days"`
	Percent int `yaml:"percent"` // of the disk in use, above which they go earlier
}

var clockTime = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)

// Minute is the minute of the day that hh:mm names.
func Minute(hhmm string) int {
	h, m, _ := strings.Cut(hhmm, ":")
	hours, _ := strconv.Atoi(h)
	minutes, _ := strconv.Atoi(m)
	return hours*60 + minutes
}

func (c *Config) checkStores(d *Document) error {
	seen := map[string]bool{}
	for i, s := range c.Stores {
		at := fmt.Sprintf("stores.%d", i)
		if !shortName.MatchString(s.Name) {
			return d.Errorf(at+".name", "store name %q; use lower-case letters, digits, . _ -, at most 32", s.Name)
		}
		if seen[s.Name] {
			return d.Errorf(at+".name", "a second store named %q; give each its own name", s.Name)
		}
		seen[s.Name] = true
		if problem := URLProblem(s.URL); problem != "" {
			return d.Errorf(at+".url", "store %s: %s", s.Name, problem)
		}
		if s.FSUUID != "" && !plain(s.FSUUID) {
			return d.Errorf(at+".fs_uuid", "fs_uuid %q; write it as blkid prints it", s.FSUUID)
		}
		if err := s.check(d, at); err != nil {
			return err
		}
	}
	return c.checkCopies(d)
}

func (s Store) check(d *Document, at string) error {
	for _, key := range []string{"lock", "retain_days", "hold", "credentials", "profile", "ca", "cert", "cert_key", "proxy", "bandwidth"} {
		if strings.HasPrefix(s.URL, "file:") && d.Has(at+"."+key) {
			return d.Errorf(at+"."+key, "store %s is a folder: %s is for s3:// stores; remove it", s.Name, key)
		}
	}
	for _, f := range []struct{ key, path string }{{"ca", s.CA}, {"cert", s.Cert}, {"cert_key", s.CertKey}} {
		if f.path != "" && !clean(f.path) {
			return d.Errorf(at+"."+f.key, "%s %q; write a clean absolute path", f.key, f.path)
		}
	}
	switch {
	case s.Lock != "" && s.Lock != LockNone && s.Lock != LockGovernance && s.Lock != LockCompliance:
		return d.Errorf(at+".lock", "lock %q; use compliance, governance or none", s.Lock)
	case s.RetainDays < 0 || s.RetainDays > 36500:
		return d.Errorf(at+".retain_days", "retain_days %d; use 1 to 36500", s.RetainDays)
	case s.Credentials != "" && !clean(s.Credentials) && !shortName.MatchString(s.Credentials):
		return d.Errorf(at+".credentials", "credentials %q; write a clean absolute path, or the name of a systemd credential", s.Credentials)
	case (s.Cert == "") != (s.CertKey == ""):
		return d.Errorf(at+".cert", "store %s: cert and cert_key go together; give both or none", s.Name)
	case s.Proxy != "" && s.Proxy != "none" && proxyProblem(s.Proxy):
		return d.Errorf(at+".proxy", "proxy %q; write http://host:port without a password, or none", s.Proxy)
	}
	for j, w := range s.Bandwidth {
		here := fmt.Sprintf("%s.bandwidth.%d", at, j)
		if !clockTime.MatchString(w.From) || !clockTime.MatchString(w.To) || w.From == w.To {
			return d.Errorf(here, "bandwidth from %q to %q; write two times of day such as \"07:00\" and \"19:30\"", w.From, w.To)
		}
		if w.Rate < 16<<10 {
			return d.Errorf(here+".rate", "rate %s; use at least 16KiB a second", w.Rate)
		}
	}
	return nil
}

func proxyProblem(raw string) bool {
	u, err := url.Parse(raw)
	return err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || !plain(raw)
}

func (c *Config) checkCopies(d *Document) error {
	most := max(1, len(c.Stores))
	switch {
	case c.Copies.Stored < 0 || c.Copies.Stored > most:
		return d.Errorf("copies.stored", "copies.stored %d of %d stores; use 1 to %d, or 0 for all", c.Copies.Stored, most, most)
	case c.Copies.Confirmed < 1 || c.Copies.Confirmed > most:
		return d.Errorf("copies.confirmed", "copies.confirmed %d of %d stores; use 1 to %d", c.Copies.Confirmed, most, most)
	case c.Scrub.Days < 0 || c.Scrub.Days > 3650:
		return d.Errorf("scrub.days", "scrub.days %d; use 1 to 3650, or 0 for never", c.Scrub.Days)
	case c.Scrub.Rate < 64<<10:
		return d.Errorf("scrub.rate", "scrub.rate %s; use at least 64KiB a second", c.Scrub.Rate)
	case c.Keep.Days < 0 || c.Keep.Days > 3650:
		return d.Errorf("keep.days", "keep.days %d; use 0 to 3650", c.Keep.Days)
	case c.Keep.Percent < 1 || c.Keep.Percent > 99:
		return d.Errorf("keep.percent", "keep.percent %d; use 1 to 99", c.Keep.Percent)
	}
	return nil
}

// Locked is the lock that is to be put on objects, with its days.
func (s Store) Locked() (mode string, retain time.Duration) {
	mode, days := s.Lock, s.RetainDays
	if u, err := url.Parse(s.URL); err == nil && u.Scheme == "s3" {
		q := u.Query()
		if v := q.Get("lock"); mode == "" && v != "" {
			mode = v
		}
		if n, err := strconv.Atoi(q.Get("days")); days == 0 && err == nil && n > 0 {
			days = n
		}
		if mode == "" {
			mode = LockCompliance
		}
	}
	if mode == "" || mode == LockNone {
		return LockNone, 0
	}
	if days == 0 {
		days = DefaultRetain
	}
	return mode, time.Duration(days) * 24 * time.Hour
}
