package sip

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// A carrier's AAAA record came first, and there was no IPv6 socket.
func TestANameIsCalledAtTheFirstAddressWeHaveASocketFor(t *testing.T) {
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "six.example" {
			return []netip.Addr{netip.MustParseAddr("2001:db8::2")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.4")}, nil
	}
	inBubble(t, func(r *rig) {
		time.Sleep(time.Second) // names are looked up
		p := r.peer(rigTrunk)
		for _, to := range []Target{{Trunk: "both"}, {Contact: r.e.Contacts("bob")[0].ID}} {
			if bind, _ := r.e.MediaAddr(to); bind.String() != "10.0.0.1" {
				t.Errorf("%+v: media address: got %v, want 10.0.0.1", to, bind)
			}
			r.e.Dial(Dial{To: to, User: "1"})
			p.respond(p.expect("INVITE "), 486, "x", "", "")
			p.expect("ACK ")
			if ev := want[Ended](r); ev.Code != 486 {
				t.Errorf("%+v: got %+v, want 486", to, ev)
			}
		}
		for _, trunk := range []TrunkID{"six", "sixtcp"} { // no way there at all: an error, not a panic
			r.e.Dial(Dial{To: Target{Trunk: trunk}, User: "1"})
			if ev := want[Ended](r); ev.By != Failed || !errors.Is(ev.Err, errNoSocket) {
				t.Errorf("%s: got %+v, want %v", trunk, ev, errNoSocket)
			}
		}
	}, func(c *Config) {
		c.Lookup = lookup
		c.Trunks = []Trunk{{ID: "both", Host: "both.example"}, {ID: "six", Host: "six.example"}, {ID: "sixtcp", Host: "six.example", Transport: "tcp"}}
		c.Accounts = append(c.Accounts, Account{ID: "bob", Static: []string{"sip:bob@desk.example"}})
	})
}

// A phone that registered over TCP and whose connection is lost was called at
// the port it had connected from, where nobody listens.
func TestATCPPhoneWithoutItsConnectionIsCalledAtItsContact(t *testing.T) {
	for _, c := range []struct {
		name, transport, source, contact string
		open                             bool
		want                             string
	}{
		{"connection lost", "tcp", "10.0.3.3:40000", "sip:bob@10.0.3.3:5070;transport=tcp", false, "10.0.3.3:5070"},
		{"default port", "tcp", "10.0.3.3:40000", "sip:bob@10.0.3.3;transport=tcp", false, "10.0.3.3:5060"},
		{"connection open", "tcp", "10.0.3.3:40000", "sip:bob@10.0.3.3:5070;transport=tcp", true, "10.0.3.3:40000"},
		{"behind a NAT", "tcp", "203.0.113.5:40000", "sip:bob@192.168.1.5:5070;transport=tcp", false, "203.0.113.5:40000"},
		{"a name", "tcp", "10.0.3.3:40000", "sip:bob@phone.invalid;transport=tcp", false, "10.0.3.3:40000"},
		{"UDP", "udp", "10.0.3.3:40000", "sip:bob@10.0.3.3:5070", false, "10.0.3.3:40000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				source := netip.MustParseAddrPort(c.source)
				if c.open {
					r.e.conns.mu.Lock()
					r.e.conns.add(nil, source, way{over: onTCP}, netip.MustParseAddrPort(rigSwitch))
					r.e.conns.mu.Unlock()
				}
				got, err := r.e.resolvePhone(r.e.Contacts("bob")[0].ID)
				if err != nil || got.addr.String() != c.want || got.over != transportOf(c.transport) {
					t.Errorf("got %v %v, %v, want %v", got.addr, got.over, err, c.want)
				}
			}, func(cfg *Config) {
				cfg.Accounts = append(cfg.Accounts, Account{ID: "bob", Password: annPass, NoOptions: true})
				cfg.Bindings = []Binding{{
					Account: "bob", URI: c.contact, Source: netip.MustParseAddrPort(c.source), Transport: c.transport,
					Local: rigSwitch, CallID: "x", CSeq: 1, Expires: time.Now().Add(time.Hour), At: time.Now(),
				}}
			})
		})
	}
}
