package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// trunksAre adds keys to both trunks of base.
func (s *story) trunksAre(yaml, more string) {
	s.Helper()
	s.reload(yaml, "caller_id: \"+14155550100\"}", "caller_id: \"+14155550100\", "+more+"}")
}

func header(name, value string) simphone.Option { return simphone.WithHeader(name, value) }

// Product §4: what a carrier vouches for counts where its trunk is believed.
func TestCallerIsWhomABelievedTrunkVouchesFor(t *testing.T) {
	pai := header("P-Asserted-Identity", `"Pat Pai" <sip:+14155550177@carrier.example>`)
	rpid := header("Remote-Party-ID", `"Rob Rpid" <sip:+14155550188@carrier.example>;party=calling;screen=yes;privacy=off`)
	for _, c := range []struct {
		name, trunk  string
		dial         []simphone.Option
		caller       string
		source       call.CallerSource
		shown, label string
	}{
		{"not believed", "identity: {trust: false}", []simphone.Option{pai, rpid}, customer, call.CallerFrom, customer, customer + " · Support"},
		{"PAI", "identity: {trust: true}", []simphone.Option{rpid, pai}, "+14155550177", call.CallerPAI, "+14155550177", "Pat Pai · Support"},
		{"RPID", "identity: {trust: true}", []simphone.Option{rpid}, "+14155550188", call.CallerRPID, "+14155550188", "Rob Rpid · Support"},
		{"neither", "identity: {trust: true}", nil, customer, call.CallerFrom, customer, customer + " · Support"},
		{"as tel:, the name in the other", "identity: {trust: true}", []simphone.Option{
			header("P-Asserted-Identity", `"Pat Pai" <sip:carrier.example>, <tel:+1-415-555-0177>`)}, "+14155550177", call.CallerPAI, "+14155550177", "Pat Pai · Support"},
		{"national, as the trunk writes numbers", "identity: {trust: true}", []simphone.Option{
			header("P-Asserted-Identity", "<sip:4155550177@carrier.example;user=phone>")}, "+14155550177", call.CallerPAI, "+14155550177", "+14155550177 · Support"},
		{"PAI is no number, RPID is", "identity: {trust: true}", []simphone.Option{
			header("P-Asserted-Identity", "<sip:gateway-7@carrier.example>"), rpid}, "+14155550188", call.CallerRPID, "+14155550188", "Rob Rpid · Support"},
		{"RPID of who is called", "identity: {trust: true}", []simphone.Option{
			header("Remote-Party-ID", "<sip:+14155550188@carrier.example>;party=called")}, customer, call.CallerFrom, customer, customer + " · Support"},
		{"Privacy hides also what is vouched for", "identity: {trust: true}", []simphone.Option{pai, header("Privacy", "id")}, "", "", "anonymous", "anonymous · Support"},
		{"so does an anonymous From", "identity: {trust: true}", []simphone.Option{pai, simphone.Anonymous()}, "", "", "anonymous", "anonymous · Support"},
		{"and RPID's own privacy", "identity: {trust: false}", []simphone.Option{
			header("Remote-Party-ID", "<sip:+14155550188@carrier.example>;privacy=full")}, "", "", "anonymous", "anonymous · Support"},
		{"and a gateway's Restricted", "identity: {trust: false}", []simphone.Option{simphone.FromURI("sip:Restricted@10.0.0.9")}, "", "", "anonymous", "anonymous · Support"},
		{"Privacy: none hides nothing", "identity: {trust: true}", []simphone.Option{pai, header("Privacy", "none")}, "+14155550177", call.CallerPAI, "+14155550177", "Pat Pai · Support"},
	} {
		t.Run(c.name, func(t *testing.T) {
			act(t, supportTeam+queueFlow, func(s *story) {
				s.trunksAre(supportTeam+queueFlow, c.trunk)
				ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
				k := s.dial(c.dial...)
				s.answered(k)
				a := s.gets(ann)
				if got, want := a.Invite().Get("From"), `"`+c.label+`" <sip:`+c.shown+`@pbx.example.com>`; !strings.HasPrefix(got, want) {
					t.Errorf("the agent's phone shows %s, want %s", got, want)
				}
				s.bye(k)
				s.ended(a)
				time.Sleep(time.Second)
				card := s.card()
				if string(card.Caller) != c.caller || card.CallerSource != c.source {
					t.Errorf("the card: got %q by %q, want %q by %q", card.Caller, card.CallerSource, c.caller, c.source)
				}
			})
		})
	}
}

// Each carrier is told who calls in the header that it reads.
func TestTrunkIsToldWhoCallsAsItWants(t *testing.T) {
	const ours, theirs = "<sip:+14155550100@pbx.example.com>", "<sip:+14155550123@pbx.example.com>"
	all := []string{"P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"}
	for _, c := range []struct {
		send, show, header, value, privacy string
		dial                               []simphone.Option
	}{
		{send: "none"},
		{send: "pai", header: "P-Asserted-Identity", value: ours},
		{send: "pai", show: ", caller_id: caller", header: "P-Asserted-Identity", value: theirs},
		{send: "ppi", show: ", caller_id: caller", header: "P-Preferred-Identity", value: theirs},
		{send: "rpid", header: "Remote-Party-ID", value: ours + ";party=calling;screen=yes;privacy=off"},
		{send: "pai", show: ", caller_id: caller", header: "P-Asserted-Identity", value: ours, privacy: "id", dial: []simphone.Option{simphone.Anonymous()}},
		{send: "rpid", show: ", caller_id: caller", header: "Remote-Party-ID", value: ours + ";party=calling;screen=yes;privacy=full", privacy: "id", dial: []simphone.Option{simphone.Anonymous()}},
	} {
		t.Run(c.send+c.show, func(t *testing.T) {
			flow := supportTeam + "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare]" + c.show + "}]\n"
			act(t, flow, func(s *story) {
				s.trunksAre(flow, "identity: {send: "+c.send+"}")
				far := s.far(simphone.Ring().After(time.Second).Answer())
				k := s.dial(c.dial...)
				invite := s.rings(far).Invite()
				for _, h := range all {
					want := ""
					if h == c.header {
						want = c.value
					}
					if got := invite.Get(h); got != want {
						t.Errorf("%s: got %q, want %q", h, got, want)
					}
				}
				if got := invite.Get("Privacy"); got != c.privacy {
					t.Errorf("Privacy: got %q, want %q", got, c.privacy)
				}
				s.answered(k)
				s.bye(k)
			})
		})
	}
}

// What may cross from a caller's INVITE to another leg is a list, and it is
// short: nothing that a carrier or a caller wrote beside it reaches a phone or
// another carrier.
func TestNoOtherHeaderCrosses(t *testing.T) {
	strange := []simphone.Option{
		header("X-Account", "1001"), header("Alert-Info", "<http://evil.example/ring.wav>"), header("Call-Info", "<http://evil.example/x.png>;purpose=icon"),
		header("Subject", "hello"), header("User-to-User", "56a390f3;encoding=hex"), header("Geolocation", "<cid:a@b>"), header("Priority", "emergency"),
		header("P-Charging-Vector", "icid-value=1"), header("P-Asserted-Identity", "<sip:+14155550177@c>"), header("Remote-Party-ID", "<sip:+14155550188@c>"),
		header("Referred-By", "<sip:x@y>"), header("Replaces", "x"), header("Join", "a;to-tag=b;from-tag=c"), header("Answer-Mode", "Auto"),
		header("Authorization", `Digest username="x", realm="elsewhere", nonce="n", uri="sip:x", response="r"`), header("Organization", "Evil"),
		header("Session-ID", "ab30317f1a784dc48ff824d0d3715d86;remote=0"), header("Identity", "eyJ..;info=<https://x>"), header("Reply-To", "<sip:x@y>"),
	}
	ours := []string{
		"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Allow", "Supported", "Session-Expires", "User-Agent",
		"Content-Type", "Content-Length", "Diversion", "History-Info",
	}
	check := func(t *testing.T, m *simphone.Message) {
		t.Helper()
		for _, h := range m.Headers {
			if !slices.Contains(ours, h.Name) {
				t.Errorf("%s: %s crossed, want none but %v", h.Name, h.Value, ours)
			}
		}
		for _, word := range []string{"evil", "1001", "hello", "0177", "0188", "elsewhere"} {
			if strings.Contains(strings.ToLower(m.String()), word) {
				t.Errorf("%q crossed:\n%s", word, m)
			}
		}
	}
	// Replaces is for our own phones (RFC 3891): a carrier's is refused, not passed.
	without := append(slices.Clone(strange[:11]), strange[12:]...)
	t.Run("to a carrier", func(t *testing.T) {
		act(t, supportTeam+forwardFlow, func(s *story) {
			far := s.far(simphone.Ring().After(time.Second).Answer())
			k := s.dial(append(without, header("Diversion", "<sip:+14155550166@c>;reason=no-answer"), header("History-Info", "<sip:+14155550166@c>;index=1"))...)
			check(t, s.rings(far).Invite())
			s.answered(k)
			s.bye(k)
		})
	})
	t.Run("to a phone", func(t *testing.T) {
		act(t, supportTeam+queueFlow, func(s *story) {
			ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
			k := s.dial(without...)
			s.answered(k)
			a := s.gets(ann)
			check(t, a.Invite())
			s.bye(k)
			s.ended(a)
		})
	})
}

func TestDiversionAndHistoryAreKeptAndContinued(t *testing.T) {
	act(t, supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Ring().After(time.Second).Answer())
		k := s.dial(
			header("Diversion", `"Desk, front" <sip:+14155550166@c;x=1>;reason=no-answer;counter=1`), header("Diversion", "<sip:+14155550167@c>;reason=user-busy"),
			header("History-Info", "<sip:+14155550167@c>;index=1, <sip:+14155550166@c?Reason=SIP%3Bcause%3D486>;index=1.1;mp=1"), header("History-Info", "<sip:+14155550100@c>;index=1.1.1;mp=1.1"),
		)
		invite := s.rings(far).Invite()
		want := `<sip:+14155550123@pbx.example.com>;reason=unconditional, "Desk, front" <sip:+14155550166@c;x=1>;reason=no-answer;counter=1, <sip:+14155550167@c>;reason=user-busy`
		if got := strings.Join(invite.All("Diversion"), ", "); got != want {
			t.Errorf("Diversion: got\n%s, want\n%s", got, want)
		}
		want = "<sip:+14155550167@c>;index=1, <sip:+14155550166@c?Reason=SIP%3Bcause%3D486>;index=1.1;mp=1, <sip:+14155550100@c>;index=1.1.1;mp=1.1, <sip:+14155550199@pbx.example.com>;index=1.1.1.1;mp=1.1.1"
		if got := strings.Join(invite.All("History-Info"), ", "); got != want {
			t.Errorf("History-Info: got\n%s, want\n%s", got, want)
		}
		s.answered(k)
		s.bye(k)
		time.Sleep(time.Second)
		if got := s.card().Diversion; len(got) != 2 || !strings.HasPrefix(got[0], `"Desk, front"`) {
			t.Errorf("the card's diversion: got %q, want the two, the last first", got)
		}
	})
}

// RFC 3326: why one side ended or refused the call is told to the other, and
// kept on the card.
func TestReasonCrosses(t *testing.T) {
	const busy, clear = `Q.850;cause=17;text="User busy"`, `Q.850;cause=31;text="Normal, unspecified"`
	talk := func(t *testing.T, end func(s *story, k, f *simphone.Call)) (ending call.Ending) {
		act(t, supportTeam+forwardFlow, func(s *story) {
			far := s.far(simphone.Ring().After(time.Second).Answer())
			k := s.dial()
			s.answered(k)
			end(s, k, s.gets(far))
			time.Sleep(time.Second)
			ending = s.card().Ending
		})
		return ending
	}
	byeWith := func(s *story, c *simphone.Call, reason string) {
		if err := c.Bye(s.within(10*time.Second), header("Reason", reason)); err != nil {
			s.fatal(err)
		}
	}
	t.Run("of the caller's BYE", func(t *testing.T) {
		e := talk(t, func(s *story, k, f *simphone.Call) {
			byeWith(s, k, clear)
			if got := s.ended(f).Reason; got != clear {
				t.Errorf("the far end's BYE: got Reason %q, want %q", got, clear)
			}
		})
		if e.Reason != clear {
			t.Errorf("the card: got %q, want %q", e.Reason, clear)
		}
	})
	t.Run("of the far end's BYE", func(t *testing.T) {
		e := talk(t, func(s *story, k, f *simphone.Call) {
			byeWith(s, f, `x;cause=1, Q.850 ; cause=31 ;text="Normal, unspecified"`)
			if got := s.ended(k).Reason; got != clear {
				t.Errorf("the caller's BYE: got Reason %q, want %q", got, clear)
			}
		})
		if e.Reason != clear {
			t.Errorf("the card: got %q, want %q", e.Reason, clear)
		}
	})
	t.Run("of another protocol it is ours", func(t *testing.T) {
		talk(t, func(s *story, k, f *simphone.Call) {
			byeWith(s, k, `X-Evil;cause=1;text="hello"`)
			if got := s.ended(f).Reason; got != `Q.850;cause=16;text="Normal call clearing"` {
				t.Errorf("the far end's BYE: got Reason %q, want ours", got)
			}
		})
	})
	t.Run("of a refusal", func(t *testing.T) {
		act(t, supportTeam+forwardFlow, func(s *story) {
			s.far(simphone.Ring().After(time.Second).Decline(486, header("Reason", busy)))
			if e := s.ended(s.dial()); e.Code != 486 || e.Reason != busy {
				t.Errorf("the caller: got %v, want 486 with %s", e, busy)
			}
			time.Sleep(time.Second)
			if got := s.card().Ending.Reason; got != busy {
				t.Errorf("the card: got %q, want %q", got, busy)
			}
		})
	})
	t.Run("of the caller's CANCEL", func(t *testing.T) {
		const elsewhere = `SIP;cause=200;text="Call completed elsewhere"`
		act(t, supportTeam+"flows:\n  main: {answer: late, steps: [{queue: support}]}\n", func(s *story) {
			s.carrier.Behave(func(h *simphone.Habits) {
				h.Message = func(m *simphone.Message) {
					if m.Method == "CANCEL" {
						m.Set("Reason", elsewhere)
					}
				}
			})
			ann := s.agent("ann", annTone, simphone.Ring())
			k := s.dial()
			a := s.rings(ann)
			time.Sleep(time.Second)
			if err := k.Cancel(s.within(5 * time.Second)); err != nil {
				s.fatal(err)
			}
			if got := s.ended(a).Reason; got != elsewhere {
				t.Errorf("the phone's CANCEL: got Reason %q, want the caller's, so that no missed call is logged", got)
			}
		})
	})
}
