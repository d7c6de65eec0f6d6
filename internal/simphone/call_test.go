package simphone

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/golden"
	"trunkline/internal/simnet"
)

// pair is two phones that are each other's peer, in a bubble.
type pair struct {
	net      *simnet.Net
	lee, ann *Phone
}

const (
	leeHz = 440
	annHz = 1000
)

func newPair(t *testing.T, change func(lee, ann *Config)) *pair {
	t.Helper()
	n := simnet.New()
	a, b := netip.MustParseAddrPort("10.0.0.1:5060"), netip.MustParseAddrPort("10.0.0.2:5060")
	n.Name(a.Addr(), "lee")
	n.Name(b.Addr(), "ann")
	lee := Config{User: "lee", Peer: b, Tone: leeHz, ListenRTP: n.ListenPacket}
	ann := Config{User: "ann", Peer: a, Tone: annHz, ListenRTP: n.ListenPacket}
	if change != nil {
		change(&lee, &ann)
	}
	p := &pair{net: n}
	for _, x := range []struct {
		cfg  Config
		addr netip.AddrPort
		to   **Phone
	}{{lee, a, &p.lee}, {ann, b, &p.ann}} {
		conn, err := n.ListenPacket(x.addr)
		if err != nil {
			t.Fatal(err)
		}
		x.cfg.Conn = conn
		if *x.to, err = New(x.cfg); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*x.to).Close() })
	}
	return p
}

// ladder compares the wire with testdata/NAME.ladder.
func (p *pair) ladder(t *testing.T, name string) {
	t.Helper()
	golden.EqualLines(t, "testdata/"+name+".ladder", p.net.Ladder())
}

// bubble runs a story of two phones and compares its ladder.
func bubble(t *testing.T, name string, change func(lee, ann *Config), story func(t *testing.T, p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, change)
		story(t, p)
		time.Sleep(40 * time.Second) // what retransmits shows itself
		p.ladder(t, name)
		p.lee.Close()
		p.ann.Close()
		if open := p.net.Open(); len(open) != 0 {
			t.Errorf("got open sockets %v after Close, want none", open)
		}
	})
}

func TestAnsweredCallIsHeardBothWays(t *testing.T) {
	bubble(t, "answered", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Ring().After(2 * time.Second).Answer())
		call := p.lee.Dial("+14155550100", From("+14155550123"))
		call.MustRing(t)
		in := p.ann.MustCall(t)
		call.MustAnswer(t)
		call.MustHearOnly(t, annHz)
		in.MustHearOnly(t, leeHz)
		if in.Caller() != "+14155550123" || in.Invite().User() != "+14155550100" {
			t.Errorf("got a call from %q to %q, want +14155550123 and +14155550100", in.Caller(), in.Invite().User())
		}
		time.Sleep(2 * time.Second)
		call.MustBye(t)
		in.MustEnd(t, Theirs, 0)
		h := in.Heard()
		sent, _ := call.SentRTP()
		if h.Packets < sent-2 || h.Packets > sent || h.Lost+h.Duplicates+h.Reordered+h.Garbage+h.TimestampJumps != 0 ||
			len(h.SSRCs) != 1 || len(h.Sources) != 1 || h.LongestGap != frame {
			t.Errorf("got %+v of %d packets sent, want all of them, one SSRC, no gaps", h, sent)
		}
	})
}

func TestDeclinedCallEndsWithItsCode(t *testing.T) {
	bubble(t, "declined", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Ring().After(time.Second).Decline(486, WithHeader("Reason", "SIP;cause=486")))
		call := p.lee.Dial("1")
		if e := call.MustEnd(t, Theirs, 486); e.Reason != "SIP;cause=486" {
			t.Errorf("got reason %q, want the header's", e.Reason)
		}
		if err := call.WaitAnswered(t.Context()); err == nil || !strings.Contains(err.Error(), "486 Busy Here") {
			t.Errorf("got %v from WaitAnswered, want an error that names 486", err)
		}
	})
}

func TestIgnoredCallIsCancelled(t *testing.T) {
	bubble(t, "cancelled", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Ring())
		call := p.lee.Dial("1")
		call.MustRing(t)
		time.Sleep(5 * time.Second)
		call.MustCancel(t)
		call.MustEnd(t, Ours, 487)
		p.ann.MustCall(t).MustEnd(t, Theirs, 487)
	})
}

func TestCancelWaitsForAProvisionalResponse(t *testing.T) {
	bubble(t, "cancel-early", func(_, ann *Config) { ann.Habits.NoTrying = true }, func(t *testing.T, p *pair) {
		p.ann.OnCall(After(time.Second).Ring())
		call := p.lee.Dial("1")
		call.MustCancel(t)
	})
}

func TestAnswerThatCrossesTheCancelIsAckedAndHungUp(t *testing.T) {
	bubble(t, "cancel-crosses", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Ring().AnswerOnCancel())
		call := p.lee.Dial("1")
		call.MustRing(t)
		call.MustCancel(t)
		call.MustEnd(t, Ours, 200)
		p.ann.MustCall(t).MustEnd(t, Theirs, 0)
	})
}

func TestLostAckIsSentAgainForEachRepeatedAnswer(t *testing.T) {
	bubble(t, "lost-ack", nil, func(t *testing.T, p *pair) {
		p.net.Drop(simnet.First(2, simnet.Request("ACK")))
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		in := p.ann.MustCall(t)
		must(t, Patience, in.WaitConfirmed)
		call.MustHear(t, annHz)
		call.MustBye(t)
	})
}

func TestPhoneThatNeverAcksIsHungUpAfter64T1(t *testing.T) {
	bubble(t, "never-ack", func(lee, _ *Config) { lee.Habits.NoACK = true }, func(t *testing.T, p *pair) {
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		start := time.Now()
		call.MustEnd(t, Theirs, 0)
		if d := time.Since(start).Round(time.Second); d != 32*time.Second {
			t.Errorf("got the end after %v, want 32s", d)
		}
		if e, _ := p.ann.MustCall(t).End(); e.By != Failed || !errors.Is(e.Err, ErrTimeout) {
			t.Errorf("got %v at the callee, want a failure without ACK", e)
		}
	})
}

func TestEachKindOfHoldSilencesTheHolderAndResumes(t *testing.T) {
	for kind, c := range map[HoldKind]struct {
		name  string
		seen  Direction // what the peer saw
		hears bool      // the held peer still hears the holder
	}{
		HoldSendOnly: {"sendonly", SendOnly, true}, HoldInactive: {"inactive", Inactive, false},
		HoldZero: {"zero", SendRecv, true}, HoldOfferless: {"offerless", SendOnly, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, "hold-"+c.name, nil, func(t *testing.T, p *pair) {
				p.ann.OnCall(Answer())
				call := p.lee.Dial("1")
				call.MustAnswer(t)
				in := p.ann.MustCall(t)
				in.MustHold(t, kind)
				must(t, Patience, func(ctx context.Context) error { return call.WaitDirection(ctx, c.seen) })
				time.Sleep(100 * time.Millisecond)
				in.MustHearOnly(t)
				if c.hears {
					call.MustHearOnly(t, annHz)
				} else {
					call.MustHearOnly(t)
				}
				in.MustResume(t)
				call.MustHearOnly(t, annHz)
				in.MustHearOnly(t, leeHz)
				call.MustBye(t)
			})
		})
	}
}

func TestBothHoldAtOnceAndGet491(t *testing.T) {
	bubble(t, "glare", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		in := p.ann.MustCall(t)
		other := make(chan error, 1)
		go func() { other <- in.Hold(t.Context(), HoldSendOnly) }()
		err := call.Hold(t.Context(), HoldSendOnly)
		for _, err := range []error{err, <-other} {
			var se *StatusError
			if !errors.As(err, &se) || se.Code != 491 {
				t.Errorf("got %v, want 491", err)
			}
		}
		call.MustHearOnly(t, annHz) // both as before
		call.MustBye(t)
	})
}

func TestForkedAnswersAreBothAckedAndTheSecondHungUp(t *testing.T) {
	bubble(t, "forked", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Ring().After(time.Second).Fork())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		in := p.ann.MustCall(t)
		time.Sleep(time.Second)
		in.Twin().MustEnd(t, Theirs, 0)
		if call.Forks() != 1 || in.State() != Answered {
			t.Errorf("got %d forks and the first dialog %v, want 1 and answered", call.Forks(), in.State())
		}
		call.MustBye(t)
	})
}

func TestEarlyMediaIsHeardBeforeTheAnswer(t *testing.T) {
	bubble(t, "early", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Early().After(3 * time.Second).Answer())
		call := p.lee.Dial("1")
		call.MustHearOnly(t, annHz)
		if s := call.State(); s != Ringing {
			t.Errorf("got %v while early media is heard, want ringing", s)
		}
		call.MustAnswer(t)
		p.ann.MustCall(t).MustHearOnly(t, leeHz)
		call.MustBye(t)
	})
}

func TestOfferlessInviteIsAnsweredInTheAck(t *testing.T) {
	bubble(t, "offerless", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1", NoOffer())
		call.MustAnswer(t)
		call.MustHearOnly(t, annHz)
		p.ann.MustCall(t).MustHearOnly(t, leeHz)
		call.MustBye(t)
	})
}

func TestDeadPhoneSaysNothingMore(t *testing.T) {
	bubble(t, "dead", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Answer().After(time.Second).Die())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		time.Sleep(1500 * time.Millisecond)
		call.MustHearOnly(t)
		if err := call.Bye(t.Context()); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v from BYE to a dead phone, want ErrTimeout", err)
		}
	})
}

func TestNobodyAnswersTheInvite(t *testing.T) {
	bubble(t, "unreachable", nil, func(t *testing.T, p *pair) {
		p.ann.Die()
		p.lee.Dial("1").MustEnd(t, Failed, 408)
	})
}

func TestByeCrossingByeEndsBothSides(t *testing.T) {
	bubble(t, "bye-crosses", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		in := p.ann.MustCall(t)
		time.Sleep(time.Second)
		done := make(chan error, 1)
		go func() { done <- in.Bye(t.Context()) }()
		call.MustBye(t)
		if err := <-done; err != nil {
			t.Errorf("got %v, want 200 for the crossing BYE", err)
		}
	})
}

func TestScriptHoldsResumesAndHangsUp(t *testing.T) {
	bubble(t, "script", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Ring().After(time.Second).Answer().After(time.Second).Hold(HoldSendOnly).After(time.Second).Resume().
			Then(func(c *Call) {
				if err := c.Hears(t.Context(), leeHz); err != nil {
					t.Error(err)
				}
			}).Bye())
		p.lee.Dial("1").MustEnd(t, Theirs, 0)
	})
}
