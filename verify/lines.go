package verify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// lineReader reads lines of a bounded length.
type lineReader struct {
	in   *bufio.Reader
	most int
	line []byte
	n    int
}

func newLineReader(r io.Reader, most int) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, 64<<10), most: most}
}

// next returns the next line without its newline, nil behind the last one. It is
// valid until the next call.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	l.n++
	for {
		part, err := l.in.ReadSlice('\n')
		if len(l.line)+len(part) > l.most {
			return nil, fmt.Errorf("line %d is longer than %d bytes", l.n, l.most)
		}
		l.line = append(l.line, part...)
		switch {
		case err == nil:
			return l.line[: len(l.line)-1 : len(l.line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && len(l.line) == 0:
			return nil, nil
		case err == io.EOF:
			return nil, fmt.Errorf("line %d has no end", l.n)
		default:
			return nil, fmt.Errorf("cannot be read: %w", err)
		}
	}
}
