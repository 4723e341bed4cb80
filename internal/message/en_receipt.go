package message

// englishReceipt is what receipts say to a person, and what is said of looking at clips.
var englishReceipt = map[string]string{
	"receipt.safe.one":    "%d clip is safe on this dock, %s.",
	"receipt.safe.many":   "%d clips are safe on this dock, %s.",
	"receipt.missed.one":  "%d file is on the camera only.",
	"receipt.missed.many": "%d files are on the camera only.",
	"receipt.unended":     "The camera was not read to its end.",
	"receipt.central":     "Central storage: %d confirmed, %d stored, %d waiting.",
	"receipt.keep":        "Keep the camera's clips.",
	"receipt.all":         "Central storage has all of them, each read back whole.",
	"cmd.receipt":         "State, signed, what is safe of a docking: the last of a bay or a camera",
	"flag.note":           "write the signed note alone, for verify",
	"err.no_docking":      "no such docking",
	"cmd.view":            "Write a clip's bytes out; that somebody looks is recorded first",
	"flag.reason.view":    "why it is looked at; recorded",
	"flag.range":          "only the bytes `A-B`, first and last, or A-",
	"show.range":          "bytes %s",
	"view.part":           "Only a part was written: it cannot be compared with the digest of the clip.",
	"cmd.audit":           "Samples that everybody can draw again, gaps, and who looked at what",
	"cmd.audit.sample":    "Draw clips to check, by a public seed: everyone who has the log draws the same",
	"flag.seed":           "a `TEXT` that everybody knows and nobody could choose, drawn after the clips",
	"flag.rate":           "share of the clips: 0.05, or in percent",
	"flag.size":           "draw from the first `N` entries only, as an earlier draw did",
	"audit.drawn":         "%d of %d clips are drawn from the first %d entries of %s. To draw the same later add --size %d.",
}
