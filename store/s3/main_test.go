package s3

import (
	"io"
	"log"
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

// quiet is for servers that complain about what a test does on purpose.
var quiet = log.New(io.Discard, "", 0)
