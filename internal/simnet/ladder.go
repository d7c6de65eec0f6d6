package simnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Line is one SIP message on the wire.
type Line struct {
	At       time.Duration // since New or ClearLadder, when it was sent
	From, To string        // names
	Text     string        // "INVITE sip:+14155550100@switch (sdp)", "180 Ringing (INVITE)"

	callID string
	seq    int
}

// Name gives a host the name it has in the ladder.
func (n *Net) Name(ip netip.Addr, name string) { n.set(func() { n.names[ip.Unmap()] = name }) }

// NamePort gives one socket a name, before that of its host.
func (n *Net) NamePort(addr netip.AddrPort, name string) {
	n.set(func() { n.portNames[addr] = name })
}

func (n *Net) nameOf(addr netip.AddrPort) string {
	if s := n.portNames[addr]; s != "" {
		return s
	}
	if s := n.names[addr.Addr()]; s != "" {
		return s
	}
	return addr.Addr().String()
}

// observe draws the datagram. The caller holds mu.
func (n *Net) observe(p Packet, dst netip.AddrPort, fl *flow, f fate) {
	switch {
	case p.SIP():
		text := n.sipText(p.Payload)
		key := p.From.String() + p.To.String() + string(p.Payload)
		if n.seen[key]++; n.seen[key] > 1 {
			text += " (again)"
		}
		if f.lost {
			text += " (lost)"
		} else if f.note != "" {
			text += " (" + f.note + ")"
		}
		n.ladder = append(n.ladder, Line{
			At: p.At.Sub(n.started), From: n.nameOf(p.From), To: n.nameOf(dst), Text: text,
			callID: header(p.Payload, "Call-ID"), seq: len(n.ladder),
		})
	case p.RTP():
		if fl.rtp == 0 {
			fl.firstRTP, fl.firstType = p.At, p.Payload[1]&0x7f
		}
		fl.rtp++
		fl.lastRTP, fl.lastType = p.At, p.Payload[1]&0x7f
	}
}

// ClearLadder forgets the lines and flows so far and sets the ladder's clock to
// zero: what a test's preparation (registrations) drew is not part of its story.
func (n *Net) ClearLadder() {
	n.set(func() {
		n.ladder, n.started = nil, time.Now()
		clear(n.seen)
		for _, f := range n.flows {
			f.rtp = 0
		}
	})
}

// Lines returns the SIP messages so far by time. Messages of one instant are
// ordered by sender, receiver and, between two calls, by their text: which
// goroutine was first is not part of the story.
func (n *Net) Lines() []Line {
	n.mu.Lock()
	lines := slices.Clone(n.ladder)
	n.mu.Unlock()
	type group struct {
		at             time.Duration
		from, to, call string
	}
	first := map[group]string{} // first text of a call among equals
	for _, l := range lines {
		g := group{l.At, l.From, l.To, l.callID}
		if _, ok := first[g]; !ok {
			first[g] = l.Text
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		if a.At != b.At {
			return int(a.At - b.At)
		}
		if c := strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To); c != 0 {
			return c
		}
		if a.callID != b.callID {
			ta, tb := first[group{a.At, a.From, a.To, a.callID}], first[group{b.At, b.From, b.To, b.callID}]
			if c := strings.Compare(ta, tb); c != 0 {
				return c
			}
			return strings.Compare(a.callID, b.callID)
		}
		return a.seq - b.seq
	})
	return lines
}

// Ladder returns the lines as text for a golden file:
//
//	0.005s  carrier -> switch   INVITE sip:+14155550100@switch (from +14155550123) (sdp)
//
// Tags, branches, Call-IDs, ULIDs and ports never appear.
func (n *Net) Ladder() []string {
	lines := n.Lines()
	wf, wt := 0, 0
	for _, l := range lines {
		wf, wt = max(wf, len(l.From)), max(wt, len(l.To))
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = fmt.Sprintf("%8.3fs  %-*s -> %-*s  %s", l.At.Seconds(), wf, l.From, wt, l.To, l.Text)
	}
	return out
}

// Flow sums up the RTP of one direction between two sockets.
type Flow struct {
	From, To    netip.AddrPort
	Packets     int
	PayloadType uint8 // of the last packet
	First, Last time.Duration
}

// Flows returns the RTP seen since New or ClearLadder, by first packet, then by
// address.
func (n *Net) Flows() []Flow {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []Flow
	for k, f := range n.flows {
		if f.rtp > 0 {
			out = append(out, Flow{From: k.from, To: k.to, Packets: f.rtp, PayloadType: f.lastType,
				First: f.firstRTP.Sub(n.started), Last: f.lastRTP.Sub(n.started)})
		}
	}
	slices.SortFunc(out, func(a, b Flow) int {
		if a.First != b.First {
			return int(a.First - b.First)
		}
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return a.To.Compare(b.To)
	})
	return out
}

// Sound sums up the RTP as text, in tenths of a second and without counts:
//
//	carrier => switch  PCMU  0.1s to 12.4s
func (n *Net) Sound() []string {
	var out []string
	for _, f := range n.Flows() {
		n.mu.Lock()
		from, to := n.nameOf(f.From), n.nameOf(f.To)
		if _, dst, ok := n.translate(f.From, f.To); ok {
			to = n.nameOf(dst)
		}
		n.mu.Unlock()
		pt := fmt.Sprint(f.PayloadType)
		switch f.PayloadType {
		case 0:
			pt = "PCMU"
		case 8:
			pt = "PCMA"
		}
		out = append(out, fmt.Sprintf("%s => %s  %s  %.1fs to %.1fs", from, to, pt, f.First.Seconds(), f.Last.Seconds()))
	}
	return out
}
