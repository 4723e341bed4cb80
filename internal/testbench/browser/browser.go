// Package browser drives a real Chromium as a person at a touch screen does, by
// the DevTools protocol over a pair of pipes: messages of JSON, each with a zero
// byte behind it. Nothing listens on a port, and no program of others is between.
package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

var errEnded = errors.New("the browser has ended")

// Page is one tab of a browser of its own.
type Page struct {
	t       testing.TB
	session string

	mu     sync.Mutex
	out    *os.File
	last   int
	asked  map[int]chan answer
	closed bool
}

type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Open starts a browser with a touch screen of that size, which ends with the
// test. One that breaks down before it shows anything is started again: that is
// no fault of what it would have shown.
func Open(t testing.TB, width, height int) *Page {
	t.Helper()
	const starts = 3
	for i := 1; ; i++ {
		p := start(t)
		err := p.attach(width, height)
		if err == nil {
			return p
		}
		if i == starts {
			t.Fatal(err)
		}
	}
}

func start(t testing.TB) *Page {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("start a browser: %v: install chromium", err)
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	args := []string{
		"--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync",
		"--disable-component-update", "--disable-background-networking", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir=" + home, "about:blank",
	}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // which root cannot have
	}
	cmd := exec.Command(program, args...)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	cmd.Env = append(os.Environ(), "HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirIn.Close(), theirOut.Close()
	p := &Page{t: t, out: in, asked: map[int]chan answer{}}
	read := make(chan struct{})
	go func() { defer close(read); p.listen(out) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it started holds the pipes, too
		_ = cmd.Wait()
		<-read
		_, _ = in.Close(), out.Close()
	})
	return p
}

// attach takes the tab that there is, and gives it the screen.
func (p *Page) attach(width, height int) error {
	var targets struct {
		Infos []struct {
			ID   string `json:"targetId"`
			Type string `json:"type"`
		} `json:"targetInfos"`
	}
	if err := p.ask("Target.getTargets", nil, &targets); err != nil {
		return err
	}
	var got struct {
		Session string `json:"sessionId"`
	}
	for _, one := range targets.Infos {
		if one.Type != "page" {
			continue
		}
		if err := p.ask("Target.attachToTarget", object{"targetId": one.ID, "flatten": true}, &got); err != nil {
			return err
		}
	}
	if p.session = got.Session; p.session == "" {
		return fmt.Errorf("the browser has no tab: %+v", targets)
	}
	return errors.Join(
		p.ask("Page.enable", nil, nil),
		p.ask("Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil),
		p.ask("Emulation.setTouchEmulationEnabled", object{"enabled": true}, nil),
	)
}

// object are the parameters of a call.
type object map[string]any

// listen hands each answer to who waits for it until the pipe ends.
func (p *Page) listen(out *os.File) {
	lines := bufio.NewReader(out)
	for {
		raw, err := lines.ReadBytes(0)
		if err != nil {
			break
		}
		var a answer
		if json.Unmarshal(bytes.TrimSuffix(raw, []byte{0}), &a) != nil || a.ID == 0 {
			continue // an event, which nobody waits for
		}
		p.mu.Lock()
		if wait := p.asked[a.ID]; wait != nil {
			wait <- a
			delete(p.asked, a.ID)
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, wait := range p.asked {
		close(wait)
	}
}

// send asks for a method of the protocol; what it returns waits for the result and
// decodes it into result. What is sent first is done first.
func (p *Page) send(method string, params object, result any) (await func() error) {
	wait := make(chan answer, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	message := object{"id": p.last, "method": method, "params": params}
	if p.session != "" {
		message["sessionId"] = p.session
	}
	raw, err := json.Marshal(message)
	if err == nil && p.closed {
		err = errEnded
	}
	if err == nil {
		p.asked[p.last] = wait
		_, err = p.out.Write(append(raw, 0))
	}
	if err != nil {
		return func() error { return fmt.Errorf("%s: %w", method, err) }
	}
	return func() error { return decode(method, wait, result) }
}

func decode(method string, wait <-chan answer, result any) error {
	late := time.NewTimer(testbench.Patience)
	defer late.Stop()
	select {
	case a, ok := <-wait:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", method, errEnded)
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case result != nil:
			return json.Unmarshal(a.Result, result)
		}
		return nil
	case <-late.C:
		return fmt.Errorf("%s: no answer in %v", method, testbench.Patience)
	}
}

func (p *Page) ask(method string, params object, result any) error {
	return p.send(method, params, result)()
}

func (p *Page) call(method string, params object, result any) {
	p.t.Helper()
	if err := p.ask(method, params, result); err != nil {
		p.t.Fatal(err)
	}
}
