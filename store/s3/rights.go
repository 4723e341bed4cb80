package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/configs"
)

// Verdict is what the store said to an attempt.
type Verdict int

// The verdicts. Only Refused proves anything.
const (
	Untried Verdict = iota // there was nothing to try it on
	Refused
	Allowed
)

// Rights are what the keys could do to evidence. The keys of a dock should see
// every attempt refused.
type Rights struct {
	Hide         Verdict // delete without version: a delete marker before the object
	Delete       Verdict // delete a version that has no lock
	DeleteLocked Verdict // delete a locked version
	Bypass       Verdict // delete a locked version with the bypass of governance
	Shorten      Verdict // bring the end of retention forward
	LiftHold     Verdict // take a legal hold off
}

// The probes. One that is locked stays for its day, and serves all that time.
const (
	probePrefix = "probe/"
	probeText   = "custodock tries here what its keys may delete. This is no evidence.\n"
	probeLock   = 24 * time.Hour
	probeLeast  = time.Hour // of lock that must be left to use a probe again
)

// MayDelete tries what the keys may do, on objects of its own below probe/ and
// never on others. Where all is refused two probes of some bytes stay, and serve
// again: one without lock, one locked for a day.
func (s *Store) MayDelete(ctx context.Context) (Rights, error) {
	r, err := s.mayDelete(ctx)
	if err != nil {
		return Rights{}, fmt.Errorf("try the rights of the keys: %w", s.explain(err))
	}
	return r, nil
}

func (s *Store) mayDelete(ctx context.Context) (Rights, error) {
	var r Rights
	if err := s.tryFree(ctx, &r); err != nil {
		return r, err
	}
	if s.mode == configs.LockNone || !s.lockable.Load() {
		return r, nil
	}
	p, err := s.probe(ctx, s.mode, probeLock)
	if err != nil || p.info.Lock == "" {
		return r, err
	}
	return r, s.tryLocked(ctx, p, &r)
}

// tryFree deletes a probe without lock: first its version, then its name.
func (s *Store) tryFree(ctx context.Context, r *Rights) error {
	p, err := s.probe(ctx, "free", 0)
	if err != nil {
		return err
	}
	if p.info.Lock == "" && p.pin.id != "" { // a bucket may lock by itself
		r.Delete, err = s.attempt(ctx, func() error { return s.remove(ctx, p.info.Name, p.pin.id, false) })
		if err != nil {
			return err
		}
	}
	r.Hide, err = s.attempt(ctx, func() error { return s.remove(ctx, p.info.Name, "", false) })
	if err == nil && p.pin.id == "" {
		r.Delete = r.Hide
	}
	return err
}

func (s *Store) tryLocked(ctx context.Context, p head, r *Rights) (err error) {
	name, id := p.info.Name, p.pin.id
	r.LiftHold, err = s.attempt(ctx, func() error {
		off := minio.LegalHoldDisabled
		return s.core.PutObjectLegalHold(ctx, s.where.bucket, s.key(name), minio.PutObjectLegalHoldOptions{Status: &off, VersionID: id})
	})
	if err != nil {
		return err
	}
	// With the bypass too: MinIO lets whoever may set a retention in governance
	// mode bring its end forward so.
	for _, bypass := range []bool{false, true} {
		if r.Shorten == Allowed {
			break
		}
		r.Shorten, err = s.attempt(ctx, func() error {
			mode, until := minio.RetentionMode(strings.ToUpper(p.info.Lock)), p.info.Until.Add(-probeLeast/2)
			return s.core.PutObjectRetention(ctx, s.where.bucket, s.key(name), minio.PutObjectRetentionOptions{
				Mode: &mode, RetainUntilDate: &until, VersionID: id, GovernanceBypass: bypass,
			})
		})
		if err != nil {
			return err
		}
	}
	r.DeleteLocked, err = s.attempt(ctx, func() error { return s.remove(ctx, name, id, false) })
	if err != nil || r.DeleteLocked == Allowed {
		return err
	}
	r.Bypass, err = s.attempt(ctx, func() error { return s.remove(ctx, name, id, true) })
	return err
}

// attempt tells a refusal from trouble on the way.
func (s *Store) attempt(ctx context.Context, act func() error) (Verdict, error) {
	err := s.do(ctx, act)
	a, ok := answerOf(err)
	switch {
	case err == nil:
		return Allowed, nil
	case ok && slices.Contains([]int{http.StatusForbidden, http.StatusBadRequest, http.StatusConflict, http.StatusMethodNotAllowed}, a.StatusCode) &&
		!isOutdated(err) && a.Code != "RequestTimeTooSkewed" && a.Code != "NoSuchBucket":
		return Refused, nil
	}
	return Untried, err
}

// remove is the only thing here that deletes, and it deletes probes.
func (s *Store) remove(ctx context.Context, name, id string, bypass bool) error {
	if !strings.HasPrefix(name, probePrefix) {
		return fmt.Errorf("%w: %s is no probe", errLocal, name)
	}
	return s.core.RemoveObject(ctx, s.where.bucket, s.key(name), minio.RemoveObjectOptions{VersionID: id, GovernanceBypass: bypass})
}

// probe finds the newest of a kind that still serves, or makes one whose name
// sorts by its time. A lock of zero is none.
func (s *Store) probe(ctx context.Context, kind string, lock time.Duration) (head, error) {
	newest := ""
	for info, err := range s.List(ctx, probePrefix+kind+"-") {
		if err != nil {
			return head{}, err
		}
		newest = info.Name
	}
	if newest != "" {
		h, err := s.head(ctx, newest, pin{})
		if err != nil && !isAbsent(err) {
			return head{}, err
		}
		if err == nil && (lock == 0 || h.info.Lock == kind && h.info.Until.After(s.now().Add(probeLeast))) {
			return h, nil
		}
	}
	name := fmt.Sprintf("%s%s-%s-%s", probePrefix, kind, s.now().UTC().Format("20060102T150405"), rand.Text()[:8])
	w := newWrite(name, []byte(probeText))
	if lock > 0 {
		w.until = s.now().Add(lock)
	}
	p, _, err := s.send(ctx, w)
	if isRefused(err) || errors.Is(err, errThere) {
		p, err = pin{}, nil // our own, whose reply was lost
	}
	if err != nil {
		return head{}, err
	}
	return s.confirm(ctx, w, p)
}
