package main

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
	"trunkline/sip"
)

// dualStack has the switch listen at an address of each family.
func dualStack(s *story, w *world) {
	w.listen = func([]string) (sip.Sockets, error) {
		four, err := s.net.ListenPacket(switchAddr)
		if err != nil {
			return sip.Sockets{}, err
		}
		six, err := s.net.ListenPacket(switchAddr6)
		return sip.Sockets{UDP: []net.PacketConn{four, six}}, err
	}
}

// trunkAt puts trunk acme at an address.
func (s *story) trunkAt(at string) {
	s.Helper()
	a := netip.MustParseAddr(at)
	cfg := *s.house.config()
	cfg.Trunks = append(cfg.Trunks[:0:0], cfg.Trunks...)
	cfg.Trunks[0].Host, cfg.Trunks[0].AcceptFrom = netip.AddrPortFrom(a, 5060).String(), []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}
	_, err := s.house.reload(s.within(5*time.Second), &cfg, "")
	s.does(err)
}

// A carrier and a phone of either address family hear each other: each leg has
// the addresses, the Contact and the description of its own.
func TestCarrierAndPhoneOfEitherFamilyHearEachOther(t *testing.T) {
	for _, c := range []struct{ name, carrier, phone string }{
		{"six and four", "fd00::9", "10.0.0.31"},
		{"four and six", "10.0.0.9", "fd00::31"},
		{"six and six", "fd00::9", "fd00::31"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, supportTeam+queueFlow, dualStack)
				carrier := s.carrier
				if c.carrier != "10.0.0.9" {
					carrier = s.host("carrier6", netip.AddrPortFrom(netip.MustParseAddr(c.carrier), 5060).String(), simphone.Config{User: "carrier", Tone: customerTone})
				}
				s.trunkAt(c.carrier)
				ann := s.host("ann", netip.AddrPortFrom(netip.MustParseAddr(c.phone), 5060).String(), simphone.Config{
					User: "ann", Password: "ann-password-1", Domain: "pbx.example.com", Tone: annTone,
				})
				ann.OnCall(simphone.Ring().Answer())
				s.registers(ann)
				cust := carrier.Dial(ourNumber, simphone.From(customer))
				a := s.gets(ann)
				s.answered(cust)
				s.hear(cust, annTone)
				s.hear(a, customerTone)
				if six := strings.Contains(string(a.Invite().Body), "IN IP6"); six != strings.Contains(c.phone, ":") {
					t.Errorf("the phone's description: got\n%s\nwant its own family's address", a.Invite().Body)
				}
				s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
				s.does(a.Resume(s.within(5 * time.Second)))
				s.hear(cust, annTone)
				s.bye(a)
				s.ended(cust)
				s.end()
			})
		})
	}
}
