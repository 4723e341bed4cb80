package s3

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
)

func env(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func profileOf(name, id string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = secret-of-%s\n", name, id, id)
}

func TestCredentialsInOrder(t *testing.T) {
	dir := t.TempDir()
	own := writeFile(t, filepath.Join(dir, "own"), profileOf("default", "own")+profileOf("second", "own2"), 0o600)
	shared := writeFile(t, filepath.Join(dir, "shared"), profileOf("default", "shared")+profileOf("other", "shared2"), 0o600)
	writeFile(t, filepath.Join(dir, ".aws/credentials"), profileOf("default", "home"), 0o600)
	writeFile(t, filepath.Join(dir, "creds/central"), profileOf("default", "systemd"), 0o444)
	open := writeFile(t, filepath.Join(dir, "open"), profileOf("default", "open"), 0o644)
	both := []string{"AWS_ACCESS_KEY_ID", "variable", "AWS_SECRET_ACCESS_KEY", "s"}
	for what, tt := range map[string]struct {
		store configs.Store
		env   []string
		want  string
		hint  string
	}{
		"configured":        {configs.Store{Credentials: own}, both, "own", ""},
		"a profile":         {configs.Store{Credentials: own, Profile: "second"}, both, "own2", ""},
		"no such profile":   {configs.Store{Credentials: own, Profile: "third"}, both, "", `no profile "third"`},
		"systemd":           {configs.Store{Credentials: "central"}, append([]string{"CREDENTIALS_DIRECTORY", dir + "/creds"}, both...), "systemd", ""},
		"no systemd":        {configs.Store{Credentials: "central"}, both, "", "LoadCredential=central:FILE"},
		"no such file":      {configs.Store{Credentials: dir + "/none"}, both, "", "aws_access_key_id"},
		"readable":          {configs.Store{Credentials: open}, nil, "", fmt.Sprintf("run: chmod 600 %q", open)},
		"a folder":          {configs.Store{Credentials: dir}, nil, "", "no regular file"},
		"variables":         {configs.Store{}, append([]string{"HOME", dir}, both...), "variable", ""},
		"the shared file":   {configs.Store{}, []string{"HOME", dir, "AWS_SHARED_CREDENTIALS_FILE", shared}, "shared", ""},
		"profile variable":  {configs.Store{}, []string{"AWS_PROFILE", "other", "AWS_SHARED_CREDENTIALS_FILE", shared}, "shared2", ""},
		"the home's":        {configs.Store{}, []string{"HOME", dir}, "home", ""},
		"shared, not there": {configs.Store{}, []string{"HOME", dir, "AWS_SHARED_CREDENTIALS_FILE", dir + "/none"}, "", "write it with [default]"},
	} {
		c, err := newCredentials(tt.store, env(tt.env...), http.DefaultClient)
		id := ""
		if err == nil {
			v, gerr := c.GetWithContext(nil)
			id, err = v.AccessKeyID, gerr
		}
		if id != tt.want {
			t.Errorf("%s: keys %q, want %q: %v", what, id, tt.want, err)
		}
		if tt.want == "" {
			wantSentence(t, err, store.ErrDenied, tt.hint)
			if err != nil && strings.Contains(err.Error(), "secret-of") {
				t.Errorf("%s: %v shows a secret", what, err)
			}
		}
	}
}

// TestRole asks a token service, and says what to do without one.
func TestRole(t *testing.T) {
	sts := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Form.Get("WebIdentityToken") != "token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>role</AccessKeyId>
			<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>
			</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	token := writeFile(t, filepath.Join(t.TempDir(), "token"), "token", 0o600)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/dock")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	c, err := newCredentials(configs.Store{}, env("AWS_WEB_IDENTITY_TOKEN_FILE", token, "AWS_ENDPOINT_URL_STS", sts.URL), client)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.GetWithContext(nil); err != nil || v.AccessKeyID != "role" || v.SessionToken != "t" {
		t.Errorf("keys %q: %v", v.AccessKeyID, err)
	}
	writeFile(t, token, "expired", 0o600)
	c.Expire()
	_, err = c.GetWithContext(nil)
	wantSentence(t, err, store.ErrDenied, "name a credentials file")
}

// testRotation replaces the keys of an open store: before the old ones end, and
// only after the server has refused them.
func testRotation(t *testing.T, b bench) {
	o := b.options(newPrefix(), configs.LockGovernance)
	path := filepath.Join(t.TempDir(), "keys")
	root := fmt.Sprintf("[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n", b.server.AccessKey, b.server.SecretKey)
	use := func(content string) {
		if err := os.Rename(writeFile(t, path+".new", content, 0o600), path); err != nil {
			t.Fatal(err)
		}
	}
	role := b.options("", "")
	v := restrict(t, b, &role, dockPolicy, time.Hour)
	use(fmt.Sprintf("[default]\naws_access_key_id=%s\naws_secret_access_key=%s\naws_session_token=%s\n", v.AccessKeyID, v.SecretAccessKey, v.SessionToken))
	o.Store.Credentials = path
	s, wire := wired(t, o)
	create := func(name string) error {
		_, err := s.Create(t.Context(), name, []byte("key"))
		return err
	}
	if err := create("log/a/key"); err != nil {
		t.Fatal(err)
	}
	use(root)
	if err := create("log/b/key"); err != nil {
		t.Errorf("with new keys: %v", err)
	}
	use(profileOf("default", "unknown"))
	wantSentence(t, create("log/c/key"), store.ErrDenied, "put working keys")
	// The new keys come while a request with the old ones is under way.
	wire.Inject(testbench.WireFault{Kind: testbench.Latency, Method: http.MethodPut, Part: "log/d/key", Times: 1, Do: func() { use(root) }})
	if err := create("log/d/key"); err != nil {
		t.Errorf("after the server refused the old keys: %v", err)
	}
	if wire.Fired(testbench.Latency) != 1 || wire.Passed(http.MethodPut, "log/d/key") != 2 {
		t.Error("the old keys were not refused")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := create("log/e/key"); err != nil {
		t.Errorf("while the file is replaced: %v", err)
	}
}

func FuzzParseProfile(f *testing.F) {
	for _, seed := range []string{
		profileOf("default", "id"), "[default]", "[profile default]\n aws_access_key_id = x", "[default]\r\naws_access_key_id=a\r\naws_secret_access_key=b/+=\r\n",
		"# comment\n; another\n[default] # here\naws_access_key_id = a\naws_secret_access_key = b\ns3 =\n  region = x\n", "no section", "[open\n", "\ufeff[default]\n", "[default]\naws_access_key_id=a\u00e9\naws_secret_access_key=b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseProfile([]byte(text), "default")
		if err != nil {
			if k != (keys{}) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%+v with %v", k, err)
			}
			return
		}
		if k.id == "" || k.secret == "" || strings.ContainsAny(k.id+k.secret+k.token, " \t\r\n\x00") {
			t.Errorf("keys %+v", k)
		}
		again, err := parseProfile(fmt.Appendf(nil, "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\naws_session_token=%s\n", k.id, k.secret, k.token), "default")
		if err != nil || again != k {
			t.Errorf("%+v written again is %+v, %v", k, again, err)
		}
	})
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"s3://evidence/dock?endpoint=https://s3.example:9000&region=eu-1", "s3://b.c-d/", "s3://evidence/a/../b", "s3://key:secret@evidence/", "s3://evidence?endpoint=http://u:p@h",
		"s3://evidence?endpoint=ftp://h", "s3://evidence?lock=none&days=3", "s3://EVIDENCE", "s3://evidence/%2e%2e/x", "s3://evidence?endpoint=http://[::1]:9000", "file:///x", "s3:evidence",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		l, err := parseURL(raw)
		if err != nil {
			if s := err.Error(); strings.ContainsAny(s, "\n\x1b") || len(s) > 600 {
				t.Errorf("%q", s)
			}
			return
		}
		if !bucketName.MatchString(l.bucket) || l.host == "" || l.region == "" || l.prefix != "" && (checkName(l.prefix+"x") != nil || !strings.HasSuffix(l.prefix, "/")) {
			t.Errorf("%+v", l)
		}
		r, err := newReader(&Options{Store: configs.Store{URL: raw}, Getenv: anyKeys})
		if err != nil {
			return // the library takes fewer host names
		}
		if got := r.core.EndpointURL(); got.User != nil || got.Scheme != "http" && got.Scheme != "https" {
			t.Errorf("%q leads to %s", raw, got)
		}
	})
}
