package testbench

import "strings"

// HostileNames are file names that a camera may hold and that must reach no
// shell, terminal, CSV, HTML, template or format string unescaped. All are
// valid on Linux; each stands for one known way to do harm.
func HostileNames() []string {
	return []string{
		"-rf",
		" leading and trailing ",
		"new\nline.mp4",
		"carriage\rreturn.mp4",
		"tab\t.mp4",
		"esc\x1b[2J.mp4",
		"clipboard\x1b]52;c;cm0gLXJmIC8=\x07.mp4",
		"c1\u009b31m.mp4",
		"override\u202egpj.mp4",
		"isolate\u2066x\u2069.mp4",
		"=cmd|'calc'!A0.mp4",
		"+1.mp4", "-1.mp4", "@sum.mp4",
		"<img src=x onerror=alert(1)>.mp4",
		"{{.}}.mp4",
		"%s%n%d.mp4",
		"..mp4", "...",
		"back\\..\\slash.mp4",
		"quote'\".mp4", "$(id)`id`;id&id|id.mp4",
		"bad utf8 \xff\xfe.mp4",
		"nfc \u00e9.mp4", "nfd e\u0301.mp4",
		"case.MP4", "CASE.mp4",
		"执法记录 2026.mp4",
		strings.Repeat("n", 251) + ".mp4",
	}
}
