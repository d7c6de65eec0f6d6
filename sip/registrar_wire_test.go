package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
)

// The tests of this file are whole registrations between an Endpoint and
// simphone, which has its own parser, transactions and digest.

// gather collects the Devices events of a rig.
type gather struct {
	mu   sync.Mutex
	said []Devices
}

func (g *gather) into(c *Config) {
	c.Accounts = []Account{{ID: "ann", Password: annPass}, {ID: "bob", Password: annPass}}
	emit := c.Emit
	c.Emit = func(ev Event) {
		if d, ok := ev.(Devices); ok {
			g.mu.Lock()
			g.said = append(g.said, d)
			g.mu.Unlock()
		}
		emit(ev)
	}
}

// take returns what was said since the last call.
func (g *gather) take() []Devices {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	said := g.said
	g.said = nil
	return said
}

// phone is ann's softphone at an address of the rig's network.
func (r *rig) phone(at string, change ...func(*simphone.Config)) *simphone.Phone {
	r.t.Helper()
	conn, err := r.net.ListenPacket(netip.MustParseAddrPort(at))
	if err != nil {
		r.t.Fatal(err)
	}
	c := simphone.Config{Conn: conn, Peer: netip.MustParseAddrPort(rigSwitch), User: "ann", Password: annPass, ListenRTP: r.net.ListenPacket}
	for _, f := range change {
		f(&c)
	}
	p, err := simphone.New(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func TestPhoneRegistersIsPingedDiesAndComesBack(t *testing.T) {
	var g gather
	inBubble(t, func(r *rig) {
		t := r.t
		ann := r.phone("10.0.1.1:5060", func(c *simphone.Config) { c.Agent = "Acme/1" })
		defer ann.Close()
		ann.MustRegister(t, 10*time.Minute)
		ev := g.take()
		if len(ev) != 1 || !ev[0].Fresh || ev[0].Contacts[0].Source != source("10.0.1.1:5060") || ev[0].Contacts[0].UserAgent != "Acme/1" {
			t.Fatalf("got %+v, want one fresh phone", ev)
		}
		time.Sleep(3 * time.Minute)
		if ev := g.take(); len(ev) != 0 {
			t.Errorf("got %+v, want nothing to tell", ev)
		}
		pings := 0
		for _, m := range ann.Received() {
			if m.Method == "OPTIONS" {
				pings++
			}
		}
		if pings < 5 || pings > 7 {
			t.Errorf("got %d pings in 3 min, want one each 30 s", pings)
		}
		ann.Die()
		time.Sleep(80 * time.Second)
		if ev := g.take(); len(ev) != 1 || ev[0].Contacts != nil || len(ev[0].Bindings) != 1 {
			t.Errorf("got %+v, want it told that the phone does not answer", ev)
		}
		ann.Revive()
		time.Sleep(35 * time.Second)
		if ev := g.take(); len(ev) != 1 || len(ev[0].Contacts) != 1 || ev[0].Fresh {
			t.Errorf("got %+v, want it told that the phone is back", ev)
		}
		ann.MustUnregister(t)
		if ev := g.take(); len(ev) != 1 || ev[0].Contacts != nil || ev[0].Bindings != nil || ev[0].Cause != "unregistered" {
			t.Errorf("got %+v, want it gone", ev)
		}
	}, g.into)
}

func TestPhoneRefreshesForAnHourOverNonceChanges(t *testing.T) {
	var g gather
	inBubble(t, func(r *rig) {
		t := r.t
		ann := r.phone("10.0.1.1:5060")
		defer ann.Close()
		ann.MustRegister(t, time.Minute)
		time.Sleep(time.Hour)
		if ok, err := ann.Registered(); !ok || err != nil {
			t.Errorf("got %v, %v, want registered", ok, err)
		}
		ev := g.take()
		for _, d := range ev[1:] {
			if d.Fresh || len(d.Contacts) != 1 || d.Cause != "refreshed" {
				t.Fatalf("got %+v, want plain refreshes only", d)
			}
		}
		if len(ev) < 110 {
			t.Errorf("got %d refreshes told, want one each half minute", len(ev))
		}
		if got := r.e.phones.stats.stale.Load(); got < 4 {
			t.Errorf("got %d stale nonces, want one each 10 min", got)
		}
		if strings.Contains(r.log.String(), "refused") {
			t.Errorf("got log %q, want no refusal", r.log)
		}
	}, g.into)
}

func TestPhoneBehindNATIsCalledWhereItRegisteredFrom(t *testing.T) {
	inBubble(t, func(r *rig) {
		t := r.t
		ann := r.phone("10.0.1.1:40001", func(c *simphone.Config) { c.Contact = "sip:ann-0x1@192.168.1.5:5060" })
		defer ann.Close()
		ann.OnCall(simphone.Ring().Answer())
		ann.MustRegister(t, 10*time.Minute)
		l := r.e.Dial(Dial{To: Target{Contact: r.e.Contacts("ann")[0].ID}, From: NameAddr{User: "+14155550123"}, Offer: []byte(rigSDP)})
		c := ann.MustCall(t)
		if got := c.Invite().URI; got != "sip:ann-0x1@192.168.1.5:5060" {
			t.Errorf("got Request-URI %s, want the whole Contact", got)
		}
		want[Progressed](r) // 100
		want[Progressed](r) // 180
		want[Answered](r)
		l.Hangup(0, Reason{})
		want[Ended](r)
	}, new(gather).into)
}

func TestAgentsInviteIsChallengedAndTold(t *testing.T) {
	inBubble(t, func(r *rig) {
		t := r.t
		ann := r.phone("10.0.1.1:5060")
		defer ann.Close()
		ann.Dial("101")
		in := want[Invited](r)
		if in.Account != "ann" || in.Trunk != "" || in.Dialled != "101" || in.Source != source("10.0.1.1:5060") {
			t.Errorf("got %+v, want ann's call to 101", in)
		}
		in.Leg.Reject(404, "")
		want[Ended](r)

		// As somebody else, with ann's password.
		c := ann.Dial("101", simphone.From("bob"))
		end, err := c.WaitEnded(t.Context())
		if err != nil || end.Code != 403 {
			t.Errorf("got %+v, %v, want 403", end, err)
		}
		// With a wrong password.
		zoe := r.phone("10.0.1.2:5060", func(c *simphone.Config) { c.Password = "not her password" })
		defer zoe.Close()
		if end, err = zoe.Dial("101").WaitEnded(t.Context()); err != nil || end.Code != 401 {
			t.Errorf("got %+v, %v, want 401", end, err)
		}
		r.silent(time.Second)
		if s := r.e.Stats(); s.WrongPassword == 0 || s.Challenged < 4 {
			t.Errorf("got %d challenged, %d wrong, want them counted", s.Challenged, s.WrongPassword)
		}
	}, new(gather).into)
}

func TestBindingsOfTheStoreAreCalledAfterARestart(t *testing.T) {
	var g gather
	var kept []Binding
	inBubble(t, func(r *rig) {
		t := r.t
		ann := r.phone("10.0.1.1:5060")
		defer ann.Close()
		ann.MustRegister(t, 10*time.Minute)
		ev := g.take()
		kept = ev[0].Bindings
		ann.Forget()
	}, g.into)
	inBubble(t, func(r *rig) {
		t := r.t
		ann := r.phone("10.0.1.1:5060")
		defer ann.Close()
		ann.OnCall(simphone.Ring().Answer())
		if ev := g.take(); len(ev) != 1 || len(ev[0].Contacts) != 1 || ev[0].Fresh {
			t.Fatalf("got %+v, want ann's phone told at the start", ev)
		}
		l := r.e.Dial(Dial{To: Target{Contact: kept[0].Contact}, From: NameAddr{User: "+14155550123"}, Offer: []byte(rigSDP)})
		want[Progressed](r) // 100
		want[Progressed](r) // 180
		want[Answered](r)
		l.Hangup(0, Reason{})
		want[Ended](r)
	}, g.into, func(c *Config) { c.Bindings = kept })
}

// RFC 4475 §3.1.2.19 regbadct, and worse.
func TestMalformedContactOnTheWireIsAnswered400(t *testing.T) {
	inBubble(t, func(r *rig) {
		t := r.t
		p := r.peer("10.0.1.1:5060")
		defer p.conn.Close()
		send := func(cseq int, contact, auth string) wireMsg {
			p.send(fmt.Sprintf("REGISTER sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1;branch=z9hG4bK%d;rport\r\n"+
				"From: <sip:ann@pbx.example.com>;tag=1\r\nTo: <sip:ann@pbx.example.com>\r\nCall-ID: x\r\nCSeq: %d REGISTER\r\nMax-Forwards: 70\r\n"+
				"%sContact: %s\r\nContent-Length: 0\r\n\r\n", cseq, cseq, auth, contact))
			return p.expect("SIP/2.0 4")
		}
		for i, contact := range []string{"sip:user@example.com?Route=%3Csip:sip.example.com%3E, <sip:ann", `"Ann <sip:ann@10.0.1.1>`, "<tel:+14155550100>"} {
			_, nonce, _ := strings.Cut(send(2*i+1, contact, "").hdr("WWW-Authenticate"), `nonce="`)
			c := &credentials{user: "ann", realm: testRealm, nonce: nonce[:56], uri: "sip:pbx.example.com", qop: "auth", cnonce: "1", nc: "00000001"}
			c.response = newSecret("ann", testRealm, annPass).expected(algMD5, "REGISTER", c)
			res := send(2*i+2, contact, "Authorization: "+authorization(c)+"\r\n")
			if !strings.HasPrefix(res.text, "SIP/2.0 400 bad Contact: ") {
				t.Errorf("%s: got %.80q, want 400 that says why", contact, res.text)
			}
		}
		if s := r.e.Stats(); s.Malformed != 0 {
			t.Errorf("got %d dropped, want none", s.Malformed)
		}
	}, new(gather).into)
}
