package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// look is how often a page is looked at while something is awaited.
const look = 20 * time.Millisecond

// Go opens an address.
func (p *Page) Go(address string) {
	p.t.Helper()
	p.call("Page.navigate", object{"url": address}, nil)
}

// Before has a script run in each page from now on, before its own.
func (p *Page) Before(script string) {
	p.t.Helper()
	p.call("Page.addScriptToEvaluateOnNewDocument", object{"source": script}, nil)
}

// Eval evaluates an expression in the page and decodes its value.
func (p *Page) Eval(expression string, value any) {
	p.t.Helper()
	if err := p.eval(expression, value); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Page) eval(expression string, value any) error {
	var got struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	if err := p.ask("Runtime.evaluate", object{"expression": expression, "returnByValue": true}, &got); err != nil {
		return err
	}
	if got.Exception != nil {
		return fmt.Errorf("%s: %s %s", expression, got.Exception.Text, got.Exception.Exception.Description)
	}
	if value == nil {
		return nil
	}
	if len(got.Result.Value) == 0 {
		return errors.New(expression + ": it has no value")
	}
	return json.Unmarshal(got.Result.Value, value)
}

// Await looks until an expression is true. While one page gives way to the next
// there is nothing to look at.
func (p *Page) Await(expression string) {
	p.t.Helper()
	tick := time.NewTicker(look)
	defer tick.Stop()
	late := time.NewTimer(testbench.Patience)
	defer late.Stop()
	for {
		var is bool
		err := p.eval("Boolean("+expression+")", &is)
		if is {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			var text string
			_ = p.eval("location.href + '\\n' + document.body.innerText", &text)
			p.t.Fatalf("never true: %s (%v); the page is %s", expression, err, text)
		}
	}
}

// Touch touches the middle of what a selector finds, once it is there.
func (p *Page) Touch(selector string) {
	p.t.Helper()
	p.Await(fmt.Sprintf("document.readyState === 'complete' && document.querySelector(%q)", selector))
	var at [2]float64
	p.Eval(fmt.Sprintf("(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector(%q).getBoundingClientRect())", selector), &at)
	p.TouchAt(at[0], at[1])
}

// TouchAt touches a point of the screen. The finger is lifted without waiting for
// what it did, lest a slow machine makes a long press of it.
func (p *Page) TouchAt(x, y float64) {
	p.t.Helper()
	const method = "Input.dispatchTouchEvent"
	down := p.send(method, object{"type": "touchStart", "touchPoints": []object{{"x": x, "y": y}}}, nil)
	up := p.send(method, object{"type": "touchEnd", "touchPoints": []object{}}, nil)
	if err := errors.Join(down(), up()); err != nil {
		p.t.Fatal(err)
	}
}

// Scan types as a badge reader does that says it is a keyboard: fast, and Enter at
// the end.
func (p *Page) Scan(text string) {
	p.t.Helper()
	for _, r := range text {
		p.call("Input.dispatchKeyEvent", object{"type": "keyDown", "key": string(r), "text": string(r)}, nil)
		p.call("Input.dispatchKeyEvent", object{"type": "keyUp", "key": string(r)}, nil)
	}
	p.call("Input.dispatchKeyEvent", object{"type": "keyDown", "key": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}, nil)
	p.call("Input.dispatchKeyEvent", object{"type": "keyUp", "key": "Enter", "windowsVirtualKeyCode": 13}, nil)
}

// Picture is what stands on the screen, as PNG.
func (p *Page) Picture() []byte {
	p.t.Helper()
	var got struct {
		Data []byte `json:"data"`
	}
	p.call("Page.captureScreenshot", object{"format": "png"}, &got)
	return got.Data
}

// Print prints on paper of that size in millimetres, as PDF. The margins are those
// that the page asks for.
func (p *Page) Print(width, height float64) []byte {
	p.t.Helper()
	const inch = 25.4
	var got struct {
		Data []byte `json:"data"`
	}
	p.call("Page.printToPDF", object{
		"paperWidth": width / inch, "paperHeight": height / inch, "printBackground": false, "preferCSSPageSize": false,
	}, &got)
	return got.Data
}
