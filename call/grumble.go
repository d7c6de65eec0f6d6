package call

import (
	"time"

	"trunkline/sip"
)

// complaint is trouble that repeats: it is said at once, then counted and
// said once a second.
type complaint struct {
	what  string
	trunk sip.TrunkID
}

type complained struct {
	said  time.Time
	more  int
	limit int
}

// grumble says a complaint, at most once a second. limit is what was
// reached; 0: none. of are the log's attributes of the one that is said.
func (s *Switchboard) grumble(what string, trunk sip.TrunkID, limit int, of ...any) {
	key := complaint{what, trunk}
	had, known := s.complaints[key]
	if known && s.now.Sub(had.said) < time.Second {
		had.more++
		s.complaints[key] = had
		return
	}
	s.say(key, complained{said: s.now, more: had.more + 1, limit: limit}, of...)
}

func (s *Switchboard) say(key complaint, c complained, of ...any) {
	attrs := append(of, "count", c.more)
	if key.trunk != "" {
		attrs = append(attrs, "trunk", key.trunk)
	}
	if c.limit > 0 {
		attrs = append(attrs, "limit", c.limit)
	}
	s.log.Warn(key.what, attrs...)
	s.complaints[key] = complained{said: c.said, limit: c.limit}
}

// sayRest says what was only counted, and forgets complaints that have ended.
func (s *Switchboard) sayRest() {
	for key, c := range s.complaints {
		switch {
		case s.now.Sub(c.said) < time.Second:
		case c.more > 0:
			c.said = s.now
			s.say(key, c)
		default:
			delete(s.complaints, key)
		}
	}
}
