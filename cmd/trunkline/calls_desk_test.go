package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// answersWhenAsked rings, and answers by itself when its INVITE asks for it in
// both ways that phones know.
func answersWhenAsked() simphone.Script {
	return simphone.Ring().After(200 * time.Millisecond).Then(func(c *simphone.Call) {
		if strings.Contains(c.Invite().Get("Call-Info"), "answer-after=0") && strings.Contains(c.Invite().Get("Alert-Info"), "alert-autoanswer") {
			c.Answer()
		}
	})
}

// The phone gets another INVITE, to which it answers by itself; for the router
// it is the same offer, whose time goes on.
func TestAnsweredAtTheHelpDesk(t *testing.T) {
	narrate(t, "desk-answer", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, answersWhenAsked())
		c := s.dial()
		s.rings(ann)
		time.Sleep(5 * time.Second)
		s.refused(call.Order{Verb: call.PickUp, By: "bob"}, call.ErrNotNow)
		s.refused(call.Order{Verb: call.PickUp}, call.ErrNotInCall)
		s.order(call.Order{Verb: call.PickUp, By: "ann"})
		s.order(call.Order{Verb: call.PickUp, By: "ann"}) // is on its way
		s.answered(c)
		s.hear(c, annTone)
		s.refused(call.Order{Verb: call.PickUp, By: "ann"}, call.ErrNotNow)
		s.refused(call.Order{Verb: call.Decline, By: "ann"}, call.ErrNotNow)
		s.order(call.Order{Verb: call.Hangup, By: "ann"})
		s.ended(c)
	})
}

// agentTelling is an agent's phone that registers with what it is, in headers of its REGISTER and of
// its responses.
func (s *story) agentTelling(name string, tone float64, header, value string, script simphone.Script) *simphone.Phone {
	s.Helper()
	p := s.unregistered(name, tone, script)
	p.Behave(func(h *simphone.Habits) {
		h.Message = func(m *simphone.Message) {
			if m.Get("Contact") != "" {
				m.Set(header, value)
			}
		}
	})
	if _, err := p.Register(s.within(5*time.Second), time.Hour, simphone.WithHeader(header, value)); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
	return p
}

// A phone that knows it is asked while it rings, in the call that it shows: on
// its display nothing goes and comes.
func TestAnsweredAtTheHelpDeskByTheRingingPhoneItself(t *testing.T) {
	for name, header := range map[string][2]string{"events": {"Allow-Events", "talk, hold, conference"}, "make": {"User-Agent", "Yealink SIP-T46U 108.86.0.90"}} {
		t.Run(name, func(t *testing.T) {
			narrate(t, "desk-talk", supportTeam+queueFlow, func(s *story) {
				ann := s.agentTelling("ann", annTone, header[0], header[1], simphone.Ring().AnswerOnTalk())
				c := s.dial()
				s.rings(ann)
				time.Sleep(5 * time.Second)
				s.order(call.Order{Verb: call.PickUp, By: "ann"})
				s.order(call.Order{Verb: call.PickUp, By: "ann"}) // is on its way
				s.answered(c)
				s.hear(c, annTone)
				s.bye(c)
			})
		})
	}
}

// One that refuses, or rings on all the same, gets another INVITE.
func TestAnsweredAtTheHelpDeskByAPhoneThatOnlySaysItKnows(t *testing.T) {
	for name, refuses := range map[string]bool{"desk-talk-refused": true, "desk-talk-ignored": false} {
		t.Run(name, func(t *testing.T) {
			narrate(t, name, supportTeam+queueFlow, func(s *story) {
				ann := s.agentTelling("ann", annTone, "Allow-Events", "talk", simphone.Ring())
				ann.OnCall(simphone.Ring(), answersWhenAsked())
				if refuses {
					ann.Behave(func(h *simphone.Habits) { h.Replies = map[string]int{"NOTIFY": 489} })
				}
				c := s.dial()
				s.rings(ann)
				time.Sleep(5 * time.Second)
				s.order(call.Order{Verb: call.PickUp, By: "ann"})
				time.Sleep(3 * time.Second)
				s.hear(c, annTone)
				s.bye(c)
			})
		})
	}
}

// One that lists its events without it is not asked so, whoever made it.
func TestAPhoneThatDoesNotListTalkIsNotAskedByIt(t *testing.T) {
	narrate(t, "desk-talk-not-listed", supportTeam+queueFlow, func(s *story) {
		ann := s.agentTelling("ann", annTone, "Allow-Events", "message-summary", answersWhenAsked())
		ann.Behave(func(h *simphone.Habits) {
			h.Message = func(m *simphone.Message) { m.Set("User-Agent", "PolyEdge"); m.Set("Allow-Events", "message-summary") }
		})
		ann.OnCall(simphone.Ring(), answersWhenAsked())
		c := s.dial()
		s.rings(ann)
		time.Sleep(5 * time.Second)
		s.order(call.Order{Verb: call.PickUp, By: "ann"})
		s.answered(c)
		s.hear(c, annTone)
		s.bye(c)
	})
}

// A phone that does not answer by itself rings on until the offer's end.
func TestAnsweredAtTheHelpDeskAndNobodyPicksUp(t *testing.T) {
	narrate(t, "desk-answer-ignored", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.rings(ann)
		time.Sleep(10 * time.Second)
		s.order(call.Order{Verb: call.PickUp, By: "ann"})
		s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
	})
}

// Her hand was quicker than the page: the answer crosses the CANCEL, and the
// phone that was asked to answer by itself has the call.
func TestAnsweredAtTheHelpDeskAndByHandAtOnce(t *testing.T) {
	narrate(t, "desk-answer-crosses", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().AnswerOnCancel(), answersWhenAsked())
		c := s.dial()
		s.rings(ann)
		time.Sleep(2 * time.Second)
		s.order(call.Order{Verb: call.PickUp, By: "ann"})
		s.answered(c)
		s.hear(c, annTone)
		s.bye(c)
	})
}

func TestDeclinedAtTheHelpDesk(t *testing.T) {
	narrate(t, "desk-decline", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.rings(ann)
		time.Sleep(3 * time.Second)
		s.order(call.Order{Verb: call.Decline, By: "ann"})
		s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
	})
}
