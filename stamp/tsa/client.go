// Package tsa sends time-stamp requests to an authority over HTTP (RFC 3161
// section 3.4). What the answer is worth package stamp tells.
package tsa

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/custodock/custodock/stamp"
)

// Timeout bounds a request from its first byte to the last of its answer.
const Timeout = 30 * time.Second

const (
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
)

// Client asks one authority.
type Client struct {
	url     string
	http    http.Client
	timeout time.Duration
}

// New is a client of the authority at an http:// or https:// URL. Connections
// end with the answer: hours lie between two requests.
func New(url string) *Client {
	dial := &net.Dialer{Timeout: Timeout}
	return &Client{url: url, timeout: Timeout, http: http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial.DialContext, DisableKeepAlives: true,
			TLSHandshakeTimeout: Timeout, ResponseHeaderTimeout: Timeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Ask sends a request in DER and returns the answer, at most stamp.MaxReply
// bytes that say that they are a reply.
func (c *Client) Ask(ctx context.Context, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	reply, err := c.ask(ctx, query)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the time-stamp authority %s: %w", c.url, err)
	}
	return reply, nil
}

func (c *Client) ask(ctx context.Context, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", queryType)
	req.Header.Set("Accept", replyType)
	resp, err := c.http.Do(req)
	if err != nil {
		var at interface{ Unwrap() error }
		if errors.As(err, &at) { // *url.Error says the URL once more
			err = at.Unwrap()
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers with status %d", resp.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != replyType {
		return nil, fmt.Errorf("what answers is no time-stamp authority: it sends %.40q", resp.Header.Get("Content-Type"))
	}
	reply, err := io.ReadAll(io.LimitReader(resp.Body, stamp.MaxReply+1))
	if err == nil && len(reply) > stamp.MaxReply {
		err = fmt.Errorf("the answer has more than %d bytes", stamp.MaxReply)
	}
	return reply, err
}
