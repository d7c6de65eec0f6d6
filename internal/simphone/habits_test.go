package simphone

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func TestLateAckStopsTheRepeatedAnswers(t *testing.T) {
	bubble(t, "ack-late", func(lee, _ *Config) { lee.Habits.ACKAfter = 2 * time.Second }, func(t *testing.T, p *pair) {
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		time.Sleep(20 * time.Second)
		call.MustBye(t)
	})
}

func TestPhoneWithoutRetransmissionSendsOnce(t *testing.T) {
	bubble(t, "no-retransmit", func(lee, ann *Config) { lee.Habits.NoRetransmit, ann.Habits.NoRetransmit = true, true }, func(t *testing.T, p *pair) {
		p.ann.OnCall(Decline(486))
		p.lee.Behave(func(h *Habits) { h.NoACKFailure = true })
		p.lee.Dial("1").MustEnd(t, Theirs, 486)
		p.ann.Die()
		p.lee.Dial("2").MustEnd(t, Failed, 408)
	})
}

func TestCallThatIsNotHungUpAfterCrossingStaysUp(t *testing.T) {
	bubble(t, "crossed-stays", func(lee, _ *Config) { lee.Habits.NoByeCrossed, lee.Habits.NoByeForked = true, true }, func(t *testing.T, p *pair) {
		p.ann.OnCall(Ring().AnswerOnCancel())
		call := p.lee.Dial("1")
		call.MustRing(t)
		p.lee.do(call.cancel)
		call.MustAnswer(t)
		call.MustHearOnly(t, annHz)
		call.MustBye(t)
	})
}

func TestSilentByeAndCancelAreRepeated(t *testing.T) {
	bubble(t, "silent-bye", func(_, ann *Config) { ann.Habits.Silent = []string{"BYE"} }, func(t *testing.T, p *pair) {
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		if err := call.Bye(t.Context()); err == nil {
			t.Error("got an answered BYE from a phone that is silent about it")
		}
	})
}

func TestDescriptionsAndMessagesCanBeRewritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(lee, _ *Config) {
			lee.Habits.SDP = func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("PCMU"), []byte("pcmu")) }
			lee.Habits.Message = func(m *Message) { m.Set("Max-Forwards", "5") }
			lee.Habits.NoDirection = true
		})
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1", WithHeader("X-One", "1"), WithHeader("X-One", "2"), WithoutHeader("User-Agent"))
		call.MustAnswer(t)
		inv := p.ann.MustCall(t).Invite()
		if !bytes.Contains(inv.Body, []byte("pcmu")) || bytes.Contains(inv.Body, []byte("sendrecv")) || inv.Get("Max-Forwards") != "5" ||
			len(inv.All("X-One")) != 2 || inv.Get("User-Agent") != "" {
			t.Errorf("got %s, want it rewritten", inv.Raw)
		}
	})
}

func TestInviteAnswersAChallenge(t *testing.T) {
	bubble(t, "challenged", func(lee, _ *Config) { lee.Password = "secret" }, func(t *testing.T, p *pair) {
		p.ann.OnCall(Decline(401, WithHeader("WWW-Authenticate", `Digest realm="x", nonce="n", algorithm=SHA-256, qop="auth"`)), Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		call.MustHearOnly(t, annHz)
		call.MustBye(t)
	})
}

func TestChallengedInviteWithoutPasswordEnds(t *testing.T) {
	bubble(t, "challenged-no-password", nil, func(t *testing.T, p *pair) {
		p.ann.OnCall(Decline(401, WithHeader("WWW-Authenticate", `Digest realm="x", nonce="n"`)))
		p.lee.Dial("1").MustEnd(t, Theirs, 401)
	})
}

func TestTenMinutesOfSoundStayGapless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.ann.OnCall(Answer())
		call := p.lee.Dial("1")
		call.MustAnswer(t)
		time.Sleep(10 * time.Minute)
		in := p.ann.MustCall(t)
		in.MustHearOnly(t, leeHz)
		h := in.Heard()
		if h.Packets < 50*600 || h.Lost+h.Duplicates+h.Reordered+h.TimestampJumps != 0 || h.LongestGap != frame {
			t.Errorf("got %+v, want ten minutes without gaps", h)
		}
		if n := len(in.session().hear.kept); n > 2*120*50 {
			t.Errorf("got %d packets kept, want about two minutes", n)
		}
	})
}
