package media

import (
	"math"
	"strings"
	"time"

	"github.com/pion/rtcp"
)

// Extended is what the peer has asked for of RTCP extended reports (RFC 3611 §5.1, a=rtcp-xr). We
// send them to who asks, and ask nobody.
type Extended struct {
	Metrics   bool // VoIP metrics (§4.7)
	RoundTrip bool // receiver reference times, so that who sends nothing can measure too (§4.4)
}

// any says whether there is something to send.
func (x Extended) any() bool { return x.Metrics || x.RoundTrip }

// extended reads a section's a=rtcp-xr.
func (s *section) extended() (x Extended) {
	value, _ := attribute(s.lines, "rtcp-xr")
	for _, word := range strings.Fields(strings.ToLower(value)) {
		name, mode, _ := strings.Cut(word, "=")
		switch name {
		case "voip-metrics":
			x.Metrics = true
		case "rcvr-rtt":
			x.RoundTrip = mode == "all" || strings.HasPrefix(mode, "all:")
		}
	}
	return x
}

// attribute is the line that says what we do.
func (x Extended) attribute() string {
	var words []string
	if x.RoundTrip {
		words = append(words, "rcvr-rtt=all")
	}
	if x.Metrics {
		words = append(words, "voip-metrics")
	}
	return "rtcp-xr:" + strings.Join(words, " ")
}

// bursts counts losses as RFC 3611 §A.2 does: a gap is a time with at least gmin packets between
// two losses, a burst one with fewer.
type bursts struct {
	came int // packets since the last loss
	lost int // losses of this burst

	c11, c13, c14, c22, c23, c33 int
}

// gmin is the least length of a gap in packets (RFC 3611 §4.7.2).
const gmin = 16

// took counts a packet that was used, and those that are missing before it.
func (b *bursts) took(missing int) {
	for range min(missing, 1000) {
		if b.came >= gmin {
			if b.lost == 1 {
				b.c14++
			} else {
				b.c13++
			}
			b.lost, b.c11 = 1, b.c11+b.came
		} else {
			b.lost++
			if b.came == 0 {
				b.c33++
			} else {
				b.c23++
				b.c22 += b.came - 1
			}
		}
		b.came = 0
	}
	b.came++
}

// densities are the shares of packets lost in bursts and in gaps, in 1/256, and the mean lengths of
// both in packets.
func (b *bursts) densities() (burst, gap uint8, burstLen, gapLen float64) {
	c := *b
	c.c11 += c.came // the gap that lasts
	c31, c32 := c.c13, c.c23
	p32, p23 := 0.0, 1.0
	if all := c31 + c32 + c.c33; all > 0 {
		p32 = float64(c32) / float64(all)
	}
	if all := c.c22 + c.c23; all > 0 {
		p23 = 1 - float64(c.c22)/float64(all)
	}
	if c.c13+c.c23+c.c33 > 0 {
		burst = share(p23 / (p23 + p32))
	}
	if all := c.c11 + c.c14; all > 0 {
		gap = share(float64(c.c14) / float64(all))
	}
	times := float64(max(c.c13, 1))
	total := c.c11 + c.c14 + c.c13 + c.c22 + c.c23 + c31 + c32 + c.c33
	gapLen = float64(c.c11+c.c14+c.c13) / times
	return burst, gap, max(float64(total)/times-gapLen, 0), gapLen
}

func share(v float64) uint8 { return uint8(min(math.Round(v*256), 255)) }

// unknown is a metric that we do not measure (RFC 3611 §4.7.5).
const unknown = 127

// extendedReport is what goes with a report to who asked for it.
func (s *Session) extendedReport(now int64) *rtcp.ExtendedReport {
	x := &rtcp.ExtendedReport{SenderSSRC: s.ssrc}
	if s.terms.Extended.RoundTrip {
		x.Reports = append(x.Reports, &rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: ntp(s.engine.unix(now))})
		if s.peerAsked != 0 {
			x.Reports = append(x.Reports, &rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{{
				SSRC: s.who, LastRR: s.peerAsked, DLRR: uint32((now - s.peerAskedAt) << 16 / int64(time.Second)),
			}}})
		}
	}
	if s.terms.Extended.Metrics && s.heard {
		x.Reports = append(x.Reports, s.metrics())
	}
	return x
}

// metrics is the block of VoIP metrics about what we hear.
func (s *Session) metrics() *rtcp.VoIPMetricsReportBlock {
	q := s.Quality()
	all := float64(max(q.Heard.Packets+q.Heard.Lost, 1))
	late := float64(s.counts.late.Load())
	b := &rtcp.VoIPMetricsReportBlock{
		SSRC: s.who, LossRate: share(max(float64(q.Heard.Lost)-late, 0) / all), DiscardRate: share(late / all),
		RoundTripDelay: uint16(min(q.RoundTrip.Milliseconds(), math.MaxUint16)),
		EndSystemDelay: uint16(min(max(2*q.Heard.Jitter, leastDelay).Milliseconds(), math.MaxUint16)),
		SignalLevel:    unknown, NoiseLevel: unknown, RERL: unknown, Gmin: gmin,
		RFactor: unknown, ExtRFactor: unknown, MOSLQ: unknown, MOSCQ: unknown,
		RXConfig:  3 << 4, // adaptive jitter buffer (RFC 3611 §4.7.6); concealment is the listener's
		JBMaximum: uint16(s.engine.cfg.JitterMax.Milliseconds()), JBAbsMax: uint16(s.engine.cfg.JitterMax.Milliseconds()),
	}
	packet := float64(max(s.frame, 1)) / (SampleRate / 1000)
	var burst, gap float64
	b.BurstDensity, b.GapDensity, burst, gap = s.losses.densities()
	b.BurstDuration, b.GapDuration = uint16(min(burst*packet, math.MaxUint16)), uint16(min(gap*packet, math.MaxUint16))
	if q.Heard.MOS > 0 {
		codec := Codec(s.counts.spoken.Load() - 1)
		b.RFactor = uint8(min(max(rating(codec, q.Heard, q.RoundTrip/2), 0), 100))
		b.MOSLQ = uint8(math.Round(10 * opinion(codec, q.Heard, 0)))
		b.MOSCQ = uint8(math.Round(10 * q.Heard.MOS))
	}
	return b
}

// toldMore reads the peer's extended report.
func (s *Session) toldMore(x *rtcp.ExtendedReport, now int64) {
	for _, block := range x.Reports {
		switch block := block.(type) {
		case *rtcp.ReceiverReferenceTimeReportBlock:
			s.peerAsked, s.peerAskedAt = uint32(block.NTPTimestamp>>16), now
		case *rtcp.DLRRReportBlock:
			for _, r := range block.Reports {
				if r.SSRC == s.ssrc && r.LastRR != 0 {
					s.roundTrip(r.LastRR, r.DLRR, now)
				}
			}
		case *rtcp.VoIPMetricsReportBlock:
			// MOS-CQ is what its listener would say; 10 to 50 (RFC 3611 §4.7.5).
			if block.SSRC == s.ssrc && block.MOSCQ >= 10 && block.MOSCQ <= 50 {
				s.counts.peerScore.Store(uint32(block.MOSCQ))
			}
		}
	}
}
