package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// maxEndorsement bounds what is read of one, in bytes.
const maxEndorsement = 1 << 20

// writeEndorsements copies what authorities said of the log's keys, so that who
// knows an authority needs no other key.
func (w *writer) writeEndorsements(ctx context.Context) error {
	top := manifest.EndorsementPath(w.head.Log, "")
	for info, err := range w.Store.List(ctx, top) {
		if err != nil {
			return fmt.Errorf("list %s: %w", top, err)
		}
		msg, err := store.ReadBare(ctx, w.Store, info.Name, maxEndorsement)
		if err != nil {
			return fmt.Errorf("read %s: %w", info.Name, err)
		}
		sum := sha256.Sum256(msg)
		digest := hex.EncodeToString(sum[:])
		if _, err := manifest.ClaimedEndorsement(msg); err != nil || top+digest != info.Name {
			return &verify.MismatchError{Cause: info.Name + " is no endorsement, or has other bytes than its name says"}
		}
		if err := w.bag.write("endorsements/"+digest, msg, filePerm); err != nil {
			return err
		}
	}
	return nil
}
