package configs

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
)

// Witnesses says who cosigns the log: a policy file, or a list and how many of
// it are enough.
type Witnesses struct {
	Policy string    `yaml:"policy"` // file in the form of c2sp.org/tlog-policy; "" is none
	List   []Witness `yaml:"list"`
	Quorum int       `yaml:"quorum"` // of the list; 0 is all
}

// Witness is one that cosigns.
type Witness struct {
	Name string `yaml:"name"`
	Key  string `yaml:"key"` // verifier key, as custodock witness key prints it
	URL  string `yaml:"url"` // submission prefix of c2sp.org/tlog-witness
}

// Any reports whether there is anybody to ask.
func (w Witnesses) Any() bool { return w.Policy != "" || len(w.List) > 0 }

var witnessKey = regexp.MustCompile(`^[^\s+]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$`)

func (c *Config) checkWitnesses(d *Document) error {
	w := c.Witnesses
	switch {
	case w.Policy != "" && !clean(w.Policy):
		return d.Errorf("witnesses.policy", "policy %q; write the clean absolute path of a file", w.Policy)
	case w.Policy != "" && (len(w.List) > 0 || w.Quorum != 0):
		return d.Errorf("witnesses.policy", "the policy file names witnesses and quorum; remove list and quorum, or the file")
	case w.Quorum < 0 || w.Quorum > len(w.List):
		return d.Errorf("witnesses.quorum", "quorum %d of %d witnesses; use 1 to %d, or 0 for all", w.Quorum, len(w.List), len(w.List))
	}
	names, keys := map[string]bool{"none": true}, map[string]bool{}
	for i, one := range w.List {
		at := fmt.Sprintf("witnesses.list.%d", i)
		if !shortName.MatchString(one.Name) || names[one.Name] {
			return d.Errorf(at+".name", "witness name %q; give each its own of lower-case letters, digits, . _ -", one.Name)
		}
		if !plain(one.Key) || !witnessKey.MatchString(one.Key) || keys[one.Key] {
			return d.Errorf(at+".key", "key of witness %s; give each its own, the line that custodock witness key prints there", one.Name)
		}
		u, err := url.Parse(one.URL)
		if err != nil || !plain(one.URL) || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return d.Errorf(at+".url", "url %q of witness %s; write http://host:port or https://host/path, without a password", one.URL, one.Name)
		}
		names[one.Name], keys[one.Key] = true, true
	}
	return nil
}

// checkPolicy looks for the policy file. What stands in it is checked by who
// reads it.
func (c *Config) checkPolicy(d *Document) error {
	if c.Witnesses.Policy == "" {
		return nil
	}
	if fi, err := os.Stat(c.Witnesses.Policy); err != nil || !fi.Mode().IsRegular() {
		return d.Errorf("witnesses.policy", "no file %q; write the policy, or take the key out", c.Witnesses.Policy)
	}
	return nil
}
