package call

import "time"

// A phone whose packets stop may be gone, or only silent. It is asked at once;
// while it does not answer, whoever listened to it hears music instead of
// nothing. The answer brings the two together again, or ends the leg.
const (
	doubtFor   = 700 * time.Millisecond // with the request sent twice, RFC 3261 §17.1.2.2
	missingFor = 5 * time.Second        // longer than a Probe takes: no answer at all is no proof
)

// doubt asks a phone whose packets have stopped whether it is there.
func (s *Switchboard) doubt(l *line) {
	if l.doubted.IsZero() {
		l.doubted = s.now.Add(doubtFor)
		if l.inBrowser() {
			l.doubted = s.now // it cannot be asked
		}
		l.leg.Probe()
	}
}

// doubtful is when the next of the call's phones counts as missing, or again as there; zero: none does.
func (c *liveCall) doubtful() (at time.Time) {
	for _, l := range c.lines {
		if !l.doubted.IsZero() && (at.IsZero() || l.doubted.Before(at)) {
			at = l.doubted
		}
	}
	return at
}

// miss is the time of doubtful having come.
func (s *Switchboard) miss(c *liveCall) {
	for _, l := range c.lines {
		switch {
		case l.doubted.IsZero() || l.doubted.After(s.now):
		case l.state == lineLeaving: // another has its place
			l.doubted = noTime
		case l.missing && l.inBrowser():
			s.vanished(l)
			return // its call has other lines now
		case l.missing:
			s.trust(l)
		default:
			l.missing, l.doubted = true, s.now.Add(missingFor)
			if l.inBrowser() {
				l.doubted = s.now.Add(s.patience(l))
			}
			s.arrange(c)
		}
	}
}

// trust ends the doubt: the phone is there.
func (s *Switchboard) trust(l *line) {
	l.doubted = noTime
	if l.missing {
		l.missing = false
		s.arrange(l.call)
	}
}
