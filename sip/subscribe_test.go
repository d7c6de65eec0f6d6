package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"trunkline/internal/simphone"
)

// lamp is a phone that asks for events, beside one that registered from the
// same address.
type lamp struct {
	*wirePeer
	user string
	id   string
	seq  int
	to   string // its tag, once known
	auth string
}

// subscribe writes a SUBSCRIBE to an account; more are header lines.
func (l *lamp) subscribe(whom, more string) { l.write("SUBSCRIBE", whom, more) }

// write writes a request that begins a subscription, or is within one.
func (l *lamp) write(method, whom, more string) {
	l.seq++
	to := "<sip:" + whom + "@pbx.example.com>"
	if l.to != "" {
		to += ";tag=" + l.to
	}
	l.send(fmt.Sprintf("%[9]s sip:%[1]s@pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK%[3]s%[4]d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%[5]s@pbx.example.com>;tag=%[3]s\r\nTo: %[6]s\r\nCall-ID: %[3]s\r\nCSeq: %[4]d %[9]s\r\nContact: <sip:%[5]s@%[2]s>\r\n%[7]s%[8]sContent-Length: 0\r\n\r\n",
		whom, l.at, l.id, l.seq, l.user, to, l.auth, more, method))
}

// prove subscribes with the credentials that the 401 asks for.
func (l *lamp) prove(whom, more string) { l.proves("SUBSCRIBE", whom, more) }

func (l *lamp) proves(method, whom, more string) {
	l.r.t.Helper()
	l.write(method, whom, more)
	_, rest, _ := strings.Cut(l.expect("SIP/2.0 401").hdr("WWW-Authenticate"), `nonce="`)
	nonce, _, _ := strings.Cut(rest, `"`)
	c := &credentials{user: l.user, uri: "sip:" + whom + "@pbx.example.com", nonce: nonce, nc: "00000001", cnonce: "c", qop: "auth"}
	l.auth = fmt.Sprintf("Authorization: Digest username=%q, realm=\"pbx.example.com\", nonce=%q, uri=%q, response=%q, algorithm=MD5, qop=auth, nc=%s, cnonce=%q\r\n",
		l.user, nonce, c.uri, newSecret(l.user, "pbx.example.com", annPass).expected(algMD5, method, c), c.nc, c.cnonce)
	l.write(method, whom, more)
	l.auth = ""
}

// notified takes a NOTIFY and answers it.
func (l *lamp) notified() wireMsg {
	l.r.t.Helper()
	m := l.expect("NOTIFY sip:" + l.user + "@" + l.at + " SIP/2.0")
	l.respond(m, 200, "", "", "")
	return m
}

// lampOf registers a phone of an account and returns a subscriber beside it.
func (r *rig) lampOf(user, at, id string) *lamp {
	r.t.Helper()
	p := r.phone(at, func(c *simphone.Config) { c.User = user })
	p.MustRegister(r.t, time.Hour)
	p.Close()
	return &lamp{wirePeer: r.peer(strings.Replace(at, ":5060", ":5070", 1)), user: user, id: id}
}

// size is how many subscriptions there are, and agents with calls.
func (w *watchers) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.subs) + len(w.calls)
}

func twoAgents(c *Config) {
	c.Accounts = []Account{
		{ID: "ann", Password: annPass, Static: []string{"sip:ann@" + rigPhone}, NoOptions: true},
		{ID: "bob", Password: annPass, NoOptions: true},
	}
}

func TestMessageLampIsToldAtOnceRenewedAndExpires(t *testing.T) {
	inBubble(t, func(r *rig) {
		l := r.lampOf("bob", "10.0.1.1:5060", "mwi")
		l.prove("bob", "Event: message-summary\r\nExpires: 120\r\n")
		ok := l.expect("SIP/2.0 200")
		l.to = ok.tag("To")
		if ok.hdr("Expires") != "120" || ok.hdr("Contact") == "" {
			t.Errorf("got %q, want Expires 120 and a Contact", ok.text)
		}
		m := l.notified()
		if m.tag("From") != l.to || m.hdr("Event") != "message-summary" || !strings.HasPrefix(m.hdr("Subscription-State"), "active;expires=1") ||
			m.hdr("Content-Type") != summaryType || !strings.Contains(m.text, "\r\n\r\nMessages-Waiting: no\r\n") {
			t.Errorf("got %q, want no messages", m.text)
		}
		time.Sleep(time.Minute)
		l.subscribe("bob", "o: message-summary\r\nExpires: 120\r\n")
		l.expect("SIP/2.0 200")
		l.notified()
		time.Sleep(100 * time.Second) // past the first
		l.nothing(time.Second)
		if m := l.expect("NOTIFY "); m.hdr("Subscription-State") != "terminated;reason=timeout" {
			t.Errorf("got %q, want the end", m.hdr("Subscription-State"))
		} else {
			l.respond(m, 200, "", "", "")
		}
		l.subscribe("bob", "Event: message-summary\r\nExpires: 120\r\n")
		l.expect("SIP/2.0 481")
	}, twoAgents)
}

func TestColleaguesLampFollowsTheColleaguesCalls(t *testing.T) {
	inBubble(t, func(r *rig) {
		l := r.lampOf("bob", "10.0.1.1:5060", "blf")
		l.prove("ann", "Event: dialog\r\nExpires: 3600\r\n")
		l.to = l.expect("SIP/2.0 200").tag("To")
		if m := l.notified(); m.hdr("Content-Type") != dialogInfoType || strings.Contains(m.text, "<dialog ") ||
			!strings.Contains(m.text, `version="0" state="full" entity="sip:ann@pbx.example.com"`) {
			t.Errorf("idle: got %q, want no dialog", m.text)
		}
		ann := r.peer(rigPhone)
		leg := r.dialAnn()
		inv := ann.expect("INVITE ")
		ann.respond(inv, 180, "c", "", "")
		want[Progressed](r)
		if m := l.notified(); !strings.Contains(m.text, `version="1"`) || !strings.Contains(m.text, `direction="recipient"><state>early</state>`) {
			t.Errorf("ringing: got %q", m.text)
		}
		ann.respond(inv, 200, "c", "", rigSDP)
		want[Answered](r)
		ann.expect("ACK ")
		if m := l.notified(); !strings.Contains(m.text, `<state>confirmed</state>`) {
			t.Errorf("talking: got %q", m.text)
		}
		leg.Hangup(0, Reason{})
		ann.respond(ann.expect("BYE "), 200, "", "", "")
		want[Ended](r)
		if m := l.notified(); strings.Contains(m.text, "<dialog ") || !strings.Contains(m.text, `version="3"`) {
			t.Errorf("afterwards: got %q, want no dialog", m.text)
		}
		l.subscribe("ann", "Event: dialog\r\nExpires: 0\r\n")
		l.expect("SIP/2.0 200")
		if m := l.notified(); m.hdr("Subscription-State") != "terminated;reason=timeout" {
			t.Errorf("got %q, want the end", m.hdr("Subscription-State"))
		}
		if n := r.e.watchers.size(); n != 0 {
			t.Errorf("left behind: got %d", n)
		}
	}, twoAgents)
}

func TestSubscriptionsAreForAuthenticatedAccountsAndBounded(t *testing.T) {
	inBubble(t, func(r *rig) {
		s := &lamp{wirePeer: r.peer("203.0.113.9:5060"), user: "bob", id: "stranger"}
		s.subscribe("bob", "Event: message-summary\r\n")
		s.nothing(time.Minute)
		trunk := &lamp{wirePeer: r.peer(rigTrunk), user: "bob", id: "trunk"}
		trunk.subscribe("bob", "Event: message-summary\r\n")
		trunk.expect("SIP/2.0 405")

		l := r.lampOf("bob", "10.0.1.1:5060", "b")
		for _, c := range []struct{ whom, more, want string }{
			{"ann", "Event: message-summary\r\n", "403"},
			{"zoe", "Event: dialog\r\n", "404"},
			{"bob", "Event: dialog\r\nExpires: 5\r\n", "423"},
		} {
			l.id += "x"
			l.prove(c.whom, c.more)
			l.expect("SIP/2.0 " + c.want)
		}
		l.id += "x"
		l.subscribe("bob", "Event: presence\r\n")
		if m := l.expect("SIP/2.0 489"); m.hdr("Allow-Events") != allowEvents {
			t.Errorf("Allow-Events: got %q, want %q", m.hdr("Allow-Events"), allowEvents)
		}
		for i := range maxSubscriptions + 3 {
			l.id = fmt.Sprint("many", i)
			l.prove("bob", "Event: message-summary\r\n")
			l.expect("SIP/2.0 200")
			for range min(2, i/maxSubscriptions+1) {
				l.notified()
			}
			time.Sleep(time.Second)
		}
		if n := r.e.watchers.size(); n != maxSubscriptions {
			t.Errorf("subscriptions: got %d, want %d", n, maxSubscriptions)
		}
	}, twoAgents)
}

// Who watches is told that we leave, and a subscriber that is gone is forgotten.
func TestSubscriptionsEndWithUsAndWithTheirSubscriber(t *testing.T) {
	inBubble(t, func(r *rig) {
		l := r.lampOf("bob", "10.0.1.1:5060", "end")
		l.prove("bob", "Event: message-summary\r\n")
		l.expect("SIP/2.0 200")
		l.notified()
		gone := r.lampOf("bob", "10.0.1.2:5060", "gone")
		gone.prove("bob", "Event: message-summary\r\n")
		gone.expect("SIP/2.0 200")
		gone.respond(gone.expect("NOTIFY "), 481, "", "", "")
		time.Sleep(time.Second)
		if n := r.e.watchers.size(); n != 1 {
			t.Errorf("subscriptions: got %d, want the one that is there", n)
		}
		r.stop()
		<-r.done
		if m := l.expect("NOTIFY "); m.hdr("Subscription-State") != "terminated;reason=probation;retry-after=10" {
			t.Errorf("got %q, want the end", m.hdr("Subscription-State"))
		}
	}, twoAgents)
}
