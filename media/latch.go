package media

import "net/netip"

// hearing is what a latch says of a packet's source.
type hearing uint8

const (
	stranger  hearing = iota // from an address that is not accepted
	candidate                // from an accepted one, not yet proven by enough packets
	accepted                 // the peer
)

// provenBy is how many packets in sequence of one SSRC prove a source.
const provenBy = 4

// latch decides whose packets are the peer's and where to send. Sound goes to
// the described address until provenBy packets in sequence have come from an
// accepted source: the described IP or a trusted network, never a third IP.
// From then on it stays, unless a new agreement opens it again or the same
// SSRC comes from another port of the same IP (a NAT that forgot), or the
// described address itself speaks up against another port of its IP. A stranger
// can neither be heard nor draw the sound away (RTP bleed).
type latch struct {
	trust []netip.Prefix // besides the described address

	told   netip.AddrPort // by the description; invalid: none, or hold by 0.0.0.0
	to     netip.AddrPort // where to send; invalid: nowhere yet
	proven bool           // to is where packets came from
	open   bool           // another accepted source may still prove itself
	spoke  bool           // told has, since the agreement: nobody else may prove himself but its SSRC
	ssrc   uint32         // of the proven source, or of told's that spoke

	// The source that is proving itself.
	from netip.AddrPort
	who  uint32
	next uint16
	run  int
}

// agree takes what a new agreement says. moved: the described address is
// another than before.
func (l *latch) agree(told netip.AddrPort, moved bool) {
	l.open, l.run, l.spoke = true, 0, false
	if !told.IsValid() {
		return // on hold at 0.0.0.0: the peer's place is kept for its return
	}
	l.told = told
	if moved || !l.to.IsValid() {
		l.to, l.proven = told, false
	}
}

// admits says whether a source of that SSRC could be the peer at all: hear would not call it a
// stranger. It changes nothing.
func (l *latch) admits(from netip.AddrPort, ssrc uint32) bool {
	switch {
	case l.proven && (from == l.to || from.Addr() == l.to.Addr() && ssrc == l.ssrc):
		return true
	case !l.proven && l.spoke && from != l.told && ssrc != l.ssrc:
	case !l.proven, l.open, l.reclaims(from):
		return l.accepts(from.Addr())
	}
	return false
}

// reclaims says whether a source is the described address itself where another port of its IP was
// taken for the peer's: somebody behind the same NAT, or on the same host, was quicker.
func (l *latch) reclaims(from netip.AddrPort) bool {
	return from == l.told && l.to.Addr() == l.told.Addr()
}

// hear judges a packet's source, and moves to it when it has proven itself.
func (l *latch) hear(from netip.AddrPort, ssrc uint32, seq uint16) hearing {
	if l.proven && from == l.to {
		l.ssrc = ssrc
		if l.open && l.proves(from, ssrc, seq) {
			l.open = false
		}
		return accepted
	}
	if l.proven && from.Addr() == l.to.Addr() && ssrc == l.ssrc {
		if l.proves(from, ssrc, seq) {
			l.move(from, ssrc)
		}
		return accepted
	}
	if l.proven && !l.open && !l.reclaims(from) || !l.accepts(from.Addr()) {
		return stranger
	}
	if !l.proven && from == l.told {
		l.spoke, l.ssrc = true, ssrc
	} else if !l.proven && l.spoke && ssrc != l.ssrc {
		return stranger
	}
	if l.proves(from, ssrc, seq) {
		l.move(from, ssrc)
		return accepted
	}
	if !l.proven && from == l.told {
		return accepted
	}
	return candidate
}

// proves counts packets in sequence from one source, and says when they are enough.
func (l *latch) proves(from netip.AddrPort, ssrc uint32, seq uint16) bool {
	if l.run == 0 || from != l.from || ssrc != l.who || seq != l.next {
		l.from, l.who, l.run = from, ssrc, 0
	}
	l.next = seq + 1
	l.run++
	return l.run >= provenBy
}

func (l *latch) move(to netip.AddrPort, ssrc uint32) {
	l.to, l.ssrc, l.proven, l.open, l.run = to, ssrc, true, false, 0
}

// accepts says whether an IP is the described one or a trusted one.
func (l *latch) accepts(ip netip.Addr) bool {
	if l.told.IsValid() && ip == l.told.Addr() {
		return true
	}
	for _, p := range l.trust {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
