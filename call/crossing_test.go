package call

import (
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
	"trunkline/routing"
	"trunkline/sip"
)

// busyFor keeps the loop at work, so that what comes meanwhile is handled
// afterwards in one go.
func (b *bench) busyFor(d time.Duration) {
	b.board.box.post(letter{order: func(time.Time) { time.Sleep(d) }})
	synctest.Wait()
}

// The carrier's CANCEL is in before the 200 that we decided on could leave:
// the caller got 487, and so says the card.
func TestCancelThatCrossesOurAnswerIsCancelled(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		carrier, ann := b.carrier(5060), b.agent(0)
		c := carrier.Dial(late, simphone.From("+14155550123"))
		a := ann.MustCall(b)
		a.Ring(180)
		time.Sleep(time.Second)
		b.busyFor(80 * time.Millisecond)
		a.Answer()
		time.Sleep(20 * time.Millisecond)
		c.MustCancel(b)
		c.MustEnd(b, simphone.Ours, 487)
		a.MustEnd(b, simphone.Theirs, 0)
		b.settle(5 * time.Second)
		r := b.cards()[0]
		if got := r.Ending.String(); got != "cancelled by caller (487)" {
			t.Errorf("ending: got %s, want cancelled by caller (487)", got)
		}
		if !r.Answered.IsZero() || !r.Bridged.IsZero() || !r.Released.IsZero() {
			t.Errorf("answered %v, bridged %v, released %v: want never", r.Answered, r.Bridged, r.Released)
		}
		b.wantTrueCards()
		b.wantNothingLeft()
		b.wantNoDefects()
	})
}

// A phone whose connection breaks while it rings has not said no: its other
// phone rings on, and without one the agent is tried again.
func TestPhoneLostWhileItRingsHasNotDeclined(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		carrier := b.carrier(5060)
		b.agent(0, simphone.Ring())
		c := carrier.Dial(early, simphone.From("+14155550123"))
		c.MustAnswer(b)
		time.Sleep(time.Second)
		var rings *line
		b.onLoop(func(s *Switchboard) {
			for _, l := range s.offered {
				rings = l
			}
		})
		b.board.FromSip(sip.Ended{Leg: rings.id, By: sip.Failed, Code: 503, At: time.Now()}) // as a broken connection ends it
		time.Sleep(time.Second)
		c.MustBye(b)
		b.settle(5 * time.Second)
		if got := b.cards()[0].Offers[0].Outcome; got != routing.OutcomeUnreachable {
			t.Errorf("offer: got %s, want unreachable", got)
		}
		rings.leg.Hangup(0, sip.Reason{}) // which in truth still rings
		b.wantNothingLeft()
		b.wantNoDefects()
	})
}

// No reload takes a team away under a caller (Setup.keepTeams); should the
// router ever give one back, the flow goes on after the queue.
func TestStrandedCallerGoesOnAfterTheQueue(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		c := b.carrier(5060).Dial(brief, simphone.From("+14155550123"))
		c.MustAnswer(b)
		time.Sleep(time.Second)
		b.onLoop(func(s *Switchboard) { s.route(routing.Configured{}) })
		c.MustEnd(b, simphone.Theirs, 0)
		b.settle(5 * time.Second)
		if r := b.cards()[0]; r.Ending.String() != "flow_end by flow" || r.Duration(r.Ended) > 2*time.Second {
			t.Errorf("got %s after %v, want the flow's hangup step at once, not after 4 s", r.Ending, r.Duration(r.Ended))
		}
		b.wantNothingLeft()
		b.wantNoDefects()
	})
}
