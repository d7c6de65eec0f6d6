package main

import (
	"strings"
	"testing"
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
