package media

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"
)

func TestClosedPortsRestTwoSeconds(t *testing.T) {
	inBubbleWith(t, Config{PortMin: 5000, PortMax: 5003}, func(r *rig) {
		open := func() (*Session, error) { return r.bridge.NewSession(SessionConfig{ID: "x", Bind: r.ours}) }
		a, err := open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if got := []uint16{a.local.Port(), b.local.Port()}; got[0] != 5000 || got[1] != 5002 {
			t.Errorf("got RTP ports %v, want the even ones 5000 and 5002", got)
		}
		if _, err := open(); !errors.Is(err, ErrNoPorts) {
			t.Errorf("got %v, want ErrNoPorts", err)
		}
		a.Close()
		a.Close()
		<-time.After(1990 * ms)
		if _, err := open(); !errors.Is(err, ErrNoPorts) {
			t.Errorf("got %v 1.99 s after Close, want ErrNoPorts", err)
		}
		<-time.After(20 * ms)
		again, err := open()
		if err != nil || again.local.Port() != 5000 {
			t.Errorf("got %v after 2 s, want port 5000 again", err)
		}
		r.bridge.Close()
		if _, err := open(); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v of a closed bridge, want ErrClosed", err)
		}
	})
}

func TestBusyPairIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		addr := netip.MustParseAddr("10.0.0.1")
		busy, err := n.ListenPacket(netip.AddrPortFrom(addr, 5001)) // the RTCP port of the first pair
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Close()
		r := newRig(t, Config{PortMin: 4999, PortMax: 5003}, n, n, addr)
		s, err := r.bridge.NewSession(SessionConfig{ID: "x", Bind: addr})
		if err != nil || s.local.Port() != 5002 {
			t.Fatalf("got %v, want the pair 5002 and 5003", err)
		}
		if got := n.Open(); len(got) != 3 {
			t.Errorf("got open sockets %v, want the busy one and a pair: the half pair closed", got)
		}
	})
}

func TestPortRangeWithoutAPairIsRefused(t *testing.T) {
	for _, p := range [][2]uint16{{5001, 5001}, {5001, 5002}, {5000, 5000}, {6000, 5000}, {0, 0}} {
		if _, err := newPortPool(p[0], p[1]); err == nil {
			t.Errorf("got ports %d-%d accepted, want a refusal", p[0], p[1])
		}
	}
	if p, err := newPortPool(65534, 65535); err != nil || p.first != 65534 || len(p.free) != 1 {
		t.Errorf("got %v, want the last pair there is", err)
	}
}

func TestEverythingEndsWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble does not end while a goroutine is left
		n := simnet.New()
		r := newRig(t, Config{}, n, n, netip.MustParseAddr("10.0.0.1"))
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.s.Play(Tone(440, time.Minute), 3)
		r.bridge.Join(a.s, b.s)
		a.next(3)
		if err := r.engine.Close(); err != nil {
			t.Error(err)
		}
		if err := r.engine.Close(); err != nil {
			t.Errorf("got %v of a second Close, want nil", err)
		}
		if got := r.has(func(e Event) bool { return e == Event(Played{Session: a.s.ID(), Play: 3, Cut: true}) }); len(got) != 1 {
			t.Errorf("got %d Played, want the Play on it cut", len(got))
		}
		if got := len(n.Open()); got != 2 {
			t.Errorf("got %d open sockets, want the two phones' alone", got)
		}
		// What is asked of the ended does nothing, and harms nothing.
		a.s.Play(Tone(440, time.Minute), 4)
		r.await("cut", func(e Event) bool { return e == Event(Played{Session: a.s.ID(), Play: 4, Cut: true}) })
		a.s.StopPlay()
		a.s.Mute(true)
		a.s.Background(nil)
		a.s.Tap(nil, 0)
		r.bridge.Part(a.s)
		r.bridge.Join(a.s)
		a.s.Close()
		r.bridge.Close()
		if _, err := r.bridge.NewSession(SessionConfig{ID: "x", Bind: r.ours}); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v of a closed engine, want ErrClosed", err)
		}
	})
}

func TestSocketOfAnotherOwnerIsARefusalThatNamesThePort(t *testing.T) {
	e, err := New(Config{PortMin: 5000, PortMax: 5001, Network: nowhereNet{}, Emit: func(Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, err = e.NewBridge("b").NewSession(SessionConfig{ID: "x", Bind: netip.MustParseAddr("10.0.0.1")})
	if !errors.Is(err, net.ErrClosed) || errors.Is(err, ErrNoPorts) {
		t.Errorf("got %v, want the network's own refusal", err)
	}
}
