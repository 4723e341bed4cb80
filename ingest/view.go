package ingest

import (
	"os"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/tag"
)

// The states a file can leave an ingest in. Stored and Known are complete;
// Recorded is safe on the dock while a store did not answer in time.
const (
	StateStored   = "stored"
	StateKnown    = "known"
	StateRecorded = "recorded"
	StateUnstable = "unstable"
	StateFailed   = "failed"
)

// FileResult is what became of one file of a docking. Path is relative to Dir;
// PathHex is set where the raw name is not UTF-8.
type FileResult struct {
	Clip    string `json:"clip"`
	Dir     string `json:"dir"`
	Path    string `json:"path"`
	PathHex string `json:"path_hex,omitempty"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	State   string `json:"state"`
	Error   string `json:"error"`
}

// Summary counts a one-shot ingest. Bytes are those of the files listed.
type Summary struct {
	Files    int     `json:"files"`
	Bytes    int64   `json:"bytes"`
	Stored   int     `json:"stored"`
	Known    int     `json:"known"`
	Recorded int     `json:"recorded"`
	Unstable int     `json:"unstable"`
	Failed   int     `json:"failed"`
	Skipped  int     `json:"skipped"`
	Seconds  float64 `json:"seconds"`
}

// Partly reports whether any file is not complete.
func (s Summary) Partly() bool { return s.Recorded+s.Unstable+s.Failed > 0 }

// Request asks for one folder to be taken in once.
type Request struct {
	Dir    string        `json:"dir"` // absolute, for display and as the source of a plain folder
	Folder *os.File      `json:"-"`   // open directory; Ingest closes it
	Tags   clip.Tags     `json:"tags"`
	By     string        `json:"by"`    // who said the tags: officer or admin
	Actor  string        `json:"actor"` // role written into the entries
	Wait   time.Duration `json:"wait"`  // how long to wait for stores that do not answer
}

// Event is one thing that happened during Ingest; exactly one field is set.
type Event struct {
	File     *FileResult `json:"file,omitempty"`
	Progress *Progress   `json:"progress,omitempty"`
}

// Progress is how far a one-shot ingest has come. While Listing is true the
// totals still grow. StoredBytes of TotalBytes are in every store.
type Progress struct {
	Listing     bool  `json:"listing"`
	Files       int   `json:"files"`
	FilesDone   int   `json:"files_done"`
	TotalBytes  int64 `json:"total_bytes"`
	ReadBytes   int64 `json:"read_bytes"`
	StoredBytes int64 `json:"stored_bytes"`
}

// Status is the dock at one moment.
type Status struct {
	Log       string        `json:"log"`
	Authority string        `json:"authority"`
	Size      int64         `json:"size"`      // entries in the log
	Published int64         `json:"published"` // entries every store shows
	PID       int           `json:"pid"`
	Daemon    bool          `json:"daemon"` // false when a single command opened the state for itself
	Bays      []BayStatus   `json:"bays"`
	Queue     []QueueStatus `json:"queue"`
	Alarms    []Alarm       `json:"alarms"`
	DiskFree  int64         `json:"disk_free"` // bytes on the state's filesystem
	Reserve   int64         `json:"reserve"`   // bytes kept free for the manifest

	Cosigned *CosignedView `json:"cosigned,omitempty"` // nil where no witness was asked
}

// The states of a bay.
const (
	BayScanning = "scanning"
	BayCopying  = "copying"
	BayDone     = "done"  // you may take it
	BayError    = "error" // you may take it, but Remaining clips stay on the camera only
	BayGone     = "gone"  // taken out before it was done
	BayHeld     = "held"  // nothing is read until an admin says whose it is; Hold names the reason
	BayHangs    = "hangs" // it does not answer: take it out and dock it again
)

// BayStatus is one docking, the newest of its bay.
type BayStatus struct {
	Bay        string    `json:"bay"`
	Path       string    `json:"path"`           // quoted where a name is not printable
	Port       string    `json:"port,omitempty"` // of USB, where it hangs on one
	Device     string    `json:"device"`         // neutral id
	Drop       bool      `json:"drop"`           // a drop folder: never "done", nothing to take away
	State      string    `json:"state"`
	MayTake    bool      `json:"may_take"`
	Listed     int       `json:"listed"`
	Done       int       `json:"done"` // recorded or known
	Stored     int       `json:"stored"`
	Known      int       `json:"known"`
	Unstable   int       `json:"unstable"`
	Failed     int       `json:"failed"`
	Remaining  int       `json:"remaining"` // on the camera only
	Bytes      int64     `json:"bytes"`
	TotalBytes int64     `json:"total_bytes"`
	Reason     string    `json:"reason,omitempty"` // why clips remain
	Hold       string    `json:"hold,omitempty"`   // while it is held: HoldSame or HoldUnknown
	Opened     time.Time `json:"opened"`
	Closed     time.Time `json:"closed,omitzero"`
	Receipt    string    `json:"receipt,omitempty"` // number of its receipt, from when its end is entered

	Erase *EraseStatus `json:"erase,omitempty"` // nil where nothing is erased by configuration
}

// EraseStatus is how far the erasing of a docked camera is.
type EraseStatus struct {
	Busy   bool   `json:"busy"`             // files are being removed at this moment
	Erased int    `json:"erased"`           // files of this docking
	Left   int    `json:"left"`             // that were read and are still on the camera
	Reason string `json:"reason,omitempty"` // why the first of them is: a word that has a message
}

// EraseOrder asks for a docked camera to be erased now, as far as it may.
type EraseOrder struct {
	Device string `json:"device"` // neutral id
	Reason string `json:"reason"`
	Actor  string `json:"actor"`
}

// EraseResult is what became of an order.
type EraseResult struct {
	Erased int         `json:"erased"`
	Left   []EraseLeft `json:"left"`
}

// EraseLeft counts the files that stay for one reason.
type EraseLeft struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
}

// QueueStatus is what still waits for one store.
type QueueStatus struct {
	Store  string    `json:"store"`
	URL    string    `json:"url"`
	Clips  int       `json:"clips"`
	Bytes  int64     `json:"bytes"`
	Oldest time.Time `json:"oldest,omitzero"`
	Error  string    `json:"error,omitempty"` // the last one, while it lasts
}

// Alarm is a condition that needs a person. Code names its message.
type Alarm struct {
	Code  string    `json:"code"` // one of AlarmCodes
	Args  []string  `json:"args,omitempty"`
	Text  string    `json:"text"` // English: what is wrong and what to do
	Since time.Time `json:"since"`
}

// Condition is one finding of doctor. A condition that is not OK has a Mend.
type Condition struct {
	Code string   `json:"code"`
	Args []string `json:"args,omitempty"`
	OK   bool     `json:"ok"`
	Text string   `json:"text"`
	Mend string   `json:"mend,omitempty"`
}

// Filter selects clips; zero fields select all.
type Filter struct {
	Case     string    `json:"case,omitempty"`
	Untagged bool      `json:"untagged,omitempty"`
	Status   string    `json:"status,omitempty"` // recorded or stored
	Since    time.Time `json:"since,omitzero"`   // dock time of ingestion
	Device   string    `json:"device,omitempty"`
}

// ClipView is what the dock knows of a clip.
type ClipView struct {
	Clip     string      `json:"clip"`
	SHA256   string      `json:"sha256"`
	SM3      string      `json:"sm3,omitempty"`
	Size     int64       `json:"size"`
	Role     string      `json:"role"`
	Device   string      `json:"device"`
	Bay      string      `json:"bay,omitempty"`
	Source   string      `json:"source"`
	Path     string      `json:"path"`
	PathHex  string      `json:"path_hex,omitempty"`
	Ingested time.Time   `json:"ingested"`
	State    string      `json:"state"`
	Stores   []string    `json:"stores,omitempty"`    // that said they have it, by clip.stored
	Proved   []string    `json:"confirmed,omitempty"` // of them, those from which it was read back whole
	SameAs   string      `json:"same_as,omitempty"`
	Span     *tag.Span   `json:"span,omitempty"`
	Offset   *tag.Offset `json:"offset,omitempty"`
	Media    clip.Media  `json:"media"`
	Tags     clip.Tags   `json:"tags"`
	Missing  []string    `json:"missing,omitempty"` // tags it still lacks
}

// Custody is one entry about a clip.
type Custody struct {
	Log    string    `json:"log"`
	N      int64     `json:"n"`
	Time   time.Time `json:"t"`
	Type   string    `json:"type"`
	Actor  string    `json:"actor"`
	Entry  string    `json:"entry"`            // the entry's own bytes
	Record string    `json:"record,omitempty"` // the record's own bytes, "" when erased or none
}

// ClipDetail is everything known of a clip, its custody line by line.
type ClipDetail struct {
	ClipView
	Leaf  string `json:"leaf"`  // hex leaf hash of its clip.ingested
	Freed bool   `json:"freed"` // the stores hold it so that its camera need not

	// Between which time stamps its clip.ingested stands, zero where none is known.
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`

	Custody []Custody `json:"custody"`

	Derived []DerivedView `json:"derived,omitempty"` // files that were made from it
}

// TagRequest appends what changed in the tags of clips. Parts of the same
// recording are tagged with them unless Narrow is set.
type TagRequest struct {
	Clips  []string  `json:"clips"`
	Change clip.Tags `json:"change"`
	By     string    `json:"by"`
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	Narrow bool      `json:"narrow"`
}

// Stamp is where a statement about a clip stands.
type Stamp struct {
	Clip string `json:"clip"`
	Log  string `json:"log"`
	N    int64  `json:"n"`
}

// ExportRequest records that clips leave the dock; Case adds all its clips.
type ExportRequest struct {
	Clips  []string `json:"clips"`
	Case   string   `json:"case"`
	Actor  string   `json:"actor"`
	Reason string   `json:"reason"`
	For    string   `json:"for"`
	Only   string   `json:"only,omitempty"` // a kind: of each clip only its derived files of it leave
}
