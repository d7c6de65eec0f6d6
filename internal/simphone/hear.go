package simphone

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Heard are a call's receiver counters.
type Heard struct {
	Packets    int // RTP packets, telephone-events included
	Bytes      int // their payload
	Lost       int // sequence numbers that never came
	Reordered  int // came after a later one
	Duplicates int
	Garbage    int // datagrams that are not RTP version 2; RTCP is not counted
	// TimestampJumps counts packets of one SSRC whose timestamp does not continue
	// the one before at 160 a sequence number (RFC 3550 §5.1); a talkspurt after
	// silence is allowed to jump, so a marker bit excuses it.
	TimestampJumps int
	SSRCs          []uint32 // in order of appearance
	Payloads       []Codec  // payload types, likewise
	Sources        []netip.AddrPort
	First, Last    time.Time
	LongestGap     time.Duration // between arrivals
	Digits         string        // telephone-events, once each
	Markers        int
}

// hearing is what a session has received. Under session.mu.
type hearing struct {
	Heard
	streams map[uint32]*stream
	kept    []packet // oldest first, of the last session.keep
	events  map[uint32]bool
}

// stream is the receiver's view of one SSRC.
type stream struct {
	highest uint64 // extended sequence number
	first   uint64
	lastTS  uint32 // of the last packet of sound
	lastSeq uint64
	excused bool            // the next packet of sound may jump
	got     map[uint64]bool // the last 1,024
}

// packet is a kept one.
type packet struct {
	at      time.Time
	ssrc    uint32
	seq     uint64
	ts      uint32
	codec   Codec
	payload []byte
}

// listen takes packets until the socket is closed.
func (s *session) listen(conn net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-s.stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			continue
		}
		src := sourceOf(from)
		s.mu.Lock()
		if !s.dead {
			s.packet(buf[:n], src, time.Now())
		}
		s.mu.Unlock()
	}
}

// sourceOf is where a datagram came from; IPv4 in IPv6 is IPv4.
func sourceOf(a net.Addr) netip.AddrPort {
	var at netip.AddrPort
	if u, ok := a.(*net.UDPAddr); ok {
		at = u.AddrPort()
	} else {
		at, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// packet takes one datagram. The caller holds mu.
func (s *session) packet(b []byte, from netip.AddrPort, now time.Time) {
	h := &s.hear
	if len(b) >= 2 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223 {
		return // RTCP on the same port, RFC 5761 §4
	}
	if b = s.keys.open(b); b == nil {
		h.Garbage++
		return
	}
	payload, ok := rtpPayload(b)
	if !ok {
		h.Garbage++
		return
	}
	p := packet{at: now, ssrc: binary.BigEndian.Uint32(b[8:]), ts: binary.BigEndian.Uint32(b[4:]),
		codec: Codec(b[1] & 0x7f), payload: bytes.Clone(payload)}
	marker := b[1]&0x80 != 0
	if h.Packets++; h.Packets == 1 {
		h.First = now
	} else {
		h.LongestGap = max(h.LongestGap, now.Sub(h.Last))
	}
	if marker {
		h.Markers++
	}
	h.Last, h.Bytes = now, h.Bytes+len(payload)
	h.SSRCs, h.Payloads, h.Sources = once(h.SSRCs, p.ssrc), once(h.Payloads, p.codec), once(h.Sources, from)
	event := s.events >= 0 && int(p.codec) == s.events
	if !h.order(&p, binary.BigEndian.Uint16(b[2:]), marker, event) {
		return // a duplicate
	}
	if event {
		h.digit(p)
		return
	}
	h.kept = append(h.kept, p)
	if old := now.Add(-s.keep); h.kept[0].at.Before(old.Add(-s.keep / 4)) { // in batches
		i := slices.IndexFunc(h.kept, func(p packet) bool { return p.at.After(old) })
		h.kept = slices.Clone(h.kept[i:])
	}
}

// order sorts the packet into its stream; false: it is there already.
func (h *hearing) order(p *packet, seq16 uint16, marker, event bool) bool {
	if h.streams == nil {
		h.streams, h.events = map[uint32]*stream{}, map[uint32]bool{}
	}
	st := h.streams[p.ssrc]
	if st == nil {
		p.seq = 1<<32 + uint64(seq16)
		h.streams[p.ssrc] = &stream{highest: p.seq, first: p.seq, lastTS: p.ts, lastSeq: p.seq, got: map[uint64]bool{p.seq: true}}
		return true
	}
	p.seq = uint64(int64(st.highest) + int64(int16(seq16-uint16(st.highest))))
	if st.got[p.seq] {
		h.Duplicates++
		return false
	}
	st.got[p.seq] = true
	delete(st.got, p.seq-1024)
	switch {
	case p.seq > st.highest:
		h.Lost += int(p.seq - st.highest - 1)
		st.highest = p.seq
		if event { // its timestamp stands still, and its ends come at once: RFC 4733 §2.5
			st.excused = true
			break
		}
		if !marker && !st.excused && p.ts-st.lastTS != uint32(p.seq-st.lastSeq)*frameSamples {
			h.TimestampJumps++
		}
		st.lastTS, st.lastSeq, st.excused = p.ts, p.seq, false
	case p.seq < st.first:
		h.Reordered++
	default:
		h.Reordered++
		h.Lost--
	}
	return true
}

// digit counts a telephone-event once per timestamp: RFC 4733 §2.5.1.
func (h *hearing) digit(p packet) {
	if len(p.payload) < 4 || p.payload[0] > 15 || h.events[p.ts] {
		return
	}
	h.events[p.ts] = true
	h.Digits += string("0123456789*#ABCD"[p.payload[0]])
}

// rtpPayload cuts the header off: RFC 3550 §5.1.
func rtpPayload(b []byte) ([]byte, bool) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return nil, false
	}
	start := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < start+4 {
			return nil, false
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[len(b)-1])
	}
	if start > end {
		return nil, false
	}
	return b[start:end], true
}

func once[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// between returns the sound that arrived in [from, to).
func (s *session) between(from, to time.Time) Sound {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in []packet
	for _, p := range s.hear.kept {
		if !p.at.Before(from) && p.at.Before(to) {
			in = append(in, p)
		}
	}
	return assemble(in)
}

// heard returns a copy of the counters.
func (s *session) heard() Heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hear.Heard
	h.SSRCs, h.Payloads, h.Sources = slices.Clone(h.SSRCs), slices.Clone(h.Payloads), slices.Clone(h.Sources)
	return h
}
