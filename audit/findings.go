package audit

// What is said of a device, and of a log.
const (
	Complete = "complete" // nothing is missing, as far as counts, lists and logs reach
	Unknown  = "unknown"  // no gap was found, and not all can be known
	Missing  = "gaps"
)

// The kinds of gaps.
const (
	GapNumber    = "number"    // numbers of one count between two that are here
	GapStart     = "start"     // numbers below the first of a count that begins with one
	GapChapter   = "chapter"   // a part of a recording of which a later one is here
	GapRecording = "recording" // a file that belongs beside a recording is here alone
	GapSidecar   = "sidecar"   // a file that stands beside the recordings before and after
	GapListed    = "listed"    // a file that a docking saw and none took
	GapLogged    = "logged"    // a recording that the device's own log names
)

// Findings is the outcome of an audit. Its texts name no file and no person.
type Findings struct {
	Log     string   `json:"log"`
	Result  string   `json:"result"`
	Devices []Device `json:"devices"`
	Gaps    []Gap    `json:"gaps"`
}

// Device says how far it can be known of one device that nothing is missing.
type Device struct {
	Device   string  `json:"device"`
	Result   string  `json:"result"`
	Dockings int     `json:"dockings"`
	Clips    int     `json:"clips"`
	Counts   []Count `json:"counts"`
	Unknown  []Doubt `json:"unknown"`
}

// Count is one stretch of the device's own numbering that was looked through.
type Count struct {
	First   string `json:"first"` // number, as the device writes it
	Last    string `json:"last"`
	From    string `json:"from"` // clips that have them
	To      string `json:"to"`
	Here    int64  `json:"here"`    // numbers of it that are here
	Missing int64  `json:"missing"` // and that are not
}

// Doubt is why nothing can be said of a part of a device's files. Code is one of
// no_numbers, no_time, anew, unfinished, log_unread and record_erased.
type Doubt struct {
	Code  string `json:"code"`
	Count int64  `json:"count"`
	At    string `json:"at,omitempty"` // entry where it is, where it is one
}

// Gap is something that is believed to be missing. Before and After are the clips
// beside it, "" where there is none; From is the clip that tells of it.
type Gap struct {
	Kind    string `json:"kind"`
	Device  string `json:"device"`
	Docking int64  `json:"docking"` // docking.opened of the clip that shows the gap
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`
	From    string `json:"from,omitempty"`
	What    string `json:"what"`  // numbers, a part, the ending of a name, or a place in a list
	Count   int64  `json:"count"` // of what is missing
}

func (d *Device) doubt(code string, count int64, at string) {
	d.Unknown = append(d.Unknown, Doubt{code, count, at})
}

// Worse is the result of two things together.
func Worse(a, b string) string {
	for _, r := range []string{Missing, Unknown} {
		if a == r || b == r {
			return r
		}
	}
	return Complete
}
