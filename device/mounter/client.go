package mounter

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/custodock/custodock/device"
)

// Client is a connection to the helper. It mounts one volume.
type Client struct {
	mu     sync.Mutex // one request at a time
	wire   wire
	taken  bool // a volume was asked for
	broken error
}

// Dial connects to the helper that listens on socket. Without one the error is
// ErrNoMounter.
func Dial(ctx context.Context, socket string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("dial mounter at %q: %w: %w", socket, err, ErrNoMounter)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("dial mounter at %q: %w: %w", socket, err, ErrNotAllowed)
	case err != nil:
		return nil, fmt.Errorf("dial mounter at %q: %w", socket, err)
	}
	return &Client{wire: wire{conn: conn.(*net.UnixConn)}}, nil
}

// Close ends the connection. A volume that was mounted through it stays usable
// until Mounted.Close, but for erasing.
func (c *Client) Close() error { return c.wire.conn.Close() }

// Mount asks for the volume with this device number, "major:minor" as in sysfs.
// The connection belongs to the volume from then on: Mounted.Close ends both.
// After an error only Close is of use.
func (c *Client) Mount(ctx context.Context, devID string) (*Mounted, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken {
		return nil, fmt.Errorf("mount %q: this connection has its volume; dial once for each", devID)
	}
	c.taken = true
	r, err := c.ask(ctx, request{Op: opMount, Dev: devID})
	if err != nil {
		return nil, fmt.Errorf("mount %q: %w", devID, err)
	}
	if r.Volume == nil || r.Volume.Dev != devID || len(c.wire.files) != maxDescriptors {
		c.wire.drop()
		return nil, fmt.Errorf("mount %q: the mounter's answer is not one to this", devID)
	}
	m := &Mounted{
		Dir: c.wire.files[0], FSType: r.Volume.FS, DevID: devID, Notes: r.Volume.Notes,
		mount: c.wire.files[1], client: c,
	}
	c.wire.files = nil
	for _, id := range []device.Identity{{Kind: device.FSUUID, Value: r.Volume.UUID}, {Kind: device.Label, Value: string(r.Volume.Label)}} {
		if id.Value != "" {
			m.Identities = append(m.Identities, id)
		}
	}
	return m, nil
}

// ask sends one request and waits for its reply, or for ctx. A connection on
// which a reply was not waited for is of no further use.
func (c *Client) ask(ctx context.Context, r request) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	if c.broken != nil {
		return reply{}, c.broken
	}
	stop := context.AfterFunc(ctx, func() { _ = c.wire.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var answer reply
	err := c.wire.send(r)
	if err == nil || errors.Is(err, syscall.EPIPE) {
		// A helper that refuses the peer says so before it hangs up.
		var line []byte
		if line, err = c.wire.line(); err == nil {
			err = decode(line, &answer)
		}
	}
	if err != nil {
		c.broken = fmt.Errorf("%w: %w", err, ErrNoMounter)
		c.wire.drop()
		if cause := context.Cause(ctx); cause != nil {
			return reply{}, cause
		}
		return reply{}, c.broken
	}
	if answer.Error != nil {
		c.wire.drop()
		return reply{}, decodeError(answer.Error)
	}
	return answer, nil
}

// Mounted is a volume that is mounted for this process alone.
type Mounted struct {
	// Dir is the root directory, open for reading; device.FromFile takes it.
	Dir    *os.File
	FSType string // as the kernel calls it: vfat, exfat, ext4, ntfs3
	DevID  string // "major:minor"
	// Identities are the file system's UUID and label, those that it has.
	Identities []device.Identity
	// Notes say in words what this kernel could not do for the mount.
	Notes []string

	mount  *os.File
	client *Client
}

// Erase removes one file for good: when it returns nil the file is gone from the
// device, durably. Before that the helper reads the file again from the device;
// other bytes are ErrChanged. No descriptor of the file may be open. When ctx
// ends early it is not known whether the file is still there, and the connection
// is of no further use.
func (m *Mounted) Erase(ctx context.Context, r EraseRequest) error {
	m.client.mu.Lock()
	defer m.client.mu.Unlock()
	answer, err := m.client.ask(ctx, request{Op: opErase, Path: []byte(r.Path), Size: r.Size, SHA256: hex.EncodeToString(r.SHA256[:])})
	if err != nil {
		return fmt.Errorf("erase %q: %w", r.Path, err)
	}
	if !answer.Erased {
		return fmt.Errorf("erase %q: the mounter's answer is not one to this", r.Path)
	}
	return nil
}

// Close lets the volume go. Files opened beneath Dir keep it busy until they are
// closed too.
func (m *Mounted) Close() error {
	return errors.Join(m.Dir.Close(), m.mount.Close(), m.client.Close())
}
