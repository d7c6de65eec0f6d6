package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
)

// reports is a session's side of RTCP (RFC 3550 §6). It is not on the packet
// path: a few packets in reportsEvery, built and read by pion.
type reports struct {
	controlFrom netip.AddrPort // where the peer's RTCP comes from, or is said to; invalid: guess
	nextReport  int64
	sentByThen  uint32 // packets, at the last report: none since means a receiver's report

	peerSent   uint32 // middle 32 bits of the NTP time in the peer's last SR; 0: none
	peerSentAt int64

	peerAsked   uint32 // the same of its last receiver reference time (RFC 3611 §4.4)
	peerAskedAt int64
	losses      bursts
}

// reportsEvery is the mean interval between reports, half of it before the
// first. Each is drawn between 0.5 and 1.5 of it (RFC 3550 §6.2).
const reportsEvery = int64(5 * time.Second)

func (s *Session) firstReport(now int64) {
	s.nextReport = now + reportsEvery/4 + rand.Int64N(reportsEvery/2)
}

// report sends a report when one is due.
func (s *Session) report(now int64) {
	if !s.agreed || now < s.nextReport {
		return
	}
	s.nextReport = now + reportsEvery/2 + rand.Int64N(reportsEvery)
	s.sendControl(s.account(now))
}

// bye tells the peer that our source has ended (RFC 3550 §6.6).
func (s *Session) bye(now int64) {
	if s.started {
		s.sendControl(append(s.account(now), &rtcp.Goodbye{Sources: []uint32{s.ssrc}}))
	}
}

// account is the report of this moment, as a sender or as a receiver.
func (s *Session) account(now int64) []rtcp.Packet {
	var heard []rtcp.ReceptionReport
	if s.heard {
		heard = []rtcp.ReceptionReport{s.reception.report(s, now)}
	}
	var first rtcp.Packet = &rtcp.ReceiverReport{SSRC: s.ssrc, Reports: heard}
	if s.packets != s.sentByThen {
		first = &rtcp.SenderReport{
			SSRC: s.ssrc, NTPTime: ntp(s.engine.unix(now)),
			RTPTime:     s.wire.at(s.ts + uint32((now-s.at)/int64(perSample))),
			PacketCount: s.packets, OctetCount: s.octets, Reports: heard,
		}
		s.sentByThen = s.packets
	}
	name := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: s.ssrc,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "trunkline"}},
	}}}
	if s.terms.Extended.any() {
		if x := s.extendedReport(now); len(x.Reports) > 0 {
			return []rtcp.Packet{first, name, x}
		}
	}
	return []rtcp.Packet{first, name}
}

// sendControl sends one compound packet, if it is known where to.
func (s *Session) sendControl(compound []rtcp.Packet) {
	to, sock := s.controlTo()
	if !to.IsValid() || to.Port() == 0 {
		return
	}
	b, err := rtcp.Marshal(compound)
	if err != nil {
		s.engine.log.Error("media: RTCP", "leg", string(s.id), "err", err)
		return
	}
	if b, err = s.sealControl(b); err != nil {
		return
	}
	s.shard.wait.send(sock, b, to)
	s.counts.rtcpSent.Add(1)
}

// controlTo is where RTCP goes, and from which socket. A latched peer's RTCP is
// guessed at the port above its RTP until it has sent some itself.
func (s *Session) controlTo() (netip.AddrPort, *socket) {
	to := s.latch.to
	switch {
	case s.terms.Mux:
		return to, s.rtp
	case s.controlFrom.IsValid() && s.controlFrom.Addr() == to.Addr():
		return s.controlFrom, s.rtcp
	case !to.IsValid():
		return to, s.rtcp
	}
	return netip.AddrPortFrom(to.Addr(), to.Port()+1), s.rtcp
}

// control takes an RTCP packet.
func (s *Session) control(b []byte, from netip.AddrPort, now int64) {
	if !s.agreed || from.Addr() != s.latch.to.Addr() && !s.latch.accepts(from.Addr()) {
		s.counts.strangers.Add(1)
		return
	}
	b, ok := s.unsealControl(b)
	if !ok {
		return
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil || len(b) < 8 { // pion takes a BYE of no source; RFC 3550 §6.1: a report comes first, and has one
		s.counts.garbage.Add(1)
		return
	}
	s.counts.rtcpReceived.Add(1)
	s.watch.reported = now
	if !s.terms.Mux && from.Addr() == s.latch.to.Addr() && (!s.heard || binary.BigEndian.Uint32(b[4:]) == s.who) {
		s.controlFrom = from // whoever else is behind the peer's address draws no reports away
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			s.peerSent, s.peerSentAt = uint32(p.NTPTime>>16), now
			s.told(p.Reports, now)
		case *rtcp.ReceiverReport:
			s.told(p.Reports, now)
		case *rtcp.ExtendedReport:
			s.toldMore(p, now)
		}
	}
}

// told reads what the peer says of our stream.
func (s *Session) told(reports []rtcp.ReceptionReport, now int64) {
	for _, r := range reports {
		if r.SSRC != s.ssrc {
			continue
		}
		s.counts.peerSays.Store(true)
		s.counts.peerLost.Store(uint64(r.TotalLost))
		s.counts.peerJitter.Store(uint64(r.Jitter / s.wire.scale()))
		if r.LastSenderReport == 0 {
			continue
		}
		s.roundTrip(r.LastSenderReport, r.Delay, now)
	}
}

// roundTrip takes a time of ours that the peer has had for a delay, both in
// units of 1/65536 s (RFC 3550 §6.4.1).
func (s *Session) roundTrip(sent, delay uint32, now int64) {
	if trip := int32(uint32(ntp(s.engine.unix(now))>>16) - sent - delay); trip >= 0 {
		s.counts.roundTrip.Store(uint64(trip) * uint64(time.Second) >> 16)
	}
}

// ntp turns Unix nanoseconds into the 64-bit NTP format (RFC 3550 §4).
func ntp(unix int64) uint64 {
	const between = 2_208_988_800 // s from 1900 to 1970
	seconds, rest := uint64(unix)/1e9, uint64(unix)%1e9
	return (seconds+between)<<32 | rest<<32/1e9
}

// reception counts a stream as RFC 3550 §A.3 and §A.8 do.
type reception struct {
	base, highest uint16
	cycles        uint32
	came          uint32 // packets
	expectedThen  uint32 // at the last report
	cameThen      uint32

	timed   bool
	transit int64  // of the last packet, in samples
	jitter  uint64 // samples × 16
}

func (r *reception) begin(seq uint16) {
	*r = reception{base: seq, highest: seq}
}

// note counts a packet; steady says that its timestamp follows time.
func (r *reception) note(p *packet, c *counters, now int64, steady bool) {
	r.came++
	if d := p.seq - r.highest; d != 0 && d < 1<<15 {
		if p.seq < r.highest {
			r.cycles++
		}
		r.highest = p.seq
	}
	if !steady {
		return
	}
	transit := now/int64(perSample) - int64(p.ts)
	d := int64(int32(transit - r.transit)) // timestamps wrap
	if r.timed && max(d, -d) < SampleRate {
		r.jitter += uint64(max(d, -d)) - (r.jitter+8)>>4
		c.jitter.Store(r.jitter)
	}
	r.timed, r.transit = true, transit
}

// report is the block about this stream.
func (r *reception) report(s *Session, now int64) rtcp.ReceptionReport {
	last := r.cycles<<16 | uint32(r.highest)
	expected := last - uint32(r.base) + 1
	lost := int64(expected) - int64(r.came)
	in, lostIn := expected-r.expectedThen, int64(expected-r.expectedThen)-int64(r.came-r.cameThen)
	r.expectedThen, r.cameThen = expected, r.came
	out := rtcp.ReceptionReport{
		SSRC: s.who, TotalLost: uint32(min(max(lost, 0), 1<<23-1)),
		LastSequenceNumber: last, Jitter: uint32(r.jitter>>4) * scaleOf(s.clock.fast), // in the stream's own clock (RFC 3550 §6.4.1)
	}
	if lostIn > 0 && in > 0 {
		out.FractionLost = uint8(min(lostIn<<8/int64(in), 255))
	}
	if s.peerSent != 0 {
		out.LastSenderReport = s.peerSent
		out.Delay = uint32((now - s.peerSentAt) << 16 / int64(time.Second))
	}
	return out
}
