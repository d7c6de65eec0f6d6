// Package raced tells a test that the race detector watches it. It makes
// everything some ten times as slow, and long stories show it nothing that
// short ones do not: those have a short form of the same checks, which `make
// check` runs; `make test` runs the whole.
package raced

// Or is whole, or short where the race detector watches.
func Or[T any](short, whole T) T {
	if On {
		return short
	}
	return whole
}
