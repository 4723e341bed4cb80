package console

import (
	"fmt"
	"image/color"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

// ReceiptText is what a receipt says to a person: what was true at its time and
// no more.
func ReceiptText(r ingest.ReceiptView, lang string) []string {
	at := message.Line(r.Time)
	if t, err := time.Parse(time.RFC3339, r.Time); err == nil {
		at = t.Local().Format("2006-01-02 15:04")
	}
	words := []string{message.N(lang, "receipt.safe", int(r.Safe), at)}
	if missed := r.Clips - r.Safe; missed > 0 {
		words = append(words, message.N(lang, "receipt.missed", int(missed)))
	}
	complete := r.End == "complete"
	if !complete {
		words = append(words, message.T(lang, "receipt.unended"))
	}
	there := max(r.Central, r.Confirmed)
	words = append(words, message.T(lang, "receipt.central", r.Confirmed, there-r.Confirmed, r.Safe-there))
	if complete && r.Confirmed == r.Clips {
		return append(words, message.T(lang, "receipt.all"))
	}
	return append(words, message.T(lang, "receipt.keep"))
}

// QuietZone is the empty margin of a QR code that ISO/IEC 18004 asks for, in
// modules.
const QuietZone = 4

// codeView is a QR code for an SVG: dark modules as one path, in a square of so
// many modules, margin included.
type codeView struct {
	Size int
	Path string
}

func codeOf(text string) (codeView, error) {
	code, err := qr.Encode(text, qr.L, qr.Unicode)
	if err != nil {
		return codeView{}, fmt.Errorf("draw receipt: %w", err)
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool { return x < size && code.At(x, y) == color.Black }
	var b strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for dark(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+QuietZone, y+QuietZone, x-from, x-from)
			}
		}
	}
	return codeView{Size: size + 2*QuietZone, Path: b.String()}, nil
}
