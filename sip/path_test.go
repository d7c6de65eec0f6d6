package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// register sends a REGISTER with credentials from behind a NAT and returns what
// came of it.
func (l *lamp) register(more string) wireMsg {
	l.r.t.Helper()
	auth := ""
	for range 2 {
		l.seq++
		l.send(fmt.Sprintf("REGISTER sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%s@pbx.example.com>;tag=%[2]s\r\nTo: <sip:%[4]s@pbx.example.com>\r\nCall-ID: %[2]s\r\nCSeq: %[3]d REGISTER\r\nContact: <sip:%[4]s@192.168.1.9>\r\n%[5]s%[6]sContent-Length: 0\r\n\r\n",
			l.at, l.id, l.seq, l.user, auth, more))
		m := l.expect("SIP/2.0 ")
		if !strings.HasPrefix(m.text, "SIP/2.0 401") {
			return m
		}
		_, rest, _ := strings.Cut(m.hdr("WWW-Authenticate"), `nonce="`)
		nonce, _, _ := strings.Cut(rest, `"`)
		c := &credentials{user: l.user, uri: "sip:pbx.example.com", nonce: nonce, nc: "00000001", cnonce: "c", qop: "auth"}
		auth = fmt.Sprintf("Authorization: Digest username=%q, realm=\"pbx.example.com\", nonce=%q, uri=%q, response=%q, algorithm=MD5, qop=auth, nc=%s, cnonce=%q\r\n",
			l.user, nonce, c.uri, newSecret(l.user, "pbx.example.com", annPass).expected(algMD5, "REGISTER", c), c.nc, c.cnonce)
	}
	l.r.t.Fatal("challenged twice")
	return wireMsg{}
}

// A phone behind an edge proxy is called through it, by the flow on which the
// proxy forwarded its REGISTER.
func TestPhoneBehindAProxyIsCalledByItsPath(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer("10.0.7.7:5060")
		path := "<sip:edge.example.com;lr;ob>, <sip:token@10.0.7.7;lr>"
		l := &lamp{wirePeer: p, user: "bob", id: "edge"}
		ok := l.register("Path: " + path + "\r\nSupported: path\r\n")
		if ok.hdr("Path") != path || ok.hdr("Supported") != "path" {
			t.Errorf("got %q, want the Path back", ok.text)
		}
		cs := r.e.Contacts("bob")
		r.e.Dial(Dial{To: Target{Contact: cs[0].ID}, From: NameAddr{User: "1"}, Offer: []byte(rigSDP)})
		inv := p.expect("INVITE sip:bob@192.168.1.9 SIP/2.0")
		if got := inv.all("Route"); len(got) != 2 || got[0] != "<sip:edge.example.com;lr;ob>" || got[1] != "<sip:token@10.0.7.7;lr>" {
			t.Errorf("Route: got %q, want the Path", got)
		}
		p.respond(inv, 486, "x", "", "")
		if ack := p.expect("ACK "); len(ack.all("Route")) != 2 {
			t.Errorf("ACK: got %q, want the INVITE's Route", ack.text)
		}
		want[Ended](r)
		if m := l.register("Path: nonsense\r\n"); !strings.HasPrefix(m.text, "SIP/2.0 400 bad Path") {
			t.Errorf("got %q, want 400", m.text)
		}
	}, twoAgents)
}

// A phone with two flows is rung once, by the newer; when that dies, by the
// other (RFC 5626 §5.3).
func TestPhoneWithTwoFlowsIsRungOnce(t *testing.T) {
	o := open(t, nil)
	a, b := o.phone("a"), o.phone("b")
	a.challenged()
	flow := func(p *phone, port, id string) {
		p.source = "198.51.100.7:" + port
		res := p.register("Supported: outbound", `Contact: <sip:ann@192.168.1.9:`+port+`>;+sip.instance="<urn:uuid:1>";reg-id=`+id)
		if res.StatusCode != 200 || res.GetHeader("Require") == nil || res.GetHeader("Require").Value() != "outbound" {
			t.Fatalf("got %s, want 200 with Require: outbound", res)
		}
	}
	flow(a, "5060", "1")
	time.Sleep(time.Millisecond)
	b.challenged()
	flow(b, "5062", "2")
	cs := o.contacts("ann")
	if len(cs) != 1 || cs[0].Source.Port() != 5062 || len(o.accounts["ann"].bindings) != 2 {
		t.Fatalf("got %+v of %d bindings, want the newer flow of two", cs, len(o.accounts["ann"].bindings))
	}
	o.accounts["ann"].bindings[1].dead = true
	if cs = o.contacts("ann"); len(cs) != 1 || cs[0].Source.Port() != 5060 {
		t.Errorf("got %+v, want the other flow", cs)
	}
}
