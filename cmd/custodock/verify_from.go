package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
)

// maxKey bounds a file given as --key.
const maxKey = 4096

// foreign is for someone with no dock.
func (a *app) foreign(ctx context.Context, c verifyCall) (verify.Options, func(), error) {
	o := verify.Options{Key: keyText(c.key)}
	auth, err := a.issuer(c)
	if err != nil {
		return o, nil, err
	}
	v, err := manifest.ParseKey(o.Key)
	if err != nil {
		return o, nil, errKeyForm
	}
	if _, _, ok := manifest.SplitOrigin(v.Name()); !ok && auth == nil {
		return o, nil, errKeyForm
	}
	if c.from == "" {
		return o, func() {}, nil
	}
	from, err := a.from(c.from)
	if err != nil {
		return o, nil, err
	}
	r, err := a.reader(ctx, from)
	if err != nil {
		return o, nil, err
	}
	if auth != nil {
		if o, err = a.oneEndorsed(ctx, r, *auth); err != nil {
			return o, nil, errors.Join(err, r.Close())
		}
	}
	o.Store = r
	return o, func() { _ = r.Close() }, nil
}

// from is the store to read: a folder, or a bucket with what the configuration
// says of it where it is one of its stores.
func (a *app) from(raw string) (configs.Store, error) {
	if !isS3(raw) {
		return configs.Store{URL: raw}, isStoreCopy(raw)
	}
	for _, s := range a.cfg.Stores {
		if s.URL == raw {
			return s, nil
		}
	}
	return configs.Store{URL: raw, Lock: configs.LockNone}, checkStore(raw)
}

// isStoreCopy says in one sentence what is wrong with a --from that cannot be a
// store.
func isStoreCopy(from string) error {
	path := from
	if strings.Contains(from, "://") || strings.HasPrefix(from, "file:") {
		var err error
		if path, err = storePath(from); err != nil {
			return err
		}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("verify from %s: no such folder: name the store, the folder that holds log, record and object", message.Safe(from))
	case err != nil:
		return fmt.Errorf("verify from %s: %w", message.Safe(from), bare(err))
	case !info.IsDir() || !isFolder(filepath.Join(path, "log")):
		return fmt.Errorf("verify from %s: it is no store: name the folder that holds log, record and object", message.Safe(from))
	}
	return nil
}

// keyText is the key itself, or what a small file of that name holds.
func keyText(arg string) string {
	if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() && info.Size() <= maxKey {
		if b, err := os.ReadFile(arg); err == nil {
			return strings.TrimSpace(string(b))
		}
	}
	return strings.TrimSpace(arg)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isPackage reports whether a folder is laid out as an evidence package is.
func isPackage(path string) bool {
	_, err := os.Stat(filepath.Join(path, "tagmanifest-sha256.txt"))
	return err == nil && isFolder(filepath.Join(path, "data"))
}
