package call

import (
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
)

// aside is what a caller is led through within a step, or an agent by a code.
type aside struct {
	run      routing.Aside
	team     routing.TeamID // of a callback
	box      Box            // of a message
	guarded  Box            // whose code is asked for; the zero Box: none is
	boxes    []Box          // that are heard, and whose greetings can be recorded
	by       string         // who hears messages
	take     *taking        // nil: nothing was recorded
	waiting  []routing.AsideEvent
	stepping bool
	over     func() // when it has ended
}

// beginAside leads a caller through an aside; over is called when it has ended and the call goes on.
func (s *Switchboard) beginAside(c *liveCall, a *aside) {
	c.aside = a
	if c.caller.session != nil {
		c.caller.session.Background(nil)
	}
	s.asideStep(c, routing.AsideBegin{})
}

// asideStep steps it and obeys. Events that a command brings about at once wait for the commands before them.
func (s *Switchboard) asideStep(c *liveCall, ev routing.AsideEvent) {
	a := c.aside
	a.waiting = append(a.waiting, ev)
	if a.stepping {
		return
	}
	a.stepping = true
	defer func() { a.stepping = false }()
	for len(a.waiting) > 0 && c.aside == a && !c.ended {
		next := a.waiting[0]
		a.waiting = a.waiting[1:]
		for _, cmd := range a.run.Step(s.now, next) {
			if c.ended || c.aside != a {
				return
			}
			s.obeyAside(c, a, cmd)
		}
	}
	s.rearm(c)
}

func (s *Switchboard) obeyAside(c *liveCall, a *aside, cmd routing.AsideCommand) {
	switch cmd := cmd.(type) {
	case routing.AsidePlay:
		clips, missing := s.clips(c, cmd.Sounds, c.flow.Attribute("language"))
		if missing {
			s.log.Warn("a part of what a caller is told is not there, passed over", "call", c.id)
		}
		s.asidePlays(c, media.Join(clips...))
	case routing.AsideHush:
		s.stopPlay(c)
	case routing.AsidePromise:
		s.asidePromise(c, a, cmd.Number)
	case routing.AsideRecord:
		s.stopPlay(c)
		a.take = &taking{beeping: true}
		s.asidePlays(c, media.Beep())
	case routing.AsideStop:
		s.stopTaking(c)
		s.asideStep(c, routing.AsideStopped{Short: s.tooShort(a.take)})
	case routing.AsideDrop:
		s.dropTaking(c)
	case routing.AsideSend:
		s.sendTaking(c)
	case routing.AsideReplay:
		s.stopPlay(c)
		if a.take != nil {
			a.take.replay = true
			s.hearOwn(c)
		}
	case routing.AsideMessage:
		s.stopPlay(c)
		if m := s.messages[recorder.ID(cmd.ID)]; m != nil {
			s.playFile(c, m.Path)
		} else {
			s.asideStep(c, routing.AsidePlayed{})
		}
	case routing.AsideHeard:
		s.messageHeard(recorder.ID(cmd.ID), a.by)
	case routing.AsideDelete:
		s.deleteMessage(recorder.ID(cmd.ID), a.by)
	case routing.AsideCheck:
		s.boxCode(c, cmd.Code)
	case routing.AsideGreeting:
		s.stopPlay(c)
		s.playGreeting(c, a.boxes[cmd.Box])
	case routing.AsideAccept:
		if a.take != nil {
			a.take.accepts = &a.boxes[cmd.Box]
			s.acceptGreeting(c)
		}
	case routing.AsideStandard:
		s.changeGreeting(c, a.boxes[cmd.Box], "")
	case routing.AsideOver:
		c.aside = nil
		s.stopPlay(c)
		a.over()
	}
}

// asidePlays plays a clip; one without sound has ended at once.
func (s *Switchboard) asidePlays(c *liveCall, clip *media.Clip) {
	if clip == nil || clip.Frames() == 0 {
		s.asideStep(c, routing.AsidePlayed{})
		return
	}
	c.plays++
	c.play = c.plays
	c.caller.session.Play(clip, c.play)
}

// asidePlayed is the end of what was played.
func (s *Switchboard) asidePlayed(c *liveCall) {
	if t := c.aside.take; t != nil && t.beeping {
		t.beeping = false
		s.startTaking(c)
		return
	}
	s.asideStep(c, routing.AsidePlayed{})
}

// asidePromise asks for the callback that a caller has confirmed.
func (s *Switchboard) asidePromise(c *liveCall, a *aside, number string) {
	r := CallbackRequest{Number: number, Team: a.team, Priority: c.waiting.Priority, Since: c.came, Call: c.id}
	if desk.Number(number) == c.record.Caller {
		r.Name = c.record.Name
	}
	id, err := s.requestCallback(r)
	if err != nil {
		s.log.Info("a callback is not possible", "call", c.id, "team", a.team, "err", err)
	} else {
		c.record.Promised = id
		s.keep(c)
	}
	s.asideStep(c, routing.AsideTold{OK: err == nil})
}

// offerCallback is a flow's callback step.
func (s *Switchboard) offerCallback(c *liveCall, step routing.CallbackStep) {
	own := ""
	if !c.hidden && c.record.Caller.IsE164() {
		if d := s.setup.Dial.Judge(string(c.record.Caller)); d.Code == 0 && !d.Emergency {
			own = string(c.record.Caller)
		}
	}
	c.record.enter(s.now, Segment{Kind: SegmentFlow})
	s.beginAside(c, &aside{team: step.Team, run: routing.Aside{Callback: &routing.CallbackRun{Caller: own}}, over: func() {
		s.flow(c, routing.FlowDone{})
	}})
}

// asideDue lets what is due of an aside pass.
func (s *Switchboard) asideDue(c *liveCall) {
	if at := c.aside.run.Deadline(); !at.IsZero() && !at.After(s.now) {
		s.asideStep(c, routing.AsideTick{})
	}
	if c.aside != nil && c.aside.take != nil {
		s.listenTaking(c)
	}
}

// asideDeadline is when asideDue has something to do.
func (c *liveCall) asideDeadline() time.Time {
	at := c.aside.run.Deadline()
	if t := c.aside.take; t != nil && !t.quietAt.IsZero() && (at.IsZero() || t.quietAt.Before(at)) {
		at = t.quietAt
	}
	return at
}
