package media

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestExtendedReportsGoToWhoAsks(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.silentPhone(PCMU, 20*ms)
		c := a.rtcp()
		answer, err := a.s.Answer(append(a.sdp(a.addr(), "sendrecv"), "a=rtcp-xr:rcvr-rtt=all:10000 voip-metrics stat-summary=loss\r\n"...))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(answer), "\r\na=rtcp-xr:rcvr-rtt=all voip-metrics\r\n") {
			t.Errorf("got\n%s\nwant what we do of a=rtcp-xr", answer)
		}
		tick := time.NewTicker(20 * ms)
		for i := range 1500 { // 30 s: a burst of 4 every 100, one alone between
			switch {
			case i%100 >= 40 && i%100 < 44, i%100 == 80:
				a.seq++
				a.ts += 160
			default:
				a.speak(440)
			}
			if i == 750 { // its receiver's clock, then what it says of us
				b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: a.ssrc, Reports: []rtcp.ReceptionReport{{SSRC: a.s.ssrc}}},
					&rtcp.ExtendedReport{SenderSSRC: a.ssrc, Reports: []rtcp.ReportBlock{
						&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 0x1234_5678_9abc_def0},
						&rtcp.VoIPMetricsReportBlock{SSRC: a.s.ssrc, MOSCQ: 37}}}})
				if err != nil {
					t.Fatal(err)
				}
				_, _ = c.conn.WriteTo(b, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.to.Addr(), a.to.Port()+1)))
			}
			<-tick.C
		}
		var metrics *rtcp.VoIPMetricsReportBlock
		var times, answered int
		for _, p := range c.packets() {
			x, ok := p.(*rtcp.ExtendedReport)
			if !ok {
				continue
			}
			for _, block := range x.Reports {
				switch block := block.(type) {
				case *rtcp.VoIPMetricsReportBlock:
					metrics = block
				case *rtcp.ReceiverReferenceTimeReportBlock:
					times++
				case *rtcp.DLRRReportBlock:
					answered++
					if got := block.Reports[0]; got.SSRC != a.ssrc || got.LastRR != 0x5678_9abc {
						t.Errorf("got %+v, want the phone's reference time", got)
					}
				}
			}
		}
		if metrics == nil || times < 3 || answered < 1 {
			t.Fatalf("got metrics %v, %d reference times, %d answers, want all", metrics, times, answered)
		}
		// 5 of 100 are lost; 4 of 4 within a burst, 1 of 96 within a gap.
		if metrics.SSRC != a.ssrc || metrics.LossRate < 11 || metrics.LossRate > 14 || metrics.BurstDensity < 250 || metrics.GapDensity < 1 || metrics.GapDensity > 4 {
			t.Errorf("got %+v, want losses of 5 %%, dense in bursts", metrics)
		}
		if metrics.Gmin != 16 || metrics.MOSCQ < 30 || metrics.MOSCQ > 42 || metrics.RFactor < 55 || metrics.RFactor > 85 {
			t.Errorf("got %+v, want a fair score", metrics)
		}
		if got := a.s.Quality(); got.Told.MOS != 3.7 {
			t.Errorf("got %+v, want the phone's own score", got.Told)
		}
	})
}

func TestNobodyIsSentExtendedReportsUnasked(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		c := a.rtcp()
		stop := a.say(440)
		<-time.After(20 * time.Second)
		stop()
		for _, p := range c.packets() {
			if x, ok := p.(*rtcp.ExtendedReport); ok {
				t.Errorf("got %v, want none", x)
			}
		}
		if strings.Contains(string(a.s.Offer()), "rtcp-xr") {
			t.Error("got rtcp-xr offered, want it answered only")
		}
	})
}

func TestBurstsAreThoseOfRFC3611(t *testing.T) {
	var b bursts
	for i := range 10_000 {
		if i%1000 < 10 && i%2 == 0 { // five lost of ten, every 1,000
			continue
		}
		missing := 0
		if i%1000 < 10 {
			missing = 1
		}
		b.took(missing)
	}
	burst, gap, burstLen, gapLen := b.densities()
	if burst < 120 || burst > 150 || gap != 0 || burstLen < 7 || burstLen > 11 || gapLen < 900 || gapLen > 1200 {
		t.Errorf("got densities %d and %d, lengths %.1f and %.1f, want half of nine lost in bursts 990 apart", burst, gap, burstLen, gapLen)
	}
	var clean bursts
	for range 1000 {
		clean.took(0)
	}
	if burst, gap, burstLen, _ := clean.densities(); burst != 0 || gap != 0 || burstLen != 0 {
		t.Errorf("got %d, %d, %.1f without a loss, want nothing", burst, gap, burstLen)
	}
}
