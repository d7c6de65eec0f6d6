package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

const proxies = "Record-Route: <sip:10.0.0.8;lr>\r\nRecord-Route: <sip:10.0.0.9:5070;lr;ftag=1>, <sip:10.0.0.10;lr>\r\n"

func TestLooseRoutesOfAnInboundCall(t *testing.T) {
	inBubble(t, func(r *rig) {
		proxy := r.peer("10.0.0.8:5060")
		c := r.peer(rigTrunk).call("rr")
		c.send(c.message("INVITE", c.branch, 1, proxies, rigSDP))
		c.expect("SIP/2.0 100")
		l := want[Invited](r).Leg
		l.Answer([]byte(rigSDP))
		m := c.expect("SIP/2.0 200")
		if got := strings.Join(m.all("Record-Route"), " "); got != "<sip:10.0.0.8;lr> <sip:10.0.0.9:5070;lr;ftag=1> <sip:10.0.0.10;lr>" {
			t.Errorf("Record-Route in the 200: got %q", got)
		}
		c.toTag = m.tag("To")
		c.ack()
		want[Confirmed](r)
		l.Hangup(0, Reason{})
		bye := proxy.expect("BYE sip:bob@10.0.0.2:5060 ")
		if got := strings.Join(bye.all("Route"), " "); got != "<sip:10.0.0.8;lr> <sip:10.0.0.9:5070;lr;ftag=1> <sip:10.0.0.10;lr>" {
			t.Errorf("Route: got %q, want the Record-Route in order", got)
		}
	})
}

func TestLooseRoutesOfAnOutboundCallAreReversed(t *testing.T) {
	inBubble(t, func(r *rig) {
		proxy := r.peer("10.0.0.10:5060")
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 200, "a", proxies, rigSDP)
		want[Answered](r)
		ack := proxy.expect("ACK sip:callee@10.0.0.3:5060 ")
		l.Hangup(0, Reason{})
		bye := proxy.expect("BYE sip:callee@10.0.0.3:5060 ")
		for _, m := range []wireMsg{ack, bye} {
			if got := strings.Join(m.all("Route"), " "); got != "<sip:10.0.0.10;lr> <sip:10.0.0.9:5070;lr;ftag=1> <sip:10.0.0.8;lr>" {
				t.Errorf("Route: got %q, want the Record-Route reversed", got)
			}
		}
	})
}

func TestStrictRouterGetsItsURIAndTheTargetLast(t *testing.T) {
	inBubble(t, func(r *rig) {
		proxy := r.peer("10.0.0.8:5060")
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 200, "a", "Record-Route: <sip:10.0.0.9;lr>\r\nRecord-Route: <sip:strict@10.0.0.8>\r\n", rigSDP)
		want[Answered](r)
		ack := proxy.expect("ACK sip:strict@10.0.0.8 ")
		if got := strings.Join(ack.all("Route"), " "); got != "<sip:10.0.0.9;lr> <sip:callee@10.0.0.3:5060>" {
			t.Errorf("Route: got %q, want the rest and the target", got)
		}
		l.Hangup(0, Reason{})
		proxy.expect("BYE sip:strict@10.0.0.8 ")
	})
}

func TestTargetIsRefreshedByReinviteAndUpdate(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("tr")
		l := c.up()
		for _, method := range []string{"INVITE", "UPDATE"} {
			c.seq++
			m := c.message(method, "z9hG4bK-tr-"+method, c.seq, "", rigSDP)
			c.send(strings.Replace(m, "Contact: <sip:bob@10.0.0.2:5060>", "Contact: <sip:"+method+"@10.0.0.7:5062>", 1))
			want[Reoffered](r)
			l.AnswerReoffer([]byte(rigSDP))
			c.expect("SIP/2.0 200")
			if method == "INVITE" {
				c.ack()
				want[Reconfirmed](r)
			}
		}
		moved := r.peer("10.0.0.7:5062")
		l.Hangup(0, Reason{})
		moved.expect("BYE sip:UPDATE@10.0.0.7:5062")
	}, localNet)
}

// localNet: 10.0.0.0/8 is our side of the NAT, contacts in it are believed.
func localNet(c *Config) { c.Local = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }

func TestContactBehindANatFallsBackToTheSource(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("nat")
		m := c.message("INVITE", c.branch, 1, "", rigSDP)
		c.send(strings.Replace(m, "<sip:bob@10.0.0.2:5060>", "<sip:bob@192.168.1.4:5999>", 1))
		c.expect("SIP/2.0 100")
		l := want[Invited](r).Leg
		l.Answer([]byte(rigSDP))
		c.toTag = c.expect("SIP/2.0 200").tag("To")
		c.ack()
		want[Confirmed](r)
		l.Hangup(0, Reason{})
		c.expect("BYE sip:bob@192.168.1.4:5999") // by the source, with the contact as target
	})
}

func TestContactWithANameGoesToTheSourceUntilItResolves(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("name")
		m := c.message("INVITE", c.branch, 1, "", rigSDP)
		c.send(strings.Replace(m, "<sip:bob@10.0.0.2:5060>", "<sip:bob@sbc.invalid>", 1))
		c.expect("SIP/2.0 100")
		l := want[Invited](r).Leg
		l.Hangup(486, Reason{})
		c.expect("SIP/2.0 486")
		want[Ended](r)
	})
}

func TestResponsesGoWhereRportSays(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer("10.0.0.2:40000")
		p.send(invalid{method: "OPTIONS", via: "Via: SIP/2.0/UDP 192.168.7.7:5060;rport;branch=z9hG4bKr1\r\n"}.text(1))
		if m := p.expect("SIP/2.0 200"); !strings.Contains(m.hdr("Via"), "rport=40000") || !strings.Contains(m.hdr("Via"), "received=10.0.0.2") {
			t.Errorf("Via: got %q, want rport=40000 and received", m.hdr("Via"))
		}
		// Without rport: to the Via's port at the source address (RFC 3261 §18.2.2).
		q := r.peer("10.0.0.2:5060")
		p.send(invalid{method: "OPTIONS", via: "Via: SIP/2.0/UDP pbx.invalid;branch=z9hG4bKr2\r\n"}.text(2))
		if m := q.expect("SIP/2.0 200"); !strings.Contains(m.hdr("Via"), "received=10.0.0.2") {
			t.Errorf("Via: got %q, want received", m.hdr("Via"))
		}
		p.nothing(time.Second)
	})
}

// The NAT gave the phone a new port in the middle of a call.
func TestRequestsFollowAPeerWhoseAddressChanged(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("rebind")
		c.user = "x"
		m := c.message("INVITE", c.branch, 1, "", rigSDP)
		c.send(strings.Replace(m, "<sip:bob@10.0.0.2:5060>", "<sip:bob@192.168.1.4:5999>", 1))
		c.expect("SIP/2.0 100")
		l := want[Invited](r).Leg
		l.Answer([]byte(rigSDP))
		c.toTag = c.expect("SIP/2.0 200").tag("To")
		c.ack()
		want[Confirmed](r)
		moved := &wireCall{wirePeer: r.peer("10.0.0.2:6666"), id: c.id, branch: c.branch, seq: 1, toTag: c.toTag, user: "x"}
		moved.request("OPTIONS", "", "")
		moved.expect("SIP/2.0 200")
		l.Hangup(0, Reason{})
		moved.expect("BYE ")
		c.nothing(100 * time.Millisecond)
	})
}

func TestExternalAddressIsToldToPeersBeyondTheNat(t *testing.T) {
	far := netip.MustParseAddrPort("198.51.100.9:5060")
	inBubble(t, func(r *rig) {
		near, away := r.peer(rigTrunk), r.peer(far.String())
		c, d := near.call("near"), away.call("far")
		c.invite()
		if ev := want[Invited](r); ev.Advertise.String() != "10.0.0.1" {
			t.Errorf("near: got %v, want 10.0.0.1", ev.Advertise)
		}
		d.invite()
		ev := want[Invited](r)
		if ev.Bind.String() != "10.0.0.1" || ev.Advertise.String() != "203.0.113.1" {
			t.Errorf("far: got %v, %v, want 10.0.0.1, 203.0.113.1", ev.Bind, ev.Advertise)
		}
		d.expect("SIP/2.0 100")
		ev.Leg.Progress(180, nil)
		if m := d.expect("SIP/2.0 180"); m.hdr("Contact") != "<sip:trunkline@203.0.113.1:5060>" {
			t.Errorf("Contact: got %q, want ours outside", m.hdr("Contact"))
		}
		bind, adv := r.e.MediaAddr(Target{Trunk: "far"})
		if bind.String() != "10.0.0.1" || adv.String() != "203.0.113.1" {
			t.Errorf("MediaAddr: got %v, %v", bind, adv)
		}
	}, localNet, func(c *Config) {
		c.External = []netip.Addr{netip.MustParseAddr("203.0.113.1")}
		c.Trunks = append(c.Trunks, Trunk{ID: "far", Host: far.String()})
	})
}

// RFC 3261 §16.4: what a strict router means is in the last Route.
func TestNumberBehindAStrictRouterIsInTheLastRoute(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("strict")
		m := c.message("INVITE", c.branch, 1, "Route: <sip:10.0.0.9>, <sip:+14155550777@10.0.0.1>\r\n", rigSDP)
		c.send(strings.Replace(m, "INVITE sip:+14155550100@10.0.0.1 ", "INVITE sip:10.0.0.1;lr ", 1))
		if ev := want[Invited](r); ev.Dialled != "+14155550777" {
			t.Errorf("dialled: got %q, want +14155550777", ev.Dialled)
		} else {
			ev.Leg.Reject(404, "")
		}
		want[Ended](r)
	})
}

// RFC 3261 §13.2.2.4, §12.2.1.1: the ACK of a re-INVITE's 2xx goes along the
// route set to the target that the 2xx names, and the set stays as it was made.
func TestAckOfAReinviteFollowsTheRoutes(t *testing.T) {
	inBubble(t, func(r *rig) {
		proxy := r.peer("10.0.0.10:5060")
		p := r.peer(rigPhone)
		l := r.dialAnn()
		p.respond(p.expect("INVITE "), 200, "a", proxies, rigSDP)
		want[Answered](r)
		proxy.expect("ACK ")
		l.Reoffer([]byte(rigSDP))
		re := proxy.expect("INVITE sip:callee@10.0.0.3:5060 ")
		proxy.respond(re, 200, "", "Record-Route: <sip:10.0.0.99;lr>\r\nContact: <sip:moved@10.0.0.3:5070>\r\n", rigSDP)
		ack := proxy.expect("ACK sip:moved@10.0.0.3:5070 ")
		want[ReofferDone](r)
		l.Hangup(0, Reason{})
		bye := proxy.expect("BYE sip:moved@10.0.0.3:5070 ")
		for _, m := range []wireMsg{re, ack, bye} {
			if got := strings.Join(m.all("Route"), " "); got != "<sip:10.0.0.10;lr> <sip:10.0.0.9:5070;lr;ftag=1> <sip:10.0.0.8;lr>" {
				t.Errorf("Route: got %q, want the set of the first 2xx", got)
			}
		}
	})
}

// Each early dialog has routes and target of its own; the 2xx of one makes the
// dialog, whatever the other said (RFC 3261 §13.2.2.4).
func TestAnswerOfOneForkTakesItsOwnRoutes(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		l := r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: []byte(rigSDP)})
		inv := p.expect("INVITE ")
		p.respond(inv, 183, "a", "Contact: <sip:a@10.0.0.2:5060>\r\nRecord-Route: <sip:10.0.0.8;lr>\r\n", rigSDP+"a=a\r\n")
		p.respond(inv, 183, "b", "Contact: <sip:b@10.0.0.2:5060>\r\nRecord-Route: <sip:10.0.0.2;lr;b>\r\n", rigSDP+"a=b\r\n")
		want[Progressed](r)
		want[Progressed](r)
		p.respond(inv, 200, "b", "Contact: <sip:b@10.0.0.2:5060>\r\nRecord-Route: <sip:10.0.0.2;lr;b>\r\n", "")
		if ev := want[Answered](r); string(ev.SDP) != rigSDP+"a=b\r\n" {
			t.Errorf("got %q, want b's", ev.SDP)
		}
		if m := p.expect("ACK sip:b@10.0.0.2:5060 "); m.hdr("Route") != "<sip:10.0.0.2;lr;b>" || m.tag("To") != "b" {
			t.Errorf("ACK: got %q, want b's route and tag", m.text)
		}
		// a answers too, late: acknowledged and hung up in its own dialog.
		q := r.peer("10.0.0.8:5060")
		p.respond(inv, 200, "a", "Contact: <sip:a@10.0.0.2:5060>\r\nRecord-Route: <sip:10.0.0.8;lr>\r\n", rigSDP)
		if m := q.expect("ACK sip:a@10.0.0.2:5060 "); m.tag("To") != "a" {
			t.Errorf("ACK: got %q, want a's", m.text)
		}
		q.expect("BYE sip:a@10.0.0.2:5060 ")
		l.Hangup(0, Reason{})
		want[Ended](r)
		p.expect("BYE sip:b@10.0.0.2:5060 ")
	})
}
