package recorder

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/raced"
)

const ms = time.Millisecond

func TestEachSideIsOnItsChannelToTheSample(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		caller := &voice{rec: rec, side: 0, ssrc: 1, ts: 0xFFFFFF00} // wraps
		agent := &voice{rec: rec, side: 1, ssrc: 2, ts: 5000}
		time.Sleep(100 * ms)
		for range 250 {
			caller.say()
			time.Sleep(7 * ms)
			agent.say()
			time.Sleep(13 * ms)
		}
		s, left, right := h.end(rec)
		wantLength(t, s, left, 5100*ms)
		wantSilence(t, left, 0, 800)
		wantRun(t, left, 800, 0, 40000)
		wantSilence(t, right, 0, 856)
		wantRun(t, right, 856, 0, 40000)
		if len(s.Marks) != 0 || s.Err != nil {
			t.Errorf("event: got marks %v, err %v, want none", s.Marks, s.Err)
		}
	})
}

func TestTonesKeepTheirFrequencyAndSide(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		pcm := make([]int16, 160)
		for n := range 500 {
			for side, hz := range []float64{440, 1000} {
				for i := range pcm {
					pcm[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(n*160+i)/8000))
				}
				rec.Sound(side, uint32(side), uint32(n*160), uint16(n), false, time.Now().UnixNano(), 8000, pcm)
			}
			time.Sleep(20 * ms)
		}
		_, left, right := h.end(rec)
		for _, c := range []struct {
			name         string
			pcm          []int16
			hears, never float64
		}{{"left", left, 440, 1000}, {"right", right, 1000, 440}} {
			if got := loudness(c.pcm, c.hears); got < 9900 || got > 10100 {
				t.Errorf("%s at %v Hz: got %.0f, want 10000", c.name, c.hears, got)
			}
			if got := loudness(c.pcm, c.never); got > 10 {
				t.Errorf("%s at %v Hz: got %.0f, want silence", c.name, c.never, got)
			}
		}
	})
}

func TestJitterAndDisorderMoveNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		rng := rand.New(rand.NewPCG(1, 2))
		start := time.Now()
		type late struct {
			at  time.Duration
			ts  uint32
			seq uint16
			pcm []int16
		}
		var all []late
		for n := range 500 {
			ts, pcm := v.packet()
			delay := time.Duration(rng.IntN(150)) * ms
			if n == 5 {
				delay = 0 // the least delayed of the first ones
			}
			all = append(all, late{time.Duration(n)*20*ms + delay, ts, v.seq, pcm})
		}
		for len(all) > 0 { // by arrival
			i := 0
			for k := range all {
				if all[k].at < all[i].at {
					i = k
				}
			}
			p := all[i]
			all = append(all[:i], all[i+1:]...)
			time.Sleep(time.Until(start.Add(p.at)))
			rec.Sound(0, 1, p.ts, p.seq, false, time.Now().UnixNano(), 8000, p.pcm)
		}
		time.Sleep(time.Until(start.Add(10500 * ms)))
		s, left, _ := h.end(rec)
		wantRun(t, left, 0, 0, 80000)
		wantLength(t, s, left, 10500*ms)
	})
}

func TestLossIsConcealedAndKeepsItsLength(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		pcm := make([]int16, 160)
		wave := func(i int) int16 { return int16(8000 * math.Sin(2*math.Pi*float64(i)/80)) }
		lost := func(n int) bool { return n >= 50 && n < 53 || n == 120 || n >= 150 && n < 170 }
		for n := range 200 {
			for i := range pcm {
				pcm[i] = wave(n*160 + i)
			}
			if !lost(n) {
				rec.Sound(0, 1, uint32(n*160), uint16(n), false, time.Now().UnixNano(), 8000, pcm)
			}
			time.Sleep(20 * ms)
		}
		s, left, _ := h.end(rec)
		wantLength(t, s, left, 4*time.Second)
		for i, v := range left[:32000] {
			n := i / 160
			switch off := int(v) - int(wave(i)); {
			case !lost(n) && off != 0:
				t.Fatalf("sample %d: got %d, want %d", i, v, wave(i))
			case n == 120 && (off > 800 || off < -800):
				t.Fatalf("sample %d of a lost packet: got %d, want nearly %d", i, v, wave(i))
			case n >= 155 && n < 165 && v != 0:
				t.Fatalf("sample %d in the middle of 400 ms: got %d, want silence", i, v)
			}
		}
		if got := loudness(left[50*160:53*160], 100); got < 5000 {
			t.Errorf("60 ms lost: got %.0f, want most of 8000", got)
		}
	})
}

func TestSilenceBetweenTalkspurtsKeepsItsLength(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(50)
		time.Sleep(30 * time.Second) // timestamps go on: discontinuous transmission
		v.ts += 30 * 8000
		v.speak(50)
		time.Sleep(30 * time.Second) // timestamps jump anywhere: hold
		v.ts += 123456789
		v.speak(50)
		_, left, _ := h.end(rec)
		wantRun(t, left, 0, 0, 8000)
		wantFaint(t, left, 8000, 31*8000) // as this voice has been at its quietest
		wantRun(t, left, 31*8000, 8000, 8000)
		wantFaint(t, left, 32*8000, 62*8000)
		wantRun(t, left, 62*8000, 16000, 8000)
	})
}

func TestTimestampsThatStandStillInSilenceAreFollowed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(100)
		time.Sleep(600 * ms) // the sender's timestamps pause with it
		v.speak(400)
		_, left, _ := h.end(rec)
		// After at most two skew windows the stream is where it is heard.
		wantRun(t, left, 2*8000+4800+6*8000, 2*8000+6*8000, 2*8000)
	})
}

func TestASkewedClockStaysWithinAFrameOrTwo(t *testing.T) {
	t.Parallel()
	for _, ppm := range []int{-300, 300} {
		inBubble(t, nil, func(t *testing.T, h *house) {
			rec := h.begin()
			v := &voice{rec: rec, ssrc: 1}
			start := time.Now()
			packets := raced.Or(9000, 30000) // 10 minutes: 180 ms of skew
			for n := range packets {
				v.say()
				next := time.Duration(n+1) * 20 * ms
				time.Sleep(time.Until(start.Add(next + next*time.Duration(ppm)/1e6)))
			}
			s, left, _ := h.end(rec)
			wantLength(t, s, left, time.Duration(packets)*20*ms*time.Duration(1e6+ppm)/1e6)
			for at := 8000; at < len(left)-16000; at += 8000 {
				if left[at] == 0 {
					continue // where the stream was moved
				}
				true := int(int64(at) * 1e6 / int64(1e6+ppm))
				off := (int(left[at]) - int(nameOf(true)) + 48000) % 32000
				if off -= 16000; off < -400 || off > 400 { // 50 ms
					t.Fatalf("%d ppm, second %d: got %d samples off, want at most 400", ppm, at/8000, off)
				}
			}
		})
	}
}

func TestANewSourceIsAnchoredByItself(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		one := &voice{rec: rec, side: 1, ssrc: 1, ts: 900}
		one.speak(50)
		time.Sleep(500 * ms) // the agent's phone changes
		two := &voice{rec: rec, side: 1, ssrc: 2, ts: 0x80000000}
		two.speak(50)
		for range 10 { // two sources in turn: each keeps its anchor
			one.said = 12000 + two.said // its clock went on
			one.speak(10)
			two.said += 1600
			two.speak(10)
		}
		s, _, right := h.end(rec)
		wantLength(t, s, right, 2500*ms+20*200*ms)
		wantRun(t, right, 0, 0, 8000)
		wantSilence(t, right, 8000, 12000)
		wantRun(t, right, 12000, 0, 8000)
		for at := 20000; at < len(right); at += 3200 {
			wantRun(t, right, at, at, 1600)
			wantRun(t, right, at+1600, at+1600-12000, 1600)
		}
	})
}

func TestTheTailIsNotCut(t *testing.T) {
	for _, after := range []time.Duration{0, 1 * ms, 10 * ms, 19 * ms, 20 * ms, 100 * ms, 1399 * ms} {
		inBubble(t, nil, func(t *testing.T, h *house) {
			rec := h.begin()
			v := &voice{rec: rec, ssrc: 1}
			v.speak(50)
			v.say()
			time.Sleep(after)
			s, left, _ := h.end(rec)
			wantRun(t, left, 0, 0, 51*160)
			wantLength(t, s, left, 1000*ms+after)
		})
	}
}

func TestTheLengthIsStartToClose(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, 1 * ms, 199 * ms, 3 * time.Second, 12345 * ms, raced.Or(time.Minute, 20*time.Minute)} {
		inBubble(t, nil, func(t *testing.T, h *house) {
			rec := h.begin()
			time.Sleep(d)
			s, left, right := h.end(rec)
			wantLength(t, s, left, d)
			wantSilence(t, left, 0, len(left))
			wantSilence(t, right, 0, len(right))
		})
	}
}

func TestPausesAreZerosToTheSampleAndMarked(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		w := &voice{rec: rec, side: 1, ssrc: 2}
		both := func(n int) {
			for range n {
				v.say()
				w.say()
				time.Sleep(20 * ms)
			}
		}
		rec.Resume(time.Now()) // nothing to resume
		both(100)
		time.Sleep(5 * ms)
		rec.PauseBy(time.Now(), "ann", "card number")
		rec.PauseBy(time.Now(), "bob", "again") // changes nothing
		v.ts, w.ts = 40, 40
		both(100)
		rec.ResumeBy(time.Now(), "ann")
		both(100)
		rec.Pause(time.Now())
		both(50)
		s, left, right := h.end(rec)
		for _, c := range [][]int16{left, right} {
			wantRun(t, c, 0, 0, 16000)
			wantSilence(t, c, 16040, 32040)
			wantRun(t, c, 32040, 32000, 16000)
			wantSilence(t, c, 48040, len(c))
		}
		want := []Mark{
			{Kind: MarkPause, From: 2005 * ms, To: 4005 * ms, By: "ann", Why: "card number", Resumed: "ann"},
			{Kind: MarkPause, From: 6005 * ms, To: 7005 * ms},
		}
		wantMarks(t, s.Marks, want)
		side, err := ReadSidecar(s.Path)
		if err != nil || !side.Sealed || side.Duration != 7.005 || side.Channels != [2]string{"caller", "agent"} || side.ID != rec.ID() {
			t.Errorf("sidecar: got %+v, %v, want it sealed with 7.005 s", side, err)
		}
		wantMarks(t, side.Marks, want)
	})
}

func TestAPauseIsOnDiskWhileItLasts(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		time.Sleep(time.Second)
		rec.PauseBy(time.Now(), "ann", "card number")
		time.Sleep(time.Second)
		synctest.Wait()
		side, err := ReadSidecar(rec.Path())
		if err != nil || side.Sealed || len(side.Marks) != 1 || side.Marks[0].By != "ann" || side.Marks[0].From != time.Second {
			t.Errorf("sidecar: got %+v, %v, want an open pause by ann", side, err)
		}
		h.end(rec)
	})
}

func TestAWallClockThatIsSetDoesNotStretchTheTimeLine(t *testing.T) {
	for _, jump := range []time.Duration{-time.Hour, 5 * time.Hour} {
		inBubble(t, nil, func(t *testing.T, h *house) {
			rec := h.begin()
			v := &voice{rec: rec, ssrc: 1}
			v.speak(100)
			for range 100 {
				v.sayAt(time.Now().Add(jump))
				time.Sleep(20 * ms)
			}
			s, left, _ := h.end(rec)
			wantLength(t, s, left, 4*time.Second)
			wantRun(t, left, 0, 0, 16000)
			// Set anew between two looks of the collector: off by less than that.
			if i := int(left[30000]); i < int(nameOf(30000))-1600-160 || i > int(nameOf(30000))+1600+160 {
				t.Errorf("sample 30000: got %d, want within 220 ms of %d", i, nameOf(30000))
			}
		})
	}
}

func TestSoundThatComesFasterThanTimeIsAMarkedGap(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(50)
		for range 500 {
			v.say()
		}
		time.Sleep(time.Second)
		s, left, _ := h.end(rec)
		wantLength(t, s, left, 2*time.Second)
		wantRun(t, left, 0, 0, 4000) // the rest is anybody's guess
		if len(s.Marks) == 0 || s.Marks[0].Kind != MarkGap {
			t.Errorf("marks: got %v, want a gap", s.Marks)
		}
	})
}

func TestWiderSoundIsBroughtDownToTheFilesRate(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		pcm := make([]int16, 320)
		for n := range 100 {
			for i := range pcm {
				pcm[i] = int16(10000 * math.Sin(2*math.Pi*440*float64(n*320+i)/16000))
			}
			rec.Sound(1, 7, uint32(n*160), uint16(n), false, time.Now().UnixNano(), 16000, pcm)
			time.Sleep(20 * ms)
		}
		s, _, right := h.end(rec)
		wantLength(t, s, right, 2*time.Second)
		if got := loudness(right, 440); got < 9500 || got > 10100 {
			t.Errorf("440 Hz: got %.0f, want nearly 10000", got)
		}
	})
}

func wantMarks(t testing.TB, got, want []Mark) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("marks: got %+v, want %+v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("mark %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}
