package media

import "time"

// chore is what a session does now and then: see whether its peer has fallen
// silent, report, keep a quiet relay alive.
func (s *Session) chore(now int64) {
	if s.ended {
		if now >= s.tail.until {
			s.vanish()
		}
		return
	}
	if !s.agreed || s.dormant {
		return
	}
	limit := s.cfg.Timeout
	if s.quiet {
		limit = s.cfg.HeldTimeout
	}
	if idle := time.Duration(now - s.waiting); limit > 0 && idle >= limit && !s.timedOut {
		s.timedOut = true
		s.engine.cfg.Emit(TimedOut{Session: s.id, Held: s.quiet, For: idle})
	}
	s.overdue(now)
	s.stop(now)
	s.look(now)
	s.report(now)
	if s.course == relayed && now-s.last >= int64(silentAfter) && s.maySend() {
		s.keepAlive(now)
	}
}

// showRemote lets Stats know where the session sends.
func (s *Session) showRemote() {
	s.shownProven = s.latch.proven
	s.counts.remote.Store(&remote{addr: s.latch.to, latched: s.latch.proven})
}
