package media

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sorter drives a jitter buffer as a session does, and keeps what leaves.
type sorter struct {
	jitter
	left   []*packet
	waited []int64 // of each that left: since it came
	counts struct{ lost, late, duplicate, reordered, resyncs int }
	clock  int64 // when the last packet came
}

func newSorter(least, most time.Duration) *sorter {
	s := &sorter{}
	s.init(int64(least), int64(most))
	return s
}

// steadily is a packet of 20 ms whose timestamp follows its number.
func steadily(seq uint16, now int64) *packet {
	return &packet{seq: seq, ts: 160 * uint32(seq), came: now, steady: true}
}

func (s *sorter) take(p *packet, now int64) {
	s.left = append(s.left, p)
	s.waited = append(s.waited, now-p.came)
}

func (s *sorter) pops(now int64) {
	for p := s.pop(); p != nil; p = s.pop() {
		s.take(p, now)
	}
}

func (s *sorter) flush(now int64) {
	for s.held > 0 {
		s.counts.lost += s.skip()
		s.pops(now)
	}
}

// passes lets time pass, to just after now.
func (s *sorter) passes(now int64) {
	for {
		due, ok := s.due(now)
		if !ok || due > now {
			return
		}
		s.counts.lost += s.skip()
		s.pops(max(due, s.clock)) // what has become due earlier meanwhile is done now
	}
}

func (s *sorter) comes(p *packet, now int64) verdict {
	s.passes(now)
	s.clock = now
	held := s.held > 0
	how := s.arrive(p, now)
	switch how {
	case leaves:
		if held {
			s.counts.reordered++
		}
		s.stray = nil
		s.take(p, now)
	case waits:
		if s.passed(p.seq) {
			s.counts.reordered++
		}
		s.hold(p)
		s.passes(now)
	case duplicate:
		s.counts.duplicate++
	case late:
		s.counts.late++
	case jumped:
		s.stray = p
	case resumes:
		s.flush(now)
		s.counts.lost += s.resume(p.seq)
		s.take(p, now)
	case restarts:
		first := s.stray
		s.stray = nil
		s.flush(now)
		s.counts.resyncs++
		s.start(first.seq)
		s.take(first, now)
		s.step(true)
		s.take(p, now)
	}
	s.pops(now)
	return how
}

func (s *sorter) out() (seqs []uint16) {
	for _, p := range s.left {
		seqs = append(seqs, p.seq)
	}
	return seqs
}

func TestJitterBufferVerdicts(t *testing.T) {
	tests := []struct {
		rule string
		in   []uint16
		want []verdict
		out  []uint16
	}{
		{"in order, all leave at once", []uint16{5, 6, 7}, []verdict{leaves, leaves, leaves}, []uint16{5, 6, 7}},
		{"over the wrap", []uint16{65534, 65535, 0, 1}, []verdict{leaves, leaves, leaves, leaves}, []uint16{65534, 65535, 0, 1}},
		{"a gap is waited for", []uint16{5, 7, 6, 8}, []verdict{leaves, waits, leaves, leaves}, []uint16{5, 6, 7, 8}},
		{"over the wrap, reordered", []uint16{65534, 0, 65535, 1}, []verdict{leaves, waits, leaves, leaves}, []uint16{65534, 65535, 0, 1}},
		{"twice is once", []uint16{5, 5, 6, 6, 5}, []verdict{leaves, duplicate, leaves, duplicate, duplicate}, []uint16{5, 6}},
		{"twice while waiting", []uint16{5, 7, 7, 6}, []verdict{leaves, waits, duplicate, leaves}, []uint16{5, 6, 7}},
		{"before the first is late, and once", []uint16{5, 4, 4, 6}, []verdict{leaves, late, duplicate, leaves}, []uint16{5, 6}},
		{"one astray is dropped", []uint16{5, 30000, 6, 7}, []verdict{leaves, jumped, leaves, leaves}, []uint16{5, 6, 7}},
		{"two in a row are a new beginning, and both are heard", []uint16{5, 30000, 30001, 30002}, []verdict{leaves, jumped, restarts, leaves}, []uint16{5, 30000, 30001, 30002}},
		{"a new beginning flushes", []uint16{5, 7, 30000, 30001}, []verdict{leaves, waits, jumped, restarts}, []uint16{5, 7, 30000, 30001}},
		{"far back is a jump too", []uint16{5000, 10, 11}, []verdict{leaves, jumped, restarts}, []uint16{5000, 10, 11}},
		{"63 ahead is a gap", []uint16{0, 63}, []verdict{leaves, waits}, []uint16{0}},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			s := newSorter(0, 200*ms)
			var how []verdict
			for _, seq := range test.in {
				p := steadily(seq, 0)
				p.ts = uint32(seq) // no time passes
				if seq >= 5000 {
					p.ts += 1 << 28
				}
				how = append(how, s.comes(p, 0))
			}
			if !slices.Equal(how, test.want) {
				t.Errorf("got verdicts %v, want %v", how, test.want)
			}
			if !slices.Equal(s.out(), test.out) {
				t.Errorf("got %v out, want %v", s.out(), test.out)
			}
		})
	}
}

func TestSourceThatIsBackAfterAnOutageGoesOnWhereItShould(t *testing.T) {
	s := newSorter(0, 200*ms)
	s.comes(steadily(0, 0), 0)
	back := int64(101 * 20 * ms)
	if how := s.comes(steadily(101, back), back); how != resumes || s.counts.lost != 100 {
		t.Errorf("got %v and %d lost, want it to resume after 100", how, s.counts.lost)
	}
	if how := s.comes(steadily(102, back+int64(20*ms)), back+int64(20*ms)); how != leaves {
		t.Errorf("got %v for the next one, want it to leave", how)
	}
}

func TestGapIsGivenUpWhenWhatIsBehindItHasWaitedLongEnough(t *testing.T) {
	s := newSorter(0, 200*ms)
	at := func(n time.Duration) int64 { return int64(n) }
	s.comes(steadily(0, 0), 0)
	s.comes(steadily(2, at(40*ms)), at(40*ms))
	s.comes(steadily(3, at(75*ms)), at(75*ms)) // 15 ms late itself
	if due, ok := s.due(at(75 * ms)); !ok || due < at(90*ms) || due > at(91*ms) {
		t.Errorf("got the gap given up at %v, want at 90 ms: before anything is known 50 ms are waited", time.Duration(due))
	}
	s.comes(steadily(5, at(100*ms)), at(100*ms))
	if got := s.out(); !slices.Equal(got, []uint16{0, 2, 3}) || s.counts.lost != 1 {
		t.Errorf("got %v out and %d lost, want 0, 2, 3 and 1", got, s.counts.lost)
	}
	if how := s.comes(steadily(1, at(110*ms)), at(110*ms)); how != late {
		t.Errorf("got %v for what was given up, want late", how)
	}
	if w := s.wait(at(110 * ms)); w <= at(70*ms) {
		t.Errorf("got a wait of %v after one that would have needed 70 ms, want more", time.Duration(w))
	}
}

func TestLateOneIsNotHeldBeyondWhatTheNetworkHasSpread(t *testing.T) {
	s := newSorter(0, 200*ms)
	s.comes(steadily(0, 0), 0)
	came := int64(40*ms + 45*ms) // number 2, late by 45 ms
	s.comes(steadily(2, came), came)
	if due, ok := s.due(came); !ok || due < int64(95*ms) || due > int64(96*ms) {
		t.Errorf("got it held until %v, want 95 ms: nothing came before it for long", time.Duration(due))
	}
	soon := came + int64(2*ms)
	s.comes(steadily(1, soon), soon)
	s.comes(steadily(4, soon), soon) // late by 7 ms: nothing stood still since
	s.comes(steadily(5, soon+int64(20*ms)), soon+int64(20*ms))
	s.comes(steadily(6, soon+int64(40*ms)), soon+int64(40*ms))
	if due, ok := s.due(soon + int64(40*ms)); !ok || due < int64(147*ms) || due > int64(148*ms) {
		t.Errorf("got it held until %v, want 147 ms: as late as number 1 was", time.Duration(due))
	}
}

func TestPatienceGrowsWithWhatIsReorderedAndShrinksWhenCalm(t *testing.T) {
	s := newSorter(0, 200*ms)
	now := int64(0)
	seq := uint16(0)
	next := func(late time.Duration) {
		s.comes(steadily(seq, now), now)
		if late > 0 { // the next one comes that much after its follower
			s.comes(steadily(seq+2, now+int64(40*ms)), now+int64(40*ms))
			s.comes(steadily(seq+1, now+int64(40*ms+late)), now+int64(40*ms+late))
			now += int64(40*ms + late)
			seq += 2
		}
		seq++
		now += int64(20 * ms)
	}
	now = 0
	for range 50 {
		next(0)
	}
	next(120 * ms)
	if w := s.wait(now); w < int64(120*ms) || w > int64(200*ms) {
		t.Errorf("got a wait of %v after one that came 120 ms after its follower, want 120 to 200 ms", time.Duration(w))
	}
	for range 60 * 50 {
		next(0)
	}
	if w := s.wait(now); w > int64(45*ms) {
		t.Errorf("got a wait of %v after a calm minute, want it back at 40 ms", time.Duration(w))
	}
	for range 40 { // losses alone
		seq++
		for range 5 {
			next(0)
		}
		now += int64(20 * ms)
	}
	if w := s.wait(now); w != int64(20*ms) {
		t.Errorf("got a wait of %v after 40 gaps that nothing filled, want 20 ms", time.Duration(w))
	}
	next(15 * ms)
	if w := s.wait(now); w != int64(40*ms) {
		t.Errorf("got a wait of %v after a gap that was filled, want 40 ms", time.Duration(w))
	}
}

// network draws what a network does with packets sent each ptime, and returns
// them as they come.
func network(t *rapid.T, n int, ptime time.Duration, jitter time.Duration) (all []*packet, lost, twice int) {
	first := rapid.Uint16().Draw(t, "first")
	ts0 := rapid.Uint32().Draw(t, "ts")
	samples := uint32(ptime / perSample)
	ppm := rapid.Int64Range(-200, 200).Draw(t, "skew")
	for i := range n {
		sent := int64(i) * int64(ptime) * (1_000_000 + ppm) / 1_000_000
		delay := rapid.Int64Range(0, int64(jitter)).Draw(t, "delay")
		p := &packet{seq: first + uint16(i), ts: ts0 + uint32(i)*samples, came: sent + delay, steady: true}
		switch kind := rapid.IntRange(0, 19).Draw(t, "kind"); {
		case kind == 0 && i > 0 && i < n-1: // what is lost at the very end nobody knows of
			lost++
			continue
		case kind == 1:
			twice++
			again := *p
			again.came += rapid.Int64Range(0, int64(jitter)).Draw(t, "again")
			all = append(all, &again)
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b *packet) int { return int(a.came - b.came) })
	return all, lost, twice
}

// Whatever a network does within the bounds: what leaves is in order, nothing
// leaves twice, nothing waits longer than most, and each packet is counted
// once: left, late or a duplicate, and lost when it never left.
func TestJitterBufferKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := time.Duration(rapid.Int64Range(1, 200).Draw(t, "most")) * ms
		s := newSorter(time.Duration(rapid.Int64Range(0, int64(most/ms)).Draw(t, "least"))*ms, most)
		ptime := time.Duration(rapid.IntRange(1, 6).Draw(t, "ptime")) * 10 * ms
		n := rapid.IntRange(2, 300).Draw(t, "packets")
		all, _, twice := network(t, n, ptime, time.Duration(rapid.Int64Range(1, 150).Draw(t, "jitter"))*ms)
		for _, p := range all {
			s.comes(p, p.came)
		}
		s.flush(all[len(all)-1].came)
		beginning := s.left[0].seq
		for i, p := range s.left {
			if i > 0 && int16(p.seq-s.left[i-1].seq) <= 0 {
				t.Fatalf("got %d after %d, want order", p.seq, s.left[i-1].seq)
			}
			if s.waited[i] > int64(most) || s.waited[i] < 0 {
				t.Fatalf("got %d held for %v, want at most %v", p.seq, time.Duration(s.waited[i]), most)
			}
		}
		if got := len(s.left) + s.counts.late + s.counts.duplicate; got != len(all) {
			t.Fatalf("got %d packets counted, want %d", got, len(all))
		}
		if s.counts.duplicate != twice {
			t.Fatalf("got %d duplicates, want %d", s.counts.duplicate, twice)
		}
		if span := int(int16(s.left[len(s.left)-1].seq-beginning)) + 1; span-len(s.left) != s.counts.lost {
			t.Fatalf("got %d lost, want %d", s.counts.lost, span-len(s.left))
		}
	})
}

// What comes in order leaves at once, whatever its delays are.
func TestInOrderNothingIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSorter(0, 200*ms)
		now := int64(0)
		for i := range 300 {
			now += rapid.Int64Range(0, int64(100*ms)).Draw(t, "after")
			if how := s.comes(steadily(uint16(i), now), now); how != leaves {
				t.Fatalf("got %v for %d, want it to leave at once", how, i)
			}
		}
	})
}

// With jitter and reordering as the first packets show them, none is lost.
func TestReorderingWithin60MillisecondsLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSorter(0, 200*ms)
		first := rapid.Uint16().Draw(t, "first")
		var all []*packet
		for i := range 500 {
			delay := rapid.Int64Range(0, int64(60*ms)).Draw(t, "delay")
			if i == 0 {
				delay = 0
			}
			p := steadily(first+uint16(i), int64(i)*int64(20*ms)+delay)
			p.ts = uint32(i) * 160
			all = append(all, p)
		}
		slices.SortStableFunc(all, func(a, b *packet) int { return int(a.came - b.came) })
		for _, p := range all {
			s.comes(p, p.came)
		}
		if len(s.left) != 500 || s.counts.lost+s.counts.late > 0 {
			t.Fatalf("got %d out, %d lost, %d late, want all 500", len(s.left), s.counts.lost, s.counts.late)
		}
		for i, p := range s.left {
			if late := p.came + s.waited[i] - int64(p.seq-first)*int64(20*ms); late > int64(60*ms) {
				t.Fatalf("got %d out %v after it was sent, want no more than the network's 60 ms", p.seq, time.Duration(late))
			}
		}
	})
}

// Not even numbers and timestamps without any sense bring the buffer out of step.
func TestJitterBufferSurvivesNonsense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSorter(0, 200*ms)
		now := int64(0)
		for range rapid.IntRange(1, 500).Draw(t, "packets") {
			now += rapid.Int64Range(0, int64(50*ms)).Draw(t, "after")
			p := &packet{seq: rapid.Uint16().Draw(t, "seq"), ts: rapid.Uint32().Draw(t, "ts"), came: now, steady: rapid.Bool().Draw(t, "steady")}
			s.comes(p, now)
			s.consistent(t)
		}
	})
}

func (s *sorter) consistent(t interface{ Fatalf(string, ...any) }) {
	held := 0
	for _, p := range s.slots {
		if p != nil {
			held++
		}
	}
	if held != s.held {
		t.Fatalf("got %d held, %d in slots", s.held, held)
	}
}

// FuzzJitter feeds packets of 5 bytes: 2 of the number's step, 2 of the
// timestamp's, 1 of the time since the one before in ms.
func FuzzJitter(f *testing.F) {
	f.Add([]byte{0, 1, 0, 160, 20, 0, 2, 1, 64, 20, 255, 255, 255, 96, 5})
	f.Add([]byte{0, 1, 0, 160, 20, 0, 101, 63, 32, 200, 0, 1, 0, 160, 20})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSorter(0, 200*ms)
		now, seq, ts := int64(0), uint16(0), uint32(0)
		for ; len(b) >= 5; b = b[5:] {
			seq += uint16(b[0])<<8 | uint16(b[1])
			ts += uint32(int32(int16(uint16(b[2])<<8 | uint16(b[3]))))
			now += int64(b[4]) * int64(ms)
			s.comes(&packet{seq: seq, ts: ts, came: now, steady: true}, now)
			s.consistent(t)
		}
		for i := range s.left {
			if s.waited[i] > int64(200*ms) {
				t.Fatalf("got a packet held for %v", time.Duration(s.waited[i]))
			}
		}
	})
}
