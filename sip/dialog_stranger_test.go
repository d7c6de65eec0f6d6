package sip

import (
	"testing"
	"time"
)

// A stranger knows our token from the tag of his 401. A 200 with it, to an
// INVITE that we never sent, must not make us send anything to its Contact.
func TestForged2xxIsNoReasonToSendABye(t *testing.T) {
	inBubble(t, func(r *rig) {
		stranger, victim := r.peer("10.0.9.9:5060"), r.peer("10.0.9.10:5060")
		c := stranger.call("stranger")
		c.invite()
		tag := stranger.expect("SIP/2.0 401").tag("To")
		stranger.send("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKy\r\nFrom: <sip:a@10.0.0.1>;tag=" + tag +
			"\r\nTo: <sip:b@10.0.9.9>;tag=9\r\nCall-ID: forged\r\nCSeq: 1 INVITE\r\nContact: <sip:v@10.0.9.10>\r\nContent-Length: 0\r\n\r\n")
		victim.nothing(time.Minute)
		if s := r.e.Stats(); s.Stray != 1 {
			t.Errorf("got %d stray responses, want 1", s.Stray)
		}
	})
}
