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

// printed is what the dock prints of its last docking, and the lines of the code in it.
func printed(t *testing.T, e evidence) (text string, lines [][]rune) {
	t.Helper()
	text, err := e.run("receipt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "█") {
			lines = append(lines, []rune(line))
		}
	}
	return text, lines
}

// scan reads the code in a picture.
func scan(img image.Image) (string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", err
	}
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		return "", err
	}
	return read.GetText(), nil
}

// TestReceipt: the code on the terminal, taken as a picture, is read by another's
// reader as the note beside it, which carries the signature of the dock.
func TestReceipt(t *testing.T) {
	e := given(t)
	text, lines := printed(t, e)
	read, err := scan(picture(lines))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, read) {
		t.Errorf("the code says %q", read)
	}
	v, err := note.NewVerifier(e.key)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(read), note.VerifierList(v))
	if err != nil || !strings.HasPrefix(n.Text, "custodock receipt v1\n") || !strings.Contains(n.Text, "\nsafe 150\n") {
		t.Errorf("%v: %+v", err, n)
	}
}

// TestReceiptModules: where a module of the code is another, the reader corrects it,
// or cannot read the code, or what it reads has no signature of the dock.
func TestReceiptModules(t *testing.T) {
	e := given(t)
	_, lines := printed(t, e)
	img := picture(lines)
	whole, err := scan(img)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(e.key)
	if err != nil {
		t.Fatal(err)
	}
	wide, corrected := img.Rect.Dx()/dots, 0
	for at := 0; at < wide*wide; at += 11 {
		turn(img, at%wide, at/wide)
		read, err := scan(img)
		turn(img, at%wide, at/wide)
		switch {
		case err != nil:
		case read == whole:
			corrected++
		default:
			if _, err := note.Open([]byte(read), note.VerifierList(v)); err == nil {
				t.Errorf("with module %d turned the code says %q", at, read)
			}
		}
	}
	if corrected == 0 {
		t.Error("nothing is corrected: was anything read?")
	}
	t.Logf("%d of %d are corrected", corrected, (wide*wide+10)/11)
}

// turn makes a module of a picture what it was not.
func turn(img *image.Gray, x, y int) {
	for i := range dots * dots {
		at := img.PixOffset(x*dots+i%dots, y*dots+i/dots)
		img.Pix[at] = ^img.Pix[at]
	}
}

// dots is how wide a module is drawn.
const dots = 8

// picture draws half blocks.
func picture(lines [][]rune) *image.Gray {
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
