package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/store/s3"
)

// override puts the global flags over a configuration: --store over its stores,
// and the embedded store where neither names one.
func (a *app) override(cfg *configs.Config) error {
	if len(a.flags.stores) > 0 {
		cfg.Stores = nil
		for _, raw := range a.flags.stores { // the dock knows their names, or gives them
			cfg.Stores = append(cfg.Stores, configs.Store{URL: raw})
		}
		cfg.Copies.Stored = min(cfg.Copies.Stored, len(cfg.Stores))
	}
	if len(cfg.Stores) == 0 {
		embedded := url.URL{Scheme: "file", Path: filepath.Join(a.state, "central")}
		cfg.Stores = []configs.Store{{URL: embedded.String()}}
	}
	for _, s := range cfg.Stores {
		if err := checkStore(s.URL); err != nil {
			return err
		}
	}
	return nil
}

// checkStore refuses a URL that no store can have.
func checkStore(raw string) error {
	if isS3(raw) {
		if problem := configs.URLProblem(raw); problem != "" {
			return usagef("store %q: %s", raw, problem)
		}
		return nil
	}
	_, err := storePath(raw)
	return err
}

func isS3(raw string) bool { return strings.HasPrefix(raw, "s3:") }

// storePath is the folder of a file:// URL (RFC 8089).
func storePath(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", usagef("store %q is no URL: write file:///path", raw)
	}
	switch {
	case u.Scheme != "file":
		return "", usagef("store %q: a store begins with file:/// or s3://: write file:///path or s3://bucket/prefix?endpoint=https://…", raw)
	case u.Host != "" && u.Host != "localhost", !filepath.IsAbs(u.Path), u.RawQuery != "", u.Fragment != "":
		return "", usagef("store %q: write file:///path with three slashes and nothing behind the path", raw)
	}
	return filepath.Clean(u.Path), nil
}

// openStore opens a store for the engine.
func openStore(ctx context.Context, r ingest.StoreRequest) (store.Store, error) {
	if isS3(r.URL) {
		return s3.Open(ctx, s3.Options{Store: r.Store, Journal: r.Journal})
	}
	path, err := storePath(r.URL)
	if err != nil {
		return nil, err
	}
	return dir.Open(path, dir.Options{Create: r.Create, ID: r.ID, FSUUID: r.FSUUID})
}

// reader is a store opened for proving.
type reader interface {
	store.Reader
	Close() error
}

// openReader opens a store, or a copy of one, for proving. A plain path is
// taken too: an auditor gets a folder, not a URL.
func openReader(ctx context.Context, cfg configs.Store) (reader, error) {
	if isS3(cfg.URL) {
		return s3.OpenReader(ctx, s3.Options{Store: cfg})
	}
	path := cfg.URL
	if strings.Contains(cfg.URL, "://") || strings.HasPrefix(cfg.URL, "file:") {
		var err error
		if path, err = storePath(cfg.URL); err != nil {
			return nil, err
		}
	}
	r, err := dir.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", cfg.URL, err)
	}
	return r, nil
}
