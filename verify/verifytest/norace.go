//go:build !race

package verifytest

const raced = false
