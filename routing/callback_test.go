package routing

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEverySentenceAboutCallbacksHasItsStory tells the stories in testdata/routing/callback: of the callbacks with a Router
// beside them. Before each step the callbacks go through JSON, and must do the same.
func TestEverySentenceAboutCallbacksHasItsStory(t *testing.T) {
	tell(t, "../testdata/routing/callback", func(t testing.TB) teller {
		return newCallbackStory(t)
	})
}

// callbackStory has the commands of a Router's story, and:
//
//	ask c1 +14155550123 support for=2h since=-3m by=sue quiet=10m-3h call=x1
//	                                  since when the caller waited; quiet from and to, from now
//	call c1 ann                       ann calls by hand
//	told c1 answered|unanswered|failed|given_up
//	close c1 sue why                  by hand
//	assign c1 ann|nobody view
//	calls-in +14155550123 bob / calls-out +14155550123 bob
//	adopt c1                          one that is done is acted on again
//	gone-number +14155550123          its contact is deleted
//	crash                             the process ends and starts: a Restarted of both
//	callback c1                       what it is now
type callbackStory struct {
	story
	book  *Callbacks
	kept  map[CallbackID]Callback
	rings map[OfferID]Ring
}

func newCallbackStory(t testing.TB) *callbackStory {
	return &callbackStory{
		story: story{TB: t, now: time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)},
		book:  NewCallbacks(nil), kept: map[CallbackID]Callback{}, rings: map[OfferID]Ring{},
	}
}

func (s *callbackStory) do(line string) {
	s.Helper()
	w, options := words(line)
	verb, args := w[0], w[1:]
	was := len(s.all)
	if !s.callback(verb, args, options) {
		if verb == "wait" {
			s.wait(args[0])
			return
		}
		s.story.do(line)
	}
	s.hear(was)
}

// hear gives the callbacks what the Router says of them, and obeys them.
func (s *callbackStory) hear(from int) {
	s.Helper()
	for ; from < len(s.all); from++ {
		for _, ev := range callbackEvents(s.all[from], s.kept) {
			s.feed(ev)
		}
	}
}

// callbackEvents is what a Router's command means to the callbacks.
func callbackEvents(c Command, known map[CallbackID]Callback) []CallbackEvent {
	id := func(w WorkID) (CallbackID, bool) { _, ok := known[CallbackID(w)]; return CallbackID(w), ok }
	switch c := c.(type) {
	case OfferRang:
		if id, ok := id(c.Work); ok {
			return []CallbackEvent{CallbackOffered{ID: id, Agent: c.Agent}}
		}
	case Connect:
		if id, ok := id(c.Work); ok {
			return []CallbackEvent{CallbackTaken{ID: id, Agent: c.Agent, Call: "call-" + string(id)}}
		}
	case OfferEnded:
		if id, ok := id(c.Work); ok && c.Outcome != OutcomeAccepted {
			return []CallbackEvent{CallbackRefused{ID: id, Agent: c.Agent, Outcome: c.Outcome}}
		}
	case Expired:
		if id, ok := id(c.Work); ok {
			return []CallbackEvent{CallbackBack{ID: id}}
		}
	case Stranded:
		if id, ok := id(c.Work); ok {
			return []CallbackEvent{CallbackBack{ID: id, Stranded: true}}
		}
	}
	return nil
}

func (s *callbackStory) wait(text string) {
	s.Helper()
	end := s.now.Add(s.duration(text))
	for {
		next := s.router.Deadline()
		if at := s.book.Deadline(); next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
		if next.IsZero() || next.After(end) {
			break
		}
		s.now = next
		was := len(s.all)
		s.story.step(Tick{})
		s.hear(was)
		was = len(s.all)
		s.feed(CallbackTick{})
		s.hear(was)
	}
	s.now = end
}

// feed steps the callbacks and a copy of them, and obeys.
func (s *callbackStory) feed(ev CallbackEvent) {
	s.Helper()
	twin := copied(s, s.book)
	cmds := s.book.Step(s.now, ev)
	if again := twin.Step(s.now, ev); !reflect.DeepEqual(cmds, again) {
		s.Fatalf("after %#v:\nthe copy says %+v\nthe other one %+v", ev, again, cmds)
	}
	for _, c := range cmds {
		switch c := c.(type) {
		case CallbackQueue:
			s.say("queue %s for %s%s until %s", c.Queued.Work, c.Queued.Team, target(c.Queued.Target), clockText(c.Queued.Until))
			s.story.step(c.Queued)
		case CallbackUnqueue:
			s.story.step(Removed{Work: c.ID.Work()})
		case CallbackRefuse:
			s.story.step(Refused{c.ID.Work(), c.Agent})
		case CallbackForget:
			s.story.step(Removed{Work: c.ID.Work(), Why: OutcomeAbandoned})
		case CallbackKeep:
			s.kept[c.Callback.ID] = c.Callback
		case CallbackDrop:
			delete(s.kept, c.ID)
			s.say("nothing is kept of %s", c.ID)
		case CallbackSay:
			s.say("%s", strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", c.ID, c.Note.Mark, c.Note.Agent, c.Note.By, c.Why)))
		}
	}
}

func target(a AgentID) string {
	if a == "" {
		return ""
	}
	return ", agent " + string(a) + ","
}

// copied sends callbacks through JSON.
func copied(t tester, b *Callbacks) *Callbacks {
	t.Helper()
	text, err := json.Marshal(b.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var kept []Callback
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	return NewCallbacks(kept)
}

func (s *callbackStory) callback(verb string, args []string, options map[string]string) bool {
	id := func() CallbackID { return CallbackID(args[0]) }
	switch verb {
	case "ask":
		ev := CallbackAsked{ID: id(), Number: args[1], Team: TeamID(args[2]), For: s.duration(options["for"]), By: options["by"], Call: options["call"]}
		if ev.For == 0 {
			ev.For = 2 * time.Hour
		}
		ev.Since = s.now.Add(s.duration(options["since"]))
		if from, to, ok := strings.Cut(options["quiet"], "-"); ok {
			ev.Quiet = []Span{{s.now.Add(s.duration(from)), s.now.Add(s.duration(to))}}
		}
		s.feed(ev)
	case "call":
		s.feed(CallbackTaken{ID: id(), Agent: AgentID(args[1]), ByHand: true, Call: "by-hand"})
	case "told":
		s.feed(CallbackTold{ID: id(), Outcome: CallbackMark(args[1])})
	case "close":
		s.feed(CallbackShut{ID: id(), By: args[1], Reason: strings.Join(args[2:], " ")})
	case "assign":
		ev := CallbackGiven{ID: id(), By: "sue", ViewOnly: len(args) > 2}
		if args[1] != "nobody" {
			ev.Agent = AgentID(args[1])
		}
		s.feed(ev)
	case "calls-in", "calls-out":
		s.feed(CallbackSeen{Number: args[0], Agent: AgentID(args[1]), Call: "other", Out: verb == "calls-out"})
	case "adopt":
		s.feed(CallbackAdopted{s.kept[id()]})
	case "gone-number":
		s.feed(CallbackGone{args[0]})
	case "crash":
		s.story.step(Restarted{})
		var pending []Callback
		for _, c := range s.book.Snapshot() {
			if c.State == CallbackPending {
				pending = append(pending, c)
			}
		}
		s.book = NewCallbacks(pending)
		s.feed(CallbackRestarted{})
	case "callback":
		c, there := s.kept[id()]
		if !there {
			s.say("no callback %s", args[0])
			break
		}
		s.say("%s to %s: %s, %s, asked %d times, since %s, until %s, ignored %d times%s", c.ID, c.Number, c.State, c.Stage, c.Requests,
			clockText(c.Since), clockText(c.Until), c.Ignored, attempts(c))
	default:
		return false
	}
	return true
}

func attempts(c Callback) string {
	var b strings.Builder
	for _, a := range c.Attempts {
		how := "offered"
		if a.ByHand {
			how = "by hand"
		}
		fmt.Fprintf(&b, "; %s %s: %s", a.Agent, how, a.Outcome)
	}
	if c.Reason != "" {
		fmt.Fprintf(&b, "; %s", c.Reason)
	}
	return b.String()
}
