package message

// englishStamp is what is said of time stamps and of the dock's clock.
var englishStamp = map[string]string{
	"cmd.log.stamp":       "Have the log stamped by the time-stamp authority now",
	"stamp.made":          "The first %d entries are stamped by %s at %s; its certificates end on %s.",
	"stamp.last":          "Nothing came since: the first %d entries were stamped by %s at %s; its certificates end on %s.",
	"stamp.cosigned":      "The first %d entries are cosigned. No authority stamped them.",
	"err.no_tsa":          "no time-stamp authority is configured: name one under tsa",
	"alarm.tsa_silent":    "No time stamp for a day",
	"alarm.tsa_silent.do": "Clips are safe and entered all the same. See whether the time-stamp authority can be reached, and whether its roots are the right ones.",
}
