package routing

import (
	"testing"
	"time"
)

// paceOf is a pace of calls that stood at a place and waited so long, the head of the line for so long, a minute apart.
func paceOf(at time.Time, calls ...sample) (p pace) {
	for i, c := range calls {
		c.At = at.Add(time.Duration(i) * time.Minute)
		p.samples = append(p.samples, c)
	}
	return p
}

func times(n int, one sample) (all []sample) {
	for range n {
		all = append(all, one)
	}
	return all
}

// A wait is as many heads of the line as there are places, and is trusted as far as it would have held for the calls that
// it is made of: within half of it and half a minute, either way.
func TestAnEstimateIsMadeOfTheLastAnsweredCalls(t *testing.T) {
	start := time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)
	two := sample{Waited: 2 * time.Minute, Head: 2 * time.Minute, Place: 1}
	far := func(waited time.Duration) sample { return sample{Waited: waited, Head: 2 * time.Minute, Place: 1} }
	for _, c := range []struct {
		why        string
		calls      []sample
		place      int
		later      time.Duration // than the first call
		wait       time.Duration
		confidence int
	}{
		{"four calls tell nothing", times(4, two), 1, 10 * time.Minute, 0, 0},
		{"five do", times(5, two), 1, 10 * time.Minute, 2 * time.Minute, 100},
		{"a place is one head of the line more", times(5, two), 4, 10 * time.Minute, 8 * time.Minute, 100},
		{"the mean of them", append(times(4, two), sample{Waited: 7 * time.Minute, Head: 7 * time.Minute, Place: 1}), 2, 10 * time.Minute, 6 * time.Minute, 80},
		{"two hours old counts", times(5, two), 1, 2 * time.Hour, 2 * time.Minute, 100},
		{"older does not", times(5, two), 1, 2*time.Hour + time.Second, 0, 0},
		{"what is left of them is enough", times(6, two), 1, 2*time.Hour + time.Second, 2 * time.Minute, 100},
		{"half of it and 30 s more would have held", append(times(4, two), far(3*time.Minute+30*time.Second)), 1, 10 * time.Minute, 2 * time.Minute, 100},
		{"a second more would not", append(times(4, two), far(3*time.Minute+31*time.Second)), 1, 10 * time.Minute, 2 * time.Minute, 80},
		{"half of it less 30 s would have held", append(times(4, two), far(30*time.Second)), 1, 10 * time.Minute, 2 * time.Minute, 100},
		{"a second less would not", append(times(4, two), far(29*time.Second)), 1, 10 * time.Minute, 2 * time.Minute, 80},
		{"it is held against the place that they had", append(times(4, two), sample{Waited: 6 * time.Minute, Head: 2 * time.Minute, Place: 3}), 1, 10 * time.Minute, 2 * time.Minute, 100},
	} {
		p := paceOf(start, c.calls...)
		if wait, confidence := p.estimate(c.place, start.Add(c.later)); wait != c.wait || confidence != c.confidence {
			t.Errorf("%s: got %v, %d %%, want %v, %d %%", c.why, wait, confidence, c.wait, c.confidence)
		}
	}
}

// What is learnt of a call: how long it was the head of the line, since it came or since the last answer. One that did not
// have to wait moves the line, and says nothing of the wait. The last twenty count.
func TestThePaceLearnsFromWhoHadToWait(t *testing.T) {
	start := time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)
	at := func(m int) time.Time { return start.Add(time.Duration(m) * time.Minute) }
	var p pace
	p.answered(&work{entered: at(0), place: 2}, at(3))
	p.answered(&work{entered: at(1), place: 3}, at(5))
	p.answered(&work{entered: at(6)}, at(6)) // an agent was free
	p.answered(&work{entered: at(4), place: 1}, at(8))
	p.answered(&work{entered: at(9), place: 1}, at(10))
	want := []sample{
		{At: at(3), Waited: 3 * time.Minute, Head: 3 * time.Minute, Place: 2},
		{At: at(5), Waited: 4 * time.Minute, Head: 2 * time.Minute, Place: 3},
		{At: at(8), Waited: 4 * time.Minute, Head: 2 * time.Minute, Place: 1},
		{At: at(10), Waited: time.Minute, Head: time.Minute, Place: 1},
	}
	if len(p.samples) != len(want) {
		t.Fatalf("samples: got %+v, want %+v", p.samples, want)
	}
	for i, got := range p.samples {
		if got != want[i] {
			t.Errorf("sample %d: got %+v, want %+v", i, got, want[i])
		}
	}
	for i := range 20 {
		if p.answered(&work{entered: at(20 + i), place: 1}, at(25+i)); len(p.samples) > 20 {
			t.Fatalf("samples: got %d, want 20 at most", len(p.samples))
		}
	}
	if len(p.samples) != 20 || !p.samples[0].At.Equal(at(25)) || !p.samples[19].At.Equal(at(44)) {
		t.Errorf("samples: got %d, from %v, want the last twenty", len(p.samples), p.samples[0].At)
	}
}

// What is said is rounded up, never down, and never nothing.
func TestAWaitIsRoundedUp(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{
		0:                              time.Minute,
		time.Second:                    time.Minute,
		time.Minute:                    time.Minute,
		time.Minute + 1:                2 * time.Minute,
		5 * time.Minute:                5 * time.Minute,
		5*time.Minute + 1:              10 * time.Minute,
		20 * time.Minute:               20 * time.Minute,
		20*time.Minute + 1:             30 * time.Minute,
		time.Hour:                      time.Hour,
		time.Hour + 1:                  90 * time.Minute,
		2*time.Hour + 31*time.Minute:   3 * time.Hour,
		-time.Minute:                   time.Minute,
		4*time.Minute + 59*time.Second: 5 * time.Minute,
	} {
		if got := roundWait(wait); got != want {
			t.Errorf("%v: got %v, want %v", wait, got, want)
		}
	}
}

// Who is told a wait with confidence is promised it: nobody behind is told less than what is left of it, whatever the pace
// has become. It binds nobody in front, nor the next word to the same caller; and what was told without confidence binds nobody.
func TestAPromiseBindsWhatIsToldBehind(t *testing.T) {
	now := time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)
	r := New(Config{Agents: []Agent{{ID: "ann"}}, Teams: []Team{{ID: "support", Agents: []AgentID{"ann"}}}})
	r.Step(now, PhonesChanged{Agent: "ann", Phones: []PhoneID{"p"}})
	r.Step(now, Engaged{Work: "w0", Agent: "ann"})
	for _, id := range []WorkID{"a", "b", "c"} {
		r.Step(now, Queued{Work: id, Team: "support"})
	}
	r.Step(now, Queued{Work: "only", Team: "support", Target: "ann"})
	// held is how many of five calls have waited as long as the mean says; the others far longer.
	pace := func(head time.Duration, held int) {
		p := &r.teams["support"].pace
		p.samples = nil
		for i := range 5 {
			one := sample{At: now, Waited: head, Head: head, Place: 1}
			if i >= held {
				one.Waited = 10 * head
			}
			p.samples = append(p.samples, one)
		}
	}
	asks := func(why string, id WorkID, place int, wait time.Duration, confidence int) {
		t.Helper()
		want := Placed{Work: id, Team: "support", Place: place, Wait: wait, Confidence: confidence}
		if got := r.Step(now, Asked{id}); len(got) != 1 || got[0] != Command(want) {
			t.Errorf("%s: got %+v, want %+v", why, got, want)
		}
	}
	pace(4*time.Minute, 2)
	asks("without confidence", "a", 1, 4*time.Minute, 40)
	pace(time.Minute, 5)
	asks("behind who was promised nothing", "b", 2, 2*time.Minute, 100)
	pace(4*time.Minute, 3)
	asks("with just enough", "a", 1, 4*time.Minute, 60)
	pace(time.Minute, 5)
	now = now.Add(30 * time.Second)
	asks("behind a promise of which 3m30s are left", "b", 2, 4*time.Minute, 100)
	asks("behind both", "c", 3, 4*time.Minute, 100)
	asks("the front again: what is promised behind does not bind", "a", 1, time.Minute, 100)
	asks("behind a shorter promise", "b", 2, 2*time.Minute, 100)
	pace(4*time.Minute, 5)
	asks("the front", "a", 1, 4*time.Minute, 100)
	pace(time.Minute, 5)
	r.Step(now, Queued{Work: "a", Team: "support", Since: now.Add(-time.Hour), Sticky: "ann", StickyUntil: now.Add(time.Minute), ByHand: true})
	asks("behind one who was offered by hand meanwhile", "b", 2, 4*time.Minute, 100)
	r.Step(now, Queued{Work: "a", Team: "support", Since: now.Add(-time.Hour), Target: "ann"})
	r.Step(now, Queued{Work: "a", Team: "support", Since: now.Add(-time.Hour)})
	asks("behind one who was assigned, and waits anew", "b", 2, 2*time.Minute, 100)
	now = now.Add(3*time.Minute + 40*time.Second)
	asks("behind promises that are over", "c", 3, 3*time.Minute, 100)
	asks("who waits for one agent alone", "only", 1, 0, 0)
}
