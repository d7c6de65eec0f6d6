package sip

import (
	"strings"
	"testing"
)

// The sender of a request with a header that cannot be read is told which, in
// a response that it can match.
func TestRefusalOfAnUnreadableHeaderNamesItAndEchoesIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		p.send(invalid{cseq: "CSeq: 36893488147419103232 INVITE\r\n"}.text(1))
		m := p.expect("SIP/2.0 400 Bad CSeq\r\n")
		if m.hdr("CSeq") != "36893488147419103232 INVITE" || m.hdr("Call-ID") != "v1" || !strings.Contains(m.hdr("Via"), "z9hG4bKv1") {
			t.Errorf("got %q, want the request's CSeq, Call-ID and Via", m.text)
		}
		p.send(invalid{more: "Max-Forwards: many\r\n"}.text(2))
		p.expect("SIP/2.0 400 Bad Max-Forwards\r\n")
		if s := r.e.Stats(); s.Malformed != 2 || s.Panics != 0 {
			t.Errorf("got %d malformed, %d panics, want 2, 0", s.Malformed, s.Panics)
		}
	})
}

func TestResponseWithAnUnreadableHeaderIsDropped(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 200, "a", "Record-Route: nonsense\r\n", rigSDP)
		p.expect("INVITE ") // again: as if it had not come
		p.respond(inv, 486, "a", "", "")
		if ev := want[Ended](r); ev.Code != 486 {
			t.Errorf("got %+v, want 486", ev)
		}
	})
}

// The parser tells where a list goes on by the length of what it read.
func TestTidyKeepsTheLength(t *testing.T) {
	for in, want := range map[string]string{
		"SIP/2.0/UDP h:5060;branch=x":                  "SIP/2.0/UDP h:5060;branch=x",
		"SIP/2.0/UDP h:5060 ;branch=x":                 " SIP/2.0/UDP h:5060;branch=x",
		"SIP / 2.0 / UDP\th : 5060\t; a = b":           "       SIP/2.0/UDP h:5060; a = b",
		"SIP/2.0/UDP  [::1] : 5060 ;a;b, SIP / 2.0 /x": "    SIP/2.0/UDP [::1]:5060;a;b, SIP / 2.0 /x",
		"SIP/2.0/UDP":  "SIP/2.0/UDP",
		"  ":           "  ",
		"a/b/c":        "a/b/c",
		"a b / c / ; ": "   a b/c/ ; ",
	} {
		if got := tidy("Via", in); got != want || len(got) != len(in) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
