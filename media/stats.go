package media

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// Stats are a session's counters at one moment.
type Stats struct {
	Received, ReceivedBytes uint64 // RTP packets accepted from the peer, and their payload
	Sent, SentBytes         uint64
	Lost                    uint64 // never came, or came too late to be used
	Late                    uint64 // came after their gap had been given up
	Duplicate               uint64
	Reordered               uint64 // came out of order, in time
	Strangers               uint64 // from an address that is not accepted
	Forged                  uint64 // SRTP and SRTCP packets that the agreed keys did not make, plain RTP among them
	Replayed                uint64 // SRTP and SRTCP packets that had come before, or are too old to tell
	Garbage                 uint64 // not RTP, too long, or of a payload type that was not negotiated
	Resyncs                 uint64 // the peer changed its SSRC or jumped in sequence
	SkippedFrames           uint64 // not sent because the shard woke too late
	Panics                  uint64 // packets lost to a panic of ours
	Digits                  uint64
	Jitter                  time.Duration // RFC 3550 §6.4.1
	SSRC                    uint32        // the peer's; 0: none yet
	OwnSSRC                 uint32
	Local, Remote           netip.AddrPort // where we listen; where we send
	Latched                 bool           // Remote is proven by packets, not only by the SDP
	LastPacket              time.Time      // zero: none yet

	// From the peer's RTCP; zero when it sends none.
	RTCPReceived, RTCPSent uint64
	PeerLost               uint64        // of our packets, cumulative
	PeerJitter             time.Duration // of our packets at the peer
	RoundTrip              time.Duration
}

// counters are written by the shard and read by anybody. Each is one atomic,
// so that reading never stops the packet path.
type counters struct {
	received, receivedBytes, sent, sentBytes                atomic.Uint64
	lost, late, duplicate, reordered                        atomic.Uint64
	strangers, garbage, resyncs, skipped, panics, digits    atomic.Uint64
	rtcpReceived, rtcpSent, peerLost, peerJitter, roundTrip atomic.Uint64
	gaps                                                    atomic.Uint64 // runs of packets that are missing
	peerScore                                               atomic.Uint32 // the MOS its extended reports give us, times 10; 0: none
	spoken                                                  atomic.Uint32 // the codec agreed on + 1; 0: none yet
	peerSays                                                atomic.Bool   // its RTCP has told of our packets
	forged, replayed                                        atomic.Uint64
	jitter                                                  atomic.Uint64 // in RTP units × 16
	ssrc                                                    atomic.Uint32
	last                                                    atomic.Int64 // engine time + 1; 0: none
	remote                                                  atomic.Pointer[remote]
}

// remote is where a session sends, as Stats tells it.
type remote struct {
	addr    netip.AddrPort
	latched bool
}

// Stats copies the session's counters. It may be called at any time, also
// after Close.
func (s *Session) Stats() Stats {
	c := &s.counts
	out := Stats{
		Received: c.received.Load(), ReceivedBytes: c.receivedBytes.Load(),
		Sent: c.sent.Load(), SentBytes: c.sentBytes.Load(),
		Lost: c.lost.Load(), Late: c.late.Load(), Duplicate: c.duplicate.Load(), Reordered: c.reordered.Load(),
		Strangers: c.strangers.Load(), Garbage: c.garbage.Load(), Resyncs: c.resyncs.Load(),
		SkippedFrames: c.skipped.Load(), Panics: c.panics.Load(), Digits: c.digits.Load(),
		Forged: c.forged.Load(), Replayed: c.replayed.Load(),
		Jitter: samplesToDuration(c.jitter.Load() >> 4),
		SSRC:   c.ssrc.Load(), OwnSSRC: s.ssrc, Local: s.local,
		RTCPReceived: c.rtcpReceived.Load(), RTCPSent: c.rtcpSent.Load(),
		PeerLost: c.peerLost.Load(), PeerJitter: samplesToDuration(c.peerJitter.Load()),
		RoundTrip: time.Duration(c.roundTrip.Load()),
	}
	if r := c.remote.Load(); r != nil {
		out.Remote, out.Latched = r.addr, r.latched
	}
	if at := c.last.Load(); at != 0 {
		out.LastPacket = s.engine.epoch.Add(time.Duration(at - 1))
	}
	return out
}

// samplesToDuration converts a count at the RTP clock of G.711, 8 kHz.
func samplesToDuration(n uint64) time.Duration { return time.Duration(n) * perSample }
