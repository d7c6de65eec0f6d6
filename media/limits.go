package media

import (
	"errors"
	"fmt"
	"syscall"
)

// What a call needs: four sockets, two a leg, and a recording's file; and the
// process besides.
const (
	filesOfACall = 5
	filesBesides = 200
	pairsOfACall = 2
)

// shortages says what so many calls at once will lack of files and ports, and
// the cure: a sentence each. files is what the process may open; 0: not known.
func shortages(calls int, files uint64, pairs int) (all []string) {
	if need := uint64(filesOfACall*calls + filesBesides); files > 0 && files < need {
		all = append(all, fmt.Sprintf("%d calls need %d open files, the limit is %d: raise it (LimitNOFILE=%d for systemd, ulimit -n %d in a shell) or lower calls.max",
			calls, need, files, need, need))
	}
	if need := pairsOfACall * calls; pairs < need {
		all = append(all, fmt.Sprintf("%d calls need %d port pairs, media.ports has %d: widen it to %d ports or lower calls.max",
			calls, need, pairs, 2*need))
	}
	return all
}

// warn says at the start what will be short.
func (e *Engine) warn() {
	if e.cfg.Calls <= 0 {
		return
	}
	files, _ := filesAllowed()
	for _, short := range shortages(e.cfg.Calls, files, len(e.ports.free)) {
		e.log.Warn("media: calls.max cannot be reached: " + short)
	}
}

// cured adds to a refusal of the kernel's what helps against it.
func cured(err error) error {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		files, _ := filesAllowed()
		return fmt.Errorf("%w: the limit is %d; raise RLIMIT_NOFILE (LimitNOFILE= for systemd, ulimit -n in a shell)", err, files)
	}
	return err
}
