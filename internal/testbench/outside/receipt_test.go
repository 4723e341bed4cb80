package outside

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"golang.org/x/mod/sumdb/note"
)

// TestReceipt: the code on the terminal, taken as a picture, is read by another's
// reader as the note beside it, which carries the signature of the dock.
func TestReceipt(t *testing.T) {
	e := given(t)
	printed, err := e.run("receipt")
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]rune
	for line := range strings.SplitSeq(printed, "\n") {
		if strings.HasPrefix(line, "█") {
			lines = append(lines, []rune(line))
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture(lines))
	if err != nil {
		t.Fatal(err)
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(printed, read.GetText()) {
		t.Errorf("the code says %q", read.GetText())
	}
	v, err := note.NewVerifier(e.key)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(read.GetText()), note.VerifierList(v))
	if err != nil || !strings.HasPrefix(n.Text, "custodock receipt v1\n") || !strings.Contains(n.Text, "\nsafe 150\n") {
		t.Errorf("%v: %+v", err, n)
	}
}

// picture draws half blocks, eight dots a module.
func picture(lines [][]rune) image.Image {
	const dots = 8
	img := image.NewGray(image.Rect(0, 0, dots*len(lines[0]), 2*dots*len(lines)))
	for y := range img.Rect.Max.Y {
		for x := range img.Rect.Max.X {
			c := lines[y/(2*dots)][x/dots]
			upper := y/dots%2 == 0
			if c == '█' || c == '▀' && upper || c == '▄' && !upper {
				img.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	return img
}
