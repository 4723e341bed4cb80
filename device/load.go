package device

import (
	"errors"
	"io"
	"os"
)

// Loaded is a small file that was read whole at one go.
type Loaded struct {
	Opened bool        // what failed, failed after that
	Before os.FileInfo // as it was when it was opened
	After  os.FileInfo // as it was when it had been read, nil when it does not fit
	N      int         // bytes read; one more than Before told when there were more
}

// Load opens a file, reads it into buf and closes it. One that does not fit with a
// byte to spare, which tells a growing file, is not read.
func Load(t Tree, path string, buf []byte) (Loaded, error) {
	if t, can := t.(interface {
		Load(path string, buf []byte) (Loaded, error)
	}); can {
		return t.Load(path, buf)
	}
	in, err := t.Open(path)
	if err != nil {
		return Loaded{}, err
	}
	l := Loaded{Opened: true}
	err = l.read(in, buf)
	_ = in.Close()
	return l, err
}

func (l *Loaded) read(in Reader, buf []byte) (err error) {
	if l.Before, err = in.Stat(); err != nil || l.Before.Size() >= int64(len(buf)) {
		return err
	}
	l.N, err = io.ReadFull(in, buf[:l.Before.Size()+1])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	l.After, err = in.Stat()
	return err
}
