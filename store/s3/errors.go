package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/store"
)

// maxSkew is how far clocks may be apart before S3 refuses what we sign.
const maxSkew = 15 * time.Minute

// answerOf is the server's own error, if err is one. Its texts are the
// server's: they are quoted and bounded before they are shown.
func answerOf(err error) (minio.ErrorResponse, bool) {
	var a minio.ErrorResponse
	ok := errors.As(err, &a)
	return a, ok
}

func hasCode(err error, codes ...string) bool {
	a, ok := answerOf(err)
	return ok && slices.Contains(codes, a.Code)
}

// isAbsent reports that the name or version is not there; a version that is a
// delete marker is none.
func isAbsent(err error) bool {
	a, ok := answerOf(err)
	return ok && (slices.Contains([]string{"NoSuchKey", "NoSuchVersion", "InvalidVersionId", "InvalidVersionID", "XMinioInvalidVersionID", "NotFound"}, a.Code) ||
		a.Code == "MethodNotAllowed" && a.StatusCode == http.StatusMethodNotAllowed)
}

// isRefused reports that a condition of a write did not hold.
func isRefused(err error) bool {
	a, ok := answerOf(err)
	return ok && (a.Code == "PreconditionFailed" || a.StatusCode == http.StatusPreconditionFailed)
}

func isGone(err error) bool { return hasCode(err, "NoSuchUpload") }

// isCorrupt reports that the server got other bytes than their checksums say.
func isCorrupt(err error) bool {
	return hasCode(err, "BadDigest", "InvalidDigest", "InvalidChecksum", "ChecksumMismatch", "XAmzContentSHA256Mismatch",
		"XAmzContentChecksumMismatch", "XMinioContentChecksumMismatch", "ContentSHA256Mismatch")
}

// isOutdated reports that other keys may be needed.
func isOutdated(err error) bool {
	return hasCode(err, "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "XAdminUserNotFound")
}

// isUnlockable reports that a bucket was asked for a lock that it does not have.
func isUnlockable(err error) bool {
	a, ok := answerOf(err)
	return ok && a.StatusCode == http.StatusBadRequest && strings.HasPrefix(a.Code, "Invalid") && strings.Contains(strings.ToLower(a.Message), "lock")
}

// isLost reports that a request may have been carried out although it failed.
func isLost(err error) bool {
	a, ok := answerOf(err)
	return !ok || a.StatusCode >= 500 || a.StatusCode == 0
}

var temporaryCodes = []string{
	"SlowDown", "SlowDownRead", "SlowDownWrite", "InternalError", "RequestTimeout", "ServiceUnavailable", "Busy", "TooManyRequests",
	"Throttling", "ThrottlingException", "RequestThrottled", "RequestLimitExceeded", "OperationAborted", "ConditionalRequestConflict", "IncompleteBody",
}

// isTemporary reports that the same request may succeed in a moment.
func isTemporary(err error) bool {
	var s *strangerError
	var network net.Error
	var over spent
	switch {
	case errors.As(err, &over):
		return false
	case errors.As(err, &s):
		return s.temporary
	case isFull(err), isUntrusted(err), errors.Is(err, errLocal):
		return false
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), errors.Is(err, errHalf):
		return true
	}
	var u *url.Error
	if errors.As(err, &u) {
		return true
	}
	a, ok := answerOf(err)
	if !ok {
		return false
	}
	switch a.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return slices.Contains(temporaryCodes, a.Code)
}

// isUndialled reports that no connection came about.
func isUndialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// isFull reports that the server has no room. MinIO says so by its own code while
// it knows, and by the kernel's words when it finds out in the middle.
func isFull(err error) bool {
	a, ok := answerOf(err)
	return ok && (a.StatusCode == http.StatusInsufficientStorage || a.Code == "InternalError" && strings.Contains(a.Message, "no space left on device") || strings.Contains(a.Code, "QuotaExceeded") ||
		slices.Contains([]string{"XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "NoSpaceLeft"}, a.Code))
}

// isUntrusted reports that the other end did not prove who it is, or we did not.
func isUntrusted(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert *net.OpError // of package tls, which names it so
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &verify) ||
		errors.As(err, &record) || errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error")
}

// isPlain reports that the other end was asked for TLS and answered without.
func isPlain(err error) bool {
	return strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// explain makes one sentence of an error: what is wrong and who mends it how.
func (r *Reader) explain(err error) error {
	var wire *net.OpError // whose time-out calls itself the deadline of a context
	if err == nil || errors.Is(err, errLocal) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &wire) {
		return err
	}
	if a, ok := answerOf(err); ok {
		return r.explainAnswer(a)
	}
	var s *strangerError
	if errors.As(err, &s) {
		return s
	}
	if errors.Is(err, errHalf) {
		return &strangerError{what: "an answer that is not of S3"}
	}
	var u *url.Error
	if errors.Is(err, store.ErrDenied) { // there are no keys to send
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	var network net.Error
	if !errors.As(err, &u) && !errors.As(err, &network) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if u != nil {
		err = u.Err // without the URL, which is long
	}
	if isPlain(err) {
		return fmt.Errorf("%w: %s speaks no TLS: %q; correct the port of endpoint, or write http:// if plain it shall be", store.ErrStranger, r.where.endpoint(), short(err.Error()))
	}
	if isUntrusted(err) {
		return fmt.Errorf("%w: %s is not trusted: %q; set ca to the file of its authority, and cert where it wants one", store.ErrStranger, r.where.endpoint(), short(err.Error()))
	}
	return fmt.Errorf("%w: %s: %q; check network, endpoint and proxy", store.ErrAway, r.where.endpoint(), short(err.Error()))
}

func (r *Reader) explainAnswer(a minio.ErrorResponse) error {
	said := fmt.Sprintf("%q (status %d): %q", short(a.Code), a.StatusCode, short(a.Message))
	skew, told := r.watch.skew()
	skewed := told && skew.Abs() > maxSkew
	denied := a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusUnauthorized || isOutdated(a) || a.Code == "AccessDenied"
	switch {
	case a.Code == "RequestTimeTooSkewed", a.Code == "RequestExpired", skewed && (denied || a.StatusCode == http.StatusBadRequest):
		by := "more than 15m"
		if skewed {
			by = skew.Abs().Round(time.Second).String()
		}
		return fmt.Errorf("%w: by %s; set the clock of the dock, and let chrony or ntpd keep it", store.ErrSkewed, by)
	case a.Code == "NoSuchBucket":
		return fmt.Errorf("%w: %q at %s; create it with object lock, or correct the url", store.ErrNoBucket, r.where.bucket, r.where.endpoint())
	case isFull(a):
		return fmt.Errorf("%w: %s; add room at the store or raise the quota", store.ErrFull, said)
	case isOutdated(a):
		return fmt.Errorf("%w: %s; put working keys where the dock reads them", store.ErrDenied, said)
	case denied:
		return fmt.Errorf("%w: %s; let their policy allow what docs/operation.md lists, below %s/%s", store.ErrDenied, said, r.where.bucket, r.where.prefix)
	case isUnlockable(a):
		return fmt.Errorf("%w: %s; use a bucket made with object lock", store.ErrUnlocked, said)
	case isCorrupt(a):
		return fmt.Errorf("%w: %s", store.ErrDamaged, said)
	case isAbsent(a):
		return store.ErrNotExist
	case a.StatusCode == 0: // the library's own, for what it cannot read
		return &strangerError{what: "an answer without the headers of S3"}
	case a.Code == "AuthorizationHeaderMalformed", a.Code == "PermanentRedirect", a.Code == "InvalidRegion":
		return fmt.Errorf("the store refuses region %q: %s; correct region in the url", r.where.region, said)
	}
	return fmt.Errorf("the store answers %s", said)
}
