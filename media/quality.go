package media

import (
	"math"
	"time"
)

// Quality is how well a leg's sound gets through, counted since the session began. It is a value:
// it may be kept, sent and written as JSON.
type Quality struct {
	Codec     string        `json:"codec,omitempty"`         // agreed on; "" before
	RoundTrip time.Duration `json:"round_trip_ns,omitempty"` // to the peer and back, by RTCP; 0: not known
	Heard     Stream        `json:"heard"`                   // what comes from the peer, as it comes to us
	Told      Stream        `json:"told"`                    // what we send, as the peer's RTCP says it came; Packets 0: it says nothing
}

// Stream is one direction of a leg's sound.
type Stream struct {
	Packets uint64        `json:"packets"`             // that came
	Lost    uint64        `json:"lost"`                // that did not, or too late to be used
	Loss    float64       `json:"loss_percent"`        // of all that were sent
	Burst   float64       `json:"burst,omitempty"`     // mean length of a loss in packets; 0: none, or not known
	Jitter  time.Duration `json:"jitter_ns,omitempty"` // RFC 3550 §6.4.1
	MOS     float64       `json:"mos,omitempty"`       // 1 to 4.5 by the E-model; 0: not known
}

// Quality is a snapshot of how the session's sound fares. It may be called at any time, from any
// goroutine, also after Close, and never waits.
func (s *Session) Quality() Quality {
	c := &s.counts
	if c.spoken.Load() == 0 {
		return Quality{}
	}
	codec := Codec(c.spoken.Load() - 1)
	q := Quality{
		Codec: codec.String(), RoundTrip: time.Duration(c.roundTrip.Load()),
		Heard: Stream{
			Packets: c.received.Load() - min(c.received.Load(), c.duplicate.Load()+c.late.Load()),
			Lost:    c.lost.Load(), Jitter: samplesToDuration(c.jitter.Load() >> 4),
		},
		Told: Stream{Jitter: samplesToDuration(c.peerJitter.Load())},
	}
	if gaps := c.gaps.Load(); gaps > 0 {
		q.Heard.Burst = float64(q.Heard.Lost) / float64(gaps)
	}
	if c.peerSays.Load() {
		q.Told.Lost = c.peerLost.Load()
		q.Told.Packets = c.sent.Load() - min(c.sent.Load(), q.Told.Lost)
	}
	delay := q.RoundTrip / 2
	peers := float64(c.peerScore.Load()) / 10
	for _, one := range []*Stream{&q.Heard, &q.Told} {
		if all := one.Packets + one.Lost; all > 0 {
			one.Loss = 100 * float64(one.Lost) / float64(all)
			one.MOS = math.Round(100*opinion(codec, *one, delay)) / 100
		}
	}
	if q.Told.Packets > 0 && peers > 0 {
		q.Told.MOS = peers // it knows its buffer and its concealment, we do not
	}
	return q
}

// What is not measured of the way to an ear: a packet is made and a buffer holds it for twice the
// jitter, not less than one more packet.
const (
	packing    = 20 * time.Millisecond
	leastDelay = 20 * time.Millisecond
)

// opinion is the mean opinion score of a stream by the E-model (ITU-T G.107) with its defaults for
// all that we do not measure: R = 93.2 - Id - Ie,eff. Of the delay only the part without echo
// counts, Idd by the straight lines that fit it up to 400 ms. G.722 is put on the same narrowband
// scale: its better sound earns nothing, so that legs can be compared.
func opinion(c Codec, s Stream, oneWay time.Duration) float64 { return scoreOf(rating(c, s, oneWay)) }

// rating is the E-model's R.
func rating(c Codec, s Stream, oneWay time.Duration) float64 {
	d := (oneWay + packing + max(2*s.Jitter, leastDelay)).Seconds() * 1000
	id := 0.024 * d
	if d > 177.3 {
		id += 0.11 * (d - 177.3)
	}
	k := kinds[c]
	// G.107 §3.5: BurstR is the mean length of a loss over that of a random one.
	burst := 1.0
	if s.Burst > 0 {
		burst = max(1, s.Burst*(1-s.Loss/100))
	}
	ie := k.impairment + (95-k.impairment)*s.Loss/(s.Loss/burst+k.robustness)
	return 93.2 - id - ie
}

// scoreOf turns the E-model's R into a mean opinion score (G.107 annex B).
func scoreOf(r float64) float64 {
	switch {
	case r <= 6.5: // where the curve would turn up again
		return 1
	case r >= 100:
		return 4.5
	}
	return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
}
