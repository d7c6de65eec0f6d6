package call

import (
	"slices"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// Protection says whether the sound of a trunk's or an agent's legs is encrypted (SRTP, with keys
// in the session descriptions: RFC 4568). The empty one is off.
type Protection string

// The protections.
const (
	ProtectionOff      Protection = "off"
	ProtectionAuto     Protection = "auto"     // taken from who offers it; offered where TLS hides the keys
	ProtectionOptional Protection = "optional" // offered to all (RTP/AVP with keys), plain for who does not take it
	ProtectionRequired Protection = "required" // RTP/SAVP; nothing in the clear
)

// Media gives the media's word for it; private: the signalling goes over TLS.
func (p Protection) Media(private bool) media.SRTP {
	switch {
	case p == ProtectionRequired:
		return media.SRTPRequired
	case p == ProtectionOptional, p == ProtectionAuto && private:
		return media.SRTPOptional
	case p == ProtectionAuto:
		return media.SRTPAccept
	}
	return media.SRTPOff
}

// Secured names a leg whose sound is encrypted, on a call card.
type Secured struct {
	Agent routing.AgentID `json:"agent,omitempty"`
	Trunk sip.TrunkID     `json:"trunk,omitempty"`
	Suite string          `json:"suite"` // as in a=crypto: AEAD_AES_128_GCM, …
}

// protect says how a line that we dial is encrypted, and whether its signalling hides the keys.
func (s *Switchboard) protect(l *line, to sip.Target) media.SRTP {
	if to.Trunk != "" {
		t := s.setup.trunk(to.Trunk)
		l.private = t.Private
		return t.SRTP.Media(l.private)
	}
	for _, p := range s.phones[l.agent] {
		if p.ID == to.Contact {
			l.private = p.Private
		}
	}
	return s.setup.SRTP[l.agent].Media(l.private)
}

// protectIn is protect of a line that calls in.
func (s *Switchboard) protectIn(l *line, in sip.Invited) media.SRTP {
	l.private = in.Private
	if in.Account != "" {
		return s.setup.SRTP[routing.AgentID(in.Account)].Media(l.private)
	}
	return s.setup.trunk(in.Trunk).SRTP.Media(l.private)
}

// secured keeps on the card how a line's sound is encrypted, after every description that was
// agreed on.
func (s *Switchboard) secured(l *line) {
	suite := l.session.Suite()
	if suite == l.suite {
		return
	}
	l.suite = suite
	if suite == "" {
		s.log.Warn("a leg's sound is no longer encrypted: its peer wants plain RTP", "call", l.call.id, "leg", l.id, "agent", l.agent)
		return
	}
	if !l.private {
		s.grumble("sound is encrypted with keys that cross in the clear: use TLS for the signalling", l.trunkID(), 0)
	}
	is := Secured{Agent: l.agent, Suite: suite}
	if l.agent == "" {
		is.Trunk = l.trunkID()
	}
	if !slices.Contains(l.call.record.SRTP, is) {
		l.call.record.SRTP = append(l.call.record.SRTP, is)
	}
}

// trunkID is the trunk that a line goes over; "" of an agent's.
func (l *line) trunkID() sip.TrunkID {
	switch {
	case l.agent != "":
		return ""
	case l.trunk != "":
		return l.trunk
	}
	return l.call.trunk
}
