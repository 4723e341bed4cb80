// Package screen stands before the dock's touch screen: the real program, its
// board in a real browser, and fingers.
package screen

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/browser"
)

func TestMain(m *testing.M) { testbench.Main(m) }

// screens are the touch screens that docks have.
var screens = [][2]int{{800, 600}, {1024, 768}}

// dock is a daemon with a board.
type dock struct {
	t     *testing.T
	bin   string
	conf  string
	state string
	root  string
	board string // its address
}

func startDock(t *testing.T) *dock {
	t.Helper()
	dir := t.TempDir()
	d := &dock{t: t, bin: testbench.Build(t), conf: filepath.Join(dir, "custodock.yaml"), state: filepath.Join(dir, "state"), root: filepath.Join(dir, "bays")}
	if err := os.Mkdir(d.root, 0o755); err != nil {
		t.Fatal(err)
	}
	started := regexp.MustCompile(`board: (http://\S+)\n`)
	for range 5 { // another program can take the port before the daemon does
		text := fmt.Sprintf("authority: station-3\nroots: [%s]\nmounter: \"\"\nboard: %s\n", d.root, free(t))
		if err := os.WriteFile(d.conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := testbench.Cmd{Bin: d.bin, Args: d.args("--lang", "en", "run")}.Start(t)
		if p.AwaitOutput(func(stdout, _ string) bool { return started.MatchString(stdout) }) {
			stdout, _ := p.Output()
			d.board = started.FindStringSubmatch(stdout)[1]
			return d
		}
		if _, stderr := p.Output(); !strings.Contains(stderr, "address already in use") {
			t.Fatalf("the daemon did not start: %s", stderr)
		}
	}
	t.Fatal("no port is free")
	return nil
}

// free is an address of loopback where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (d *dock) args(more ...string) []string {
	return append([]string{"--config", d.conf, "--state", d.state}, more...)
}

// camera mounts a camera of n clips, as it appears in a bay.
func (d *dock) camera(name string, n int) {
	d.t.Helper()
	point := filepath.Join(d.root, name)
	if err := os.Mkdir(point, 0o755); err != nil {
		d.t.Fatal(err)
	}
	stage := d.t.TempDir()
	if err := unix.Mount("tmpfs", stage, "tmpfs", 0, ""); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = unix.Unmount(stage, unix.MNT_DETACH) })
	testbench.Clips(d.t, stage, n, 50_000, uint64(n))
	if err := unix.Mount(stage, point, "", unix.MS_BIND, ""); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
}

// handed takes a folder of n clips in for an officer.
func (d *dock) handed(badge string, n int, seed uint64) {
	d.t.Helper()
	dir := d.t.TempDir()
	testbench.Clips(d.t, dir, n, 20_000, seed)
	r := testbench.Run(d.t, d.bin, d.args("ingest", "--collector", "Li Lei:"+badge, dir)...)
	if r.Code != 0 {
		d.t.Fatalf("ingest: %d %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// at opens the board in a language.
func (d *dock) at(p *browser.Page, lang string) {
	d.t.Helper()
	p.Go(d.board + "?lang=" + lang)
	p.Await("document.querySelector('#dock') && document.documentElement.lang === '" + lang + "'")
}

// keep leaves a picture in the folder SCREENS, for a person to look at.
func keep(t *testing.T, name string, picture []byte) {
	t.Helper()
	if dir := os.Getenv("SCREENS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// small is a script that names what a finger would miss or the screen does not
// show whole: targets under 52 pixels, what stands beyond an edge, and a date in
// two lines.
const small = `[...document.querySelectorAll('a, button, input')].filter(e => {
	const r = (e.matches('.tile a') ? e.closest('.tile') : e).getBoundingClientRect();
	return r.width < 52 || r.height < 52 || r.left < 0 || r.top < 0 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1;
}).map(e => e.outerHTML).concat(
	document.scrollingElement.scrollHeight > innerHeight + 1 || document.scrollingElement.scrollWidth > innerWidth + 1 ? ['the page scrolls'] : [],
	[...document.querySelectorAll('.word, .number, .soft, footer, h1')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => 'cut: ' + e.textContent),
	[...document.querySelectorAll('.word')].filter(e => {
		const day = e.textContent.match(/\d{4}\W+\d\d\W+\d\d/), range = document.createRange();
		if (!day) return false;
		range.setStart(e.firstChild, day.index);
		range.setEnd(e.firstChild, day.index + day[0].length);
		let broken = false;
		for (let width = 250; width < 500; width += 10) { // other words before it
			e.style.width = width + 'px';
			broken ||= new Set([...range.getClientRects()].map(r => r.top)).size > 1;
		}
		e.style.width = '';
		return broken;
	}).map(e => 'broken date: ' + e.textContent))`

func comfortable(t *testing.T, p *browser.Page, what string) {
	t.Helper()
	p.Await("document.readyState === 'complete'") // its style is there
	var bad []string
	p.Eval(small, &bad)
	if len(bad) > 0 {
		t.Errorf("%s: %q", what, bad)
	}
}
