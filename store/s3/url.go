package s3

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// defaultRegion is signed with where the URL names none. One is always set, so
// that no request asks for it.
const defaultRegion = "us-east-1"

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	regionName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,31}$`)
)

// location is what an s3:// URL names.
type location struct {
	bucket string
	prefix string // "" or ending with a slash
	host   string // and port, of the endpoint
	secure bool
	region string
}

// parseURL reads s3://bucket/prefix?endpoint=…&region=…. What it refuses it
// does not repeat, since that may hold a password.
func parseURL(raw string) (location, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "s3" || u.Opaque != "" || u.Fragment != "":
		return location{}, errors.New("the url is malformed; write s3://bucket/prefix?endpoint=https://host:port&region=…")
	case u.User != nil:
		return location{}, errors.New("the url carries a password; use the AWS_* variables or a credentials file")
	case !bucketName.MatchString(u.Host):
		return location{}, fmt.Errorf("bucket %q; use 3 to 63 lower-case letters, digits, dots and hyphens", short(u.Host))
	}
	l := location{bucket: u.Host, secure: true}
	if l.prefix, err = parsePrefix(u.Path); err != nil {
		return location{}, err
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return location{}, errors.New("what stands behind the question mark of the url is malformed")
	}
	for key := range q {
		switch key {
		case "endpoint", "region", "lock", "days":
		default:
			return location{}, fmt.Errorf("the url has %q; behind s3://bucket/prefix stand endpoint, region, lock and days only", short(key))
		}
	}
	if l.region = q.Get("region"); l.region == "" {
		l.region = defaultRegion
	}
	if !regionName.MatchString(l.region) {
		return location{}, fmt.Errorf("region %q; use lower-case letters, digits and hyphens", short(l.region))
	}
	return l.at(q.Get("endpoint"))
}

// parsePrefix accepts what is a directory of names.
func parsePrefix(path string) (string, error) {
	prefix := strings.Trim(path, "/")
	if prefix == "" {
		return "", nil
	}
	if err := checkName(prefix); err != nil || len(prefix) > 512 {
		return "", fmt.Errorf("prefix %q; use plain names with slashes between them", short(prefix))
	}
	return prefix + "/", nil
}

// at fills in the endpoint; "" is Amazon's of the region.
func (l location) at(endpoint string) (location, error) {
	if endpoint == "" {
		l.host = "s3." + l.region + ".amazonaws.com"
		if strings.HasPrefix(l.region, "cn-") {
			l.host += ".cn"
		}
		return l, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsFunc(u.Host, unicode.IsSpace) {
		return location{}, errors.New("the endpoint is malformed; write https://host:port")
	}
	l.host, l.secure = u.Host, u.Scheme == "https"
	return l, nil
}

// endpoint is how the server is named in errors.
func (l location) endpoint() string {
	if l.secure {
		return "https://" + l.host
	}
	return "http://" + l.host
}

// short bounds text from outside before it is quoted.
func short(s string) string {
	const most = 160
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
