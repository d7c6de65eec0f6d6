package media

import (
	"net/netip"
	"testing"
)

var (
	told     = netip.MustParseAddrPort("10.0.0.2:4000")
	otherPrt = netip.MustParseAddrPort("10.0.0.2:5000")
	natted   = netip.MustParseAddrPort("198.51.100.7:6000")
	nattedP2 = netip.MustParseAddrPort("198.51.100.7:6001")
	third    = netip.MustParseAddrPort("203.0.113.9:4000")
	trusted  = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
)

// arrival of a test: n packets in sequence from an address.
type burst struct {
	from netip.AddrPort
	ssrc uint32
	seq  uint16
	n    int
	last hearing // what is said of the last of them
	to   netip.AddrPort
}

func TestLatch(t *testing.T) {
	tests := []struct {
		rule   string
		bursts []burst
	}{
		{"the described address is heard at once", []burst{{told, 1, 1, 1, accepted, told}}},
		{"a trusted source must prove itself", []burst{{natted, 1, 1, 3, candidate, told}, {natted, 1, 4, 1, accepted, natted}}},
		{"another port of the described IP too", []burst{{otherPrt, 1, 1, 3, candidate, told}, {otherPrt, 1, 4, 1, accepted, otherPrt}}},
		{"whoever is quicker than the described address that has spoken", []burst{{told, 1, 1, 1, accepted, told}, {otherPrt, 2, 1, 100, stranger, told}, {told, 1, 2, 3, accepted, told}}},
		{"or the trusted one that it does not come from", []burst{{told, 1, 1, 1, accepted, told}, {natted, 2, 1, 100, stranger, told}}},
		{"but its SSRC from another port", []burst{{told, 1, 1, 2, accepted, told}, {otherPrt, 1, 3, 4, accepted, otherPrt}}},
		{"a third IP never", []burst{{third, 1, 1, 100, stranger, told}}},
		{"a hole begins the proof anew", []burst{{natted, 1, 1, 3, candidate, told}, {natted, 1, 5, 3, candidate, told}, {natted, 1, 8, 1, accepted, natted}}},
		{"so does another SSRC", []burst{{natted, 1, 1, 3, candidate, told}, {natted, 2, 4, 3, candidate, told}}},
		{"and another port", []burst{{natted, 1, 1, 3, candidate, told}, {nattedP2, 1, 4, 3, candidate, told}}},
		{"once proven it stays", []burst{{natted, 1, 1, 4, accepted, natted}, {told, 2, 1, 100, stranger, natted}}},
		{"once proven the described one stays", []burst{{told, 1, 1, 4, accepted, told}, {natted, 2, 1, 100, stranger, told}}},
		{"it follows its SSRC to another port", []burst{{natted, 1, 1, 4, accepted, natted}, {nattedP2, 1, 5, 3, accepted, natted}, {nattedP2, 1, 8, 1, accepted, nattedP2}}},
		{"but not another SSRC", []burst{{natted, 1, 1, 4, accepted, natted}, {nattedP2, 2, 5, 100, stranger, natted}}},
		{"nor its SSRC to another IP", []burst{{told, 1, 1, 4, accepted, told}, {natted, 1, 5, 100, stranger, told}}},
		{"the described address wins over another port of its IP", []burst{{otherPrt, 9, 1, 50, accepted, otherPrt}, {told, 1, 1, 3, candidate, otherPrt}, {told, 1, 4, 1, accepted, told}, {otherPrt, 9, 51, 50, stranger, told}}},
		{"the proven source may change its SSRC", []burst{{told, 1, 1, 4, accepted, told}, {told, 2, 900, 1, accepted, told}, {otherPrt, 2, 901, 4, accepted, otherPrt}}},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			l := &latch{trust: trusted}
			l.agree(told, true)
			hearAll(t, l, test.bursts)
		})
	}
}

func hearAll(t *testing.T, l *latch, bursts []burst) {
	t.Helper()
	for i, b := range bursts {
		var got hearing
		for k := range b.n {
			got = l.hear(b.from, b.ssrc, b.seq+uint16(k))
		}
		if got != b.last || l.to != b.to {
			t.Errorf("burst %d: got %v, sending to %v; want %v and %v", i, got, l.to, b.last, b.to)
		}
	}
}

func TestNewAgreementOpensTheLatch(t *testing.T) {
	l := &latch{trust: trusted}
	l.agree(told, true)
	hearAll(t, l, []burst{{told, 1, 1, 4, accepted, told}, {natted, 2, 1, 4, stranger, told}})
	l.agree(told, false) // a refresh: sound goes on where it went
	if l.to != told {
		t.Errorf("got %v after a refresh, want %v", l.to, told)
	}
	hearAll(t, l, []burst{{natted, 2, 5, 4, accepted, natted}, {told, 1, 5, 4, stranger, natted}})
	l.agree(otherPrt, true)
	if l.to != otherPrt {
		t.Errorf("got %v after a move, want the newly described %v", l.to, otherPrt)
	}
	hearAll(t, l, []burst{{natted, 2, 9, 3, candidate, otherPrt}, {otherPrt, 3, 1, 1, accepted, otherPrt}})
}

func TestHoldAtNoAddressKeepsThePeersPlace(t *testing.T) {
	l := &latch{trust: trusted}
	l.agree(told, true)
	hearAll(t, l, []burst{{natted, 1, 1, 4, accepted, natted}})
	l.agree(netip.AddrPort{}, false)
	if l.to != natted {
		t.Errorf("got %v on hold at 0.0.0.0, want %v kept", l.to, natted)
	}
}

func TestUnprovenLatchAcceptsNobodyBeforeAnAgreement(t *testing.T) {
	l := &latch{trust: trusted}
	if got := l.hear(third, 1, 1); got != stranger {
		t.Errorf("got %v, want a stranger", got)
	}
}
