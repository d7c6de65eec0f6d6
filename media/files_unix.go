//go:build unix

package media

import "syscall"

// filesAllowed is how many files this process may have open; false: not known.
// The runtime has raised it to the hard limit.
func filesAllowed() (uint64, bool) {
	var l syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	return uint64(l.Cur), err == nil
}
