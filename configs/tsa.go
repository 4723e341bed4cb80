package configs

import (
	"fmt"
	"net/url"
	"regexp"
	"time"
)

// TSA is a time-stamp authority (RFC 3161). The first of the list that answers
// is the one that stamps.
type TSA struct {
	Name   string `yaml:"name"`   // that entries call it; "" is the host of its URL
	URL    string `yaml:"url"`    // http:// or https://
	Roots  string `yaml:"roots"`  // file of the certificates that its own leads to, PEM
	Policy string `yaml:"policy"` // object identifier of the policy asked for; "" is the authority's choice
}

// Called is the name of an authority in entries.
func (t TSA) Called() string {
	if u, err := url.Parse(t.URL); t.Name == "" && err == nil {
		return u.Hostname()
	}
	return t.Name
}

var (
	tsaName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	policyID = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]{0,8})){1,31}$`)
)

func (c *Config) checkTSA(d *Document) error {
	seen := map[string]bool{}
	for i, t := range c.TSA {
		at := fmt.Sprintf("tsa.%d", i)
		u, err := url.Parse(t.URL)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || !plain(t.URL):
			return d.Errorf(at+".url", "tsa url %q; write http://host/path or https://host/path without a password", t.URL)
		case t.Name == "" && !tsaName.MatchString(t.Called()):
			return d.Errorf(at+".url", "tsa %q has no name; give it one with name", t.URL)
		case !tsaName.MatchString(t.Called()):
			return d.Errorf(at+".name", "tsa name %q; use letters, digits, . _ -, at most 64", t.Name)
		case seen[t.Called()]:
			return d.Errorf(at, "a second tsa named %q; give each its own name", t.Called())
		case !clean(t.Roots):
			return d.Errorf(at+".roots", "tsa %s: roots %q; name the PEM file of its root certificate, a clean absolute path", t.Called(), t.Roots)
		case t.Policy != "" && !policyID.MatchString(t.Policy):
			return d.Errorf(at+".policy", "tsa %s: policy %q; write an object identifier such as 1.3.6.1.4.1.13762.3", t.Called(), t.Policy)
		}
		seen[t.Called()] = true
	}
	if c.AnchorEvery < time.Minute || c.AnchorEvery > 24*time.Hour {
		return d.Errorf("anchor_every", "anchor_every %s; use 1m to 24h", c.AnchorEvery)
	}
	return nil
}
