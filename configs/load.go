package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

var (
	logName   = regexp.MustCompile(`^[a-z][a-z0-9]{2,15}$`)
	shortName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,31}$`)
	deviceID  = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	authority = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9./-]{0,127}$`)
	offset    = regexp.MustCompile(`^[+-](?:0\d|1[0-4]):[0-5]\d$`)
	unsafeURL = regexp.MustCompile(`(?i)(?:^|&)[^=]*(?:secret|password|access_?key)[^=]*=`)
)

// Load reads a configuration file over the defaults. Mistakes are *Error; an
// absent file wraps fs.ErrNotExist.
func Load(file string) (Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, d, err := parse(file, data)
	if err != nil {
		return Config{}, err
	}
	for _, check := range []func(*Document) error{c.checkSecrets, c.checkProfiles, c.checkPolicy} {
		if err := check(d); err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

// parse does everything Load does that needs no other file.
func parse(file string, data []byte) (Config, *Document, error) {
	c := Default()
	d, err := Decode(file, data, &c)
	if err != nil {
		return Config{}, nil, err
	}
	for i := range c.Drops {
		if !d.Has(fmt.Sprintf("drops.%d.quiet", i)) {
			c.Drops[i].Quiet = DefaultQuiet
		}
	}
	c.settleHooks(d)
	for _, check := range []func(*Document) error{
		c.checkIdentity, c.checkRules, c.checkStores, c.checkFolders, c.checkBays, c.checkUSB, c.checkHooks, c.checkDevices, c.checkAlarms, c.checkAccess, c.checkErase, c.checkTSA, c.checkWitnesses,
	} {
		if err := check(d); err != nil {
			return Config{}, nil, err
		}
	}
	return c, d, nil
}

// checkSecrets refuses secret files that others can read. An absent one is no
// mistake here: init makes the signing key, and a store says what it lacks.
func (c *Config) checkSecrets(d *Document) error {
	if err := checkSecret(d, "key", c.Key); err != nil {
		return err
	}
	for i, s := range c.Stores {
		at := fmt.Sprintf("stores.%d.", i)
		if filepath.IsAbs(s.Credentials) {
			if err := checkSecret(d, at+"credentials", s.Credentials); err != nil {
				return err
			}
		}
		if err := checkSecret(d, at+"cert_key", s.CertKey); err != nil {
			return err
		}
	}
	return nil
}

func checkSecret(d *Document, at, path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return d.Errorf(at, "cannot look at the secret: %v", err)
	}
	if !info.Mode().IsRegular() {
		return d.Errorf(at, "%q is no regular file; name the file of the secret", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return d.Errorf(at, "the secret key %q can be read by others (mode %04o); run: chmod 600 %q", path, info.Mode().Perm(), path)
	}
	return nil
}

func (c *Config) checkIdentity(d *Document) error {
	if c.Log != "" && !logName.MatchString(c.Log) {
		return d.Errorf("log", "log name %q; use 3 to 16 lower-case letters and digits, a letter first", c.Log)
	}
	if c.Authority != "" && !authority.MatchString(c.Authority) {
		return d.Errorf("authority", "authority %q; use a name like dock.example.org: letters, digits, - . /", c.Authority)
	}
	if c.Key != "" && !clean(c.Key) {
		return d.Errorf("key", "key %q; write a clean absolute path", c.Key)
	}
	if c.Matters != "" && !clean(c.Matters) {
		return d.Errorf("matters", "matters %q; write a clean absolute path", c.Matters)
	}
	if c.Profiles != "" && !clean(c.Profiles) {
		return d.Errorf("profiles", "profiles %q; write a clean absolute path of a folder", c.Profiles)
	}
	return nil
}

func (c *Config) checkRules(d *Document) error {
	if c.Lang != "en" && c.Lang != "zh" {
		return d.Errorf("lang", "lang %q; use en or zh", c.Lang)
	}
	if c.Policy != PolicyDock && c.Policy != PolicyCentral {
		return d.Errorf("policy", "policy %q; use %s or %s", c.Policy, PolicyDock, PolicyCentral)
	}
	if c.Board != "" {
		host, port, err := net.SplitHostPort(c.Board)
		n, nerr := strconv.ParseUint(port, 10, 16)
		if err != nil || nerr != nil || n == 0 || strings.ContainsFunc(host, unicode.IsSpace) {
			return d.Errorf("board", "board %q; write host:port such as 127.0.0.1:8630, or \"\" for none", c.Board)
		}
	}
	// A socket's path is an array of 108 bytes with a zero at its end, unix(7).
	if c.Mounter != "" && (!clean(c.Mounter) || len(c.Mounter) > 107) {
		return d.Errorf("mounter", "mounter %q; write the clean absolute path of a socket, or \"\" for none", c.Mounter)
	}
	if c.Unknown != UnknownHold && c.Unknown != UnknownTake {
		return d.Errorf("unknown", "unknown %q; use %s or %s", c.Unknown, UnknownHold, UnknownTake)
	}
	if c.RereadDays < 1 || c.RereadDays > 3650 {
		return d.Errorf("reread_days", "reread_days %d; use 1 to 3650", c.RereadDays)
	}
	if c.Reserve < 16<<20 {
		return d.Errorf("reserve", "reserve %s; use at least 16MiB, or a full disk stops the manifest", c.Reserve)
	}
	if c.Stall < time.Second || c.Stall > time.Hour {
		return d.Errorf("stall", "stall %s; use 1s to 1h", c.Stall)
	}
	if c.Publish < 100*time.Millisecond || c.Publish > time.Hour {
		return d.Errorf("publish", "publish %s; use 100ms to 1h", c.Publish)
	}
	if !validZone(c.Zone) {
		return d.Errorf("zone", "unknown zone %q; use a name like Asia/Shanghai, an offset like +08:00, or Local", c.Zone)
	}
	return nil
}

// URLProblem says what is wrong with the URL of a store, "" when nothing is.
func URLProblem(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || !plain(raw):
		return fmt.Sprintf("url %q is malformed; use file:///path or s3://bucket/prefix?endpoint=…", raw)
	case u.User != nil || unsafeURL.MatchString(u.RawQuery):
		return "url carries a password; use the AWS_* variables or a credentials file"
	case u.Scheme == "file" && u.Host == "" && clean(u.Path) && u.RawQuery == "":
		return ""
	case u.Scheme == "s3" && u.Host != "" && u.Port() == "" && u.Fragment == "":
		return queryProblem(u.Query())
	}
	return fmt.Sprintf("url %q; use file:///path or s3://bucket/prefix?endpoint=…", raw)
}

// queryProblem looks at what may stand behind the question mark of an s3:// URL.
func queryProblem(q url.Values) string {
	for key, values := range q {
		v := values[0]
		switch {
		case len(values) > 1:
			return fmt.Sprintf("url gives %s twice; remove one", key)
		case key == "endpoint":
			u, err := url.Parse(v)
			if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
				return fmt.Sprintf("endpoint %q; write https://host:port", v)
			}
		case key == "region" && shortName.MatchString(v):
		case key == "lock" && (v == LockNone || v == LockGovernance || v == LockCompliance):
		case key == "lock":
			return fmt.Sprintf("lock %q; use %s, %s or %s", v, LockCompliance, LockGovernance, LockNone)
		case key == "days":
			if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 36500 {
				return fmt.Sprintf("days %q; use 1 to 36500", v)
			}
		default:
			return fmt.Sprintf("url has %s=%q; behind s3://bucket/prefix stand endpoint, region, lock and days only", key, v)
		}
	}
	return ""
}

func (c *Config) checkFolders(d *Document) error {
	seen := map[string]bool{}
	for i, p := range c.Roots {
		at := fmt.Sprintf("roots.%d", i)
		if !clean(p) {
			return d.Errorf(at, "root %q; write a clean absolute path", p)
		}
		if seen[p] {
			return d.Errorf(at, "%q stands twice; remove one", p)
		}
		seen[p] = true
	}
	for i, drop := range c.Drops {
		at := fmt.Sprintf("drops.%d", i)
		if !clean(drop.Path) {
			return d.Errorf(at+".path", "drop path %q; write a clean absolute path", drop.Path)
		}
		if seen[drop.Path] {
			return d.Errorf(at+".path", "%q stands twice; a folder is one drop or one root", drop.Path)
		}
		seen[drop.Path] = true
		if drop.Quiet < 100*time.Millisecond || drop.Quiet > 24*time.Hour {
			return d.Errorf(at+".quiet", "quiet %s; use 100ms to 24h", drop.Quiet)
		}
		if drop.Bay != "" && !shortName.MatchString(drop.Bay) {
			return d.Errorf(at+".bay", "bay %q; use lower-case letters, digits, . _ -, at most 32", drop.Bay)
		}
	}
	return nil
}

func (c *Config) checkBays(d *Document) error {
	names, paths := map[string]bool{}, map[string]bool{}
	for i, b := range c.Bays {
		at := fmt.Sprintf("bays.%d", i)
		if !shortName.MatchString(b.Name) {
			return d.Errorf(at+".name", "bay name %q; use lower-case letters, digits, . _ -, at most 32", b.Name)
		}
		if names[b.Name] {
			return d.Errorf(at+".name", "a second bay named %q; give each its own name", b.Name)
		}
		if !plain(b.Path) || (strings.HasPrefix(b.Path, "/") && !clean(b.Path)) {
			return d.Errorf(at+".path", "bay %s: path %q; write a USB port such as 1-1.4 or a mount point", b.Name, b.Path)
		}
		if paths[b.Path] {
			return d.Errorf(at+".path", "%q is two bays; a port is one bay", b.Path)
		}
		names[b.Name], paths[b.Path] = true, true
	}
	return nil
}

// clean accepts an absolute path that names its target in one way only.
func clean(p string) bool { return plain(p) && filepath.IsAbs(p) && path.Clean(p) == p }

// plain accepts text that can be shown in one line.
func plain(s string) bool {
	return s != "" && len(s) <= 4096 && !strings.ContainsFunc(s, func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.IsPrint(r)
	})
}

func validZone(zone string) bool {
	if zone == "Local" || offset.MatchString(zone) {
		return true
	}
	_, err := time.LoadLocation(zone)
	return zone != "" && err == nil
}
