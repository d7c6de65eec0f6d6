package simphone

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"
)

func TestMessagesSurviveLossDuplicationAndReordering(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, nil)
			p.net.SetFault(simnet.Fault{Only: simnet.Packet.SIP, Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Jitter: time.Duration(seed) * time.Millisecond})
			p.ann.OnCall(Ring().After(time.Second).Answer())
			call := p.lee.Dial("1")
			call.MustAnswer(t)
			in := p.ann.MustCall(t)
			call.MustHear(t, annHz)
			call.MustBye(t)
			in.MustEnd(t, Theirs, 0)
			time.Sleep(time.Minute)
			p.lee.Close()
			p.ann.Close()
		})
	}
}

func TestLostAndReorderedSoundIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.net.Drop(simnet.All(simnet.RTP(), simnet.Nth(50, simnet.Between(p.lee.Addr().Addr(), netip.Addr{}))))
		p.net.Duplicate(simnet.Nth(60, simnet.All(simnet.RTP(), simnet.Between(p.lee.Addr().Addr(), netip.Addr{}))))
		p.net.Delay(simnet.Nth(70, simnet.All(simnet.RTP(), simnet.Between(p.lee.Addr().Addr(), netip.Addr{}))), 50*time.Millisecond)
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		time.Sleep(3 * time.Second)
		h := p.ann.MustCall(t).Heard()
		if h.Lost != 1 || h.Duplicates != 1 || h.Reordered != 1 || h.TimestampJumps != 0 {
			t.Errorf("got %+v, want 1 lost, 1 duplicate, 1 reordered", h)
		}
		call.NewSSRC()
		time.Sleep(time.Second)
		if h := p.ann.Calls()[0].Heard(); len(h.SSRCs) != 2 || h.Lost != 1 {
			t.Errorf("got %+v, want 2 SSRCs and no more loss", h)
		}
	})
}

func TestDigitsArriveOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.net.SetFault(simnet.Fault{Only: simnet.Packet.RTP, Loss: 0.1, Duplicate: 0.1})
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		call.SendDigits("112#*0D")
		time.Sleep(5 * time.Second)
		if d := p.ann.MustCall(t).Heard().Digits; d != "112#*0D" {
			t.Errorf("got digits %q, want 112#*0D", d)
		}
	})
}

func TestCodecsAreNegotiated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(_, ann *Config) { ann.Codecs = []Codec{PCMA} })
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		call.MustHearOnly(t, annHz)
		p.ann.MustCall(t).MustHearOnly(t, leeHz)
		if call.Codec() != PCMA {
			t.Errorf("got %v, want PCMA", call.Codec())
		}
		call.MustBye(t)
		p.lee.Dial("1", Codecs(PCMU)).MustEnd(t, Theirs, 488)
	})
}

func TestMovedRtpComesFromAnotherPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		in := p.ann.MustCall(t)
		in.MustHearOnly(t, leeHz)
		if err := call.MoveRTP(); err != nil {
			t.Fatal(err)
		}
		in.MustHearOnly(t, leeHz)
		call.MustHearOnly(t, annHz) // still on the old port
		if h := in.Heard(); len(h.Sources) != 2 || len(h.SSRCs) != 1 || h.Lost != 0 {
			t.Errorf("got %+v, want two sources, one SSRC, nothing lost", h)
		}
	})
}

func TestScriptsAreUsedInOrderAndTheLastStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.ann.OnCall(Decline(486), Decline(603))
		for _, code := range []int{486, 603, 603} {
			p.lee.Dial("1").MustEnd(t, Theirs, code)
		}
	})
}

func TestSilentAndReplyHabits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		if _, err := p.lee.Request(t.Context(), "OPTIONS", ""); err != nil {
			t.Errorf("got %v from OPTIONS, want 200", err)
		}
		p.ann.Behave(func(h *Habits) { h.Replies = map[string]int{"OPTIONS": 503} })
		var se *StatusError
		if _, err := p.lee.Request(t.Context(), "OPTIONS", ""); !errors.As(err, &se) || se.Code != 503 {
			t.Errorf("got %v, want 503", err)
		}
		p.ann.Behave(func(h *Habits) { h.Silent = []string{"OPTIONS"} })
		if _, err := p.lee.Request(t.Context(), "OPTIONS", ""); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
	})
}

func TestCloseEndsWaitsAndIsIdempotent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		call := p.lee.Dial("1")
		errs := make(chan error, 2)
		go func() { errs <- call.WaitAnswered(t.Context()) }()
		go func() { _, err := p.lee.WaitCall(t.Context()); errs <- err }()
		synctest.Wait()
		p.lee.Close()
		p.lee.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		}
		if e := p.lee.Dial("2").MustEnd(t, Failed, 0); !errors.Is(e.Err, ErrClosed) {
			t.Errorf("got %v from Dial on a closed phone, want ErrClosed", e)
		}
	})
}

func TestGarbageCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		for _, s := range []string{"", "\r\n\r\n", "hello", "INVITE\r\n\r\n", "SIP/2.0 999 X\r\n\r\n", "INVITE sip:x SIP/2.0\r\n\r\n",
			"INVITE sip:x SIP/2.0\r\nVia: x\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "ACK sip:x SIP/2.0\r\nVia:\r\nCSeq: x\r\n\r\n"} {
			p.lee.SendRaw([]byte(s))
		}
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		if n := p.ann.Unreadable(); n != 3 {
			t.Errorf("got %d unreadable datagrams, want 3", n)
		}
	})
}
