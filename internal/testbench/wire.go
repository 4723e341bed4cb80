package testbench

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Wire is the way from a client in this process to a server, with faults.
type Wire struct {
	*wireFaults
	next http.RoundTripper
}

var _ http.RoundTripper = (*Wire)(nil)

// NewWire gives what next does, with these faults.
func NewWire(next http.RoundTripper, list ...WireFault) *Wire {
	return &Wire{wireFaults: newWireFaults(list), next: next}
}

// RoundTrip carries one request.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	r, c := w.meter(r)
	if f := w.pick(r, Latency); f != nil {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, unsent(r, r.Context().Err())
		}
	}
	f := w.pick(r, Refused, LostReply, ResetRequest)
	if f != nil {
		w.failed(c, f.Kind)
	}
	switch {
	case f != nil && f.Kind == Refused:
		status := f.Status
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		return s3Error(r, status, f.Code), unsent(r, nil)
	case f != nil && f.Kind == LostReply:
		return w.loseReply(r, f)
	case f != nil && f.Kind == ResetRequest:
		return nil, w.resetRequest(r, f)
	}
	w.pass(r)
	res, err := w.next.RoundTrip(w.flipped(r))
	if err != nil {
		return nil, err
	}
	return w.answer(r, res), nil
}

// CloseIdleConnections is for http.Client, which asks its transport for it.
func (w *Wire) CloseIdleConnections() {
	if c, ok := w.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// unsent closes the body of a request that goes nowhere, as a RoundTripper must.
func unsent(r *http.Request, err error) error {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return err
}

// errReset is what a connection that the other side resets gives.
func errReset(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, syscall.ECONNRESET)}
}

// flipped is the request with a wrong bit in its body where a fault wants one.
func (w *Wire) flipped(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	f := w.pick(r, FlippedRequest)
	if f == nil {
		return r
	}
	spoilt := r.Clone(r.Context())
	spoilt.GetBody = nil // the transport must not start over by itself
	spoilt.Body = &flipBody{ReadCloser: r.Body, at: f.N}
	return spoilt
}

func (w *Wire) loseReply(r *http.Request, f *WireFault) (*http.Response, error) {
	w.pass(r)
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	// Read to its end, so that the server has surely done all of it.
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	if f.Status == 0 {
		return nil, errReset("read")
	}
	return s3Error(r, f.Status, f.Code), nil
}

func (w *Wire) resetRequest(r *http.Request, f *WireFault) error {
	if r.Body == nil || r.Body == http.NoBody {
		return errReset("write")
	}
	w.pass(r)
	cut := r.Clone(r.Context())
	cut.GetBody = nil // the transport must not start over by itself
	cut.Body = &cutBody{ReadCloser: r.Body, left: part(f.N, r.ContentLength), err: errReset("write")}
	res, err := w.next.RoundTrip(cut)
	if err == nil {
		_ = res.Body.Close() // answered before it had read what was sent
	}
	return errReset("write")
}

// part is n, or half of the length where n was not given.
func part(n, length int64) int64 {
	if n > 0 {
		return n
	}
	return max(length/2, 0)
}

// cutBody ends with err after so many bytes.
type cutBody struct {
	io.ReadCloser
	left int64
	err  error
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// flipBody has one wrong bit.
type flipBody struct {
	io.ReadCloser
	at int64 // bytes until it
}

func (b *flipBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.at >= 0 && b.at < int64(n) {
		p[b.at] ^= 1
	}
	b.at -= int64(n)
	return n, err
}

// answer gives a server's answer with the faults that fit it.
func (w *Wire) answer(r *http.Request, res *http.Response) *http.Response {
	if w.pick(r, WrongChecksum) != nil {
		spoilChecksums(res.Header)
	}
	if r.Method == http.MethodHead || res.ContentLength == 0 {
		return res
	}
	f := w.pick(r, CutReply, ShortReply, LongReply, FlippedReply)
	if f == nil {
		return res
	}
	switch f.Kind {
	case CutReply:
		res.Body = &cutBody{ReadCloser: res.Body, left: part(f.N, res.ContentLength), err: io.ErrUnexpectedEOF}
	case ShortReply:
		left := part(f.N, res.ContentLength)
		res.Body = &cutBody{ReadCloser: res.Body, left: left, err: io.EOF}
		setLength(res, left)
	case LongReply:
		more := bytes.Repeat([]byte{'+'}, int(max(f.N, 1)))
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(res.Body, bytes.NewReader(more)), res.Body}
		if res.ContentLength > 0 {
			setLength(res, res.ContentLength+int64(len(more)))
		}
	case FlippedReply:
		res.Body = &flipBody{ReadCloser: res.Body, at: f.N}
	}
	return res
}

func setLength(res *http.Response, n int64) {
	res.ContentLength = n
	res.Header.Set("Content-Length", strconv.FormatInt(n, 10))
}

// spoilChecksums changes a byte of every checksum that an answer states.
func spoilChecksums(h http.Header) {
	const prefix = "X-Amz-Checksum-"
	found := false
	for name := range h {
		if !strings.HasPrefix(name, prefix) || name == prefix+"Type" {
			continue
		}
		// The checksum of an object in parts may end in "-" and their number.
		sum, parts, composite := strings.Cut(h.Get(name), "-")
		b, err := base64.StdEncoding.DecodeString(sum)
		if err != nil || len(b) == 0 {
			continue
		}
		b[0] ^= 1
		sum = base64.StdEncoding.EncodeToString(b)
		if composite {
			sum += "-" + parts
		}
		h.Set(name, sum)
		found = true
	}
	if !found {
		h.Set(prefix+"Crc64nvme", base64.StdEncoding.EncodeToString([]byte("\x00planted")))
	}
}

// s3Error is an answer as S3 gives it when it refuses.
func s3Error(r *http.Request, status int, code string) *http.Response {
	if code == "" {
		code = map[int]string{
			http.StatusBadRequest: "BadDigest", http.StatusForbidden: "AccessDenied", http.StatusTooManyRequests: "TooManyRequests",
			http.StatusServiceUnavailable: "SlowDown",
		}[status]
	}
	if code == "" {
		code = "InternalError"
	}
	body := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>planted by the test</Message>"+
		"<RequestId>1</RequestId><HostId>1</HostId></Error>", code)
	if r.Method == http.MethodHead {
		body = ""
	}
	return plainAnswer(r, status, "application/xml", body)
}

func plainAnswer(r *http.Request, status int, kind, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {kind}, "Content-Length": {strconv.Itoa(len(body))}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
}
