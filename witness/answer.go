package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

var (
	// ErrAhead is wrapped when a witness says that it has cosigned more entries of
	// a log than the checkpoint it is shown has.
	ErrAhead = fmt.Errorf("the witness has seen more of this log than there is here: %w", manifest.ErrForked)
	// ErrContradicts is wrapped when a witness has cosigned other entries under the
	// same numbers.
	ErrContradicts = fmt.Errorf("the witness has seen another history of this log: %w", manifest.ErrForked)

	// errSilent is wrapped when nothing came back.
	errSilent = errors.New("it does not answer")
)

const (
	maxReply = 64 << 10 // bytes; lines of some hundred cosignatures
	maxTold  = 200      // of what a witness says for people
	turns    = 3        // questions until a witness that grows meanwhile is left alone
)

// question is one checkpoint that witnesses are asked to cosign.
type question struct {
	head  manifest.Checkpoint
	note  []byte
	prove func(old int64) (tlog.TreeProof, error)
}

// reply is what came back.
type reply struct {
	status int
	kind   string // media type
	body   []byte
}

// ask puts a question to one witness, again when it says that it has another
// size than was thought.
func (c *Client) ask(ctx context.Context, w manifest.PolicyWitness, q question) (sig manifest.Cosignature, err error) {
	c.mu.Lock()
	old := c.known[w.Name].Size
	c.mu.Unlock()
	if old > q.head.Size {
		old = 0
	}
	for range turns {
		r := Request{Old: old, Checkpoint: q.note}
		if old > 0 && old < q.head.Size {
			if r.Proof, err = q.prove(old); err != nil {
				return sig, fmt.Errorf("prove %d entries from %d: %w", q.head.Size, old, err)
			}
		}
		got, err := c.post(ctx, w.URL, r.Encode())
		if err != nil {
			return sig, err
		}
		switch got.status {
		case http.StatusOK:
			return cosignature(w.Key, q.note, got.body)
		case http.StatusConflict:
			told, ok := got.size()
			switch {
			case !ok:
				return sig, got.refusal()
			case told > q.head.Size:
				return sig, ahead(told, q.head)
			case told == old && told == q.head.Size:
				return sig, contradicts(told, q.head)
			case told == old:
				return sig, fmt.Errorf("it refuses the size %d and says that it has it: tell its admin", told)
			}
			old = told
		case http.StatusUnprocessableEntity:
			if old > 0 {
				return sig, contradicts(old, q.head)
			}
			return sig, got.refusal()
		default:
			return sig, got.refusal()
		}
	}
	return sig, fmt.Errorf("it has another size each time it is asked: a second dock signs this log now: %w", ErrContradicts)
}

func ahead(told int64, head manifest.Checkpoint) error {
	return fmt.Errorf("it has cosigned %d entries of %s and the newest here has %d: this state was set back to a backup, or a second dock signs with its key: "+
		"stop this dock, look for the other, then run custodock log recover: %w", told, head.Origin, head.Size, ErrAhead)
}

func contradicts(told int64, head manifest.Checkpoint) error {
	return fmt.Errorf("the first %d entries of %s that it has cosigned are not those of this log: a second dock signs with this key, or this state was set back and went on: "+
		"stop this dock, keep both histories as evidence, then run custodock log recover: %w", told, head.Origin, ErrContradicts)
}

// post sends one request and reads no more than is sensible.
func (c *Client) post(ctx context.Context, prefix string, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(prefix, "/")+AddPath, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, fmt.Errorf("%w: %w: see whether it runs and whether the network lets the dock reach it", errSilent, cause(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return reply{}, fmt.Errorf("%w: its answer broke off: %w", errSilent, cause(ctx, err))
	}
	if len(text) > maxReply {
		return reply{}, fmt.Errorf("it answers more than %d bytes: what answers is no witness", maxReply)
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	return reply{status: resp.StatusCode, kind: kind, body: text}, nil
}

// cause leaves out the URL, which stands before the error already.
func cause(ctx context.Context, err error) error {
	var wrapped interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &wrapped) && wrapped.Timeout() {
		return errors.New("no answer in time")
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// size reads the body of a conflict.
func (r reply) size() (int64, bool) {
	digits, ok := strings.CutSuffix(string(r.body), "\n")
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ok && err == nil && n >= 0 && strconv.FormatInt(n, 10) == digits && r.kind == SizeType
}

// refusal is an answer that is no cosignature, in words.
func (r reply) refusal() error {
	told := strings.TrimSpace(string(r.body[:min(len(r.body), maxTold)]))
	what := "tell its admin"
	switch {
	case r.status == http.StatusForbidden:
		what = "it knows another key of this log: give its admin the line that custodock key show prints"
	case r.status == http.StatusNotFound:
		what = "it does not watch this log, or its url is wrong: give its admin the line that custodock key show prints"
	case r.status >= 300 && r.status < 400:
		what = "what answers is no witness: correct its url"
	case r.status == http.StatusTooManyRequests || r.status >= 500:
		what = "it cannot work now; it is asked again"
	}
	return fmt.Errorf("it answers %d %q: %s", r.status, told, what)
}

// cosignature takes the witness's line out of an answer; lines of others are
// ignored.
func cosignature(key *manifest.WitnessKey, msg, body []byte) (manifest.Cosignature, error) {
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "\u2014 "+key.Name()+" ") {
			continue
		}
		text, _, _ := bytes.Cut(msg, []byte("\n\n"))
		sigs, err := manifest.Cosignatures(slices.Concat(text, []byte("\n\n"+line)), key)
		if err != nil {
			return manifest.Cosignature{}, fmt.Errorf("its cosignature is not good: %w: compare its key with its admin's", err)
		}
		if len(sigs) == 1 {
			return sigs[0], nil
		}
	}
	return manifest.Cosignature{}, fmt.Errorf("it answers 200 and no cosignature by %s+%08x: compare its key with its admin's", key.Name(), key.KeyHash())
}
