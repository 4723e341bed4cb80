package verify

import (
	"errors"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/manifest"
)

// cosignedBy checks the newest checkpoint that was kept for its cosignatures, or
// where there is none the published one, against the policy. An older one that
// satisfies it would say nothing of what came since.
func (s *scan) cosignedBy(path string, msg []byte) {
	if s.Policy == nil {
		return
	}
	if msg == nil {
		path, msg = manifest.CheckpointPath(s.head.Log), s.head.Note
	}
	var c manifest.Checkpoint
	var sigs []manifest.Cosignature
	err := s.signed(func(v note.Verifier) (err error) {
		c, sigs, err = s.Policy.Check(msg, v)
		return err
	})
	if err != nil {
		s.report.add(path, "%v", err)
		return
	}
	s.report.cosigned(c, sigs)
}

// cosigned notes what a policy found, the smallest where there are several.
func (r *Report) cosigned(c manifest.Checkpoint, sigs []manifest.Cosignature) {
	if r.Cosigned != 0 && r.Cosigned <= c.Size {
		return
	}
	r.Cosigned, r.CosignedAt = c.Size, time.Time{}
	for _, sig := range sigs {
		if sig.Time.After(r.CosignedAt) {
			r.CosignedAt = sig.Time
		}
	}
}

// cosignedBy checks the checkpoint of a proof against the policy, once each.
func (p *packed) cosignedBy(file string, msg []byte) {
	if p.Policy == nil || p.judged[string(msg)] {
		return
	}
	p.judged[string(msg)] = true
	c, sigs, err := p.Policy.Check(msg, p.key)
	for _, log := range p.Policy.Logs {
		if errors.Is(err, manifest.ErrUntrusted) && log.Key.Name() == p.key.Name() { // another key of this log
			c, sigs, err = p.Policy.Check(msg, log.Key)
		}
	}
	if err != nil {
		p.report.add(file, "%v", err)
		return
	}
	p.report.cosigned(c, sigs)
}
