package clip

// Tags is what a person or a device said of a clip. Sources names for each set
// field (by its JSON name) who said so: device, filename, media, roster,
// dispatch, officer or admin.
type Tags struct {
	Cases      []string          `json:"cases,omitempty"`
	Collectors []Collector       `json:"collectors,omitempty"`
	Place      *Place            `json:"place,omitempty"`
	Times      []Time            `json:"times,omitempty"`
	Proves     []string          `json:"proves,omitempty"`
	Matter     string            `json:"matter,omitempty"`
	Stage      string            `json:"stage,omitempty"`
	Party      string            `json:"party,omitempty"`
	FromMS     *int64            `json:"from_ms,omitempty"` // narrows to part of the clip, milliseconds
	ToMS       *int64            `json:"to_ms,omitempty"`
	NoCase     string            `json:"no_case,omitempty"` // the reason why no case is named
	Incident   string            `json:"incident,omitempty"`
	Recording  *Recording        `json:"recording,omitempty"`
	Sources    map[string]string `json:"sources,omitempty"`
}

// The sources a tag can have.
const (
	ByDevice   = "device"
	ByFilename = "filename"
	ByMedia    = "media"
	ByRoster   = "roster"
	ByDispatch = "dispatch"
	ByOfficer  = "officer"
	ByAdmin    = "admin"
)

// Collector is a person who recorded or collected the clip.
type Collector struct {
	Person string `json:"person,omitempty"`
	Badge  string `json:"badge,omitempty"`
	Unit   string `json:"unit,omitempty"`
}

// Place is where the recording was made: words, or degrees on WGS 84.
type Place struct {
	Text string   `json:"text,omitempty"`
	Lat  *float64 `json:"lat,omitempty"`
	Lon  *float64 `json:"lon,omitempty"`
}

// Time is one statement of when, untouched.
type Time struct {
	Source     string `json:"source"`                // one of the By values
	Field      string `json:"field,omitempty"`       // where in it: "mvhd", "name", "mtime", "DateTimeOriginal"
	Raw        string `json:"raw"`                   // as it was said
	Zone       string `json:"zone,omitempty"`        // IANA name or ±hh:mm it is read in
	ZoneSource string `json:"zone_source,omitempty"` // stated, profile, dock
}

// Recording joins the chapters and 4 GB parts of one take.
type Recording struct {
	ID   string `json:"id"`
	Part int    `json:"part"` // from 1
}
