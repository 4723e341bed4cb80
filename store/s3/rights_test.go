package s3

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// dockPolicy is what the keys of a dock need and no more.
const dockPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":["arn:aws:s3:::*"],"Action":[
"s3:ListBucket","s3:GetBucketVersioning","s3:GetBucketObjectLockConfiguration","s3:ListBucketMultipartUploads",
"s3:PutObject","s3:GetObject","s3:GetObjectVersion","s3:AbortMultipartUpload","s3:ListMultipartUploadParts",
"s3:PutObjectRetention","s3:GetObjectRetention","s3:GetObjectLegalHold"]}]}`

// restrict gives keys that may do what a dock does and no more.
func restrict(t *testing.T, b bench, o *Options, policy string, lasting time.Duration) credentials.Value {
	t.Helper()
	role, err := credentials.NewSTSAssumeRole(b.server.Endpoint(), credentials.STSAssumeRoleOptions{
		AccessKey: b.server.AccessKey, SecretKey: b.server.SecretKey, Policy: policy, DurationSeconds: int(lasting.Seconds()),
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := role.GetWithContext(nil)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(testbench.Patience); err != nil && strings.Contains(err.Error(), "not initialized"); {
		select {
		case <-tick.C:
			v, err = role.GetWithContext(nil)
		case <-late:
			t.Fatal(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	getenv := o.Getenv
	o.Getenv = func(key string) string {
		switch key {
		case "AWS_ACCESS_KEY_ID":
			return v.AccessKeyID
		case "AWS_SECRET_ACCESS_KEY":
			return v.SecretAccessKey
		case "AWS_SESSION_TOKEN":
			return v.SessionToken
		}
		return getenv(key)
	}
	return v
}

// testRightsOfADock works with the rights of a dock and finds that they take
// nothing away.
func testRightsOfADock(t *testing.T, b bench) {
	for _, mode := range []string{configs.LockCompliance, configs.LockGovernance} {
		t.Run(mode, func(t *testing.T) {
			prefix := newPrefix()
			o := b.options(prefix, mode)
			restrict(t, b, &o, dockPolicy, time.Hour)
			s := open(t, o)
			object := storetest.Object(t, storetest.Random(storetest.PartSize+1, 50))
			object.Until = time.Now().Add(time.Hour)
			info, err := s.Put(t.Context(), object)
			if err != nil || info.Lock != mode || info.Until.Before(object.Until) {
				t.Fatalf("%+v, %v", info, err)
			}
			if _, err := s.Bucket(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := s.Reap(t.Context()); err != nil {
				t.Error(err)
			}
			for range 2 {
				got, err := s.MayDelete(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				want := Rights{Hide: Refused, Delete: Refused, DeleteLocked: Refused, Bypass: Refused, Shorten: Refused, LiftHold: Refused}
				if mode == configs.LockGovernance {
					want.Shorten = Allowed // MinIO grants the bypass to whoever may set a retention
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
			if probes := b.server.Versions(b.bucket, prefix+"/"+probePrefix); len(probes) != 2 {
				t.Errorf("after two trials there are %+v, want two probes", probes)
			}
			if _, err := s.Stat(t.Context(), info.Name, info.Version); err != nil {
				t.Errorf("the evidence: %v", err)
			}
		})
	}
}

// testRightsOfRoot finds what keys can do that a dock should not have. In
// compliance mode even they cannot touch what is locked.
func testRightsOfRoot(t *testing.T, b bench) {
	s := open(t, b.options(newPrefix(), configs.LockCompliance))
	got, err := s.MayDelete(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Rights{Hide: Allowed, Delete: Allowed, DeleteLocked: Refused, Bypass: Refused, Shorten: Refused, LiftHold: Allowed}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s = open(t, b.options(newPrefix(), configs.LockGovernance))
	got, err = s.MayDelete(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Bypass != Allowed {
		t.Errorf("in governance mode: %+v", got)
	}
}

// TestOnlyProbesAreRemoved holds against a mistake of ours.
func TestOnlyProbesAreRemoved(t *testing.T) {
	s := &Store{}
	for _, name := range []string{"object/ab/cd", "log/a/key", "", "xprobe/a"} {
		if err := s.remove(t.Context(), name, "", false); !errors.Is(err, errLocal) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func testDeniedPut(t *testing.T, b bench) {
	o := b.options(newPrefix(), configs.LockCompliance)
	restrict(t, b, &o, strings.Replace(dockPolicy, `"s3:PutObject",`, "", 1), time.Hour)
	s := open(t, o)
	_, err := s.Put(t.Context(), storetest.Object(t, []byte("clip")))
	wantSentence(t, err, store.ErrDenied, "policy")
}
