package central

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/custodock/custodock/ingest"
)

// dockPolicy is what keys of a dock need, and nothing that takes away.
const dockPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":["arn:aws:s3:::*"],"Action":[
"s3:ListBucket","s3:ListBucketMultipartUploads","s3:GetBucketLocation","s3:GetBucketVersioning","s3:GetBucketObjectLockConfiguration",
"s3:GetObject","s3:GetObjectVersion","s3:GetObjectRetention","s3:GetObjectLegalHold","s3:PutObject","s3:PutObjectRetention",
"s3:AbortMultipartUpload","s3:ListMultipartUploadParts"]},
{"Effect":"Allow","Resource":["arn:aws:s3:::*"],"Action":["s3:PutObjectLegalHold"],
"Condition":{"StringEquals":{"s3:object-lock-legal-hold":"ON"}}}]}`

// restricted gives an environment with keys that dockPolicy binds, for an hour.
func (c *centre) restricted(t testing.TB) []string {
	t.Helper()
	sts, err := credentials.NewSTSAssumeRole(c.Endpoint(), credentials.STSAssumeRoleOptions{
		AccessKey: c.AccessKey, SecretKey: c.SecretKey, Policy: dockPolicy, DurationSeconds: 3600,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := sts.GetWithContext(c.Core().CredContext())
	if err != nil {
		t.Fatalf("assume a role: %v", err)
	}
	return []string{"AWS_ACCESS_KEY_ID=" + v.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + v.SecretAccessKey, "AWS_SESSION_TOKEN=" + v.SessionToken}
}

// keysGood is what the doctor told of the keys: that they can remove nothing.
func keysGood(stdout string) (good, told bool) {
	for line := range strings.Lines(stdout) {
		var cond ingest.Condition
		if json.Unmarshal([]byte(line), &cond) == nil && cond.Code == "keys" {
			return cond.OK, true
		}
	}
	return false, false
}

// refusesRemoval is an error unless the server refuses these keys to delete a
// version, to hide it, to bring its end forward and to lift its hold.
func (c *centre) refusesRemoval(env []string, object, version string) error {
	value := func(name string) string {
		for _, pair := range env {
			if v, ok := strings.CutPrefix(pair, name+"="); ok {
				return v
			}
		}
		return ""
	}
	client, err := minio.New(strings.TrimPrefix(c.line.URL, "http://"), &minio.Options{
		Creds:  credentials.NewStaticV4(value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"), value("AWS_SESSION_TOKEN")),
		Region: "us-east-1", MaxRetries: 1,
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	off, mode, sooner := minio.LegalHoldDisabled, minio.Compliance, time.Now().Add(time.Hour)
	attempts := map[string]error{
		"delete":    client.RemoveObject(ctx, c.bucket, object, minio.RemoveObjectOptions{VersionID: version}),
		"bypass":    client.RemoveObject(ctx, c.bucket, object, minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: true}),
		"hide":      client.RemoveObject(ctx, c.bucket, object, minio.RemoveObjectOptions{}),
		"lift hold": client.PutObjectLegalHold(ctx, c.bucket, object, minio.PutObjectLegalHoldOptions{Status: &off, VersionID: version}),
		"shorten": client.PutObjectRetention(ctx, c.bucket, object, minio.PutObjectRetentionOptions{
			Mode: &mode, RetainUntilDate: &sooner, VersionID: version, GovernanceBypass: true,
		}),
	}
	for what, got := range attempts {
		if code := minio.ToErrorResponse(got).StatusCode; code != 403 && code != 400 {
			err = errors.Join(err, fmt.Errorf("%s is not refused but answered with %v", what, got))
		}
	}
	return err
}

// within looks until cond holds, for as long as a store that fails is left
// alone at first.
func within(cond func() bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-late.C:
			return errors.New("clips wait in vain")
		}
	}
	return nil
}
