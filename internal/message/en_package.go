package message

// englishPackage is what is said of evidence packages.
var englishPackage = map[string]string{
	"export.left":      "not in the package, part of the same recording: %s",
	"export.check.zip": "check it with: custodock verify %s --key %s",
	"flag.zip":         "write one zip file, whose name ends in .zip",
}
