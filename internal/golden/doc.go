// Package golden compares what a test got with a file kept in testdata.
//
// It owns the -update flag of the test binaries that import it: with it, Equal
// rewrites the file instead of comparing. A golden file that changed is read as
// if it were code. Tests only; it imports nothing of the house.
package golden
