package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// uploader uploads files and does nothing else: no checksum, no question first,
// no look afterwards.
type uploader struct {
	core           *minio.Core
	bucket, prefix string
	part           int64 // bytes
	parallel       int
	line           *semaphore.Weighted // requests with a body
}

// filesAtOnce hides the requests that begin and end an upload.
const filesAtOnce = 4

// newUploader reads the arguments of a peer that uploads, and returns the more
// that follow its own.
func newUploader(peer string, args []string, more int) (uploader, []string, error) {
	f := flag.NewFlagSet(peer, flag.ContinueOnError)
	parallel := f.Int("parallel", 8, "bodies on the line at once")
	part := f.Int64("part", 16, "MiB of a part")
	if err := f.Parse(args); err != nil {
		return uploader{}, nil, err
	}
	if f.NArg() != 3+more || *parallel < 1 || *part < 5 {
		return uploader{}, nil, fmt.Errorf("usage: bench peer %s [flags] ENDPOINT BUCKET PREFIX and %d folders", peer, more)
	}
	endpoint, err := url.Parse(f.Arg(0))
	if err != nil {
		return uploader{}, nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: *parallel + filesAtOnce, WriteBufferSize: 256 << 10, DisableCompression: true}
	core, err := minio.NewCore(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		Region: "us-east-1", Transport: transport,
	})
	u := uploader{core: core, bucket: f.Arg(1), prefix: f.Arg(2), part: *part << 20, parallel: *parallel, line: semaphore.NewWeighted(int64(*parallel))}
	return u, f.Args()[3:], err
}

func (u uploader) key(name string) string { return u.prefix + "/" + name }

// peerUpload uploads the files of a folder, large ones in parts.
func peerUpload(ctx context.Context, args []string) error {
	u, args, err := newUploader("upload", args, 1)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(args[0])
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(u.parallel + filesAtOnce)
	for _, e := range entries {
		g.Go(func() error { return u.upload(gctx, filepath.Join(args[0], e.Name())) })
	}
	return g.Wait()
}

func (u uploader) upload(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	key := u.key(filepath.Base(path))
	if info.Size() > u.part {
		return u.whole(ctx, key, f, info.Size())
	}
	if err := u.line.Acquire(ctx, 1); err != nil {
		return err
	}
	defer u.line.Release(1)
	_, err = u.core.PutObject(ctx, u.bucket, key, f, info.Size(), "", "", minio.PutObjectOptions{DisableContentSha256: true})
	if err != nil {
		return fmt.Errorf("upload %s: %w", path, err)
	}
	return nil
}

func (u uploader) whole(ctx context.Context, key string, f io.ReaderAt, size int64) error {
	id, all, err := u.parts(ctx, key, f, size, minio.PutObjectOptions{}, func(int) http.Header { return nil })
	if err == nil {
		_, err = u.core.CompleteMultipartUpload(ctx, u.bucket, key, id, all, minio.PutObjectOptions{})
	}
	if err != nil {
		return fmt.Errorf("upload %s: %w", key, err)
	}
	return nil
}

// parts uploads a file piece by piece, each with the headers that are said of it.
func (u uploader) parts(ctx context.Context, key string, f io.ReaderAt, size int64, o minio.PutObjectOptions, headers func(int) http.Header) (id string, all []minio.CompletePart, err error) {
	if id, err = u.core.NewMultipartUpload(ctx, u.bucket, key, o); err != nil {
		return "", nil, err
	}
	all = make([]minio.CompletePart, (size+u.part-1)/u.part)
	g, gctx := errgroup.WithContext(ctx)
	for i := range all {
		if err := u.line.Acquire(gctx, 1); err != nil {
			break
		}
		g.Go(func() error {
			defer u.line.Release(1)
			at := int64(i) * u.part
			body := io.NewSectionReader(f, at, min(u.part, size-at))
			part, err := u.core.PutObjectPart(gctx, u.bucket, key, id, i+1, body, body.Size(),
				minio.PutObjectPartOptions{DisableContentSha256: true, CustomHeader: headers(i)})
			all[i] = minio.CompletePart{PartNumber: i + 1, ETag: part.ETag}
			return err
		})
	}
	return id, all, errors.Join(g.Wait(), ctx.Err())
}
