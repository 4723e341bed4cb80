package tag

import "github.com/custodock/custodock/clip"

// Attribute returns t with by as the source of every set field and time that
// names none.
func Attribute(t clip.Tags, by string) clip.Tags { return signed(t, by) }
