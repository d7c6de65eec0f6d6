//go:build unix

package sip

import "syscall"

// openFiles is how many files this process may have open; 0: not known. The
// runtime has raised it to the hard limit.
func openFiles() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return uint64(l.Cur)
}
