package media

import (
	"net"
	"testing"
	"time"

	"trunkline/internal/ear"
	"trunkline/internal/raced"
	"trunkline/internal/tone"
)

// hardNetwork is what the stories of an hour have between the phone and us: a
// clock that runs 200 ppm fast, a tenth lost in bursts of three, up to 60 ms of
// jitter with reordering, 2 s of outage each minute.
func hardNetwork() ear.Network {
	return ear.All(ear.Skew(200), ear.Bursts(.10, 3), ear.Outages(storyOutage, time.Minute), ear.Jitter(60*ms))
}

const storyOutage = 2 * time.Second

// storyHour is an hour, of which the race detector sees three minutes.
func storyHour() time.Duration { return raced.Or(3*time.Minute, time.Hour) }

// sends has a phone send packets at their times, counted from now, and returns
// when the last is gone. Their SSRC is the phone's.
func (p *phone) sends(all []ear.Packet) {
	began := time.Now()
	to := p.to
	for _, q := range all {
		<-time.After(time.Until(began.Add(q.At)))
		q.SSRC = p.ssrc
		if _, err := p.conn.WriteTo(q.Bytes(), net.UDPAddrFromAddrPort(to)); err != nil {
			p.r.Errorf("sending: %v", err)
			return
		}
	}
}

// toneOf is a phone's tone of so long, as packets of 20 ms.
func toneOf(hz float64, lasts time.Duration) []ear.Packet {
	pcm := make([]int16, lasts/perSample)
	second := pcm[:min(SampleRate, len(pcm))] // of whole periods: it can be said again
	tone.Sine(second, SampleRate, hz, -12, 0)
	for at := len(second); at < len(pcm); at += len(second) {
		copy(pcm[at:], second)
	}
	return ear.Talk(pcm, ear.Mulaw, 20*ms, 0)
}

// An hour over a hard network, relayed: what leaves is in order, all that the
// network let through is there, and no silence is longer than the outage.
func TestHourOverAHardNetworkRelayed(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, Config{Shards: 2}, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		came := ear.Travel(toneOf(440, storyHour()), hardNetwork(), 1)
		a.sends(came)
		<-time.After(500 * ms)
		got := b.heard()
		sounding := 0
		last := got[0]
		for i := range got {
			p := &got[i]
			if i > 0 {
				if int16(p.seq-last.seq) <= 0 {
					t.Fatalf("packet %d: got number %d after %d, want order", i, p.seq, last.seq)
				}
				if gap := p.at.Sub(last.at); gap > storyOutage+250*ms {
					t.Fatalf("packet %d: got %v without a packet, want no more than the outage", i, gap)
				}
			}
			last = *p
			if p.payload()[80] != PCMU.Silence() || p.payload()[3] != PCMU.Silence() {
				sounding++
			}
		}
		s := a.s.Stats()
		if s.Received != uint64(len(came)) {
			t.Errorf("got %d packets in, want %d", s.Received, len(came))
		}
		if want := len(came) - int(s.Late+s.Duplicate); sounding < want-10 || sounding > want+10 {
			t.Errorf("got %d packets with the tone, want %d", sounding, want)
		}
		if s.Late > uint64(len(came)/1000) {
			t.Errorf("got %d of %d late, want at most one in a thousand", s.Late, len(came))
		}
		if s.Resyncs != 0 {
			t.Errorf("got %d resyncs, want the one stream that it is", s.Resyncs)
		}
	})
}

// The same, mixed for two others: what is lost is concealed, the clock is
// followed, and no silence is longer than the outage.
func TestHourOverAHardNetworkMixed(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, Config{Shards: 2}, func(r *rig) {
		a, b, c := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMA, 20*ms)
		r.bridge.Join(a.s, b.s, c.s)
		came := ear.Travel(toneOf(440, storyHour()), hardNetwork(), 2)
		a.sends(came)
		<-time.After(500 * ms)
		pcm := b.sound(b.heard())
		pcm = pcm[SampleRate : len(pcm)-SampleRate]
		if n := time.Duration(longestSilence(pcm)) * perSample; n > storyOutage+100*ms {
			t.Errorf("got %v of silence, want no more than the outage", n)
		}
		loud := 0
		for i := 0; i+80 <= len(pcm); i += 80 {
			if longestSilence(pcm[i:i+80]) < 40 {
				loud++
			}
		}
		// 1/30 is outage; of the rest a loss of three packets is concealed for 60 ms.
		if share := float64(loud) / float64(len(pcm)/80); share < .93 {
			t.Errorf("got sound in %.1f %% of the time, want 93", 100*share)
		}
		if s := a.s.Stats(); s.Late > uint64(len(came)/50) {
			t.Errorf("got %d of %d late, want at most one in fifty", s.Late, len(came))
		}
	})
}
