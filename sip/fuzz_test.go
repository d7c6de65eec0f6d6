package sip

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// nowhere is a packet conn that reads nothing and forgets what is written.
type nowhere struct{ addr net.UDPAddr }

func (n *nowhere) ReadFrom([]byte) (int, net.Addr, error)    { select {} }
func (n *nowhere) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }
func (n *nowhere) Close() error                              { return nil }
func (n *nowhere) LocalAddr() net.Addr                       { return &n.addr }
func (n *nowhere) SetDeadline(time.Time) error               { return nil }
func (n *nowhere) SetReadDeadline(time.Time) error           { return nil }
func (n *nowhere) SetWriteDeadline(time.Time) error          { return nil }

// FuzzIntake drives bytes through everything between the socket and the
// switchboard: filter, parser, validation, dispatch, and a leg that answers
// whatever it is asked. Nothing may panic.
func FuzzIntake(f *testing.F) {
	for i, v := range invalids {
		f.Add([]byte(v.msg.text(i)), true)
		f.Add([]byte(v.msg.text(i)), false)
	}
	c := &wireCall{wirePeer: &wirePeer{at: rigTrunk}, id: "f", branch: "z9hG4bKf", seq: 1, user: "+1"}
	for _, m := range []string{"INVITE", "ACK", "CANCEL", "BYE", "UPDATE", "INFO", "OPTIONS", "REGISTER", "PRACK", "REFER"} {
		f.Add([]byte(c.message(m, c.branch, 1, proxies+"Reason: Q.850;cause=16;text=\"a\\\"b\"\r\nPrivacy: id;none\r\nP-Asserted-Identity: \"x\" <sip:y@z>, <tel:+1>\r\nAuthorization: Digest username=\"ann\", realm=\"pbx.example.com\", nonce=\"0\", uri=\"sip:x\", response=\"0\"\r\n", rigSDP)), true)
		c.toTag = "TOKEN"
		f.Add([]byte(c.message(m, c.branch+m, 2, "Content-Encoding: gzip\r\n", rigSDP)), true)
		c.toTag = ""
	}
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=TOKENx\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:[::1]:5060>\r\nRecord-Route: <sip:h;lr>\r\nContent-Length: 0\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		trunks := []Trunk{{ID: "acme", Host: rigTrunk}}
		var e *Endpoint
		ended := make(chan struct{}, 16)
		e, err := New(Config{
			Domain: "pbx.example.com", UDP: []net.PacketConn{&nowhere{net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060}}},
			Trunks: trunks, Accounts: []Account{{ID: "ann", Password: annPass}},
			Emit: func(ev Event) {
				switch ev := ev.(type) {
				case Invited:
					ev.Leg.Progress(180, nil)
					ev.Leg.Answer([]byte(rigSDP))
					ev.Leg.Reoffer([]byte(rigSDP))
					ev.Leg.Hangup(0, Reason{Cause: 16})
					ev.Leg.post(ev.Leg.abandon)
				case Ended:
					ended <- struct{}{}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		e.token = "TOKEN"
		from := netip.MustParseAddrPort("10.7.7.7:5060")
		if known {
			from = netip.MustParseAddrPort(rigTrunk)
		}
		fl := &flow{udp: e.udp[0], remote: from, source: from}
		e.receive(b, fl)
		e.receive(b, fl)
		var s stream
		if len(b) < maxMessage {
			for rest := b; len(rest) > 0; {
				n := copy(s.room(), rest)
				s.add(n)
				rest = rest[n:]
			}
			for range 100 {
				m, ping, err := s.next()
				if err != nil || m == nil && !ping {
					break
				}
			}
		}
		e.goroutine.Wait()
		e.clients.stop()
		e.servers.stop()
		if n := e.Stats().Panics; n != 0 {
			t.Fatalf("panics: got %d, want 0", n)
		}
	})
}
