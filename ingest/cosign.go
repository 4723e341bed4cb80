package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	cosigners "github.com/custodock/custodock/witness"
)

// ErrNoWitness is wrapped when the configuration names nobody who cosigns.
var ErrNoWitness = errors.New("no witness is configured: name one under witnesses")

// witnessing is who is asked. The client remembers what each witness has.
type witnessing struct {
	mu     sync.Mutex
	client *cosigners.Client
	text   string // of its policy
}

// policyText is what the configuration says, as a policy file.
func policyText(w configs.Witnesses) (string, error) {
	if w.Policy != "" {
		b, err := os.ReadFile(w.Policy)
		if err != nil {
			return "", fmt.Errorf("read the policy of witnesses: %w", err)
		}
		return string(b), nil
	}
	var b strings.Builder
	count := "all"
	if w.Quorum > 0 {
		count = fmt.Sprint(w.Quorum)
	}
	group := "group CONFIGURED " + count // no witness is called so: names are lower case
	for _, one := range w.List {
		fmt.Fprintf(&b, "witness %s %s %s\n", one.Name, one.Key, one.URL)
		group += " " + one.Name
	}
	fmt.Fprintf(&b, "%s\nquorum CONFIGURED\n", group)
	return b.String(), nil
}

// checkWitnesses refuses a configuration whose policy says nothing.
func checkWitnesses(w configs.Witnesses) error {
	if !w.Any() {
		return nil
	}
	text, err := policyText(w)
	if err == nil {
		_, err = manifest.ParsePolicy([]byte(text))
	}
	if err != nil {
		return fmt.Errorf("witnesses: %w", err)
	}
	return nil
}

// witnesses is whom to ask now.
func (s *Station) witnesses() (*cosigners.Client, error) {
	cfg := s.conf().Witnesses
	if !cfg.Any() {
		return nil, ErrNoWitness
	}
	text, err := policyText(cfg)
	if err != nil {
		return nil, err
	}
	w := &s.witnessing
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client != nil && w.text == text {
		return w.client, nil
	}
	policy, err := manifest.ParsePolicy([]byte(text))
	if err != nil {
		return nil, err
	}
	key, err := s.witnessedKey(policy)
	if err != nil {
		return nil, err
	}
	client, err := cosigners.New(cosigners.Options{Policy: policy, Key: key, Now: s.now})
	if err != nil {
		return nil, err
	}
	if w.client != nil {
		w.client.Close()
	}
	w.client, w.text = client, text
	return client, nil
}

// witnessedKey is the newest key of this log that a policy names, or the first: all
// of them sign.
func (s *Station) witnessedKey(policy *manifest.Policy) (note.Verifier, error) {
	for _, vkey := range slices.Backward(s.keys) {
		key, err := manifest.ParseKey(vkey)
		if err != nil || policy.Knows(key) {
			return key, err
		}
	}
	return manifest.ParseKey(s.vkey)
}

func (w *witnessing) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client != nil {
		w.client.Close()
	}
}

// cosigner is what asks the witnesses, nil where there is none to ask.
func (s *Station) cosigner() func(ctx context.Context, size int64, note []byte) ([]byte, error) {
	switch {
	case s.o.Cosign != nil:
		return s.o.Cosign
	case s.conf().Witnesses.Any():
		return s.Cosign
	}
	return nil
}

// uncosigned reports whether the newest checkpoint that witnesses were shown
// lacks cosignatures, so that they are to be asked again although nothing came.
func (s *Station) uncosigned() bool {
	if s.o.Cosign != nil || !s.conf().Witnesses.Any() {
		return false
	}
	v, err := s.cosignedSo()
	return err == nil && (v == nil || !v.Since.IsZero())
}

// Cosign has the configured witnesses cosign a signed checkpoint of size entries
// and returns it with what lines came; beside an error these may be fewer than are
// wanted, or none. It takes as long as one witness may take, and no work of the
// dock waits for it.
func (s *Station) Cosign(ctx context.Context, size int64, note []byte) ([]byte, error) {
	client, err := s.witnesses()
	if err != nil {
		s.judgeWitnesses()
		return nil, fmt.Errorf("cosign %d entries: %w", size, err)
	}
	cosigned, err := client.Cosign(ctx, size, note, func(old int64) (tlog.TreeProof, error) { return s.ledger.ProveFrom(old, size) })
	var partly *cosigners.PartlyError
	if ctx.Err() != nil || err != nil && !errors.As(err, &partly) {
		return cosigned, err
	}
	reached := partly == nil || partly.Lacking == nil
	noted := s.noteCosigned(size, reached, client.Standings())
	s.judgeWitnesses()
	s.change.wake()
	return cosigned, errors.Join(err, noted)
}
