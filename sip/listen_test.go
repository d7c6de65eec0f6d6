package sip

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"trunkline/internal/simnet"
)

func TestListenNamesTheURLAndTheCure(t *testing.T) {
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for url, part := range map[string]string{
		"udp://" + busy.LocalAddr().String(): "another program uses port",
		"ws://127.0.0.1:5061":                "not supported",
		"127.0.0.1:5060":                     "udp://HOST:PORT",
		"udp://192.0.2.77:5060":              "does not have the address",
		"tcp://127.0.0.1:99999":              "port",
	} {
		s, err := Listen([]string{url})
		if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: got %v, want %q and the URL", url, err, part)
		}
		if s.UDP != nil || s.TCP != nil {
			t.Errorf("%s: sockets were left open", url)
		}
	}
	s, err := Listen([]string{"udp://0.0.0.0:0"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.UDP {
		if c.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
			t.Errorf("got %v, want a concrete address", c.LocalAddr())
		}
		_ = c.Close()
	}
}

func TestNewRefusesAConfigThatCannotWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		defer n.Close()
		pc, _ := n.ListenPacket(netip.MustParseAddrPort(rigSwitch))
		defer pc.Close()
		for _, c := range []Config{{UDP: []net.PacketConn{pc}}, {Emit: func(Event) {}}} {
			if _, err := New(c); err == nil {
				t.Errorf("got no error, want one")
			}
		}
	})
}
