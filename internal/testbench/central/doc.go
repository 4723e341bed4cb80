// Package central has journeys of the real program to real S3 servers on bad
// days; it has no code but tests.
package central
