package call

import (
	"slices"
	"strings"

	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// openBox lets an agent hear the messages of their own box and of their teams'; those of another agent, once that box's code
// is typed.
func (s *Switchboard) openBox(c *liveCall, agent routing.AgentID) {
	a := &aside{boxes: s.boxesOf(agent), by: string(agent), over: func() {
		s.end(c, Ending{By: BySystem, Cause: CauseServed}, reasonNormal)
	}}
	if agent != c.out.agent {
		a.guarded = Box{Agent: agent}
	}
	c.service = false
	s.beginMailbox(c, a)
}

// hearMessages is a flow's mailbox step: an agent hears what *97 plays, a team's box is heard alone.
func (s *Switchboard) hearMessages(c *liveCall, step routing.MailboxStep) {
	a := &aside{guarded: Box{Team: step.Team, Agent: step.Agent}, by: string(step.Agent), over: func() {
		s.flow(c, routing.FlowDone{})
	}}
	if a.boxes = []Box{a.guarded}; step.Agent != "" {
		a.boxes = s.boxesOf(step.Agent)
	} else {
		a.by = "the code of " + string(step.Team)
	}
	c.record.enter(s.now, Segment{Kind: SegmentFlow})
	s.keep(c)
	s.beginMailbox(c, a)
}

// beginMailbox begins with the code where one is asked for.
func (s *Switchboard) beginMailbox(c *liveCall, a *aside) {
	a.run.Mailbox = &routing.MailboxRun{Boxes: len(a.boxes), Guarded: a.guarded != Box{}}
	c.aside = a
	if a.guarded == (Box{}) {
		s.fillBox(c)
	}
	s.beginAside(c, a)
}

// fillBox puts in what is heard.
func (s *Switchboard) fillBox(c *liveCall) {
	run := c.aside.run.Mailbox
	for _, m := range s.messagesIn(c.aside.boxes) {
		run.Messages = append(run.Messages, routing.MailboxItem{ID: string(m.ID), New: m.Heard.IsZero(), Number: string(m.Caller)})
	}
}

// boxed are the messages of a box, oldest first.
func (s *Switchboard) boxed(box Box) []*Message {
	var all []*Message
	for _, m := range s.messages {
		if m.Box == box {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *Message) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

// boxesOf are the boxes that an agent hears: the own one, and the teams'.
func (s *Switchboard) boxesOf(agent routing.AgentID) []Box {
	boxes := []Box{{Agent: agent}}
	for _, t := range s.setup.Router.Teams {
		if slices.Contains(t.Agents, agent) {
			boxes = append(boxes, Box{Team: t.ID})
		}
	}
	return boxes
}

// messagesIn are the messages of these boxes, the new ones first.
func (s *Switchboard) messagesIn(boxes []Box) []*Message {
	var all []*Message
	for _, box := range boxes {
		all = append(all, s.boxed(box)...)
	}
	slices.SortStableFunc(all, func(a, b *Message) int {
		switch fresh := a.Heard.IsZero(); {
		case fresh == b.Heard.IsZero():
			return strings.Compare(string(a.ID), string(b.ID))
		case fresh:
			return -1
		}
		return 1
	})
	return all
}

// lamps tells the phones of everybody who hears a box how many messages wait.
func (s *Switchboard) lamps(box Box) {
	for _, a := range s.setup.Router.Agents {
		if slices.Contains(s.boxesOf(a.ID), box) {
			s.lamp(a.ID)
		}
	}
}

func (s *Switchboard) lamp(agent routing.AgentID) {
	if s.hands.Sip == nil {
		return
	}
	fresh, old := 0, 0
	boxes := s.boxesOf(agent)
	for _, m := range s.messages {
		switch {
		case !slices.Contains(boxes, m.Box):
		case m.Heard.IsZero():
			fresh++
		default:
			old++
		}
	}
	s.hands.Sip.Messages(sip.AccountID(agent), fresh, old)
}

// messageHeard notes who heard a message first.
func (s *Switchboard) messageHeard(id recorder.ID, by string) {
	m := s.messages[id]
	if m == nil || !m.Heard.IsZero() {
		return
	}
	m.Heard, m.By = s.now, by
	s.append(MessageKept{*m})
	s.fact(Fact{Kind: FactVoicemailHeard, Call: m.Call, Recording: id, Team: m.Box.Team, Agent: m.Box.Agent, Reason: "by " + by})
	s.lamps(m.Box)
}

// deleteMessage deletes a message with its sound.
func (s *Switchboard) deleteMessage(id recorder.ID, by string) {
	m := s.messages[id]
	if m == nil {
		return
	}
	delete(s.messages, id)
	s.append(MessageDropped{id})
	s.fact(Fact{Kind: FactVoicemailDeleted, Call: m.Call, Recording: id, Team: m.Box.Team, Agent: m.Box.Agent, Reason: "by " + by})
	s.lamps(m.Box)
	if m.Sealed {
		s.erase(m.Call, id, by)
	} else {
		s.doomed[id] = m.Call
	}
}

// retireMessages drops the messages whose sound retention has removed.
func (s *Switchboard) retireMessages() {
	keep := s.setup.Voicemail.Keep
	if keep <= 0 {
		return
	}
	changed := map[Box]bool{}
	for id, m := range s.messages {
		if m.At.Add(keep).Before(s.now) {
			delete(s.messages, id)
			s.append(MessageDropped{id})
			changed[m.Box] = true
		}
	}
	for box := range changed {
		s.lamps(box)
	}
}

// beginBoxes is the boxes at the start: what a crash kept from being mailed is mailed, and the lamps are lit.
func (s *Switchboard) beginBoxes() {
	for _, m := range s.messages {
		m.Sealed = true // or repaired
		s.mail(m)
	}
	for _, a := range s.setup.Router.Agents {
		s.lamp(a.ID)
	}
}
