package verify

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// MaxZipFiles is the largest number of files of a package in a zip: its list is
// held in memory before anything in it is known to be true.
const MaxZipFiles = 60_000

// maxZipList bounds that list, in bytes.
const maxZipList = 16 << 20

// zipStart begins every zip that has a file (APPNOTE 4.3.7).
const zipStart = "PK\x03\x04"

// box is where the files of a package are: a folder, or a zip.
type box interface {
	// walk calls each for everything that is no folder; regular is false for
	// what is no file either.
	walk(each func(name string, regular bool)) error
	open(name string) (io.ReadCloser, error)
}

// folder is a package in a folder.
type folder string

func (f folder) open(name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
}

func (f folder) walk(each func(name string, regular bool)) error {
	return filepath.WalkDir(string(f), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(string(f), path)
		if err == nil {
			each(filepath.ToSlash(rel), d.Type().IsRegular())
		}
		return err
	})
}

// archive is a package in a zip.
type archive struct {
	names []string // as in the package, in the order of the zip
	files map[string]*zip.File
}

// openZip reads the list of a zip. What cannot be a package, because a name is
// twice in it or not below the one folder at the top, is a *MismatchError; so is
// one whose files lie on each other, and would be read for as long as it likes.
func openZip(f io.ReaderAt, size int64) (*archive, error) {
	headers, list, err := modest(f, size)
	if err != nil {
		return nil, err
	}
	r, err := zip.NewReader(f, size)
	if err != nil {
		return nil, &MismatchError{Cause: fmt.Sprintf("it is no whole zip: %v", err)}
	}
	a := &archive{files: map[string]*zip.File{}}
	top, left := "", uint64(max(0, size))
	for _, file := range r.File {
		if file.CompressedSize64 > left {
			return nil, &MismatchError{Cause: "its files are larger together than the zip"}
		}
		left -= file.CompressedSize64
		first, name, nested := strings.Cut(file.Name, "/")
		if !nested || top != "" && first != top {
			return nil, &MismatchError{Cause: fmt.Sprintf("%q is not in the one folder that a package has", file.Name)}
		}
		top = first
		if strings.HasSuffix(file.Name, "/") {
			continue
		}
		if a.files[name] != nil {
			return nil, &MismatchError{Cause: fmt.Sprintf("%q is in it twice", file.Name)}
		}
		a.files[name] = file
		a.names = append(a.names, name)
	}
	if len(headers) != len(r.File) {
		return nil, &MismatchError{Cause: "it is no whole zip: its list is read in two ways"}
	}
	return a, laidOut(f, r.File, headers, list)
}

// zipEnd is what the end of a zip says of its list.
type zipEnd struct {
	files, list, offset, at uint64
	parts                   bool // it speaks of more than one disk
}

// endOf reads the end of a zip where it has to be, with its part of 64 bits where
// one is called for (APPNOTE 4.3.14 to 4.3.16).
func endOf(f io.ReaderAt, size int64) (e zipEnd, err error) {
	const endSize, locatorSize, end64Size = 22, 20, 56
	missing := &MismatchError{Cause: "it is no whole zip: its end is missing"}
	tail := make([]byte, min(size, endSize+locatorSize+1<<16))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return e, err
	}
	at := strings.LastIndex(string(tail), "PK\x05\x06")
	if at < 0 || at+endSize > len(tail) || at+endSize+int(binary.LittleEndian.Uint16(tail[at+20:])) != len(tail) {
		return e, missing
	}
	e.files = uint64(binary.LittleEndian.Uint16(tail[at+10:]))
	e.parts = string(tail[at+4:at+8]) != "\x00\x00\x00\x00" || string(tail[at+8:at+10]) != string(tail[at+10:at+12])
	e.list, e.offset = uint64(binary.LittleEndian.Uint32(tail[at+12:])), uint64(binary.LittleEndian.Uint32(tail[at+16:]))
	e.at = uint64(size) - uint64(len(tail)-at)
	wide := e.files == 1<<16-1 || e.list == 1<<16-1 || e.list == 1<<32-1 || e.offset == 1<<32-1
	if at < locatorSize || string(tail[at-locatorSize:][:4]) != "PK\x06\x07" || !wide {
		return e, nil
	}
	e.at = binary.LittleEndian.Uint64(tail[at-locatorSize+8:])
	end := make([]byte, end64Size)
	if e.at > uint64(size) {
		return e, missing
	}
	if _, err := f.ReadAt(end, int64(e.at)); err != nil {
		return e, missing
	}
	e.files, e.list, e.offset = binary.LittleEndian.Uint64(end[32:]), binary.LittleEndian.Uint64(end[40:]), binary.LittleEndian.Uint64(end[48:])
	return e, nil
}

// modest refuses a zip whose list would need too much memory, before it is read for
// good: it is believed of nothing but its own headers how many there are. It returns
// these headers, and where the list begins.
func modest(f io.ReaderAt, size int64) (headers [][]byte, at int64, err error) {
	e, err := endOf(f, size)
	switch {
	case err != nil:
		return nil, 0, err
	case e.files > MaxZipFiles || e.list > maxZipList:
		return nil, 0, &MismatchError{Cause: fmt.Sprintf("a zip of %d files is not checked as it is: unpack it, and check the folder", e.files)}
	case e.offset > uint64(size) || e.offset+e.list != e.at:
		return nil, 0, &MismatchError{Cause: "it is no whole zip: its list is not where its end says"}
	}
	list := make([]byte, e.list)
	if _, err := f.ReadAt(list, int64(e.offset)); err != nil && err != io.EOF {
		return nil, 0, err
	}
	for len(list) >= centralHeader && string(list[:4]) == "PK\x01\x02" {
		rest := centralHeader
		for _, at := range []int{28, 30, 32} { // lengths of name, extra field and comment
			rest += int(binary.LittleEndian.Uint16(list[at:]))
		}
		if rest > len(list) { // it would go on into the end
			break
		}
		e.parts = e.parts || list[34] != 0 || list[35] != 0
		headers = append(headers, list[:centralHeader])
		list = list[rest:]
	}
	switch {
	case uint64(len(headers)) != e.files || len(list) > 0:
		return nil, 0, &MismatchError{Cause: fmt.Sprintf("it is no whole zip: its list has not the %d files that its end says", e.files)}
	case e.parts:
		return nil, 0, &MismatchError{Cause: "it is no whole zip: it says that it is one part of several"}
	}
	return headers, int64(e.offset), nil
}

func (a *archive) open(name string) (io.ReadCloser, error) {
	file, ok := a.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	in, err := file.Open()
	if err != nil {
		return nil, &MismatchError{Cause: fmt.Sprintf("%q in the zip: %v", name, err)}
	}
	return &zipFile{in, name}, nil
}

func (a *archive) walk(each func(name string, regular bool)) error {
	for _, name := range a.names {
		each(name, a.files[name].Mode().IsRegular())
	}
	return nil
}

// zipFile is a file of a zip whose bytes are checked against the zip's own sum.
type zipFile struct {
	io.ReadCloser
	name string
}

// Read implements io.Reader; what the zip does not hold together is a
// *MismatchError.
func (f *zipFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	var path *fs.PathError
	if err != nil && err != io.EOF && !errors.As(err, &path) {
		err = &MismatchError{Cause: fmt.Sprintf("%q in the zip: %v", f.name, err)}
	}
	return n, err
}
