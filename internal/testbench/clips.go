package testbench

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// File is a clip made for a test.
type File struct {
	Name   string // inside its folder
	Path   string
	Size   int64
	SHA256 string // lower-case hex
}

// Clips makes n files of size bytes in dir, named as a body camera names them.
// The same seed gives the same bytes; no two files are alike. Files of at
// least 200 bytes start as MP4 (ISO/IEC 14496-12) with ftyp, moov and mdat.
func Clips(t testing.TB, dir string, n int, size int64, seed uint64) []File {
	t.Helper()
	files, err := MakeClips(dir, n, size, seed)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// MakeClips is Clips outside of tests.
func MakeClips(dir string, n int, size int64, seed uint64) ([]File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	files := make([]File, 0, n)
	for i := range n {
		at := start.Add(time.Duration(i) * time.Minute)
		f := File{Name: fmt.Sprintf("A11_1111111_100234_%s_%04d.mp4", at.Format("20060102150405"), i+1), Size: size}
		f.Path = filepath.Join(dir, f.Name)
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], seed)
		binary.LittleEndian.PutUint64(key[8:], uint64(i))
		var err error
		if f.SHA256, err = writeClip(f.Path, size, at, rand.NewChaCha8(key)); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func writeClip(path string, size int64, at time.Time, random io.Reader) (string, error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	w := io.MultiWriter(f, sum)
	head := mp4Head(size, at)
	if _, err := w.Write(head); err != nil {
		return "", err
	}
	buf := make([]byte, 1<<20)
	if _, err := io.CopyBuffer(w, io.LimitReader(random, size-int64(len(head))), buf); err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	if err := os.Chtimes(path, at, at); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// mp4Head is the start of an MP4 file of size bytes in all: one minute long,
// made at a time, its media data filling the rest. Nil when it does not fit.
func mp4Head(size int64, at time.Time) []byte {
	epoch := time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	made := uint32(at.Sub(epoch) / time.Second)
	mvhd := make([]byte, 100) // version 0, without its box header
	binary.BigEndian.PutUint32(mvhd[4:], made)
	binary.BigEndian.PutUint32(mvhd[8:], made)
	binary.BigEndian.PutUint32(mvhd[12:], 1000)   // ticks a second
	binary.BigEndian.PutUint32(mvhd[16:], 60_000) // duration
	binary.BigEndian.PutUint32(mvhd[20:], 1<<16)  // rate 1.0
	binary.BigEndian.PutUint16(mvhd[24:], 1<<8)   // volume 1.0
	binary.BigEndian.PutUint32(mvhd[36:], 1<<16)  // unity matrix
	binary.BigEndian.PutUint32(mvhd[52:], 1<<16)  //
	binary.BigEndian.PutUint32(mvhd[68:], 1<<30)  //
	binary.BigEndian.PutUint32(mvhd[96:], 2)      // next track
	head := box("ftyp", []byte("isom\x00\x00\x02\x00isommp42"))
	head = append(head, box("moov", box("mvhd", mvhd))...)
	const longHeader = 16
	rest := size - int64(len(head))
	if rest < longHeader || size < 200 {
		return nil
	}
	head = append(head, 0, 0, 0, 1, 'm', 'd', 'a', 't')
	return binary.BigEndian.AppendUint64(head, uint64(rest))
}

func box(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(append(b, name...), body...)
}
