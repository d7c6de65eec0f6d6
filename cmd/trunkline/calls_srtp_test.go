package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

const cm80 = "AES_CM_128_HMAC_SHA1_80"

// srtp puts protections in force: of both trunks, and of all agents.
func (s *story) srtp(yaml, trunks, agents string) {
	s.Helper()
	s.reload(yaml, `caller_id: "+14155550100"}`, `caller_id: "+14155550100", srtp: `+trunks+"}", "options: false", "options: false, srtp: "+agents)
}

// What each side wants, what becomes of it, and what the card tells.
func TestSRTPIsNegotiatedWithTrunksAndPhones(t *testing.T) {
	const no, avp, savp = simphone.NoSRTP, simphone.SRTPIfOne, simphone.SRTPOrNobody
	for _, c := range []struct {
		trunk   string
		carrier simphone.SRTP
		agent   string
		phone   simphone.SRTP
		code    int    // of the carrier's call; 0: answered
		offer   string // protocol of the offer that the phone gets
		secured []call.Secured
	}{
		{"off", no, "auto", no, 0, "RTP/AVP", nil},
		{"off", avp, "auto", avp, 0, "RTP/AVP", nil},
		{"off", savp, "auto", no, 488, "", nil},
		{"auto", savp, "off", avp, 0, "RTP/AVP", []call.Secured{{Trunk: "acme", Suite: cm80}}},
		{"auto", avp, "optional", no, 0, "RTP/AVP", []call.Secured{{Trunk: "acme", Suite: cm80}}},
		{"optional", savp, "optional", avp, 0, "RTP/AVP", []call.Secured{{Trunk: "acme", Suite: cm80}, {Agent: "ann", Suite: cm80}}},
		{"optional", no, "required", savp, 0, "RTP/SAVP", []call.Secured{{Agent: "ann", Suite: cm80}}},
		{"required", savp, "required", savp, 0, "RTP/SAVP", []call.Secured{{Trunk: "acme", Suite: cm80}, {Agent: "ann", Suite: cm80}}},
		{"required", avp, "required", savp, 0, "RTP/SAVP", []call.Secured{{Trunk: "acme", Suite: cm80}, {Agent: "ann", Suite: cm80}}},
		{"required", no, "off", no, 488, "", nil},
	} {
		t.Run(fmt.Sprintf("trunk %s carrier %q agent %s phone %q", c.trunk, c.carrier, c.agent, c.phone), func(t *testing.T) {
			live(t, supportTeam+queueFlow, func(s *story) {
				s.srtp(supportTeam+queueFlow, c.trunk, c.agent)
				s.carrier.Encrypt(c.carrier)
				ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
				ann.Encrypt(c.phone)
				k := s.dial()
				if c.code != 0 {
					if got := s.ended(k); got.Code != c.code {
						t.Errorf("got %+v, want %d", got, c.code)
					}
					return
				}
				s.answered(k)
				a := s.gets(ann)
				s.hear(k, annTone)
				s.hear(a, customerTone)
				if body := string(a.Invite().Body); !strings.Contains(body, " "+c.offer+" ") || strings.Contains(body, "a=crypto") == (c.agent == "off" || c.agent == "auto") {
					t.Errorf("the phone is offered\n%s\nwant %s, keys as agents.srtp says", body, c.offer)
				}
				if got := s.now().Calls[0].SRTP; !slices.Equal(got, c.secured) {
					t.Errorf("status: got %+v, want %+v", got, c.secured)
				}
				// Hold and resume: a re-INVITE each, the keys as they were.
				s.does(k.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
				s.wantHears(a, "music")
				s.does(k.Resume(s.within(5 * time.Second)))
				s.hear(k, annTone)
				s.hear(a, customerTone)
				s.bye(k)
				s.ended(a)
				for _, x := range []*simphone.Call{k, a} {
					if got := x.Heard(); got.Garbage != 0 || got.Lost != 0 {
						t.Errorf("got %+v, want every packet whole", got)
					}
				}
				if got := s.card().SRTP; !slices.Equal(got, c.secured) {
					t.Errorf("card: got %+v, want %+v", got, c.secured)
				}
				warned := strings.Contains(s.log.String(), "keys that cross in the clear")
				if warned != (len(c.secured) > 0) {
					t.Errorf("warned of keys in the clear: got %v, want %v", warned, len(c.secured) > 0)
				}
			})
		})
	}
}

// A phone that calls out encrypted, over a trunk that is too.
func TestOutboundCallsAreEncrypted(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		s.srtp(outsideFlow, "required", "auto")
		far := s.outside(simphone.Ring().After(time.Second).Answer())
		far.Encrypt(simphone.SRTPOrNobody)
		ann := s.agent("ann", annTone)
		ann.Encrypt(simphone.SRTPOrNobody)
		a := ann.Dial("4155550177")
		f := s.gets(far)
		s.answered(a)
		s.hear(a, farTone)
		s.hear(f, annTone)
		s.bye(f)
		s.ended(a)
		s.othersTone = farTone
		want := []call.Secured{{Agent: "ann", Suite: cm80}, {Trunk: "spare", Suite: cm80}}
		if got := s.card().SRTP; !slices.Equal(got, want) {
			t.Errorf("card: got %+v, want %+v", got, want)
		}
	})
}

// A phone that wants nothing but SRTP is misconfigured where its agent has none.
func TestAPhoneThatWantsSRTPAloneIsMisconfiguredWithoutIt(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Answer())
		ann.Encrypt(simphone.SRTPOrNobody)
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		k := s.dial()
		b := s.gets(bob)
		s.hear(k, bobTone)
		s.bye(k)
		s.ended(b)
		if got := s.card().Offers[0]; got.Agent != "ann" || got.Outcome != "misconfigured" {
			t.Errorf("got %+v, want ann misconfigured", got)
		}
	})
}

// 10,000 bad packets from the peer's own address, and as many from strangers: they are neither
// heard nor recorded, from the first moment on, nor after silence; the call goes on.
func TestStrangersSoundReachesNobody(t *testing.T) {
	for _, how := range []simphone.SRTP{simphone.NoSRTP, simphone.SRTPOrNobody} {
		t.Run(string(how), func(t *testing.T) {
			live(t, supportTeam+queueFlow, func(s *story) {
				s.srtp(supportTeam+queueFlow, "auto", "auto")
				s.carrier.Encrypt(how)
				ann := s.agent("ann", annTone, simphone.Ring().Answer())
				k := s.dial()
				a := s.gets(ann)
				ours, theirs := k.RemoteRTP(), k.LocalRTP()
				stranger, err := s.net.ListenPacket(netip.MustParseAddrPort("10.66.6.6:4000"))
				if err != nil {
					t.Fatal(err)
				}
				defer stranger.Close()
				noise := func(n int) {
					b := make([]byte, 182)
					for i := range n {
						b[0], b[1] = 0x80, 0
						binary.BigEndian.PutUint16(b[2:], uint16(i))
						binary.BigEndian.PutUint32(b[8:], 666)
						for j := 12; j < len(b); j++ {
							b[j] = byte(rand.Uint32())
						}
						_, _ = stranger.WriteTo(b, net.UDPAddrFromAddrPort(ours))
						if how != simphone.NoSRTP {
							s.net.Send(theirs, ours, b)
						}
						if i%50 == 49 {
							time.Sleep(time.Millisecond)
						}
					}
				}
				noise(1000) // in the first moments
				s.hear(k, annTone)
				s.hear(a, customerTone)
				k.StopRTP(true)
				time.Sleep(10 * time.Second)
				before := a.Heard().Packets
				noise(5000) // after silence
				if got := a.Heard().Packets - before; got > 2 {
					t.Errorf("got %d packets at the agent's phone while the customer was silent, want the keep-alive alone", got)
				}
				k.StopRTP(false)
				s.hear(a, customerTone)
				noise(5000) // while it speaks
				s.hear(a, customerTone)
				s.bye(k)
				s.ended(a)
				left, mixed := s.recorded().left, 0
				for i := 0; i+4000 < len(left); i += 4000 {
					if snd := (simphone.Sound{Samples: left[i : i+4000]}); !snd.Silent() && !snd.Has(customerTone) {
						mixed++ // where the customer fell silent, or spoke up
						t.Logf("recording at %v: %v", time.Duration(i)*time.Second/8000, snd)
					}
				}
				if mixed > 3 {
					t.Errorf("got %d half seconds of neither the customer nor silence, want 3 at most", mixed)
				}
			})
		})
	}
}
