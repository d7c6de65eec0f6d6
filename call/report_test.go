package call

import (
	"fmt"
	"testing"
	"time"

	"trunkline/routing"
)

// Product §8: reports are folds over facts.
func TestReportsAreFoldsOverFacts(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r := NewReport(berlin, 20*time.Second)
	began := time.Date(2026, 3, 1, 22, 59, 0, 0, time.UTC) // 23:59 there
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	end := func(by Party) *Ending { return &Ending{By: by} }
	for _, f := range []Fact{
		{At: at(0), Kind: FactQueued, Call: "A", Team: "support"},
		{At: at(1), Kind: FactOfferMade, Call: "A", Agent: "ann", Offer: 1},
		{At: at(5), Kind: FactOfferEnded, Call: "A", Agent: "ann", Offer: 1, Outcome: routing.OutcomeDeclined},
		{At: at(5), Kind: FactOfferMade, Call: "A", Agent: "bob", Offer: 2},
		{At: at(10), Kind: FactOfferEnded, Call: "A", Agent: "bob", Offer: 2, Outcome: routing.OutcomeAccepted},
		{At: at(10), Kind: FactConnected, Call: "A", Agent: "bob", Team: "support"},
		{At: at(70), Kind: FactReleased, Call: "A", Agent: "bob"},
		{At: at(71), Kind: FactEnded, Call: "A", Ending: end(ByCaller)},
		{At: at(20), Kind: FactQueued, Call: "B", Team: "support"},
		{At: at(30), Kind: FactEnded, Call: "B", Ending: end(ByCaller)},
		{At: at(20), Kind: FactQueued, Call: "C", Team: "support"},
		{At: at(50), Kind: FactConnected, Call: "C", Agent: "bob", Team: "support"},
		{At: at(120), Kind: FactEnded, Call: "C", Ending: end(ByAgent)}, // without a word that bob was released
		{At: at(90), Kind: FactQueued, Call: "D", Team: "support"},      // the next day there
		{At: at(150), Kind: FactQueued, Call: "D", Team: "sales"},
		{At: at(190), Kind: FactEnded, Call: "D", Ending: end(ByTrunk)},
		{At: at(160), Kind: FactOfferTooLate, Call: "D", Agent: "ann"},
		{At: at(170), Kind: FactQueued, Call: "E", Team: "sales"}, // waits still
	} {
		r.Fact(f)
	}
	for i, want := range []string{
		"2026-03-01 support: queued 3, answered 2 (1 within), abandoned 1 (1 within), left 0, waited 50, longest 30, level 0.50 0.67",
		"2026-03-02 sales: queued 2, answered 0 (0 within), abandoned 1 (0 within), left 0, waited 40, longest 40, level 0.00 0.00",
		"2026-03-02 support: queued 1, answered 0 (0 within), abandoned 0 (0 within), left 1, waited 0, longest 0, level 0.00 0.00",
	} {
		f := r.Teams()[i]
		got := fmt.Sprintf("%s %s: queued %d, answered %d (%d within), abandoned %d (%d within), left %d, waited %.0f, longest %.0f, level %.2f %.2f",
			f.Day, f.Team, f.Queued, f.Answered, f.AnsweredWithin, f.Abandoned, f.AbandonedWithin, f.Left, f.WaitSeconds, f.LongestSeconds, f.ServiceLevel(), f.ServiceLevelOfAll())
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for i, want := range []string{
		"2026-03-01 ann: offered 1, answered 0, talked 0, map[declined:1]",
		"2026-03-01 bob: offered 1, answered 2, talked 130, map[accepted:1]",
		"2026-03-02 ann: offered 0, answered 0, talked 0, map[too_late:1]",
	} {
		f := r.Agents()[i]
		if got := fmt.Sprintf("%s %s: offered %d, answered %d, talked %.0f, %v", f.Day, f.Agent, f.Offered, f.Answered, f.TalkSeconds, f.Outcomes); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if n, m := len(r.Teams()), len(r.Agents()); n != 3 || m != 3 {
		t.Errorf("got %d and %d rows, want 3 each", n, m)
	}
}
