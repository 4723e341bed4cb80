package message

// englishWitness is what is said about witnesses.
var englishWitness = map[string]string{
	"cmd.witness":           "Cosign the logs of other docks, so that none can show two histories",
	"cmd.witness.key":       "Print this witness's verifier key alone; it is made where there is none",
	"cmd.witness.status":    "Show what is known of each log: its size, how long ago, and what contradicts it",
	"cmd.witness.ask":       "Have witnesses cosign the published checkpoint of any log, and print it",
	"flag.policy":           "`FILE` that names witnesses and how many must have cosigned (c2sp.org/tlog-policy)",
	"flag.listen":           "`ADDR` to serve on, host:port",
	"flag.log":              "verifier `KEY` of a log to watch; may be given again",
	"flag.logs":             "`FILE` with verifier keys of logs to watch, one a line",
	"flag.name":             "`NAME` of this witness in its cosignatures, such as witness.example.org/centre; fixed when its key is made",
	"flag.at":               "`URL` of the witness to ask; without it the one of the state",
	"witness.ready":         "Witness %s watches %d logs on %s.",
	"witness.page":          "Witness",
	"witness.log":           "Log",
	"witness.entries":       "Entries",
	"witness.last":          "Last grown",
	"witness.note":          "Note",
	"witness.never":         "not seen yet",
	"witness.ago":           "%s UTC, %s ago",
	"witness.forked.one":    "FORKED: %d signed checkpoint contradicts what was cosigned",
	"witness.forked.many":   "FORKED: %d signed checkpoints contradict what was cosigned",
	"witness.unproved.one":  "%d signed checkpoint came without a proof that it follows what was cosigned",
	"witness.unproved.many": "%d signed checkpoints came without a proof that they follow what was cosigned",
	"witness.behind.one":    "%d signed checkpoint had fewer entries than were cosigned",
	"witness.behind.many":   "%d signed checkpoints had fewer entries than were cosigned",
}
