package call

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// append hands an entry to the journal at the end of this turn of the loop.
func (s *Switchboard) append(e Entry) { s.out = append(s.out, e) }

func (s *Switchboard) flush() {
	for _, c := range s.unkept {
		if c.unkept = false; !c.ended { // an ended one is written as Closed
			s.append(Opened{c.record.clone()})
		}
	}
	clear(s.unkept)
	s.unkept = s.unkept[:0]
	if len(s.out) > 0 {
		s.hands.Append(s.out...)
		clear(s.out)
		s.out = s.out[:0]
	}
}

// reply answers the orders of this turn.
func (s *Switchboard) reply() {
	for _, answer := range s.answers {
		answer()
	}
	clear(s.answers)
	s.answers = s.answers[:0]
}

// fact numbers and times what happened.
func (s *Switchboard) fact(f Fact) {
	s.factSeq++
	f.Seq, f.At = s.factSeq, s.now
	s.append(f)
}

// callFact is a fact of a call.
func (s *Switchboard) callFact(c *liveCall, f Fact) {
	f.Call, f.Callback = c.id, c.callback
	if c.unwritten() {
		f.Call = "" // of which nothing is kept
	}
	if f.Trunk == "" {
		f.Trunk = c.trunk
	}
	f.Flow = c.record.Flow
	s.fact(f)
}

// keep writes down, once at the end of this turn, how far a call has come: for
// whoever finds it after a crash.
func (s *Switchboard) keep(c *liveCall) {
	if !c.unkept && !c.unwritten() {
		c.unkept = true
		s.unkept = append(s.unkept, c)
	}
}

// interrupted closes the calls that were in progress when the process before
// this one died. Their end is taken as the last thing known of them.
func (s *Switchboard) interrupted() {
	for i := range s.interruptedCalls {
		r := s.interruptedCalls[i]
		e := Ending{By: BySystem, Cause: CauseInterrupted}
		s.repaired(&r)
		s.rescue(&r)
		at := r.lastKnown()
		if s.seen.After(at) { // it was open then: it would have been closed in the journal
			at = s.seen
		}
		told := slices.IndexFunc(s.endsTold, func(f Fact) bool { return f.Call == r.ID })
		if told >= 0 { // only its record was lost
			e, at = *s.endsTold[told].Ending, s.endsTold[told].At
		}
		for j := range r.Offers {
			if r.Offers[j].Ended.IsZero() {
				r.Offers[j].Outcome, r.Offers[j].Ended = routing.OutcomeWithdrawn, at
			}
		}
		if !r.Bridged.IsZero() && r.Released.IsZero() {
			r.Released = at
		}
		r.end(at, e)
		s.append(Closed{r})
		if told < 0 {
			s.log.Warn("a call was interrupted by the switch's end", "call", r.ID, "trunk", r.Trunk)
			s.fact(Fact{Kind: FactEnded, Call: r.ID, Trunk: r.Trunk, Flow: r.Flow, Ending: &e})
		}
	}
	for i := range s.unsealedCalls {
		s.repaired(&s.unsealedCalls[i])
		s.append(Closed{s.unsealedCalls[i]})
	}
	s.interruptedCalls, s.endsTold, s.unsealedCalls = nil, nil, nil
}

// repaired completes a call card with what became of its recordings.
func (s *Switchboard) repaired(r *Record) {
	for i := range r.Recordings {
		rec := &r.Recordings[i]
		if rec.Sealed {
			continue
		}
		rec.Sealed = true
		if i := slices.IndexFunc(s.hands.Repaired, func(done recorder.Repaired) bool { return done.ID == rec.ID }); i >= 0 {
			rec.Note, rec.Duration = "the switch was interrupted", s.hands.Repaired[i].Duration
			if err := s.hands.Repaired[i].Err; err != nil {
				rec.Note += ": " + err.Error()
			}
		} else if length, err := recorder.Length(rec.Path); err == nil {
			rec.Duration = length // sealed in time, and not told
		} else {
			rec.Note = "the switch was interrupted before it began"
		}
		s.fact(Fact{Kind: FactRecordingSealed, Call: r.ID, Recording: rec.ID, Reason: rec.Note})
		s.transcribe(r, rec)
		if m := s.messages[rec.ID]; m != nil {
			switch m.Duration = rec.Duration; {
			case m.Duration > 0:
				m.Sealed = true
				s.append(MessageKept{*m})
				s.transcribeMessage(m)
			case s.unrepaired(m.ID) == nil:
				s.failedMessage(m, errors.New(rec.Note))
			}
		}
	}
}

// devices is an account's live phones, as sip knows them now.
func (s *Switchboard) devices(e sip.Devices) {
	agent := routing.AgentID(e.Account)
	s.phones[agent] = e.Contacts
	s.log.Info("agent's phones", "agent", agent, "count", len(e.Contacts), "reason", e.Cause)
	s.fact(Fact{Kind: FactAgentPhones, Agent: agent, Count: len(e.Contacts), Reason: e.Cause})
	s.append(Bound{Account: e.Account, Bindings: e.Bindings})
	s.route(s.phonesOf(agent, e.Fresh))
	if e.Fresh {
		s.registered(agent)
		s.lamp(agent)
	}
}

// registered is a new registration of an agent's phone: one that started anew
// knows nothing of the call it was in, and one may bring back a lost call.
func (s *Switchboard) registered(agent routing.AgentID) {
	s.fresh[agent] = s.now
	for _, c := range s.inOrder() {
		if l := c.seatOf(agent); l != nil && !c.ended {
			l.leg.Probe()
		}
	}
	s.reclaimBy(agent, s.contacts(agent))
}

// phonesOf tells the router of an agent's live phones.
func (s *Switchboard) phonesOf(agent routing.AgentID, fresh bool) routing.Event {
	var ids []routing.PhoneID
	for _, c := range s.phones[agent] {
		ids = append(ids, routing.PhoneID(c.ID))
	}
	return routing.PhonesChanged{Agent: agent, Phones: ids, Fresh: fresh}
}

// trunkState is what sip says of a trunk.
func (s *Switchboard) trunkState(e sip.TrunkState) {
	t := s.trunkOf(e.Trunk)
	if was := t.said; was.Up != e.Up || was.State != e.State || was.Why != e.Why {
		level := slog.LevelInfo
		if !e.Up && e.State != sip.TrunkRegistering && e.State != sip.TrunkGone {
			level = slog.LevelWarn
		}
		s.log.Log(context.Background(), level, "trunk state", "trunk", e.Trunk, "state", string(e.State), "up", e.Up, "reason", e.Why)
	}
	if t.said.Up != e.Up || t.said.State != e.State {
		s.fact(Fact{Kind: FactTrunk, Trunk: e.Trunk, State: string(e.State), Until: e.Until})
	}
	t.said = e
}
