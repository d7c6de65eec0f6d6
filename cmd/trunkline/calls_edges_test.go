package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

const (
	annAlone = "teams:\n  support: {name: Support, agents: [ann]}\n"
	oneCall  = "calls: {max: 1}\n"
)

// outcomes are the offers of a card, as "ann declined".
func outcomes(r call.Record) string {
	var out []string
	for _, o := range r.Offers {
		out = append(out, string(o.Agent)+" "+string(o.Outcome))
	}
	return strings.Join(out, ", ")
}

func (s *story) wantOffers(want string) {
	s.Helper()
	if got := outcomes(s.card()); got != want {
		s.Errorf("offers: got %s, want %s", got, want)
	}
}

// A call that has ended may have a leg left, whose CANCEL nobody answers.
func TestCallsMaxCountsOnlyCallsThatHaveNotEnded(t *testing.T) {
	act(t, oneCall+supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		ann.Behave(func(h *simphone.Habits) { h.Silent = []string{"CANCEL"} })
		c := s.dial()
		s.rings(ann)
		time.Sleep(time.Second)
		s.bye(c)
		time.Sleep(time.Second)
		next := s.dial()
		s.answered(next)
		third := s.dial()
		if e := s.ended(third); e.Code != 503 {
			t.Errorf("a second call at once: got %v, want 503", e)
		}
		s.bye(next)
		time.Sleep(40 * time.Second)
		if got := s.card().Ending.String(); got != "too_many_calls by system (503)" {
			t.Errorf("ending: got %s, want too_many_calls by system (503)", got)
		}
	})
}

func TestUnknownNumberIs404AlsoAtTheLimit(t *testing.T) {
	act(t, oneCall+supportTeam+queueFlow, func(s *story) {
		unknown := func() *simphone.Call { return s.carrier.Dial("+14155559999", simphone.From(customer)) }
		before := []*simphone.Call{unknown(), unknown()} // in one batch with the one that is taken
		c := s.dial()
		s.answered(c)
		for _, u := range append(before, unknown()) {
			if e := s.ended(u); e.Code != 404 {
				t.Errorf("unknown number: got %v, want 404", e)
			}
		}
		s.bye(c)
	})
}

// Whoever lifts the handset has not declined: the phone's settings are wrong.
func TestAnswerWithoutACommonCodecIsMisconfiguredAlsoAfterRinging(t *testing.T) {
	narrate(t, "answer-without-codec", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		ann.Behave(func(h *simphone.Habits) {
			h.SDP = func([]byte) []byte {
				return []byte("v=0\r\no=- 1 1 IN IP4 10.0.0.11\r\ns=-\r\nc=IN IP4 10.0.0.11\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n")
			}
		})
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
		s.wantOffers("ann misconfigured, bob accepted")
		s.recorded().wantTones(t, bobTone)
		if !strings.Contains(s.log.String(), "PCMU or PCMA") {
			t.Errorf("the log: got\n%s, want what to set on ann's phone", s.log)
		}
	})
}

func TestCallerIsShownOnTheAgentsPhone(t *testing.T) {
	for _, c := range []struct {
		name string
		dial []simphone.Option
		from string
	}{
		{"a number", nil, `"+14155550123 · Support" <sip:+14155550123@pbx.example.com>`},
		{"a number with a name", []simphone.Option{simphone.Display("Jo Doe")}, `"Jo Doe · Support" <sip:+14155550123@pbx.example.com>`},
		{"withheld", []simphone.Option{simphone.Anonymous()}, `"anonymous · Support" <sip:anonymous@pbx.example.com>`},
		{"a name as user", []simphone.Option{simphone.From("reception")}, `"reception · Support" <sip:reception@pbx.example.com>`},
		{"a name as user, with a name", []simphone.Option{simphone.From("reception"), simphone.Display("Jo Doe")}, `"Jo Doe · Support" <sip:reception@pbx.example.com>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			act(t, supportTeam+queueFlow, func(s *story) {
				ann := s.agent("ann", annTone, simphone.Ring())
				call := s.dial(c.dial...)
				s.answered(call)
				invite := s.rings(ann).Invite()
				if got, _, _ := strings.Cut(invite.Get("From"), ";tag="); got != c.from {
					t.Errorf("From: got %s, want %s", got, c.from)
				}
				if got := invite.Get("Privacy"); got != "" { // the agent's phone would show nothing at all
					t.Errorf("Privacy: got %s, want none", got)
				}
				s.bye(call)
			})
		})
	}
}

func TestSecondOfTwoCallsAtOnceWaitsForTheOneFreeAgent(t *testing.T) {
	narrate(t, "two-calls-one-agent", annAlone+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		first := s.dial()
		time.Sleep(time.Millisecond) // or the network would toss a coin
		second := s.carrier.Dial(ourNumber, simphone.From("+14155550124"))
		a := s.gets(ann)
		if a.Caller() != customer {
			t.Errorf("first served: got %s, want who came first, %s", a.Caller(), customer)
		}
		s.hear(first, annTone)
		s.wantHears(second, "music")
		s.bye(first)
		s.ended(a)
		released := time.Now()
		a = s.gets(ann)
		if wait := a.Invite().At.Sub(released).Round(time.Second); wait != 30*time.Second {
			t.Errorf("ann's next call: got it after %v, want her 30 s of wrap-up", wait)
		}
		s.hear(second, annTone)
		s.hear(a, customerTone)
		s.bye(a)
		s.ended(second)
		s.recorded().wantTones(t, annTone)
	})
}

func TestCallInTheWrapUpRingsAtItsEnd(t *testing.T) {
	narrate(t, "wrap-up", annAlone+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.bye(a)
		s.ended(c)
		time.Sleep(10 * time.Second)
		if got := s.now().Agents[0]; got.Status != "away" || got.Until.IsZero() {
			t.Errorf("ann: got %+v, want away until her wrap-up is over", got)
		}
		c = s.carrier.Dial(ourNumber, simphone.From(customer))
		a = s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
		s.recorded().wantTones(t, annTone)
	})
}

// Once ann says that she is back, the caller who waits is offered to her.
func TestThreeNoAnswersSetAnAgentAway(t *testing.T) {
	narrate(t, "three-no-answers", annAlone+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring(), simphone.Ring(), simphone.Ring(), simphone.Ring().Answer())
		c := s.dial()
		for range 3 {
			s.ended(s.rings(ann))
		}
		time.Sleep(6 * time.Minute) // retry_after is 5
		if got := s.now().Agents[0]; got.Status != "away" || got.Reason == "" {
			t.Errorf("ann: got %+v, want away with a reason", got)
		}
		s.wantHears(c, "music")
		s.does(s.house.board.SetAgent(s.ctx, "ann", true, ""))
		a := s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
		s.wantOffers("ann no_answer, ann no_answer, ann no_answer, ann accepted")
		s.recorded().wantTones(t, annTone)
	})
}

func TestCallerWhoWaitedTooLongTakesTheUnansweredPath(t *testing.T) {
	flow := "flows:\n  main: [{queue: support, max_wait: 20s, unanswered: [{play: welcome}, {forward: \"+14155550199\", trunks: [spare]}]}]\n"
	narrate(t, "max-wait", supportTeam+flow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		far := s.far(simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		a := s.rings(ann)
		if e := s.ended(a); e.Code != 487 {
			t.Errorf("ann's leg: got %v, want a CANCEL", e)
		}
		f := s.gets(far)
		s.hear(c, farTone)
		s.hear(f, customerTone)
		s.bye(c)
		s.ended(f)
		s.wantOffers("ann withdrawn")
	})
}

// A phone may not send our callers elsewhere.
func TestRedirectIsNotFollowed(t *testing.T) {
	narrate(t, "moved-302", supportTeam+queueFlow, func(s *story) {
		s.agent("ann", annTone, simphone.Decline(302, simphone.WithHeader("Contact", "<sip:thief@10.0.0.66>")))
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
		s.wantOffers("ann unreachable, bob accepted")
		s.recorded().wantTones(t, bobTone)
	})
}

// RFC 3261 §21.6.2: 603 is the user's word, whether it rang or not.
func Test603WithoutRingingIsDeclined(t *testing.T) {
	narrate(t, "decline-603", supportTeam+queueFlow, func(s *story) {
		s.agent("ann", annTone, simphone.Decline(603))
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
		s.wantOffers("ann declined, bob accepted")
		s.recorded().wantTones(t, bobTone)
	})
}
