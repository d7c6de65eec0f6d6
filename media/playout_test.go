package media

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"trunkline/internal/tone"
)

// listener reads a playout as a mixer does, a frame each 20 ms, and keeps it.
type listener struct {
	o    *playout
	at   int64 // samples of the engine
	pcm  []int16
	late int
}

func newListener() *listener {
	return &listener{o: newPlayout(Config{JitterMax: 200 * ms}), at: 8000}
}

// reads up to a moment.
func (l *listener) until(now int64) {
	m := &mixer{}
	for (l.at+FrameSamples)*perSampleN <= now {
		clear(m.sum[:])
		l.o.add(m.sum[:FrameSamples], l.at)
		l.pcm = append(l.pcm, m.saturated(FrameSamples)...)
		l.at += FrameSamples
	}
}

func (l *listener) hears(p *packet, pcm []int16) {
	l.until(p.came)
	if !l.o.write(p, pcm, nil, p.came) {
		l.late++
	}
}

// spokenPackets are packets of a sine, and what each says.
func sinePackets(n int, ptime time.Duration, hz float64) (all []*packet, said [][]int16) {
	samples := int(ptime / perSample)
	for i := range n {
		pcm := make([]int16, samples)
		tone.Sine(pcm, SampleRate, hz, -12, i*samples)
		all = append(all, &packet{seq: uint16(i + 65530), ts: uint32(i*samples) - 800, came: int64(time.Second) + int64(i)*int64(ptime), steady: true})
		said = append(said, pcm)
	}
	return all, said
}

// ramp is n samples that count up from v.
func ramp(v, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(v + i)
	}
	return pcm
}

func TestPlayoutIsExactWhenNothingIsMissing(t *testing.T) {
	for _, ptime := range []time.Duration{10 * ms, 20 * ms, 30 * ms, 60 * ms} {
		l := newListener()
		all, said := sinePackets(40, ptime, 300)
		var want []int16
		for i, p := range all {
			l.hears(p, said[i])
			want = append(want, said[i]...)
		}
		l.until(all[len(all)-1].came + int64(300*ms))
		at := slices.IndexFunc(l.pcm, func(v int16) bool { return v != 0 })
		at -= slices.IndexFunc(want, func(v int16) bool { return v != 0 })
		if !slices.Equal(l.pcm[at:at+400], want[:400]) {
			t.Errorf("%v: got other samples than were said in the first 50 ms", ptime)
		}
		// 60 ms, and 3.75 of the concealer.
		if delay := l.at - int64(len(l.pcm)) + int64(at) - 8000; delay != 480+plcOverlap {
			t.Errorf("%v: got a delay of %d samples, want 510", ptime, delay)
		}
	}
}

func TestPlayoutSortsWhatComesInTime(t *testing.T) {
	l, sorted := newListener(), newListener()
	all, said := sinePackets(20, 20*ms, 300)
	for i := range all {
		sorted.hears(all[i], said[i])
	}
	for i := 0; i < len(all); i += 2 {
		all[i].came = all[i+1].came + int64(5*ms)
		l.hears(all[i+1], said[i+1])
		l.hears(all[i], said[i])
	}
	if l.late != 0 {
		t.Errorf("got %d late, want none", l.late)
	}
	end := all[19].came + int64(200*ms)
	l.until(end)
	sorted.until(end)
	if level(l.pcm[1000:3000], 300) < level(sorted.pcm[1000:3000], 300)-0.5 {
		t.Error("got reordered packets heard otherwise than ordered ones")
	}
}

// longestSilence is how many samples in a row are all but zero.
func longestSilence(pcm []int16) int {
	most, n := 0, 0
	for _, v := range pcm {
		if n++; max(v, -v) > 100 {
			n = 0
		}
		most = max(most, n)
	}
	return most
}

func TestPlayoutFollowsJitterAndComesBack(t *testing.T) {
	l := newListener()
	all, said := sinePackets(4000, 20*ms, 300)
	rng := rand.New(rand.NewPCG(1, 2))
	delays := []time.Duration{0, 100 * ms, 0}
	var at []int64 // target at the end of each part
	for part, most := range delays {
		these := all[part*1000 : (part+1+part/2)*1000]
		order := make([]int, len(these))
		for i, p := range these {
			order[i] = i
			p.came += int64(rng.Float64() * float64(most))
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(these[a].came - these[b].came) })
		before := l.late
		for n, i := range order {
			if n == 200 {
				before = l.late // it has had 4 s to learn
			}
			l.hears(these[i], said[part*1000+i])
		}
		if got := l.late - before; got > 24 { // one in a hundred is given up
			t.Errorf("part %d: got %d of 800 late, want at most 3 %%", part, got)
		}
		at = append(at, l.o.target)
	}
	for i, want := range [][2]int64{{80, 160}, {800, 1000}, {80, 160}} {
		if at[i] < want[0] || at[i] > want[1] {
			t.Errorf("part %d: got a target of %d samples, want %v", i, at[i], want)
		}
	}
	if got := level(l.pcm[8000*5:8000*18], 300); got < -13 {
		t.Errorf("got the tone at %.1f dB, want it whole", got)
	}
	if delay := l.o.done - l.o.line.expected(l.o.ts+uint32(l.o.from-l.o.at))/perSampleN; delay > 160+spliceSlack+40 {
		t.Errorf("got a delay of %d samples in the calm after the jitter, want it shrunk", delay)
	}
}

func TestClockSkewIsFollowedForAnHourWithoutAGap(t *testing.T) {
	t.Parallel()
	for _, ppm := range []int64{-200, 200} {
		l := newListener()
		pcm := make([]int16, 160)
		tone.Sine(pcm, SampleRate, 200, -12, 0) // of whole periods: it goes on where it ended
		for i := range int64(storyHour() / (20 * ms)) {
			came := int64(time.Second) + i*int64(20*ms)*(1_000_000+ppm)/1_000_000
			l.hears(&packet{seq: uint16(i), ts: uint32(i) * 160, came: came, steady: true}, pcm)
			if len(l.pcm) > 16000 {
				if i > 200 {
					if n := longestSilence(l.pcm); n > 30 {
						t.Fatalf("%d ppm: got %d samples of silence after %d s, want none", ppm, n, i/50)
					}
				}
				l.pcm = l.pcm[:0]
			}
			if delay := l.o.done - l.o.line.expected(uint32(i)*160-uint32(l.o.at-l.o.from))/perSampleN; i > 1000 && (delay < 0 || delay > 480) {
				t.Fatalf("%d ppm: got a delay of %d samples after %d s, want it kept", ppm, delay, i/50)
			}
		}
		if l.late != 0 {
			t.Errorf("%d ppm: got %d late, want none", ppm, l.late)
		}
	}
}

func TestStallIsHeardAfterItAndNotAsAHole(t *testing.T) {
	l := newListener()
	all, said := sinePackets(500, 20*ms, 300)
	for i, p := range all {
		if k := i % 100; k >= 50 && k < 58 { // 150 ms
			p.came = all[i-k+57].came
		}
		l.hears(p, said[i])
	}
	if n := longestSilence(l.pcm[2000:]); n > 8*110 {
		t.Errorf("got %d samples of silence, want less than the stall", n)
	}
	if l.late > 5*4 {
		t.Errorf("got %d packets late in 5 stalls of 8, want those that had been concealed at most", l.late)
	}
}

func TestPauseOfTheSourceIsSilenceAndNothingIsClippedAfterIt(t *testing.T) {
	l := newListener()
	all, said := sinePackets(100, 20*ms, 300)
	seq := all[0].seq
	for i, p := range all {
		if i >= 40 && i < 70 {
			continue // DTX: numbers go on
		}
		p.seq = seq
		seq++
		l.hears(p, said[i])
	}
	l.until(all[99].came + int64(200*ms))
	sounding := 0
	for _, v := range l.pcm[len(l.pcm)-160*45:] {
		if max(v, -v) > 100 {
			sounding++
		}
	}
	if l.late != 0 || sounding < 160*29 {
		t.Errorf("got %d late and %d samples after the pause, want all of 30 packets", l.late, sounding)
	}
	if n := longestSilence(l.pcm[1600:]); n < 160*27 {
		t.Errorf("got a pause of %d samples, want 30 packets less what fades", n)
	}
}

func TestComfortNoiseIsHeardAtItsLevelUntilTheSourceSpeaksAgain(t *testing.T) {
	l := newListener()
	all, said := sinePackets(200, 20*ms, 300)
	for i := range 50 {
		l.hears(all[i], said[i])
	}
	cn := *all[50]
	cn.start, cn.end = 12, 13
	cn.buf[12] = 50 // -50 dBov
	l.until(cn.came)
	l.o.silent(&cn, true)
	for i := 150; i < 200; i++ {
		all[i].seq = all[51].seq + uint16(i-150)
		l.hears(all[i], said[i])
	}
	l.until(all[199].came + int64(200*ms))
	noise := l.pcm[160*70 : 160*140]
	sum := 0.0
	for _, v := range noise {
		sum += float64(v) * float64(v)
	}
	if db := 10 * math.Log10(sum/float64(len(noise))/32767/32767); db < -52 || db > -48 {
		t.Errorf("got noise at %.1f dBov, want -50", db)
	}
	if got := level(l.pcm[len(l.pcm)-160*30:len(l.pcm)-160*12], 300); got < -13 {
		t.Errorf("got the voice at %.1f dB after the noise, want it whole", got)
	}
}

// Whatever comes, whenever: no panic, and nothing is heard later than most.
func FuzzPlayout(f *testing.F) {
	f.Add([]byte{1, 0, 160, 20, 1, 0, 160, 20, 2, 1, 64, 40, 255, 255, 96, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newListener()
		now, seq, ts := int64(time.Second), uint16(0), uint32(0)
		for ; len(b) >= 4; b = b[4:] {
			seq += uint16(int8(b[0]))
			ts += uint32(int32(int16(uint16(b[1])<<8 | uint16(b[2]))))
			now += int64(b[3]) * int64(ms)
			p := &packet{seq: seq, ts: ts, came: now, steady: true}
			l.until(now)
			if b[0]&7 == 7 {
				p.start, p.end = 12, 14
				l.o.silent(p, b[0]&8 > 0)
				continue
			}
			l.hears(p, ramp(1, 80*int(1+b[0]%6)))
			if l.o.end-l.o.from > playoutRing {
				t.Fatalf("got %d samples ahead, want at most the ring", l.o.end-l.o.from)
			}
		}
	})
}

func TestMixIsSaturated(t *testing.T) {
	a, b := newListener(), newListener()
	for _, l := range []*listener{a, b} {
		pcm := []int16{30000, -30000, 100, -1}
		if l == b {
			pcm = []int16{30000, -30000, 23, 1}
		}
		l.hears(&packet{came: int64(time.Second), steady: true}, slices.Concat(pcm, make([]int16, 156)))
	}
	m := &mixer{}
	for _, l := range []*listener{a, b} {
		l.o.add(m.sum[:4], 8000)
	}
	clear(m.sum[:])
	at := int64(8000 + firstDelay + plcOverlap)
	a.o.add(m.sum[:4], at)
	b.o.add(m.sum[:4], at)
	if got, want := m.saturated(4), []int16{32767, -32768, 123, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A peer that sends nothing in its pauses, and says nothing of how they sound, is
// given its own background there; one whose packets are lost is not.
func TestPausesOfAPeerSoundLikeItsBackground(t *testing.T) {
	for _, c := range []struct {
		name   string
		pauses bool
		level  float64 // RMS of the background
	}{{"pauses", true, 60}, {"pauses of a quiet place", true, 8}, {"losses", false, 60}} {
		l := newListener()
		rng := rand.New(rand.NewPCG(1, 2))
		seq, ts, now := uint16(0), uint32(0), int64(time.Second)
		var quiet []int16 // of the last pause
		for spurt := range 6 {
			for i := range 60 { // 1 s of a voice, and 200 ms of what is behind it
				pcm := make([]int16, FrameSamples)
				if i < 50 {
					tone.Sine(pcm, SampleRate, 440, -12, i*FrameSamples)
				}
				for k := range pcm {
					pcm[k] += int16(math.Round(rng.NormFloat64() * c.level))
				}
				l.hears(&packet{seq: seq, ts: ts, came: now, steady: true}, pcm)
				seq, ts, now = seq+1, ts+FrameSamples, now+int64(20*ms)
			}
			if now += int64(2 * time.Second); !c.pauses {
				seq += 100
			}
			ts += 2 * SampleRate
			if l.until(now); spurt == 5 {
				quiet = l.pcm[len(l.pcm)-12000 : len(l.pcm)-1000]
			}
		}
		sum := 0.0
		for _, v := range quiet {
			sum += float64(v) * float64(v)
		}
		got := math.Sqrt(sum / float64(len(quiet)))
		if c.pauses && (got < c.level*.6 || got > c.level*1.5) || !c.pauses && got != 0 {
			t.Errorf("%s: got a level of %.0f in the pause, want %.0f, or nothing where packets are lost", c.name, got, c.level)
		}
	}
}
