package s3

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// TestAltered lets every body arrive with other bytes than were sent. The file
// on the dock is right: it must be neither called stored nor called damaged.
func TestAltered(t *testing.T) {
	var refused atomic.Int64 // parts are sent side by side
	server := fake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		switch {
		case r.Method == http.MethodPost && strings.HasPrefix(r.URL.RawQuery, "uploads"):
			_, _ = fmt.Fprint(w, `<InitiateMultipartUploadResult><Bucket>evidence</Bucket><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
		case r.Method == http.MethodPut:
			refused.Add(1)
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `<Error><Code>BadDigest</Code><Message>other bytes</Message></Error>`)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
			if r.Method == http.MethodGet {
				_, _ = fmt.Fprint(w, `<Error><Code>NoSuchKey</Code></Error>`)
			}
		}
	})
	for _, size := range []int{1000, storetest.PartSize + 1} {
		s := unopened(t, server.URL)
		refused.Store(0)
		info, err := s.Put(t.Context(), storetest.Object(t, storetest.Random(size, 40)))
		if n := refused.Load(); n < 2 {
			t.Errorf("%d bytes: refused %d times", size, n)
		}
		if err == nil || errors.Is(err, store.ErrDamaged) {
			t.Errorf("%d bytes: stored as %+v, %v", size, info, err)
			continue
		}
		wantSentence(t, err, store.ErrStranger, "arrive with other bytes")
	}
}
