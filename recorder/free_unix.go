//go:build linux || darwin

package recorder

import "syscall"

// freeOf is what a folder's disk has for us, in bytes; 0: not known.
func freeOf(dir string) uint64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
