package testbench

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// S3User is a user of a server who may do less than its root.
type S3User struct {
	AccessKey, SecretKey string

	s *S3Server
}

// DockActions are what a dock must be allowed to do, without the right to delete
// or to bypass governance. MinIO looks at the latter only when a version is
// deleted: who may put a retention there can shorten one in governance mode by
// sending the header alone. Compliance mode holds on both servers.
var DockActions = []string{
	"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation", "s3:GetBucketVersioning",
	"s3:GetBucketObjectLockConfiguration", "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:GetObjectLegalHold",
	"s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
}

// User makes a user who may take these actions ("s3:GetObject") on a bucket and
// its objects, and no other.
func (s *S3Server) User(bucket string, actions ...string) *S3User {
	s.t.Helper()
	u := &S3User{AccessKey: "U" + strings.ToUpper(random(s.t, 8)), SecretKey: random(s.t, 20), s: s}
	var err error
	if s.o.Kind == MinIO {
		err = s.minioUser(u, bucket, actions)
	} else {
		err = s.versityUser(u, bucket, actions)
	}
	if err != nil {
		s.t.Fatalf("make a user of %s: %v", s.o.Kind, err)
	}
	return u
}

// Env is the environment that gives a program this user's keys.
func (u *S3User) Env() []string { return keys(u.AccessKey, u.SecretKey) }

// Core is a client with this user's rights that tries each request once.
func (u *S3User) Core() *minio.Core {
	u.s.t.Helper()
	o := u.s.clientOptions()
	o.Creds = credentials.NewStaticV4(u.AccessKey, u.SecretKey, "")
	c, err := minio.NewCore(u.s.addr(), o)
	if err != nil {
		u.s.t.Fatal(err)
	}
	return c
}

// policy allows actions on a bucket, to a principal where one is named.
func policy(bucket, principal string, actions []string) ([]byte, error) {
	statement := map[string]any{
		"Effect": "Allow", "Resource": []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"},
		"Action": actions,
	}
	if principal != "" {
		statement["Principal"] = map[string]any{"AWS": []string{principal}}
	}
	return json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{statement}})
}

// versityUser gives rights by the bucket's policy, which it replaces: one user
// a bucket.
func (s *S3Server) versityUser(u *S3User, bucket string, actions []string) error {
	args := []string{"admin", "--access", s.AccessKey, "--secret", s.SecretKey, "--endpoint-url", s.Endpoint(), "--allow-insecure",
		"create-user", "--access", u.AccessKey, "--secret", u.SecretKey, "--role", "user"}
	if _, err := output("", s.bin, args...); err != nil {
		return err
	}
	text, err := policy(bucket, u.AccessKey, actions)
	if err != nil {
		return err
	}
	return s.Core().SetBucketPolicy(context.Background(), bucket, string(text))
}

func (s *S3Server) minioUser(u *S3User, bucket string, actions []string) error {
	user, err := json.Marshal(map[string]string{"secretKey": u.SecretKey, "status": "enabled"})
	if err != nil {
		return err
	}
	sealed, err := seal(s.SecretKey, user)
	if err != nil {
		return err
	}
	text, err := policy(bucket, "", actions)
	if err != nil {
		return err
	}
	if err := s.admin("add-user", url.Values{"accessKey": {u.AccessKey}}, sealed); err != nil {
		return err
	}
	if err := s.admin("add-canned-policy", url.Values{"name": {u.AccessKey}}, text); err != nil {
		return err
	}
	q := url.Values{"policyName": {u.AccessKey}, "userOrGroup": {u.AccessKey}, "isGroup": {"false"}}
	return s.admin("set-user-or-group-policy", q, nil)
}

// admin is one request of MinIO's administration API.
func (s *S3Server) admin(call string, q url.Values, body []byte) error {
	to := s.Endpoint() + "/minio/admin/v3/" + call + "?" + q.Encode()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	res, err := s.transport.RoundTrip(signer.SignV4(*req, s.AccessKey, s.SecretKey, "", "us-east-1"))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %q", call, res.Status, answer)
	}
	return err
}

// seal encrypts what MinIO's administration API wants encrypted: 32 bytes of
// salt, the number of the cipher (2: PBKDF2 and AES-256-GCM), 8 bytes of nonce,
// and fragments. A fragment's nonce ends in its number, little-endian. What is
// authenticated with each is a byte, 0x80 for the last, and the tag of fragment
// 0, which is empty. A user is small enough for fragment 1 to be the last.
func seal(password string, text []byte) ([]byte, error) {
	head := make([]byte, 32+1+8)
	if _, err := rand.Read(head); err != nil {
		return nil, err
	}
	head[32] = 2
	key, err := pbkdf2.Key(sha256.New, password, head[:32], 8192, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := append(append([]byte{}, head[33:]...), 0, 0, 0, 0)
	data := gcm.Seal([]byte{0x80}, nonce, nil, nil)
	nonce[8] = 1
	return gcm.Seal(head, nonce, text, data), nil
}
