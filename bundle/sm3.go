package bundle

import (
	"fmt"
	"slices"

	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
)

// listsSM3 reports whether the package has a list of SM3 digests: where it was asked
// for, or an entry says what the SM3 of a file in it is. A list is of all that lies
// below data/ (RFC 8493, section 2.1.3), so that of the other files is computed too.
func (w *writer) listsSM3() bool {
	return w.SM3 || slices.ContainsFunc(w.entries, func(e manifest.Entry) bool {
		_, said := e.Fields["sm3"]
		return said && w.takes(e)
	})
}

// sameSM3 compares what was copied with what its entry says, if it does.
func sameSM3(e manifest.Entry, sum hash.Sum) error {
	said, there := e.Fields["sm3"]
	if !there || said == sum.SM3 {
		return nil
	}
	return &verify.MismatchError{Cause: fmt.Sprintf("%s: its object has another SM3 than its entry says", e.Name())}
}
