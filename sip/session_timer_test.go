package sip

import (
	"strings"
	"testing"
	"time"
)

// timers changes the trunk's session timers.
func timers(tm Timers) func(*Config) { return func(c *Config) { c.Trunks[0].Timers = tm } }

// upWith calls with these header lines and returns the leg and the 200.
func (c *wireCall) upWith(more string) (*Leg, wireMsg) {
	c.r.t.Helper()
	c.send(c.message("INVITE", c.branch, c.seq, more, rigSDP))
	c.expect("SIP/2.0 100")
	l := want[Invited](c.r).Leg
	l.Answer([]byte(rigSDP))
	m := c.expect("SIP/2.0 200")
	c.toTag = m.tag("To")
	c.ack()
	want[Confirmed](c.r)
	return l, m
}

// RFC 4028 §9, table 2: who refreshes, and for how long, when they call us.
func TestSessionTimerOfAnInboundCall(t *testing.T) {
	for _, c := range []struct {
		name, more string
		tm         Timers
		wantSE     string
		ours       bool
	}{
		{"nothing known of timers", "", Timers{}, "", true},
		{"supported, not asked for", "Supported: timer\r\n", Timers{}, "1800;refresher=uas", true},
		{"asked for, nobody named", "Supported: timer\r\nSession-Expires: 600\r\n", Timers{}, "600;refresher=uas", true},
		{"the caller refreshes", "k: timer\r\nx: 600;refresher=uac\r\n", Timers{}, "600;refresher=uac", false},
		{"required", "Require: timer\r\nSession-Expires: 600 ; Refresher=UAC\r\n", Timers{}, "600;refresher=uac", false},
		{"we refresh", "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", Timers{}, "600;refresher=uas", true},
		{"longer than ours is shortened", "Supported: timer\r\nSession-Expires: 7200;refresher=uac\r\n", Timers{}, "1800;refresher=uac", false},
		{"but never below Min-SE", "Supported: timer\r\nMin-SE: 3600\r\nSession-Expires: 7200;refresher=uac\r\n", Timers{}, "3600;refresher=uac", false},
		{"a proxy asked, the caller cannot", "Session-Expires: 600\r\n", Timers{}, "600;refresher=uas", true},
		{"ours is shorter", "Supported: timer\r\n", Timers{Expires: 5 * time.Minute}, "300;refresher=uas", true},
		{"unreadable", "Supported: timer\r\nSession-Expires: soon\r\n", Timers{}, "1800;refresher=uas", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				p := r.peer(rigTrunk)
				l, m := p.call("st").upWith(c.more)
				if got := m.hdr("Session-Expires"); got != c.wantSE {
					t.Errorf("Session-Expires: got %q, want %q", got, c.wantSE)
				}
				knows := strings.Contains(strings.ToLower(c.more), "timer\r\n")
				if got := m.hdr("Require"); (got == "timer") != knows {
					t.Errorf("Require: got %q, want timer: %v", got, knows)
				}
				interval := 30 * time.Minute
				if c.wantSE != "" {
					interval, _ = deltaSeconds(c.wantSE)
				}
				start := time.Now()
				if c.ours {
					req := p.expectIn("INVITE ", interval)
					if d := time.Since(start); !near(d, interval/2) {
						t.Errorf("refreshed after %v, want half of %v", d, interval)
					}
					if !strings.HasSuffix(req.text, "\r\n\r\n"+rigSDP) {
						t.Errorf("refresh: got %q, want our description unchanged", req.text)
					}
					l.Hangup(0, Reason{})
					want[Ended](r)
					return
				}
				bye := p.expectIn("BYE ", interval)
				if d := time.Since(start); !near(d, interval-32*time.Second) {
					t.Errorf("BYE after %v, want 32 s before %v", d, interval)
				}
				if got := bye.hdr("Reason"); !strings.Contains(got, "408") {
					t.Errorf("Reason: got %q, want 408", got)
				}
				if ev := want[Ended](r); ev.By != Failed || ev.Code != 408 {
					t.Errorf("got %+v, want Failed 408", ev)
				}
			}, timers(c.tm))
		})
	}
}

// near allows for the way through the network.
func near(got, want time.Duration) bool { return (got - want).Abs() <= 20*time.Millisecond }

// expectIn is expect with patience.
func (p *wirePeer) expectIn(prefix string, d time.Duration) wireMsg {
	p.r.t.Helper()
	select {
	case m := <-p.in:
		if !strings.HasPrefix(m.text, prefix) {
			p.r.t.Fatalf("%s: got %q, want %q", p.at, m.text, prefix)
		}
		return m
	case <-time.After(d):
		p.r.t.Fatalf("%s: got nothing in %v, want %q", p.at, d, prefix)
	}
	return wireMsg{}
}

func TestTimerOfAPeersRefreshRunsAnew(t *testing.T) {
	for _, method := range []string{"UPDATE", "INVITE"} {
		inBubble(t, func(r *rig) {
			c := r.peer(rigTrunk).call("anew")
			l, _ := c.upWith("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n")
			for range 5 {
				r.silent(500 * time.Second)
				body := ""
				if method == "INVITE" {
					body = rigSDP
				}
				c.request(method, "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", body)
				if method == "INVITE" {
					want[Reoffered](r)
					l.AnswerReoffer([]byte(rigSDP))
				}
				m := c.expect("SIP/2.0 200")
				if got := m.hdr("Session-Expires"); got != "600;refresher=uac" {
					t.Errorf("%s: Session-Expires: got %q, want 600;refresher=uac", method, got)
				}
				if method == "INVITE" {
					c.ack()
					want[Reconfirmed](r)
				}
			}
			start := time.Now()
			c.expectIn("BYE ", 600*time.Second)
			if d := time.Since(start); !near(d, 568*time.Second) {
				t.Errorf("%s: BYE %v after the last refresh, want 568 s", method, d)
			}
			want[Ended](r)
		})
	}
}

func TestTooShortASessionIs422(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("brief")
		c.send(c.message("INVITE", c.branch, 1, "Supported: timer\r\nSession-Expires: 60\r\n", rigSDP))
		if m := c.expect("SIP/2.0 422"); m.hdr("Min-SE") != "120" {
			t.Errorf("Min-SE: got %q, want 120", m.hdr("Min-SE"))
		}
		r.silent(time.Second)
		c.seq, c.branch = 2, "z9hG4bK-brief2"
		l, m := c.upWith("Supported: timer\r\nMin-SE: 120\r\nSession-Expires: 120;refresher=uac\r\n")
		if got := m.hdr("Session-Expires"); got != "120;refresher=uac" {
			t.Errorf("got %q, want 120;refresher=uac", got)
		}
		for _, method := range []string{"INVITE", "UPDATE"} {
			c.request(method, "Supported: timer\r\nSession-Expires: 60\r\n", "")
			if m := c.expect("SIP/2.0 422"); m.hdr("Min-SE") != "120" {
				t.Errorf("%s: got %q, want Min-SE: 120", method, m.text)
			}
			if method == "INVITE" {
				c.send(c.message("ACK", "z9hG4bK-brief-2", c.seq, "", ""))
			}
		}
		// Who does not know timers is not refused for one that a proxy put in.
		c.request("UPDATE", "Supported: x\r\nSession-Expires: 60\r\n", "")
		c.expect("SIP/2.0 200")
		l.Hangup(0, Reason{})
		want[Ended](r)
	}, timers(Timers{Min: 2 * time.Minute}))
}

func TestRequiredTimerIs420WhereTimersAreOff(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("off")
		c.send(c.message("INVITE", c.branch, 1, "Require: timer\r\nSession-Expires: 600\r\n", rigSDP))
		if m := c.expect("SIP/2.0 420"); m.hdr("Unsupported") != "timer" {
			t.Errorf("Unsupported: got %q, want timer", m.hdr("Unsupported"))
		}
		c.seq, c.branch = 2, "z9hG4bK-off2"
		_, m := c.upWith("Supported: timer\r\nSession-Expires: 600\r\n")
		if m.hdr("Session-Expires") != "" || strings.Contains(m.hdr("Supported"), "timer") || m.hdr("Require") != "" {
			t.Errorf("got %q, want no word of timers", m.text)
		}
		r.silent(3 * time.Hour)
	}, timers(Timers{Off: true}))
}

// outbound calls over the trunk and has it answer with these header lines.
func (r *rig) outbound(p *wirePeer, more string) (*Leg, wireMsg) {
	r.t.Helper()
	l := r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "+14155550199", From: NameAddr{User: "+14155550100"}, Offer: []byte(rigSDP)})
	inv := p.expect("INVITE ")
	p.respond(inv, 200, "far", more, rigSDP)
	want[Answered](r)
	p.expect("ACK ")
	return l, inv
}

// RFC 4028 §7.2: who refreshes, and for how long, when we call them.
func TestSessionTimerOfAnOutboundCall(t *testing.T) {
	for _, c := range []struct {
		name, more string
		interval   time.Duration
		ours       bool
		method     string
	}{
		{"nothing known of timers", "", 30 * time.Minute, true, "INVITE"},
		{"nothing but UPDATE", "Allow: INVITE, UPDATE\r\n", 30 * time.Minute, true, "UPDATE"},
		{"we refresh", "Require: timer\r\nSession-Expires: 600;refresher=uac\r\n", 600 * time.Second, true, "INVITE"},
		{"nobody named", "Session-Expires: 600\r\n", 600 * time.Second, true, "INVITE"},
		{"they refresh", "Require: timer\r\nSession-Expires: 600;refresher=uas\r\n", 600 * time.Second, false, ""},
		{"they give less than is allowed", "Require: timer\r\nSession-Expires: 30;refresher=uas\r\n", 90 * time.Second, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				p := r.peer(rigTrunk)
				_, inv := r.outbound(p, c.more)
				if inv.hdr("Session-Expires") != "1800" || !strings.Contains(inv.hdr("Supported"), "timer") {
					t.Errorf("INVITE: got Session-Expires %q, Supported %q, want 1800, timer", inv.hdr("Session-Expires"), inv.hdr("Supported"))
				}
				for range 3 {
					start := time.Now()
					if !c.ours {
						p.expectIn("BYE ", c.interval)
						if d, w := time.Since(start), c.interval-min(32*time.Second, c.interval/3); !near(d, w) {
							t.Errorf("BYE after %v, want %v", d, w)
						}
						want[Ended](r)
						return
					}
					req := p.expectIn(c.method+" ", c.interval)
					if d := time.Since(start); !near(d, c.interval/2) {
						t.Errorf("refreshed after %v, want %v", d, c.interval/2)
					}
					if got, w := req.hdr("Session-Expires"), seconds(c.interval)+";refresher=uac"; got != w {
						t.Errorf("refresh: got Session-Expires %q, want %q", got, w)
					}
					body := ""
					if c.method == "INVITE" {
						body = rigSDP
						if !strings.HasSuffix(req.text, "\r\n\r\n"+rigSDP) {
							t.Errorf("refresh: got %q, want our description unchanged", req.text)
						}
					} else if strings.Contains(req.text, "v=0") {
						t.Errorf("UPDATE: got %q, want no description", req.text)
					}
					p.respond(req, 200, "", c.more, body)
					if c.method == "INVITE" {
						p.expect("ACK ")
					}
				}
				r.silent(c.interval / 4)
			})
		})
	}
}

func TestTooShortAnIntervalIsRaised(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: []byte(rigSDP)})
		inv := p.expect("INVITE ")
		p.respond(inv, 422, "far", "Min-SE: 3600\r\n", "")
		p.expect("ACK ")
		again := p.expect("INVITE ")
		if again.hdr("Session-Expires") != "3600" || again.hdr("Min-SE") != "3600" || again.hdr("Call-ID") != inv.hdr("Call-ID") || again.hdr("CSeq") != "2 INVITE" {
			t.Errorf("got %q, want the same call with 3600", again.text)
		}
		p.respond(again, 422, "far", "Min-SE: 3600\r\n", "") // it asks for what it has: nobody goes round in circles
		p.expect("ACK ")
		if ev := want[Ended](r); ev.Code != 422 {
			t.Errorf("got %+v, want 422", ev)
		}
	})
}

// A phone that does not know the dialog any more ends the leg; a phone that
// refuses a refresh does not.
func TestRefusedRefreshEndsTheLegOnlyFor481And408(t *testing.T) {
	for _, code := range []int{481, 408} {
		inBubble(t, func(r *rig) {
			p := r.peer(rigTrunk)
			r.outbound(p, "Allow: UPDATE\r\n")
			p.respond(p.expectIn("UPDATE ", time.Hour), code, "", "", "")
			p.expect("BYE ")
			if ev := want[Ended](r); ev.By != Failed || ev.Code != code {
				t.Errorf("got %+v, want Failed %d", ev, code)
			}
		})
	}
	for _, code := range []int{403, 488, 500, 503, 603} {
		inBubble(t, func(r *rig) {
			p := r.peer(rigTrunk)
			r.outbound(p, "Allow: UPDATE\r\n")
			start := time.Now()
			for range 20 {
				p.respond(p.expectIn("UPDATE ", time.Hour), code, "", "", "")
			}
			if d := time.Since(start); d < 80*time.Minute {
				t.Errorf("%d: 20 refreshes in %v, want no storm", code, d)
			}
			r.silent(time.Minute)
		})
	}
	inBubble(t, func(r *rig) { // nobody there at all
		p := r.peer(rigTrunk)
		r.outbound(p, "Allow: UPDATE\r\n")
		p.expectIn("UPDATE ", time.Hour)
		if ev := want[Ended](r); ev.By != Failed || ev.Code != 408 {
			t.Errorf("got %+v, want Failed 408", ev)
		}
	})
}

func TestWhoCannotUpdateAfterAllGetsAReinvite(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		r.outbound(p, "Allow: UPDATE\r\n")
		p.respond(p.expectIn("UPDATE ", time.Hour), 501, "", "", "")
		inv := p.expect("INVITE ")
		p.respond(inv, 491, "", "", "") // glare
		p.expect("ACK ")
		inv = p.expect("INVITE ")
		other := strings.Replace(rigSDP, "4000", "4002", 1)
		p.respond(inv, 200, "", "", other)
		p.expect("ACK ")
		if ev := want[Refreshed](r); string(ev.SDP) != other {
			t.Errorf("got %q, want the answer that differs", ev.SDP)
		}
		inv = p.expectIn("INVITE ", time.Hour)
		p.respond(inv, 200, "", "", other)
		p.expect("ACK ")
		r.silent(time.Minute)
	})
}

func TestRefreshWaitsForWhatIsOnItsWay(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		l, _ := r.outbound(p, "Allow: INVITE\r\n")
		time.Sleep(15*time.Minute - time.Second)
		l.Reoffer([]byte("v=hold\r\n"))
		inv := p.expect("INVITE ")
		if got := inv.hdr("Session-Expires"); got != "1800;refresher=uac" {
			t.Errorf("re-INVITE: got Session-Expires %q, want 1800;refresher=uac", got)
		}
		p.drain(2 * time.Second) // its repetitions
		p.respond(inv, 200, "", "", rigSDP)
		p.expect("ACK ")
		want[ReofferDone](r)
		start := time.Now()
		if inv = p.expectIn("INVITE ", time.Hour); !strings.HasSuffix(inv.text, "v=hold\r\n") {
			t.Errorf("refresh: got %q, want the description in force", inv.text)
		}
		if d := time.Since(start); !near(d, 15*time.Minute) {
			t.Errorf("refreshed after %v, want 15 min after the re-INVITE", d)
		}
	})
}
