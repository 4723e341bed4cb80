package bundle

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/jpeg"
	"os"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/program"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// The pictures of a certificate are bounded in number, in bytes and in time.
const (
	maxFrames = 50
	maxFrame  = 128 << 10
	frameTime = 10 * time.Second
	allFrames = time.Minute
)

// frameFormats are what ffmpeg may take a clip for. Lists of other files, which
// would have it read what somebody else chose, are not among them.
const frameFormats = "mov,avi,matroska,mpegts,mpeg,image2,jpeg_pipe,mjpeg"

// frames takes the first picture of clips, as far as there is an ffmpeg and a
// clip lies in a local file; a picture is never required.
func (w *writer) frames(ctx context.Context) map[string][]byte {
	out := map[string][]byte{}
	if w.FFmpeg == "" {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, allFrames)
	defer cancel()
	for _, e := range w.entries {
		if e.Type != "clip.ingested" || !w.takes(e) || len(out) == maxFrames || ctx.Err() != nil {
			continue
		}
		if d := w.dossier(e); d.rec.Media.Width == 0 && d.rec.Media.VideoCodec == "" {
			continue
		}
		picture, err := w.frame(ctx, e)
		if err != nil {
			w.lacks(fmt.Errorf("take a picture of %s: %w", e.Name(), err))
			continue
		}
		out[e.Name()] = picture
	}
	return out
}

// descriptor is an open file of this process, whatever it is called.
type descriptor interface{ Fd() uintptr }

// frame runs ffmpeg on the object where the store has it in a file, else on its
// copy in the package. Nothing else is open to it.
func (w *writer) frame(ctx context.Context, e manifest.Entry) ([]byte, error) {
	d, err := clip.ParseDigest(e.Fields.Str("sha256"))
	if err != nil {
		return nil, err
	}
	in, err := w.Store.Open(ctx, store.Name(d), "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	path := ""
	if f, local := in.(descriptor); local {
		path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd())
	} else if path, err = w.copied(ctx, e.Name()); err != nil {
		return nil, err
	}
	var picture, words program.Head
	picture.Most, words.Most = maxFrame+1, 512
	err = program.Run(ctx, program.Command{
		Args: []string{
			w.FFmpeg, "-nostdin", "-hide_banner", "-v", "error", "-protocol_whitelist", "file", "-format_whitelist", frameFormats,
			"-i", "file:" + path, "-an", "-sn", "-dn", "-frames:v", "1", "-vf", "scale='min(480,iw)':-2", "-q:v", "5",
			"-f", "mjpeg", "pipe:1",
		},
		Env: []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}, Output: &picture, Errors: &words, Timeout: frameTime,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %q", err, words.Text)
	}
	if len(picture.Text) > maxFrame {
		return nil, fmt.Errorf("it has more than %d bytes", maxFrame)
	}
	if _, err := jpeg.DecodeConfig(bytes.NewReader(picture.Text)); err != nil {
		return nil, err
	}
	return picture.Text, nil
}

// copied waits until a clip is in the package, and says in which file.
func (w *writer) copied(ctx context.Context, name string) (string, error) {
	path := w.bag.box.local(w.files[name])
	if path == "" {
		return "", fmt.Errorf("it lies in no file of its own")
	}
	select {
	case <-w.done[name]:
		return path, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// picture is a JPEG as a link that carries it.
func picture(jpeg []byte) template.URL {
	if len(jpeg) == 0 {
		return ""
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(jpeg))
}
