package routing

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// oneAgent returns a house of ann in support with one live phone, and work w1 ringing at her as offer 1.
func oneAgent(t *testing.T) (*Router, Config) {
	t.Helper()
	cfg := Config{Agents: []Agent{{ID: "ann"}}, Teams: []Team{{ID: "support", Agents: []AgentID{"ann"}, WrapUp: time.Minute}}}
	r := New(cfg)
	r.Step(noon, PhonesChanged{Agent: "ann", Phones: []PhoneID{"p1"}})
	r.Step(noon, Queued{Work: "w1", Team: "support"})
	if open := r.Open(); len(open) != 1 || open[0].Offer != 1 {
		t.Fatalf("got %v, want offer 1 ringing", open)
	}
	return r, cfg
}

func TestASnapshotSharesNothingWithItsRouter(t *testing.T) {
	r, _ := oneAgent(t)
	r.Step(noon, PhoneRang{1, "p1"})
	snap := r.Snapshot()
	before, _ := json.Marshal(snap)
	r.Step(noon.Add(time.Second), Declined{1})
	r.Step(noon.Add(time.Second), PhonesChanged{Agent: "ann"})
	r.Step(noon.Add(time.Hour), Restarted{})
	if after, _ := json.Marshal(snap); string(after) != string(before) {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}

func TestRestoreRefusesASnapshotThatContradictsItself(t *testing.T) {
	for name, spoil := range map[string]func(*Snapshot){
		"version":                   func(s *Snapshot) { s.Version = 99 },
		"work w1 waits and rings":   func(s *Snapshot) { s.Works[0].Waiting = true },
		"is there twice":            func(s *Snapshot) { s.Works = append(s.Works, s.Works[0]) },
		"has two offers":            func(s *Snapshot) { o := s.Offers[0]; o.ID = 2; s.Offers = append(s.Offers, o) },
		"which is not there":        func(s *Snapshot) { s.Works = nil; s.Offers = nil },
		"of which one is not there": func(s *Snapshot) { s.Offers[0].Agent = "bob" },
		"rings at agent ann, who":   func(s *Snapshot) { s.Agents[0].Open = nil },
		"offer 7, which is not":     func(s *Snapshot) { s.Agents[0].Open[0].Offer = 7 },
		"which is no state":         func(s *Snapshot) { s.Offers[0].Phones[0].State = "sings" },
		"calls and a limit of":      func(s *Snapshot) { s.Agents[0].Open[0].Limit = 0 },
		"rings no phone":            func(s *Snapshot) { s.Offers[0].Phones = nil },
		"who is away since before":  func(s *Snapshot) { s.Agents[0].Away = true },
		"nobody's and has no":       func(s *Snapshot) { s.Works = append(s.Works, WorkState{ID: "w2"}) },
		"waits for nobody":          func(s *Snapshot) { s.Works = append(s.Works, WorkState{ID: "w2", Waiting: true, Target: "x"}) },
		"what no deadline ends":     func(s *Snapshot) { s.Works = append(s.Works, refusedWork("w2")) },
	} {
		r, cfg := oneAgent(t)
		snap := r.Snapshot()
		spoil(&snap)
		if _, err := Restore(cfg, snap); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an error saying so", name, err)
		}
	}
}

func refusedWork(id WorkID) WorkState {
	return WorkState{
		ID: id, Team: "support", Waiting: true, InLine: true,
		Refusals: []RefusalState{{Agent: "ann", Why: OutcomeDeclined, At: noon, Until: noon.Add(time.Minute)}},
	}
}

func TestRestoreUnderAnotherConfigurationActsAsAReload(t *testing.T) {
	r, _ := oneAgent(t)
	r.Step(noon, Queued{Work: "w2", Team: "support"})
	other := Config{Agents: []Agent{{ID: "bob"}}, Teams: []Team{{ID: "sales", Agents: []AgentID{"bob"}}}}
	back, err := Restore(other, r.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	got := back.Step(noon.Add(time.Second), Tick{})
	want := []Command{
		Stranded{Work: "w2", Team: "support"},
		Cancel{Offer: 1, Phone: "p1", Why: OutcomeWithdrawn},
		OfferEnded{Offer: 1, Work: "w1", Agent: "ann", Team: "support", Outcome: OutcomeWithdrawn, Made: noon, At: noon}, // a reload at the snapshot's time
		Stranded{Work: "w1", Team: "support"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := back.Check(); err != nil {
		t.Error(err)
	}
	if views := back.Agents(noon); len(views) != 1 || views[0].ID != "bob" {
		t.Errorf("agents: got %v, want bob alone", views)
	}
}

func TestTimeDoesNotGoBack(t *testing.T) {
	r, _ := oneAgent(t)
	r.Step(noon.Add(time.Second), PhoneRang{1, "p1"})
	got := r.Step(noon.Add(-time.Hour), Declined{1})
	ended, ok := got[1].(OfferEnded)
	if want := noon.Add(time.Second); !ok || !ended.At.Equal(want) {
		t.Errorf("got %v, want the offer to end at %v", got, want)
	}
}

func TestTheMonotonicReadingIsNotUsed(t *testing.T) {
	// A replay has wall clock times only; what it decides must not differ from what was decided live.
	live := time.Now()
	r := New(Config{Agents: []Agent{{ID: "ann"}}, Teams: []Team{{ID: "support", Agents: []AgentID{"ann"}}}})
	r.Step(live, PhonesChanged{Agent: "ann", Phones: []PhoneID{"p1"}})
	r.Step(live, Queued{Work: "w1", Team: "support", Since: live})
	for _, at := range []time.Time{r.now, r.Deadline(), r.Waiting(live)[0].Since} {
		if strings.Contains(at.String(), "m=") || at.Location() != time.UTC {
			t.Errorf("got %v, want a wall clock time in UTC", at)
		}
	}
}

func TestAContradictionPanicsByName(t *testing.T) {
	r, _ := oneAgent(t)
	r.agents["ann"].open = nil // no event can do this
	defer func() {
		want := "routing: agent ann does not hold the offer of work w1"
		if got := recover(); got != want {
			t.Errorf("got %v, want %q", got, want)
		}
		if err := r.Check(); err == nil {
			t.Error("Check: got nothing, want the contradiction")
		}
	}()
	r.Step(noon, Declined{1})
}

func TestIdleMemoryIsForgotten(t *testing.T) {
	r, _ := oneAgent(t)
	r.Step(noon, PhoneAnswered{1, "p1"})
	r.Step(noon.Add(time.Minute), Released{Work: "w1", Agent: "ann", Spoke: true, Team: "support"})
	for range 10 {
		if next := r.Deadline(); !next.IsZero() {
			r.Step(next, Tick{})
		}
	}
	if got := r.Snapshot(); len(got.Works)+len(got.Offers) != 0 || !r.Deadline().IsZero() {
		t.Errorf("got works %v, offers %v, deadline %v, want nothing kept", got.Works, got.Offers, r.Deadline())
	}
}

func TestEndedOffersAreNotKept(t *testing.T) {
	r, _ := oneAgent(t)
	now := noon
	for range 2000 {
		now = now.Add(time.Second)
		r.Step(now, Queued{Work: "w1", Team: "support"})
		r.Step(now, Removed{"w1", OutcomeAbandoned})
	}
	if got := len(r.offers); got > 50 {
		t.Errorf("offers kept: got %d, want those of the last %v", got, offerMemory)
	}
}

// An answered offer whose phones have all spoken is told twice at most; one whose phone is being cancelled may be
// answered for 64*T1.
func TestAnEndedOfferIsKeptWhileAPhoneMayAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		end  Event
		kept bool
	}{
		"answered by its only phone": {PhoneAnswered{Offer: 1, Phone: "p1"}, false},
		"failed at its only phone":   {PhoneFailed{Offer: 1, Phone: "p1", Code: 486}, false},
		"declined while it rings":    {Declined{1}, true},
	} {
		r, _ := oneAgent(t)
		r.Step(noon, c.end)
		r.Step(noon.Add(3*time.Second), Tick{})
		if _, got := r.offers[1]; got != c.kept {
			t.Errorf("%s: kept after 3 s: got %v, want %v", name, got, c.kept)
		}
	}
}

func TestFailureCodes(t *testing.T) {
	for far, want := range map[int]int{
		0: 480, 408: 480, 487: 480, 404: 404, 486: 486, 600: 600, 603: 603, 488: 488, 401: 500, 403: 500, 407: 500, 500: 500, 503: 500,
	} {
		if got := FailureCode(far); got != want {
			t.Errorf("%d: got %d, want %d", far, got, want)
		}
	}
}
