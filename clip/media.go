package clip

// Media is what a container says of itself. Zero fields were not said.
type Media struct {
	Container  string `json:"container,omitempty"` // mp4, mov, avi, wav, mp3, jpeg
	VideoCodec string `json:"video,omitempty"`     // fourcc
	AudioCodec string `json:"audio,omitempty"`     // fourcc or WAVE format name
	Width      int    `json:"width,omitempty"`     // pixels
	Height     int    `json:"height,omitempty"`    // pixels
	DurationMS int64  `json:"duration_ms,omitempty"`
	Times      []Time `json:"times,omitempty"`
	Place      *Place `json:"place,omitempty"`
	Make       string `json:"make,omitempty"`
	Model      string `json:"model,omitempty"`
	Serial     string `json:"serial,omitempty"`
	Problem    string `json:"problem,omitempty"` // why the probe stopped, when it did
}
