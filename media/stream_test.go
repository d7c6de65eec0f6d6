package media

import (
	"bytes"
	"testing"
	"time"
)

// slack is how far a timestamp may be from elapsed time: a frame and the wire
// in a bubble, and whatever the scheduler does on the kernel.
func (r *rig) slack() time.Duration {
	if r.ours.IsLoopback() {
		return 500 * ms
	}
	return 25 * ms
}

func TestPeerSeesOneStreamOverAllChangesOfSource(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b, c := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMA, 20*ms)
		b.say(620)
		c.say(950)
		changes := []struct {
			what string
			do   func()
			want []float64
		}{
			{"music", func() { a.s.Background(Tone(1300, time.Second)) }, []float64{1300}},
			{"prompt", func() { a.s.Play(Tone(440, 30*time.Second), 1) }, []float64{440}},
			{"music again", func() { a.s.StopPlay() }, []float64{1300}},
			{"relay", func() { r.bridge.Join(a.s, b.s) }, []float64{620}},
			{"prompt over relay", func() { a.s.Play(Tone(440, 30*time.Second), 2) }, []float64{440}},
			{"relay again", func() { a.s.StopPlay() }, []float64{620}},
			{"mix", func() { r.bridge.Join(c.s) }, []float64{620, 950}},
			{"relay after mix", func() { r.bridge.Part(c.s) }, []float64{620}},
			{"muted", func() { b.s.Mute(true) }, nil},
			{"music at last", func() { r.bridge.Part(a.s) }, []float64{1300}},
			{"silence", func() { a.s.Background(nil) }, nil},
		}
		a.next(5)
		for _, change := range changes {
			before := len(a.heard())
			change.do()
			packets := a.from(before, 26)
			a.hears(packets[13:], tones, change.want...)
			if r.Failed() {
				r.Fatalf("after the change to %s", change.what)
			}
			marked := 0
			for _, p := range packets[:13] {
				if p.marker {
					marked++
				}
			}
			if marked == 0 {
				r.Errorf("%s: got no marker bit at the start of its sound", change.what)
			}
		}
		a.oneStream(a.heard(), r.slack())
	})
}

func TestPlayStopsWithin20ms(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		a.s.Play(Tone(440, 30*time.Second), 1)
		a.next(20)
		a.s.StopPlay()
		stopped := time.Now()
		silence := bytes.Repeat([]byte{PCMU.Silence()}, FrameSamples)
		for _, p := range a.next(10) {
			sounds := !bytes.Equal(p.payload(), silence)
			if late := p.at.Sub(stopped); sounds && late > 20*ms+5*ms { // the wire's 5 ms
				t.Errorf("got sound %v after StopPlay, want none after 20 ms", late)
			}
		}
	})
}

func TestPlayEndsWhenItsLastFrameHasBeenHeard(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		a.next(3)
		clip := Tone(440, 300*ms)
		began := time.Now()
		a.s.Play(clip, 9)
		got := r.await("Played", func(e Event) bool { _, ok := e.(Played); return ok })
		if want := (Played{Session: a.s.ID(), Play: 9}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if took := time.Since(began); took < 300*ms || took > 325*ms {
			t.Errorf("got Played after %v, want 300 to 320 ms", took)
		}
		frames := 0
		for _, p := range a.heard() {
			for i := range clip.Frames() {
				if bytes.Equal(p.payload(), clip.Encoded(PCMU, i)) {
					frames++
					break
				}
			}
		}
		if frames != clip.Frames() {
			t.Errorf("got %d frames of the clip, want %d", frames, clip.Frames())
		}
	})
}

func TestSecondPlayCutsTheFirst(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		a.s.Play(Tone(440, time.Second), 1)
		a.next(10)
		a.s.Play(Tone(620, 400*ms), 2)
		r.await("second Played", func(e Event) bool { return e == Event(Played{Session: a.s.ID(), Play: 2}) })
		if got := r.has(func(e Event) bool { return e == Event(Played{Session: a.s.ID(), Play: 1, Cut: true}) }); len(got) != 1 {
			t.Errorf("got %d cuts of the first Play, want 1", len(got))
		}
	})
}

func TestPlayOfNothingEndsAtOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		a.s.Play(nil, 1)
		a.s.Play(&Clip{}, 2)
		r.await("second Played", func(e Event) bool { return e == Event(Played{Session: a.s.ID(), Play: 2}) })
	})
}

func TestMusicHasOnePositionForAllListeners(t *testing.T) {
	inBubble(t, func(r *rig) {
		clip := noise(3 * time.Second)
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.s.Background(clip)
		a.next(40)
		b.s.Background(clip)
		b.next(10)
		x, y := a.heard(), b.heard()
		last, other := x[len(x)-1], y[len(y)-1]
		at := func(h heardPacket) time.Duration {
			i := bytes.Index(append(clip.encoded[PCMU], clip.encoded[PCMU]...), h.payload())
			if i < 0 {
				t.Fatalf("got a packet that is not of the music")
			}
			return time.Duration(i) * perSample
		}
		length := clip.Duration()
		apart := (at(last) - at(other) + length) % length
		want := (last.at.Sub(other.at) + length) % length
		if off := (apart - want + length) % length; off > ms && off < length-ms {
			t.Errorf("got listeners %v apart, want %v", apart, want)
		}
	})
}

// Ring-back has a pause of seconds: who hears it from its middle on takes the line for dead.
func TestRingbackStartsWithItsSound(t *testing.T) {
	inBubble(t, func(r *rig) {
		for _, late := range []time.Duration{1, 2500 * ms, 5 * time.Second} {
			time.Sleep(late)
			a := r.phone(PCMU, 20*ms)
			a.s.Background(Ringback("US"))
			a.hears(a.next(20)[2:], []float64{440, 480, 620}, 440, 480)
			a.s.Background(Ringback("US")) // once more: it goes on
			a.next(85)
			for _, h := range a.next(20) {
				if !bytes.Equal(h.payload(), bytes.Repeat([]byte{0xff}, 160)) {
					t.Fatalf("2.1 s after the first: got sound, want the pause")
				}
			}
			b := r.phone(PCMU, 20*ms)
			r.bridge.Join(a.s, b.s) // it spoke meanwhile: whoever rings next rings from the beginning
			time.Sleep(300 * ms)
			a.s.Background(Ringback("US"))
			r.bridge.Part(b.s)
			r.bridge.Part(a.s)
			a.hears(a.next(20)[2:], []float64{440, 480, 620}, 440, 480)
		}
	})
}

// noise is a clip in which no frame is like another.
func noise(d time.Duration) *Clip {
	pcm := make([]int16, d/perSample)
	x := uint32(1)
	for i := range pcm {
		x = x*1664525 + 1013904223
		pcm[i] = int16(x >> 18)
	}
	return NewClip(pcm)
}

func TestAtMostOneSecondOfSoundBeforeTheACK(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.silentPhone(PCMU, 20*ms)
		a.s.LimitUntilConfirmed()
		a.offer("sendrecv")
		clip := noise(3 * time.Second)
		a.s.Play(clip, 1)
		<-time.After(5 * time.Second)
		if got := len(a.heard()); got != 50 {
			t.Errorf("got %d packets before Confirm, want 50: 1 s", got)
		}
		a.s.Confirm()
		r.await("Played", func(e Event) bool { return e == Event(Played{Session: a.s.ID(), Play: 1}) })
		for i, p := range a.heard()[:clip.Frames()] {
			if !bytes.Equal(p.payload(), clip.Encoded(PCMU, i)) {
				t.Fatalf("packet %d: got another frame than the clip's, want it to go on where it stopped", i)
			}
		}
		if got := a.heard(); got[50].seq != got[49].seq+1 || got[50].ts-got[49].ts < 4*SampleRate || !got[50].marker {
			t.Errorf("got %d→%d, %d→%d after the limit, want the next number, elapsed time and a marker",
				got[49].seq, got[50].seq, got[49].ts, got[50].ts)
		}
	})
}

func TestLimitHoldsForRelayedSound(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.silentPhone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.s.LimitUntilConfirmed()
		a.offer("sendrecv")
		b.say(620)
		r.bridge.Join(a.s, b.s)
		<-time.After(5 * time.Second)
		if got := len(a.heard()); got != 50 {
			t.Errorf("got %d packets before Confirm, want 50: 1 s", got)
		}
		a.s.Confirm()
		a.next(20)
		a.oneStream(a.heard(), 25*ms)
	})
}

func TestLostRelayedPacketStaysAGap(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		tick := time.NewTicker(20 * ms)
		for i := range 20 {
			if i == 10 {
				b.seq++ // one is lost
				b.ts += 160
			} else {
				b.speak(620)
			}
			<-tick.C
		}
		<-time.After(200 * ms)
		got := a.heard()
		if last := got[len(got)-1]; last.seq-got[len(got)-19].seq != 19 {
			t.Errorf("got %d numbers over 19 packets, want 20: the lost one's stays free", last.seq-got[len(got)-19].seq+1)
		}
		if s := b.s.Stats(); s.Lost != 1 || s.Reordered+s.Late+s.Duplicate != 0 {
			t.Errorf("got %+v, want one lost and nothing else", s)
		}
	})
}

func TestReorderedPacketsAreRelayedInOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		first := b.seq
		for _, i := range []uint16{0, 1, 2, 4, 3, 5, 5, 7, 6, 8} {
			b.seq, b.ts = first+i, 160*uint32(i)
			b.speak(620)
		}
		<-time.After(100 * ms)
		got := a.heard()
		got = got[len(got)-9:]
		for i := range got {
			if got[i].seq != got[0].seq+uint16(i) || got[i].ts != got[0].ts+160*uint32(i) {
				t.Fatalf("packet %d: got %d at %d, want %d at %d", i, got[i].seq, got[i].ts, got[0].seq+uint16(i), got[0].ts+160*uint32(i))
			}
		}
		if s := b.s.Stats(); s.Reordered != 2 || s.Duplicate != 1 || s.Lost != 0 {
			t.Errorf("got %+v, want 2 reordered, 1 duplicate, 0 lost", s)
		}
	})
}

func TestQuietRelayIsKeptAlive(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		<-time.After(ms)
		before := len(a.heard())
		<-time.After(10 * time.Second)
		if got := len(a.heard()) - before; got < 8 || got > 11 {
			t.Errorf("got %d packets in 10 s of a silent peer, want about one a second", got)
		}
		b.say(620)
		a.hears(a.next(30)[5:], tones, 620)
		a.oneStream(a.heard(), 40*ms)
	})
}

func TestJumpingTimestampsOfThePeerAreNotPassedOn(t *testing.T) {
	for _, jump := range []uint32{1 << 29, ^uint32(0) - 1<<29, 9 * SampleRate} {
		inBubble(t, func(r *rig) {
			a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
			r.bridge.Join(a.s, b.s)
			stop := b.say(620)
			a.next(20)
			stop()
			b.ts += jump
			b.say(950)
			a.next(20)
			a.oneStream(a.heard(), 40*ms)
		})
	}
}

func TestTimestampsThatStoodStillFollowElapsedTime(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		stop := b.say(620)
		a.next(20)
		stop()
		<-time.After(30 * time.Second)
		b.say(950)
		a.next(20)
		a.oneStream(a.heard(), 40*ms)
	})
}

func TestChangedSSRCOfThePeerIsNoHoleInOurs(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		stop := b.say(620)
		a.next(20)
		stop()
		b.ssrc, b.seq, b.ts = b.ssrc+1, b.seq+30000, b.ts+1<<30
		b.say(950)
		a.next(20)
		a.oneStream(a.heard(), 40*ms)
		if got := b.s.Stats(); got.Resyncs != 1 || got.SSRC != b.ssrc {
			t.Errorf("got %+v, want one resync to SSRC %x", got, b.ssrc)
		}
	})
}
