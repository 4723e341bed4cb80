package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxStreams bounds the screens that watch at once.
	maxStreams = 32
	// heartbeat is how often a quiet stream says that it lives. The page gives
	// up after three.
	heartbeat = 5 * time.Second
	// writeTime is how long a screen may take to accept an event.
	writeTime = 10 * time.Second
)

// events streams the dock as server-sent events (WHATWG HTML, section 9.2).
// The id is a digest of what is drawn, so a screen that comes back with the
// last one is not sent the same again.
func (b *board) events(w http.ResponseWriter, r *http.Request) {
	select {
	case b.streams <- struct{}{}:
		defer func() { <-b.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many screens watch this dock", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	lang, last := b.language(r), r.Header.Get("Last-Event-ID")
	out := http.NewResponseController(w)
	for {
		dock, err := b.dock(r, lang)
		if len(dock) == 0 || (err != nil && r.Context().Err() != nil) {
			return
		}
		event := []byte("event: beat\ndata:\n\n")
		if id := eventID(dock); id != last {
			event, last = dockEvent(id, dock), id
		}
		_ = out.SetWriteDeadline(time.Now().Add(writeTime)) // a recorder in a test has none
		if _, err := w.Write(event); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		if !b.wait(r.Context(), err != nil) {
			return
		}
	}
}

// wait returns after a change or a heartbeat, false when the stream ends. A
// desk that fails is not asked for changes, which would come back at once.
func (b *board) wait(ctx context.Context, failing bool) bool {
	beat, cancel := context.WithTimeout(ctx, b.beat)
	defer cancel()
	if failing || (b.desk.Changed(beat) != nil && beat.Err() == nil) {
		<-beat.Done()
	}
	return ctx.Err() == nil
}

func eventID(dock []byte) string {
	d := sha256.Sum256(dock)
	return hex.EncodeToString(d[:8])
}

func dockEvent(id string, dock []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %s\nevent: dock\n", id)
	for part := range bytes.Lines(dock) {
		b.WriteString("data: ")
		b.Write(bytes.TrimRight(part, "\r\n"))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return b.Bytes()
}
