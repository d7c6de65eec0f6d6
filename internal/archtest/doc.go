// Package archtest holds the shape of the house, as a test: which room may
// import which, who is the one importer of each dependency, that routing has
// no clock, that every package says what it is, that tests neither sleep nor
// skip, and that the commands README.md and docs tell exist.
//
// A new arrow between rooms means editing the table in table_test.go, where
// each arrow that is refused has its reason.
//
// It owns nothing and is called by nobody.
package archtest
