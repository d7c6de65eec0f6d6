package routing

func (b *Callbacks) handle(ev CallbackEvent) {
	switch ev := ev.(type) {
	case CallbackAsked:
		b.asked(ev)
		return
	case CallbackSeen:
		b.seen(ev)
		return
	case CallbackAdopted:
		if c := ev.Callback; b.byID[c.ID] == nil && c.State != CallbackPending && c.Stage == CallbackIdle {
			c.Forget = b.now.Add(callbackMemory)
			b.put(c.clone())
		}
		return
	case CallbackGone:
		b.gone(ev.Number)
		return
	}
	switch ev := ev.(type) {
	case CallbackOffered:
		if c := b.at(ev.ID, CallbackWaits); c != nil {
			b.note(c, CallbackNote{Mark: MarkOffered, Agent: ev.Agent}, "")
		}
	case CallbackRefused:
		b.refused(ev)
	case CallbackTaken:
		b.taken(ev)
	case CallbackTold:
		b.told(ev)
	case CallbackBack:
		if c := b.at(ev.ID, CallbackWaits); c != nil {
			c.Stage = CallbackIdle
			b.changed(c)
			if ev.Stranded {
				b.spent(c, MarkStranded)
			} else {
				b.offer(c) // after quiet hours again
			}
		}
	case CallbackLost:
		if c := b.at(ev.ID, CallbackWaits); c != nil {
			b.offer(c)
		}
	case CallbackShut:
		b.shut(ev)
	case CallbackGiven:
		b.given(ev)
	}
}

// at is a pending callback in a stage; nil: it is not.
func (b *Callbacks) at(id CallbackID, stage CallbackStage) *Callback {
	if c := b.byID[id]; c != nil && c.State == CallbackPending && c.Stage == stage {
		return c
	}
	return nil
}

// asked makes a callback of a request, or merges it with the pending one to its number.
func (b *Callbacks) asked(ev CallbackAsked) {
	since := ev.Since.UTC()
	if ev.Since.IsZero() {
		since = b.now
	}
	c, mark := b.pending[ev.Number], MarkMerged
	if c == nil {
		if b.byID[ev.ID] != nil || ev.Number == "" {
			return
		}
		mark = MarkRequested
		c = b.put(Callback{
			ID: ev.ID, Number: ev.Number, State: CallbackPending, Stage: CallbackIdle, Since: since, First: b.now,
			Team: ev.Team, Priority: ev.Priority, Until: b.now.Add(ev.For), Quiet: ev.Quiet,
		})
	}
	team, place, priority := c.Team, c.Since, c.Priority
	if since.Before(c.Since) {
		c.Since = since
	}
	if ev.Name != "" {
		c.Name = ev.Name
	}
	if ev.Contact != "" {
		c.Contact = ev.Contact
	}
	if ev.Call != "" {
		c.Call = ev.Call
	}
	c.Priority = max(c.Priority, ev.Priority)
	c.Asked = b.now
	c.Requests++
	b.note(c, CallbackNote{Mark: mark, By: ev.By}, "")
	if c.Stage == CallbackCalling || !c.Until.After(b.now) { // merged into what is done about it; an offer in flight may finish
		return
	}
	c.Team, c.Spent = ev.Team, false // it may have lost its team
	if c.Stage == CallbackWaits && c.Team == team && c.Since.Equal(place) && c.Priority == priority {
		return // where it waits, or rings, it does
	}
	b.withdraw(c) // what rings stops for a moment, where the team is the same: it rings there again
	b.offer(c)
}

// refused is an offer that nobody took; the Router offers it to the next one by itself.
func (b *Callbacks) refused(ev CallbackRefused) {
	c := b.at(ev.ID, CallbackWaits)
	if c == nil {
		return
	}
	if ev.Outcome == OutcomeDeclined || ev.Outcome == OutcomeNoAnswer {
		c.Ignored++
		b.note(c, CallbackNote{Mark: MarkIgnored, Agent: ev.Agent}, string(ev.Outcome))
	}
}

// taken begins an attempt. By hand it may begin on one that was not answered, too.
func (b *Callbacks) taken(ev CallbackTaken) {
	c := b.byID[ev.ID]
	if c == nil || c.Stage == CallbackCalling || !ev.ByHand && c.Stage != CallbackWaits {
		return
	}
	if c.State != CallbackPending && !(ev.ByHand && c.State == CallbackUnanswered) {
		return
	}
	if ev.ByHand {
		b.withdraw(c)
	}
	c.Stage = CallbackCalling
	c.Attempts = append(c.Attempts, CallbackAttempt{Call: ev.Call, Agent: ev.Agent, ByHand: ev.ByHand, Began: b.now})
	b.note(c, CallbackNote{Mark: MarkCalling, Agent: ev.Agent}, "")
}

// told ends the attempt that goes on.
func (b *Callbacks) told(ev CallbackTold) {
	c := b.byID[ev.ID]
	if c == nil || c.Stage != CallbackCalling {
		return
	}
	last := &c.Attempts[len(c.Attempts)-1]
	last.Ended, last.Outcome = b.now, ev.Outcome
	note := CallbackNote{Mark: ev.Outcome, Agent: last.Agent}
	c.Stage = CallbackIdle
	switch {
	case ev.Outcome == MarkAnswered:
		b.done(c, CallbackAnswered, note, "")
	case ev.Outcome == MarkUnanswered && !c.CalledIn:
		b.done(c, CallbackUnanswered, note, "")
	case c.CalledIn:
		b.done(c, CallbackClosed, CallbackNote{Mark: MarkCalledIn}, "called in")
	case c.State != CallbackPending: // by hand, on one that was done
		b.note(c, note, "")
	default:
		if ev.Outcome == MarkFailed {
			c.After = b.now.Add(callbackRetry)
		} else if !last.ByHand {
			b.emit(CallbackRefuse{ID: c.ID, Agent: last.Agent})
		}
		b.note(c, note, "")
		b.offer(c)
	}
}

// withdraw has the Router let go of a callback that it offers.
func (b *Callbacks) withdraw(c *Callback) {
	if c.Stage == CallbackWaits {
		b.emit(CallbackUnqueue{c.ID})
	}
}

// done ends a callback.
func (b *Callbacks) done(c *Callback, state CallbackState, note CallbackNote, reason string) {
	b.withdraw(c)
	if b.pending[c.Number] == c {
		delete(b.pending, c.Number)
	}
	c.State, c.Stage, c.Reason, c.Done, c.CalledIn = state, CallbackIdle, reason, b.now, false
	c.Forget = b.now.Add(callbackMemory)
	b.note(c, note, reason)
	if state != CallbackAnswered { // the call that it became goes on
		b.emit(CallbackForget{c.ID})
	}
}

func (b *Callbacks) shut(ev CallbackShut) {
	c := b.byID[ev.ID]
	if c == nil || c.State != CallbackPending || c.Stage == CallbackCalling {
		return
	}
	b.done(c, CallbackClosed, CallbackNote{Mark: MarkClosed, By: ev.By}, ev.Reason)
}

// given assigns a callback by hand: it is out of automatic offering, and rings at that agent alone while there is time.
func (b *Callbacks) given(ev CallbackGiven) {
	c := b.byID[ev.ID]
	if c == nil || c.State != CallbackPending {
		return
	}
	c.Agent, c.ViewOnly = ev.Agent, ev.ViewOnly && ev.Agent != ""
	b.note(c, CallbackNote{Mark: MarkAssigned, Agent: ev.Agent, By: ev.By}, "")
	if c.Stage == CallbackCalling {
		return
	}
	b.withdraw(c)
	b.offer(c)
}

// seen closes what was promised to a customer who is being talked with.
func (b *Callbacks) seen(ev CallbackSeen) {
	c := b.pending[ev.Number]
	switch {
	case c == nil:
	case c.Stage == CallbackCalling:
		if !ev.Out {
			c.CalledIn = true
			b.changed(c)
		}
	case ev.Out:
		c.Attempts = append(c.Attempts, CallbackAttempt{Call: ev.Call, Agent: ev.Agent, ByHand: true, Began: b.now, Ended: b.now, Outcome: MarkAnswered})
		b.done(c, CallbackAnswered, CallbackNote{Mark: MarkAnswered, Agent: ev.Agent}, "")
	default:
		b.done(c, CallbackClosed, CallbackNote{Mark: MarkCalledIn, Agent: ev.Agent}, "called in")
	}
}

func (b *Callbacks) gone(number string) {
	for _, c := range b.inOrder() {
		if c.Number != number {
			continue
		}
		b.withdraw(c)
		delete(b.byID, c.ID)
		if b.pending[number] == c {
			delete(b.pending, number)
		}
		b.emit(CallbackForget{c.ID})
		b.emit(CallbackDrop{c.ID})
	}
}

// restarted puts right what the end of the process before broke off.
func (b *Callbacks) restarted() {
	for _, c := range b.inOrder() {
		if c.Stage == CallbackCalling {
			c.Stage = CallbackIdle
			last := &c.Attempts[len(c.Attempts)-1]
			last.Ended, last.Outcome = b.now, MarkInterrupted
			b.note(c, CallbackNote{Mark: MarkInterrupted, Agent: last.Agent}, "")
		}
		if c.State == CallbackPending && !c.Spent {
			b.offer(c)
		}
	}
	b.stale = true
}
