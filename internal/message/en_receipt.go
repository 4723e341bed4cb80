package message

// englishReceipt is what an undock receipt says to a person.
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
}
