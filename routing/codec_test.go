package routing

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEveryEventSurvivesTheJournal(t *testing.T) {
	at := time.Date(2026, 1, 5, 14, 0, 0, 123456789, time.UTC)
	events := []Event{
		Configured{Config{
			Agents: []Agent{{ID: "ann", Name: "Ann Lee", CallLimit: 2, Skills: []Skill{{"spanish", 5}}}},
			Teams: []Team{{ID: "support", Agents: []AgentID{"ann"}, NeedDesk: true, Ring: 30 * time.Second, RingStart: 4 * time.Second,
				RetryAfter: 5 * time.Minute, WrapUp: time.Second, AwayAfter: 3, CallLimit: 1}},
		}},
		PhonesChanged{Agent: "ann", Phones: []PhoneID{"p1", "p2"}, Fresh: true},
		DeskChanged{"ann", true, true},
		StatusSet{"ann", true, "back"},
		ChannelSet{"ann", ChannelPhone},
		Queued{
			Work: "w1", Team: "support", Target: "ann", Priority: -3, Since: at, Returned: true, Until: at, Lasting: true, Entered: at.Add(time.Second),
			Asks: Asks{
				Skills:   []Skill{{"spanish", 3}},
				Relax:    []Relax{{time.Minute, []Skill{{"spanish", 1}}}},
				Overflow: []Overflow{{time.Minute, []TeamID{"sales"}}},
			},
			Sticky: "bob", StickyUntil: at.Add(time.Minute), ByHand: true,
		},
		Prioritized{"w1", 5},
		Asked{"w1"},
		QueueSet{"support", true},
		ShiftSet{"ann", true, at},
		Refused{"w1", "ann"},
		Removed{"w1", OutcomeAbandoned},
		PhoneRang{7, "p1"},
		PhoneAnswered{7, "p1"},
		PhoneFailed{Offer: 7, Phone: "p1", Code: 486},
		Declined{7},
		Engaged{"w1", "ann", "support"},
		Released{"w1", "ann", true, "support"},
		Restarted{},
		Tick{},
	}
	if got, want := len(events), len(decoders); got != want {
		t.Fatalf("events tried: got %d, want all %d", got, want)
	}
	seen := map[string]bool{}
	for _, ev := range events {
		text, err := EncodeEvent(ev)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeEvent(text)
		if err != nil || !reflect.DeepEqual(got, ev) {
			t.Errorf("%s: got %#v, %v, want %#v", text, got, err, ev)
		}
		seen[eventName(ev)] = true
	}
	if len(seen) != len(events) {
		t.Errorf("names: got %d, want %d different ones", len(seen), len(events))
	}
}

func TestAnUnknownEventIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		`{"event":"vanished"}`:               `"vanished"`,
		`{}`:                                 `""`,
		`nonsense`:                           "invalid character",
		`{"event":"queued","of":{"work":1}}`: "queued",
		`{"event":"phone_failed","of":{"code":"486"}}`: "phone_failed",
	} {
		if ev, err := DecodeEvent([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want an error naming %s", text, ev, err, want)
		}
	}
	if text, err := EncodeEvent(nil); err == nil {
		t.Errorf("no event: got %s, want an error", text)
	}
}

func TestALaterVersionsFieldIsPassedOver(t *testing.T) {
	got, err := DecodeEvent([]byte(`{"event":"declined","of":{"offer":3,"mood":"bad"}}`))
	if want := (Declined{3}); err != nil || got != Event(want) {
		t.Errorf("got %#v, %v, want %#v", got, err, want)
	}
}
