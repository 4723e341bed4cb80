package manifest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxCheckpoint leaves room for sixteen post-quantum signatures, which
// c2sp.org/signed-note asks for, and ends parsing early beyond that.
const maxCheckpoint = 256 << 10

// Checkpoint is the head of a log at one size.
type Checkpoint struct {
	Origin string
	Size   int64 // entries
	Root   tlog.Hash
}

// Text is what is signed: origin, size and root, a line each.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// SignCheckpoint encodes c as a signed note.
func SignCheckpoint(c Checkpoint, signers ...note.Signer) ([]byte, error) {
	if _, err := parseText(c.Text()); err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	if len(signers) == 0 {
		return nil, errors.New("sign checkpoint: no key")
	}
	msg, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return msg, nil
}

// OpenCheckpoint reads a signed checkpoint of the log called origin. It must
// carry a good signature by v; signature lines by other keys are ignored, but
// they too must be canonical. The error wraps ErrUntrusted when the checkpoint
// is another log's or another key's, else ErrMalformed.
func OpenCheckpoint(msg []byte, origin string, v note.Verifier) (Checkpoint, error) {
	text, err := openNote(msg, maxCheckpoint, v)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w", origin, err)
	}
	c, err := parseText(text)
	switch {
	case err != nil:
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w", origin, err)
	case c.Origin != origin:
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w: it speaks for %q", origin, ErrUntrusted, c.Origin)
	}
	return c, nil
}

// openNote gives the text of a signed note of at most so many bytes that v signed.
func openNote(msg []byte, most int, v note.Verifier) (string, error) {
	if len(msg) > most {
		return "", fmt.Errorf("%w: %d bytes are more than %d", ErrMalformed, len(msg), most)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return "", fmt.Errorf("%w: no signature by %s+%08x", ErrUntrusted, v.Name(), v.KeyHash())
	case errors.As(err, &invalid):
		return "", fmt.Errorf("%w: %w", ErrUntrusted, err)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := canonicalNote(msg, n); err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return n.Text, nil
}

// canonicalNote makes up for what note.Open lets pass: set padding bits in the
// base64 of a signature, and lines said twice.
func canonicalNote(msg []byte, n *note.Note) error {
	sigs, ok := bytes.CutPrefix(msg, []byte(n.Text+"\n"))
	if !ok {
		return errors.New("text and signatures do not fit")
	}
	lines := strings.Split(strings.TrimSuffix(string(sigs), "\n"), "\n")
	if len(lines) != len(n.Sigs)+len(n.UnverifiedSigs) {
		return errors.New("a signature stands twice")
	}
	for _, line := range lines {
		b64 := line[strings.LastIndexByte(line, ' ')+1:]
		sig, err := base64.StdEncoding.DecodeString(b64)
		if err != nil || base64.StdEncoding.EncodeToString(sig) != b64 {
			return errors.New("a signature is not in canonical base64")
		}
	}
	return nil
}

// parseText undoes Checkpoint.Text and accepts nothing else, hence no
// extension lines: nothing watches over them.
func parseText(text string) (Checkpoint, error) {
	bad := fmt.Errorf("%w: the text is not origin, size and root", ErrMalformed)
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" {
		return Checkpoint{}, bad
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Checkpoint{}, bad
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, bad
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: root}
	if c.Text() != text {
		return Checkpoint{}, bad
	}
	return c, nil
}
