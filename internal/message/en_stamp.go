package message

// englishStamp is what is said of time stamps and of the dock's clock.
var englishStamp = map[string]string{
	"cmd.log.stamp":                "Have the log stamped by the time-stamp authority now",
	"stamp.made":                   "The first %d entries are stamped by %s at %s; its certificates end on %s.",
	"stamp.last":                   "Nothing came since: the first %d entries were stamped by %s at %s; its certificates end on %s.",
	"stamp.cosigned":               "The first %d entries are cosigned. No authority stamped them.",
	"stamp.before":                 "entered before %s",
	"stamp.after":                  "entered after %s",
	"stamp.between":                "entered between %s and %s",
	"stamp.by":                     ", stamped by %s, good until %s",
	"stamp.by.ended":               ", stamped by %s, whose certificates ended on %s: nothing renewed the stamp before that",
	"show.stamped":                 "time stamps",
	"flag.tsa_roots":               "PEM `FILE` with the roots of time-stamp authorities; without it their chains are not checked",
	"verify.stamps.one":            "%d time stamp by %s, from %s to %s, leads to the roots given.",
	"verify.stamps.many":           "%d time stamps by %s, from %s to %s, lead to the roots given.",
	"verify.stamps.unchecked.one":  "%d time stamp by %s, from %s to %s; chain not checked: give its roots with --tsa-roots.",
	"verify.stamps.unchecked.many": "%d time stamps by %s, from %s to %s; chain not checked: give their roots with --tsa-roots.",
	"err.no_tsa":                   "no time-stamp authority is configured: name one under tsa",
	"alarm.clock_jumped":           "The dock's clock jumped by %s",
	"alarm.clock_jumped.do":        "See who or what set it. The log says so, and keeps its order; times before and after differ by that much.",
	"alarm.tsa_silent":             "No time stamp for a day",
	"alarm.tsa_silent.do":          "Clips are safe and entered all the same. See whether the time-stamp authority can be reached, and whether its roots are the right ones.",
}
