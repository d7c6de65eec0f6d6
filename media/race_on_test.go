//go:build race

package media

// raced says that the race detector watches, which makes an hour too long.
const raced = true
