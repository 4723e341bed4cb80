package main

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
)

func (a *app) receiptCmd() *cobra.Command {
	var bare bool
	cmd := &cobra.Command{
		Use:   "receipt [BAY|CAMERA|N]",
		Short: a.say("cmd.receipt"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			which := strings.Join(args, "")
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				r, err := desk.Receipt(cmd.Context(), which)
				switch {
				case err != nil:
					return err
				case a.flags.json:
					return a.printJSON(r)
				case bare:
					_, err := fmt.Fprint(a.out, r.Note)
					return err
				}
				return a.printReceipt(r)
			})
		},
	}
	cmd.Flags().BoolVar(&bare, "note", false, a.say("flag.note"))
	return cmd
}

// printReceipt writes what an officer reads, then what can be checked, as text
// and for a telephone's camera.
func (a *app) printReceipt(r ingest.ReceiptView) error {
	code, err := qrCode(r.Note)
	if err != nil {
		return fmt.Errorf("draw receipt: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n\n%s\n%s", strings.Join(console.ReceiptText(r, a.lang), "\n"), r.Note, code)
	return err
}

// qrCode draws text as a QR code of a terminal, two modules a character, light
// on dark or dark on light alike: readers take both.
func qrCode(text string) (string, error) {
	code, err := qr.Encode(text, qr.L, qr.Unicode)
	if err != nil {
		return "", err
	}
	size := code.Bounds().Dx()
	light := func(x, y int) bool {
		if x < 0 || y < 0 || x >= size || y >= size {
			return true
		}
		return code.At(x, y) == color.White
	}
	var b strings.Builder
	for y := -console.QuietZone; y < size+console.QuietZone; y += 2 {
		for x := -console.QuietZone; x < size+console.QuietZone; x++ {
			switch upper, lower := light(x, y), light(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}
