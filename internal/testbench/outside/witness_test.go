package outside

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// running is a program that serves, and what it has printed.
type running struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *running) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *running) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// start runs a server until the test ends, and waits until it has printed what
// matches.
func start(t *testing.T, cmd *exec.Cmd, wanted string) string {
	t.Helper()
	out, done := &running{}, make(chan error, 1)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		<-done
	})
	re := regexp.MustCompile(wanted)
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if m := re.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		select {
		case <-look.C:
		case err := <-done:
			done <- err
			t.Fatalf("%s ended: %v\n%s", cmd.Path, err, out)
		case <-late.C:
			t.Fatalf("%s did not print %s:\n%s", cmd.Path, wanted, out)
		}
	}
}

// litewitness runs the witness of torchwood for a log and gives its key and
// address. Its key comes from an ssh-agent, its logs from a database.
func litewitness(t *testing.T, logKey string) (vkey, url string) {
	t.Helper()
	dir := t.TempDir()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go serveAgent(socket, keys)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "litewitness")
	if out, err := exec.Command("go", "build", "-o", bin, "filippo.io/torchwood/cmd/litewitness").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	db := filepath.Join(dir, "db")
	watch(t, db, logKey)
	vkey = start(t, exec.Command(bin, "-db", db, "-ssh-agent", socket.Addr().String(), "-name", "lite.example/w",
		"-listen", address, "-key", ssh.FingerprintSHA256(signer.PublicKey())), `vkey=(\S+)[^\x00]*listening`)
	return vkey, "http://" + address
}

func serveAgent(l net.Listener, keys agent.Agent) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // the test has ended
		}
		go func() {
			_ = agent.ServeAgent(keys, c)
			_ = c.Close()
		}()
	}
}

// watch puts a log into a database as witnessctl does.
func watch(t *testing.T, path, logKey string) {
	t.Helper()
	db, err := sqlite.OpenConn(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	origin, _, _ := strings.Cut(logKey, "+")
	empty, _ := tlog.TreeHash(0, nil)
	err = errors.Join(
		sqlitex.ExecScript(db, `CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
			CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));`),
		sqlitex.Execute(db, "INSERT INTO log VALUES (?, 0, ?)", &sqlitex.ExecOptions{Args: []any{origin, empty.String()}}),
		sqlitex.Execute(db, "INSERT INTO key VALUES (?, ?)", &sqlitex.ExecOptions{Args: []any{origin, logKey}}),
		db.Close())
	if err != nil {
		t.Fatal(err)
	}
}

// ours runs the witness of custodock for a log and gives its key and address.
func ours(t *testing.T, e evidence) (vkey, url string) {
	t.Helper()
	state := filepath.Join(t.TempDir(), "witness")
	out, err := exec.Command(e.dock, "--state", state, "witness", "key", "--name", "ours.example/w").Output()
	if err != nil {
		t.Fatal(err)
	}
	url = start(t, exec.Command(e.dock, "--state", state, "--json", "witness", "--listen", "127.0.0.1:0", "--log", e.key), `"address":"([^"]+)"`)
	return strings.TrimSpace(string(out)), url
}

// ask has the published log cosigned by the witnesses of a policy.
func ask(t *testing.T, e evidence, dir, policy string) ([]byte, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(e.dock, "witness", "ask", "--key", e.key, "--from", dir, "--policy", file)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	return out, err
}

// shelf is a copy of the published log as it stands in a store.
func shelf(t *testing.T, e evidence, checkpoint []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log", filepath.Base(e.log))
	if err := os.Rename(e.published(t), log); err != nil {
		t.Fatal(err)
	}
	if checkpoint != nil {
		if err := os.WriteFile(filepath.Join(log, "checkpoint"), checkpoint, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWitnesses: torchwood's witness and ours both cosign the log as our client
// asks them, first and again after it grew; torchwood's policy accepts what
// results, and wants both.
func TestWitnesses(t *testing.T) {
	e := given(t)
	lite, liteURL := litewitness(t, e.key)
	own, ownURL := ours(t, e)
	members := fmt.Sprintf("log %s\nwitness lite %s %s\nwitness ours %s %s\n", e.key, lite, liteURL, own, ownURL)
	policy := members + "group both all lite ours\nquorum both\n"

	small := smaller(t, e, 1)
	if _, err := ask(t, e, shelf(t, e, small), policy); err != nil {
		t.Fatal(err)
	}
	msg, err := ask(t, e, shelf(t, e, nil), policy) // with a proof from the smaller one
	if err != nil {
		t.Fatal(err)
	}
	p, err := torchwood.ParsePolicy([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	c, n, err := torchwood.VerifyCheckpoint(msg, p)
	if err != nil || len(n.Sigs) != 3 || c.N <= 256 {
		t.Fatalf("%v: %+v\n%s", err, c, msg)
	}
	for _, sig := range n.Sigs[1:] {
		at, err := torchwood.CosignatureTimestamp(sig)
		if err != nil || time.Since(time.Unix(at, 0)).Abs() > patience {
			t.Errorf("%s: %d, %v", sig.Name, at, err)
		}
	}
	lines := strings.SplitAfter(string(msg), "\n")
	for i := range 2 { // each of the lines of witnesses left out
		less := strings.Join(append(append([]string{}, lines[:5+i]...), lines[6+i:]...), "")
		if _, _, err := torchwood.VerifyCheckpoint([]byte(less), p); err == nil {
			t.Errorf("accepted without line %d:\n%s", 5+i, less)
		}
	}
	flips([]byte(lines[6]), func(bad []byte, at int) {
		less := strings.Join(lines[:6], "") + string(bad)
		if _, _, err := torchwood.VerifyCheckpoint([]byte(less), p); err == nil && !padding([]byte(lines[6]), bad) {
			t.Errorf("accepted with bit %d of our witness's line flipped", at)
		}
	})

	// A log that was set back is named by both, and cosigned by neither.
	out, err := ask(t, e, shelf(t, e, small), policy)
	if err == nil || strings.Count(err.Error(), "has cosigned "+fmt.Sprint(c.N)+" entries of") != 2 || !bytes.Equal(out, small) {
		t.Errorf("%v\n%s", err, out)
	}
	// The address of the one with the key of the other.
	if _, err := ask(t, e, shelf(t, e, nil), fmt.Sprintf("witness w %s %s\nquorum w\n", lite, ownURL)); err == nil {
		t.Error("another witness's answer is accepted")
	}
}

// smaller is a checkpoint of the first n entries, signed by the dock's key.
func smaller(t *testing.T, e evidence, n int64) []byte {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(e.base, "key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	if err != nil {
		t.Fatal(err)
	}
	tile, err := os.ReadFile(filepath.Join(e.log, "tile/0/000"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := tlog.TreeHash(n, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, index := range indexes {
			h, err := tlog.HashFromTile(tlog.Tile{H: 8, W: 256}, tile, index)
			if err != nil {
				return nil, err
			}
			out = append(out, h)
		}
		return out, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), n, root)
	msg, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// TestWitnessStatus: whoever asks is shown how far each log is.
func TestWitnessStatus(t *testing.T) {
	e := given(t)
	own, url := ours(t, e)
	if _, err := ask(t, e, shelf(t, e, nil), fmt.Sprintf("witness w %s %s\nquorum w\n", own, url)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, e.dock, "--json", "witness", "status", "--at", url).Output()
	origin, _, _ := strings.Cut(e.key, "+")
	if err != nil || !bytes.Contains(out, []byte(`"log":"`+origin+`"`)) || bytes.Contains(out, []byte(`"age_s":-1`)) {
		t.Errorf("%v: %s", err, out)
	}
	resp, err := http.Get(url)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
}
