package call

import (
	"testing"
	"time"

	"trunkline/internal/simphone"
	"trunkline/routing"
)

// transferring is a customer who talks with the first agent, while the phone of
// the second rings for them.
func (b *bench) transferring(carrier, first, second *simphone.Phone) (customer, initiator, third *simphone.Call) {
	b.Helper()
	does := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	does(b.board.SetAgent(b.Context(), agentName(1), false, "lunch"))
	customer = carrier.Dial(early, simphone.From("+14155550123"))
	initiator = first.MustCall(b)
	initiator.MustAnswer(b)
	time.Sleep(time.Second)
	does(b.board.SetAgent(b.Context(), agentName(1), true, ""))
	status, err := b.board.Status(b.Context())
	does(err)
	does(b.board.Do(b.Context(), Order{Verb: Transfer, Call: status.Calls[0].ID, By: agentName(0), To: Destination{Agent: agentName(1)}}))
	third = second.MustCall(b)
	time.Sleep(time.Second)
	return customer, initiator, third
}

// Whoever is asked to take a call answers, and the initiator hangs up, before
// the loop has looked: the transfer is done, and that BYE is not the call's end.
// The other way round the initiator is gone first, and the call taken over.
func TestAnswerAndTheInitiatorsByeInOneGo(t *testing.T) {
	for _, answersFirst := range []bool{true, false} {
		inBubble(t, 2, func(b *bench) {
			carrier, ann, bob := b.carrier(5060), b.agent(0, simphone.Ring().Answer()), b.agent(1, simphone.Ring())
			c, a, third := b.transferring(carrier, ann, bob)
			b.busyFor(80 * time.Millisecond)
			if answersFirst {
				third.Answer()
			} else {
				go func() { _ = a.Hangup(b.Context()) }()
			}
			time.Sleep(20 * time.Millisecond)
			if answersFirst {
				go func() { _ = a.Hangup(b.Context()) }()
			} else {
				third.Answer()
			}
			a.MustEnd(b, simphone.Ours, 0)
			time.Sleep(2 * time.Second)
			if _, ended := c.End(); ended {
				b.Fatalf("answered first %t: got the customer hung up, want them with who answered", answersFirst)
			}
			c.MustBye(b)
			third.MustEnd(b, simphone.Theirs, 0)
			b.settle(5 * time.Second)
			r := b.cards()[0]
			if got := r.Ending.String(); got != "hangup by caller" || len(r.Transfers) != 1 || r.Transfers[0].Outcome != routing.OutcomeAccepted {
				b.Errorf("answered first %t: got %s, receipts %+v, want the customer's end and one accepted", answersFirst, got, r.Transfers)
			}
			b.wantTrueCards()
			b.wantNothingLeft()
			b.wantNoDefects()
		})
	}
}

// The customer is gone, and who was asked has answered, before the loop has looked.
func TestCustomersByeAndTheAnswerInOneGo(t *testing.T) {
	inBubble(t, 2, func(b *bench) {
		carrier, ann, bob := b.carrier(5060), b.agent(0, simphone.Ring().Answer()), b.agent(1, simphone.Ring())
		c, a, third := b.transferring(carrier, ann, bob)
		b.busyFor(80 * time.Millisecond)
		go func() { _ = c.Hangup(b.Context()) }()
		time.Sleep(20 * time.Millisecond)
		third.Answer()
		a.MustEnd(b, simphone.Theirs, 0)
		third.MustEnd(b, simphone.Theirs, 0)
		b.settle(5 * time.Second)
		r := b.cards()[0]
		if got := r.Ending.String(); got != "hangup by caller" || len(r.Transfers) != 1 || r.Transfers[0].Outcome != routing.OutcomeAbandoned {
			b.Errorf("got %s, receipts %+v, want the customer's end and the transfer abandoned", got, r.Transfers)
		}
		b.wantTrueCards()
		b.wantNothingLeft()
		b.wantNoDefects()
	})
}
