package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// reply is a time-stamp reply over data, without a signature.
func reply(t testing.TB, data []byte, at string) []byte {
	t.Helper()
	sum := sha256.Sum256(data)
	sequence := asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true}
	info, err := asn1.Marshal(stampInfo{
		Version: 1, Policy: asn1.ObjectIdentifier{1, 2, 3}, Imprint: stampImprint{sequence, sum[:]},
		Serial: asn1.RawValue{Tag: asn1.TagInteger, Bytes: []byte{7}},
		Time:   asn1.RawValue{Tag: asn1.TagGeneralizedTime, Bytes: []byte(at)},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := asn1.Marshal(stampReply{sequence, stampToken{
		Type:    asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2},
		Content: stampSigned{3, asn1.RawValue{Tag: asn1.TagSet, IsCompound: true}, stampContent{stampInfoType, info}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cosigned is a checkpoint of the log with a witness's line.
func cosigned(t testing.TB, l *verifytest.Log, size int64) []byte {
	t.Helper()
	skey, _, err := note.GenerateKey(nil, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	msg := l.Checkpoint(size)
	text, _, _ := strings.Cut(string(msg), "\n\n")
	other, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(other), "\n\n")
	return append(msg, line...)
}

func TestAnchor(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	a := l.Clip("a.mp4", "content")
	exported := l.About(a, "clip.exported", nil, map[string]any{"reason": "r", "for": "f"})
	for range 300 {
		l.Append("docking.closed", nil, nil)
	}
	l.Publish()
	at := func(size string) string { return manifest.LogPath(verifytest.Name, "checkpoints/"+size) }
	early, plain, both := l.Checkpoint(exported), l.Checkpoint(5), cosigned(t, l, 290)
	l.Write(at("1"), early) // covers the clip and not its export
	l.Write(at("1.tsr"), reply(t, early, "20261122080000Z"))
	l.Write(at("5"), plain)
	l.Write(at("5.tsr"), reply(t, plain, "20261122080005Z"))
	l.Write(at("7"), []byte("no checkpoint"))
	l.Write(at("290"), both)
	l.Write(at("290.tsr"), reply(t, both, "20261122080001.5Z"))
	l.Write(at("290.second.tsr"), reply(t, []byte("other bytes"), "20261122080001Z"))

	dir := filepath.Join(t.TempDir(), "p")
	o := Options{Store: l.Memory(), Key: l.Key, Clips: []string{l.ClipName(a)}, Dir: dir}
	if err := Write(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "log/checkpoint"))
	if err != nil || string(got) != string(both) {
		t.Errorf("%s, %v", got, err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "log/*.tsr")); err != nil || len(found) != 1 {
		t.Error(found, err)
	}
	if report, err := verify.File(context.Background(), verify.Options{Key: l.Key}, dir, nil); err != nil || report.Size != 290 {
		t.Error(report, err)
	}

	// Signed, and of another history: the log was forked.
	fork := l.Fork(t.TempDir())
	for range 299 {
		fork.Append("docking.closed", nil, nil)
	}
	l.Write(at("299"), cosigned(t, fork, 299))
	o.Store, o.Dir = l.Memory(), filepath.Join(t.TempDir(), "p")
	if err := Write(context.Background(), o); !errors.Is(err, verify.ErrMismatch) || !strings.Contains(err.Error(), "forked") {
		t.Error(err)
	}
}

func TestStampTime(t *testing.T) {
	data := []byte("a checkpoint")
	at, err := stampTime(reply(t, data, "20261122080001.25Z"), data)
	if want := time.Date(2026, 11, 22, 8, 0, 1, 250_000_000, time.UTC); err != nil || !at.Equal(want) {
		t.Error(at, err)
	}
	for name, bad := range map[string][]byte{
		"other bytes": reply(t, []byte("another"), "20261122080001Z"),
		"no time":     reply(t, data, "yesterday"),
		"nothing":     {},
		"a refusal":   {0x30, 5, 0x30, 3, 2, 1, 2},
	} {
		if at, err := stampTime(bad, data); err == nil {
			t.Error(name, at)
		}
	}
}

// A reply of OpenSSL's authority, whose time has a fraction.
func TestStampOfOpenSSL(t *testing.T) {
	given, err := os.ReadFile("testdata/reply.tsr")
	if err != nil {
		t.Fatal(err)
	}
	at, err := stampTime(given, []byte("a checkpoint"))
	if err != nil || at.Format(time.RFC3339Nano) != "2026-11-26T06:34:03.586Z" {
		t.Error(at.Format(time.RFC3339Nano), err)
	}
}

func FuzzStampTime(f *testing.F) {
	data := []byte("a checkpoint")
	f.Add(reply(f, data, "20261122080001Z"))
	f.Add([]byte{0x30, 5, 0x30, 3, 2, 1, 2})
	given, err := os.ReadFile("testdata/reply.tsr")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(given)
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, err := stampTime(b, data); err == nil && at.IsZero() {
			t.Errorf("%x is at no time", b)
		}
	})
}
