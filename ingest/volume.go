package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mounter"
	"github.com/custodock/custodock/device/usb"
	"github.com/custodock/custodock/store/dir"
)

var errArchive = errors.New("it is an archive disk: a store is never a source")

// mountVolume has the privileged helper mount a volume for this process alone.
// The kernel tells of a disk before it can be read, so it is tried a few times.
func (s *Station) mountVolume(ctx context.Context, dev usb.Device, v usb.Volume) (device.Tree, error) {
	for try := 1; ; try++ {
		tree, err := s.mountOnce(ctx, dev, v)
		if err == nil || try == mountTries || errors.Is(err, mounter.ErrFilesystem) || errors.Is(err, mounter.ErrNotAllowed) || errors.Is(err, errArchive) {
			return tree, err
		}
		if err := s.pause(ctx, s.retryPause); err != nil {
			return nil, err
		}
	}
}

func (s *Station) mountOnce(ctx context.Context, dev usb.Device, v usb.Volume) (device.Tree, error) {
	client, err := mounter.Dial(ctx, s.conf().Mounter)
	if err != nil {
		return nil, err
	}
	m, err := client.Mount(ctx, v.DevID)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	for _, note := range m.Notes {
		s.logger.Info("mount", "camera", printable(dev.Path), "note", printable(note))
	}
	folder, err := device.FromFile(m.Dir, "usb "+dev.Path+" "+v.Name)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if mark, err := folder.Open(dir.Marker); err == nil {
		return nil, errors.Join(fmt.Errorf("dock %s: %w", printable(dev.Path), errArchive), mark.Close(), folder.Close(), m.Close())
	}
	ids := m.Identities
	if dev.Serial != "" {
		ids = append(ids, device.Identity{Kind: device.USBSerial, Value: dev.Serial})
	}
	return &volume{Folder: folder, mounted: m, ids: ids}, nil
}

// volume is a folder that the mounter holds for us.
type volume struct {
	*device.Folder
	mounted *mounter.Mounted
	ids     []device.Identity
}

func (v *volume) Identities() []device.Identity { return v.ids }

// Erase removes one file through the helper. One that was not started for that
// is a camera that cannot be written.
func (v *volume) Erase(ctx context.Context, r device.EraseRequest) error {
	err := v.mounted.Erase(ctx, r)
	if errors.Is(err, mounter.ErrNotAllowed) {
		return fmt.Errorf("%w: start the mounter with --erase: %w", err, device.ErrReadOnly)
	}
	return err
}

func (v *volume) Close() error { return errors.Join(v.Folder.Close(), v.mounted.Close()) }

// claims are the block devices that the mounter mounts for this dock, so that
// no camera is docked twice when something else mounts it too.
type claims struct {
	mu   sync.Mutex
	have map[string]bool
}

// claim takes the device if may says so.
func (c *claims) claim(devID string, may func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.have[devID] {
		return true
	}
	if !may() {
		return false
	}
	if c.have == nil {
		c.have = map[string]bool{}
	}
	c.have[devID] = true
	return true
}

func (c *claims) drop(devID string) {
	c.mu.Lock()
	delete(c.have, devID)
	c.mu.Unlock()
}

func (c *claims) has(devID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.have[devID]
}
