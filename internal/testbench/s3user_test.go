package testbench

import (
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

func TestS3User(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := S3(t, S3Options{Kind: kind})
			s.MakeBucket("bucket", true)
			s.MakeBucket("other", true)
			c := s.User("bucket", DockActions...).Core()
			end := time.Now().Add(time.Hour).UTC()
			v := put(t, c, "bucket", "key", noise(t, 100), minio.PutObjectOptions{Mode: minio.Governance, RetainUntilDate: end})
			if _, err := get(c, "bucket", "key", v); err != nil {
				t.Error(err)
			}
			mode, later, sooner := minio.Governance, end.Add(time.Hour), end.Add(-time.Minute)
			if err := c.PutObjectRetention(t.Context(), "bucket", "key", minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &later, VersionID: v}); err != nil {
				t.Errorf("extend a retention: %v", err)
			}
			refused := map[string]error{
				"delete": c.RemoveObject(t.Context(), "bucket", "key", minio.RemoveObjectOptions{}),
				"delete a version, bypassing governance": c.RemoveObject(t.Context(), "bucket", "key", minio.RemoveObjectOptions{
					VersionID: v, GovernanceBypass: true}),
				"shorten a retention": c.PutObjectRetention(t.Context(), "bucket", "key", minio.PutObjectRetentionOptions{
					Mode: &mode, RetainUntilDate: &sooner, VersionID: v}),
				"make a bucket": c.MakeBucket(t.Context(), "third", minio.MakeBucketOptions{}),
			}
			_, refused["read another bucket"] = c.StatObject(t.Context(), "other", "key", minio.StatObjectOptions{})
			for what, err := range refused {
				// MinIO's word for a retention that it guards is InvalidRequest.
				if code := minio.ToErrorResponse(err).Code; code != minio.AccessDenied && code != "InvalidRequest" {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := s.Remove("bucket", "key", v); err != nil {
				t.Errorf("the root user may not either: %v", err)
			}
			s.Stop()
			s.Start()
			if _, err := c.ListBuckets(t.Context()); err != nil {
				t.Errorf("the user is forgotten: %v", err)
			}
		})
	}
}
