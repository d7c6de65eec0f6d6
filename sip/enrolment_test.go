package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"
)

const rigNonce = `WWW-Authenticate: Digest realm="acme", nonce="n%d", algorithm=%s, qop="auth"` + "\r\n"

// registering is a trunk that registers.
func registering(c *Config) {
	c.Trunks = []Trunk{{ID: "acme", Host: "10.0.0.2", Username: "100200", Password: "s3cret", Register: true}}
}

// expires is the expiry asked for by a REGISTER.
func (m wireMsg) expires() int {
	n, _ := strconv.Atoi(m.hdr("Expires"))
	return n
}

// grant answers a REGISTER with its own Contact.
func (p *wirePeer) grant(req wireMsg, seconds int, more string) {
	contact, _, _ := strings.Cut(req.hdr("Contact"), ";expires=")
	p.respond(req, 200, "r", fmt.Sprintf("Contact: %s;expires=%d\r\n%s", contact, seconds, more), "")
}

// trunkSays is the last state told of a trunk.
type trunkSays struct {
	mu   sync.Mutex
	last map[TrunkID]TrunkState
	all  []TrunkState
}

func (s *trunkSays) listen(c *Config) {
	emit := c.Emit
	s.last = map[TrunkID]TrunkState{}
	c.Emit = func(ev Event) {
		if t, ok := ev.(TrunkState); ok {
			s.mu.Lock()
			s.last[t.Trunk] = t
			s.all = append(s.all, t)
			s.mu.Unlock()
		}
		emit(ev)
	}
}

func (s *trunkSays) want(t testing.TB, id TrunkID, state TrunkCondition, up bool, words string) TrunkState {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.last[id]
	if got.State != state || got.Up != up || !strings.Contains(got.Why, words) {
		t.Errorf("trunk %s: got %+v, want %s, up %v, saying %q", id, got, state, up, words)
	}
	return got
}

func TestTrunkRegistersRefreshesAndUnregisters(t *testing.T) {
	for _, alg := range []string{"MD5", "SHA-256"} {
		t.Run(alg, func(t *testing.T) {
			says := &trunkSays{}
			var p *wirePeer
			var contact string
			inBubble(t, func(r *rig) {
				p = r.peer(rigTrunk)
				first := p.expect("REGISTER sip:10.0.0.2 ")
				if first.hdr("To") != "<sip:100200@10.0.0.2>" || first.hdr("Supported") != "path" || first.expires() != 3600 || first.hdr("Authorization") != "" {
					t.Errorf("got %q, want a plain REGISTER of 100200", first.text)
				}
				contact = first.hdr("Contact")
				says.want(t, "acme", TrunkRegistering, false, "not registered yet")
				p.respond(first, 401, "r", fmt.Sprintf(rigNonce, 1, alg), "")
				second := p.expect("REGISTER ")
				if c := proves(t, second, "Authorization"); c.Nc != 1 || c.QOP != "auth" {
					t.Errorf("credentials: got %+v, want nc 1 and qop auth", c)
				}
				if second.hdr("Call-ID") != first.hdr("Call-ID") || seqOf(second) != seqOf(first)+1 {
					t.Errorf("got %s %s, want the next CSeq of %s", second.hdr("Call-ID"), second.hdr("CSeq"), first.hdr("Call-ID"))
				}
				at := time.Now()
				p.grant(second, 120, "")
				time.Sleep(time.Second)
				got := says.want(t, "acme", TrunkRegistered, true, "registered at udp:10.0.0.2:5060")
				if left := got.Until.Sub(at); left < 119*time.Second || left > 121*time.Second {
					t.Errorf("until: got %v from now, want the 120 s that were granted", left)
				}
				// The refresh comes before the granted expiry, not the asked one. The
				// same nonce is counted on.
				third := p.expectWithin("REGISTER ", time.Hour)
				if d := third.at.Sub(at); d < 60*time.Second || d > 110*time.Second {
					t.Errorf("refresh: got after %v, want before 120 s", d)
				}
				p.respond(third, 401, "r", fmt.Sprintf(rigNonce, 1, alg), "")
				fourth := p.expect("REGISTER ")
				if c := proves(t, fourth, "Authorization"); c.Nc != 2 {
					t.Errorf("nc: got %d, want 2 for a nonce used again", c.Nc)
				}
				if fourth.hdr("Call-ID") != first.hdr("Call-ID") || fourth.hdr("Contact") != contact {
					t.Errorf("got %q, want the same Call-ID and Contact", fourth.text)
				}
				p.grant(fourth, 120, "")
				time.Sleep(time.Second)
				r.stop()
				bye := p.expect("REGISTER ")
				if bye.expires() != 0 || !strings.HasSuffix(bye.hdr("Contact"), ";expires=0") {
					t.Errorf("got %q, want the Contact removed", bye.text)
				}
				p.grant(bye, 0, "")
			}, registering, says.listen)
		})
	}
}

func seqOf(m wireMsg) int {
	n, _ := strconv.Atoi(strings.Fields(m.hdr("CSeq"))[0])
	return n
}

// Without qop RFC 2069's digest, and a stale nonce that is answered again.
func TestRegistrarsDigestsWithoutQopAndStale(t *testing.T) {
	says := &trunkSays{}
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		p.respond(p.expect("REGISTER "), 401, "r", "WWW-Authenticate: Digest realm=\"acme\", nonce=\"old\"\r\n", "")
		second := p.expect("REGISTER ")
		got, err := digest.ParseCredentials(second.hdr("Authorization"))
		if err != nil || got.QOP != "" || got.Nc != 0 {
			t.Errorf("got %+v, %v, want credentials without qop and nc", got, err)
		}
		p.respond(second, 401, "r", "WWW-Authenticate: Digest realm=\"acme\", nonce=\"new\", stale=TRUE\r\n", "")
		third := p.expect("REGISTER ")
		if got, err := digest.ParseCredentials(third.hdr("Authorization")); err != nil || got.Nonce != "new" {
			t.Errorf("got %+v, %v, want the new nonce", got, err)
		}
		p.grant(third, 3600, "")
		time.Sleep(time.Second)
		says.want(t, "acme", TrunkRegistered, true, "registered")
		unregister(r, p)
	}, registering, says.listen)
}

// unregister lets a rig end at once.
func unregister(r *rig, p *wirePeer) {
	r.stop()
	p.grant(p.expect("REGISTER "), 0, "")
}

func TestWrongPasswordIsTerminalUntilAReload(t *testing.T) {
	for name, refuse := range map[string]func(p *wirePeer){
		"403": func(p *wirePeer) {
			p.respond(p.expect("REGISTER "), 401, "r", fmt.Sprintf(rigNonce, 1, "MD5"), "")
			p.respond(p.expect("REGISTER "), 403, "r", "", "")
		},
		"401 again": func(p *wirePeer) {
			p.respond(p.expect("REGISTER "), 401, "r", fmt.Sprintf(rigNonce, 1, "MD5"), "")
			p.respond(p.expect("REGISTER "), 401, "r", fmt.Sprintf(rigNonce, 2, "MD5"), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			says := &trunkSays{}
			inBubble(t, func(r *rig) {
				p := r.peer(rigTrunk)
				refuse(p)
				p.nothing(24 * time.Hour)
				says.want(t, "acme", TrunkRefused, false, "wrong user or password")
				if !strings.Contains(r.log.String(), "level=ERROR") {
					t.Errorf("log: got %s, want it said loudly", r.log)
				}
				if strings.Contains(r.log.String(), "s3cret") {
					t.Error("the log has the password")
				}
				r.e.Update(r.e.cfg.Trunks, nil) // a reload, also of the same file
				p.grant(p.expect("REGISTER "), 3600, "")
				time.Sleep(time.Second)
				says.want(t, "acme", TrunkRegistered, true, "registered")
				unregister(r, p)
			}, registering, says.listen)
		})
	}
}

func TestAtMostTwoChallengesAreAnswered(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		for i := range 3 {
			p.respond(p.expect("REGISTER "), 401, "r", fmt.Sprintf("WWW-Authenticate: Digest realm=\"acme\", nonce=\"n%d\", stale=true\r\n", i), "")
		}
		if m := p.expect("REGISTER "); m.hdr("Authorization") != "" || seqOf(m) == 0 {
			t.Errorf("got %q, want a new attempt, later", m.text)
		}
		p.drain(time.Millisecond)
	}, registering)
}

// A proxy on the way asks too: both are answered (RFC 3261 §22.3).
func TestAProxyAndTheRegistrarMayBothAsk(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		p.respond(p.expect("REGISTER "), 407, "r", "Proxy-Authenticate: Digest realm=\"edge\", nonce=\"e\", qop=\"auth\"\r\n", "")
		p.respond(p.expect("REGISTER "), 401, "r", fmt.Sprintf(rigNonce, 1, "MD5"), "")
		m := p.expect("REGISTER ")
		proves(t, m, "Authorization")
		if c := proves(t, m, "Proxy-Authorization"); c.Nc != 2 {
			t.Errorf("the proxy's nc: got %d, want 2", c.Nc)
		}
		p.grant(m, 3600, "")
		time.Sleep(time.Second)
		unregister(r, p)
	}, registering)
}

func TestMinExpiresIsAskedForNext(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		first := p.expect("REGISTER ")
		if first.expires() != 60 {
			t.Errorf("got %d, want the 60 s of the configuration", first.expires())
		}
		p.respond(first, 423, "r", "Min-Expires: 1800\r\n", "")
		again := p.expect("REGISTER ")
		if again.expires() != 1800 {
			t.Errorf("got %d, want Min-Expires", again.expires())
		}
		at := time.Now()
		p.respond(again, 200, "r", "Expires: 1800\r\n", "") // a registrar that lists no Contact
		next := p.expectWithin("REGISTER ", time.Hour)
		if d := next.at.Sub(at); d < 20*time.Minute || d > 30*time.Minute {
			t.Errorf("refresh: got after %v, want before 30 minutes", d)
		}
		p.grant(next, 1800, "")
		time.Sleep(time.Second)
		unregister(r, p)
	}, registering, func(c *Config) { c.Trunks[0].Expires = time.Minute })
}

func TestRegistrationIsTriedForEverWithCappedJitter(t *testing.T) {
	says := &trunkSays{}
	inBubble(t, func(r *rig) {
		time.Sleep(time.Hour) // nobody is there
		says.want(t, "acme", TrunkUnregistered, false, "not registered: udp:10.0.0.2:5060: no answer")
		p := r.peer(rigTrunk)
		var tries []time.Time
		for range 12 {
			m := p.expectWithin("REGISTER ", 2*time.Minute)
			tries = append(tries, m.at)
			p.respond(m, 503, "r", "", "")
		}
		gaps := map[time.Duration]bool{}
		for i := range tries[1:] {
			d := tries[i+1].Sub(tries[i])
			gaps[d.Round(100*time.Millisecond)] = true
			if d < 40*time.Second || d > 76*time.Second {
				t.Errorf("attempt %d: got after %v, want about a minute", i+1, d)
			}
		}
		if len(gaps) < 4 {
			t.Errorf("got the gaps %v, want chance in them", gaps)
		}
		says.want(t, "acme", TrunkUnregistered, false, "503")
		p.drain(time.Millisecond)
		p.grant(p.expectWithin("REGISTER ", 2*time.Minute), 3600, "")
		time.Sleep(time.Second)
		says.want(t, "acme", TrunkRegistered, true, "registered")
		unregister(r, p)
	}, registering, says.listen)
}

func TestRetryAfterOfARegistrarIsHeeded(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		m := p.expect("REGISTER ")
		p.respond(m, 503, "r", "Retry-After: 300 (maintenance);duration=600\r\n", "")
		if again := p.expectWithin("REGISTER ", 10*time.Minute); again.at.Sub(m.at) < 300*time.Second {
			t.Errorf("got another after %v, want 300 s at least", again.at.Sub(m.at))
		}
	}, registering)
}

// expectWithin is expect with patience.
func (p *wirePeer) expectWithin(prefix string, d time.Duration) wireMsg {
	p.r.t.Helper()
	select {
	case m := <-p.in:
		if !strings.HasPrefix(m.text, prefix) {
			p.r.t.Fatalf("%s: got %q, want %q", p.at, m.text, prefix)
		}
		return m
	case <-time.After(d):
		p.r.t.Fatalf("%s: got nothing within %v, want %q", p.at, d, prefix)
	}
	return wireMsg{}
}

// A refresh that fails does not unregister: calls come until the expiry.
func TestFailedRefreshKeepsTheRegistrationUntilItsEnd(t *testing.T) {
	says := &trunkSays{}
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		p.grant(p.expect("REGISTER "), 120, "")
		at := time.Now()
		m := p.expectWithin("REGISTER ", 2*time.Minute)
		p.respond(m, 500, "r", "", "")
		again := p.expect("REGISTER ")
		if again.hdr("Call-ID") == m.hdr("Call-ID") {
			t.Error("after a 500 the same Call-ID is tried again: a clock set back would never register")
		}
		p.respond(again, 500, "r", "", "")
		time.Sleep(time.Second)
		says.want(t, "acme", TrunkRegistered, true, "the last REGISTER failed: udp:10.0.0.2:5060: 500")
		p.drain(time.Until(at.Add(121 * time.Second)))
		for { // those that crossed
			select {
			case <-p.in:
				continue
			default:
			}
			break
		}
		time.Sleep(40 * time.Second)
		says.want(t, "acme", TrunkUnregistered, false, "not registered")
	}, registering, says.listen)
}

// The name is resolved at every REGISTER, whatever its time to live; calls follow
// where we are registered, and calls from there are the trunk's.
func TestEveryRegisterResolvesAnewAndCallsFollow(t *testing.T) {
	n := &names{addrs: map[string][]string{"sip.acme.example": {"10.0.0.2"}}}
	inBubble(t, func(r *rig) {
		old, moved := r.peer("10.0.0.2:5060"), r.peer("10.0.0.7:5060")
		p := old
		p.grant(p.expect("REGISTER sip:sip.acme.example "), 60, "")
		n.set("sip.acme.example", "10.0.0.7")
		m := moved.expect("REGISTER ")
		moved.grant(m, 600, "")
		time.Sleep(time.Second)
		n.set("sip.acme.example", "10.0.0.2") // the next look-up; the registration is at 10.0.0.7
		time.Sleep(2 * time.Minute)
		r.dialTrunk()
		moved.respond(moved.expect("INVITE "), 486, "x", "", "")
		want[Ended](r)
		moved.expect("ACK ")
		if id, _ := r.e.carriers.whose(netip.MustParseAddr("10.0.0.7")); id.ID != "acme" {
			t.Error("a call from where we are registered is a stranger's")
		}
		// The carrier calls our Contact; the number is in To.
		user, _, _ := strings.Cut(strings.TrimPrefix(m.hdr("Contact"), "<sip:"), "@")
		c := moved.call("in")
		text := strings.Replace(c.message("INVITE", c.branch, 1, "", rigSDP), "INVITE sip:+14155550100@", "INVITE sip:"+user+"@", 1)
		moved.send(text)
		moved.expect("SIP/2.0 100")
		ev := want[Invited](r)
		if ev.Trunk != "acme" || ev.Dialled != "+14155550100" {
			t.Errorf("got %q dialled over %q, want the number of To over acme", ev.Dialled, ev.Trunk)
		}
		ev.Leg.Reject(404, "")
		moved.expect("SIP/2.0 404")
		c.toTag = "x"
		unregister(r, moved)
	}, registering, func(c *Config) {
		c.Trunks[0].Host, c.Lookup = "sip.acme.example", n.lookup
	})
}

// Two accounts with one carrier share its addresses: the Contact tells them
// apart.
func TestTheRegisteredContactSaysWhichAccountIsCalled(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		users := map[string]string{}
		for range 2 {
			m := p.expect("REGISTER ")
			user, _, _ := strings.Cut(strings.TrimPrefix(m.hdr("Contact"), "<sip:"), "@")
			users[m.hdr("To")] = user
			p.grant(m, 3600, "")
		}
		if users["<sip:100200@10.0.0.2>"] == users["<sip:100300@10.0.0.2>"] {
			t.Fatalf("got %v, want a Contact for each account", users)
		}
		time.Sleep(time.Second)
		for id, to := range map[TrunkID]string{"acme": "<sip:100200@10.0.0.2>", "other": "<sip:100300@10.0.0.2>"} {
			c := p.call("in-" + string(id))
			p.send(strings.Replace(c.message("INVITE", c.branch, 1, "", rigSDP), "INVITE sip:+14155550100@", "INVITE sip:"+users[to]+"@", 1))
			p.expect("SIP/2.0 100")
			ev := want[Invited](r)
			if ev.Trunk != id {
				t.Errorf("got a call over %s, want %s", ev.Trunk, id)
			}
			ev.Leg.Reject(404, "")
			p.expect("SIP/2.0 404")
			c.ack()
			want[Ended](r)
		}
		r.stop()
		for range 2 {
			p.grant(p.expectWithin("REGISTER ", time.Minute), 0, "")
		}
	}, registering, func(c *Config) {
		c.Trunks = append(c.Trunks, c.Trunks[0])
		c.Trunks[1].ID, c.Trunks[1].Username = "other", "100300"
	})
}

// RFC 3608: what the registrar gives is in the Route of requests outside dialogs,
// and its first hop is where they go.
func TestServiceRouteIsTheWayOut(t *testing.T) {
	inBubble(t, func(r *rig) {
		p, edge := r.peer(rigTrunk), r.peer("10.0.0.9:5070")
		p.grant(p.expect("REGISTER "), 3600, "Service-Route: <sip:10.0.0.9:5070;lr>, <sip:core.acme.example;lr>\r\n")
		time.Sleep(time.Second)
		r.dialTrunk()
		inv := edge.expect("INVITE sip:+14155550199@10.0.0.2 ")
		if got := inv.all("Route"); len(got) != 2 || got[0] != "<sip:10.0.0.9:5070;lr>" || got[1] != "<sip:core.acme.example;lr>" {
			t.Errorf("Route: got %q, want the Service-Route", got)
		}
		edge.respond(inv, 486, "x", "", "")
		want[Ended](r)
		if ack := edge.expect("ACK "); len(ack.all("Route")) != 2 {
			t.Errorf("ACK: got %q, want the INVITE's Route", ack.text)
		}
		unregister(r, p)
	}, registering)
}

// Behind a NAT that nobody told us about, the Via says how we are seen: the next
// Contact is that, and the one before is removed.
func TestPublicAddressIsLearnedFromTheVia(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer("203.0.113.5:5060")
		first := p.expect("REGISTER ")
		if !strings.Contains(first.hdr("Contact"), "@10.0.0.1:5060") {
			t.Errorf("Contact: got %q, want our own address", first.hdr("Contact"))
		}
		p.seen(first, 200, fmt.Sprintf("Contact: %s\r\n", first.hdr("Contact")))
		second := p.expect("REGISTER ")
		if !strings.Contains(second.hdr("Contact"), "@198.51.100.77:40000") {
			t.Errorf("Contact: got %q, want the address that the registrar sees", second.hdr("Contact"))
		}
		p.seen(second, 200, fmt.Sprintf("Contact: %s\r\n", second.hdr("Contact")))
		third := p.expect("REGISTER ")
		if !strings.Contains(third.hdr("Contact"), "@10.0.0.1:5060") || third.expires() != 0 {
			t.Errorf("got %q, want the old Contact removed", third.text)
		}
		p.seen(third, 200, "")
		p.nothing(10 * time.Minute)
		if bind, told := r.e.MediaAddr(Target{Trunk: "acme"}); bind.String() != "10.0.0.1" || told.String() != "198.51.100.77" {
			t.Errorf("sound: got %v told as %v, want ours, told as it is seen", bind, told)
		}
		r.dialTrunk()
		inv := p.expect("INVITE ")
		if !strings.Contains(inv.hdr("Contact"), "@198.51.100.77:40000") {
			t.Errorf("INVITE's Contact: got %q, want the address that is seen", inv.hdr("Contact"))
		}
		p.seen(inv, 486, "")
		want[Ended](r)
		p.expect("ACK ")
		r.stop()
		p.seen(p.expect("REGISTER "), 200, "")
	}, registering, func(c *Config) {
		c.Trunks[0].Host = "203.0.113.5"
	}, func(c *Config) {
		c.UDP = []net.PacketConn{c.UDP[0]}
	})
}

// seen answers as a registrar that sees us through a NAT.
func (p *wirePeer) seen(req wireMsg, code int, more string) {
	req.text = strings.Replace(req.text, ";rport", ";rport=40000;received=198.51.100.77", 1)
	p.respond(req, code, "r", more, "")
}

// Loss, duplication and reordering: registered in the end, and no answer is taken
// for another's.
func TestRegistrationOverABadLine(t *testing.T) {
	for seed := range 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			says := &trunkSays{}
			inBubble(t, func(r *rig) {
				p := r.peer(rigTrunk)
				drop, n := uint64(seed*7+3), 0
				done := make(chan struct{})
				go func() {
					defer close(done)
					for m := range p.in {
						if m.text == "" {
							return
						}
						n++
						if drop = drop*6364136223846793005 + 1442695040888963407; drop>>62 == 0 {
							continue // a quarter is lost
						}
						answer := func() {
							if m.hdr("Authorization") == "" {
								p.respond(m, 401, "r", fmt.Sprintf(rigNonce, n, "MD5"), "")
							} else {
								p.grant(m, 300, "")
							}
						}
						answer()
						if drop>>60&1 == 1 {
							answer() // twice
						}
					}
				}()
				time.Sleep(time.Hour)
				says.want(t, "acme", TrunkRegistered, true, "registered")
				r.stop()
				<-r.done
				p.in <- wireMsg{}
				<-done
			}, registering, says.listen)
		})
	}
}
