package s3

import (
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The library pauses after a request that failed although it is tried once.
	minio.DefaultRetryUnit = time.Millisecond
	goleak.VerifyTestMain(m)
}
