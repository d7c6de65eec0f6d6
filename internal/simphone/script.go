package simphone

import "time"

// Script is what a phone does with an inbound call, step by step. A Script is a
// value: each method returns a longer one. Steps that make no sense any more (the
// caller has gone) are not taken.
type Script struct{ steps []step }

// step acts on the loop; next goes on with the rest.
type step func(c *Call, next func())

func (s Script) then(f step) Script {
	return Script{append(append([]step(nil), s.steps...), f)}
}

func (s Script) do(f func(*Call)) Script {
	return s.then(func(c *Call, next func()) { f(c); next() })
}

// play takes the steps one after the other.
func (c *Call) play(steps []step) {
	if len(steps) == 0 || c.end != nil {
		return
	}
	steps[0](c, func() { c.play(steps[1:]) })
}

// Ring sends 180.
func Ring() Script { return Script{}.Ring() }

// Early sends 183 with sound before the answer.
func Early() Script { return Script{}.Early() }

// Answer sends the 200 at once.
func Answer() Script { return Script{}.Answer() }

// Decline refuses with a code; 486 is a softphone's Reject button.
func Decline(code int, opts ...Option) Script { return Script{}.Decline(code, opts...) }

// Ignore does nothing at all after the 100 (Habits.NoTrying leaves that out too).
func Ignore() Script { return Script{} }

// After waits before the next step.
func After(d time.Duration) Script { return Script{}.After(d) }

// Ring sends 180.
func (s Script) Ring() Script { return s.Progress(180) }

// Progress sends a provisional response without sound.
func (s Script) Progress(code int) Script { return s.do(func(c *Call) { c.ring(code) }) }

// Early sends 183 with a description, and sound.
func (s Script) Early() Script { return s.do((*Call).early) }

// Reliably makes the provisional responses from here on reliable (RFC 3262), to
// a caller that supports it; the 200 waits for the PRACK of a description.
func (s Script) Reliably() Script { return s.do(func(c *Call) { c.reliably = true }) }

// Reliably begins a Script with that.
func Reliably() Script { return Script{}.Reliably() }

// After waits before the next step.
func (s Script) After(d time.Duration) Script {
	return s.then(func(c *Call, next func()) { c.p.after(d, next) })
}

// Answer sends the 200.
func (s Script) Answer() Script { return s.do((*Call).answer) }

// Says sets the tone that the call says, from here on; 0 is silence.
func (s Script) Says(hz float64) Script {
	return s.do(func(c *Call) {
		if c.sess != nil {
			c.sess.mu.Lock()
			c.sess.tone = hz
			c.sess.mu.Unlock()
		}
	})
}

// Fork sends two 200 with two tags; see Call.Twin.
func (s Script) Fork() Script { return s.do((*Call).fork) }

// AnswerOnCancel sends the 200 when the CANCEL comes, before the 200 to the
// CANCEL, as if the two had crossed on the wire.
func (s Script) AnswerOnCancel() Script { return s.do(func(c *Call) { c.crossAnswer = true }) }

// AnswerOnTalk sends the 200 when the caller asks for it by NOTIFY with Event:
// talk, as desk phones do.
func (s Script) AnswerOnTalk() Script { return s.do(func(c *Call) { c.talkAnswer = true }) }

// Decline refuses.
func (s Script) Decline(code int, opts ...Option) Script {
	return s.do(func(c *Call) { c.decline(code, opts...) })
}

// Hold holds the call by a re-INVITE and goes on when that is through, whatever
// its outcome.
func (s Script) Hold(kind HoldKind) Script { return s.reinvite(holdOptions(kind)...) }

// Resume ends a hold, as Hold does.
func (s Script) Resume() Script { return s.reinvite(InDirection(SendRecv)) }

func (s Script) reinvite(opts ...Option) Script {
	return s.then(func(c *Call, next func()) { c.reinvite(collect(opts), func(error) { next() }) })
}

// Bye hangs up.
func (s Script) Bye() Script {
	return s.do(func(c *Call) {
		if c.state == Answered {
			c.bye(nil)
			c.finish(End{By: Ours})
		}
	})
}

// Die makes the whole phone dead, see Phone.Die.
func (s Script) Die() Script {
	return s.do(func(c *Call) {
		c.p.dead = true
		for _, o := range c.p.calls {
			o.sess.setDead(true)
		}
	})
}

// Then runs fn in a goroutine of its own, which may use the call's methods, and
// goes on when it returns. Close of the phone waits for it: the methods it calls
// return ErrClosed then.
func (s Script) Then(fn func(*Call)) Script {
	return s.then(func(c *Call, next func()) {
		c.p.wg.Go(func() {
			c.p.guard(func() { fn(c) })
			c.p.post(next)
		})
	})
}
