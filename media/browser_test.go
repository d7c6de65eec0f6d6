package media

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"trunkline/internal/raced"
	"trunkline/internal/simbrowser"
	"trunkline/internal/tone"
)

// page is a browser at one session.
type page struct {
	*simbrowser.Browser
	r    *rig
	s    *Session
	addr netip.AddrPort
}

// browserRig has an engine that takes browsers, on both seams.
func withBrowsers(t *testing.T, lite bool, test func(*rig)) {
	t.Run("bubble", func(t *testing.T) {
		inBubbleWith(t, Config{WebRTC: &WebRTC{Bind: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Lite: lite}}, test)
	})
	t.Run("kernel", func(t *testing.T) {
		onKernel(t, Config{WebRTC: &WebRTC{Bind: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Lite: lite}}, test)
	})
}

// page opens a session and a browser that offers, and waits until they are connected.
func (r *rig) page(hz float64, change ...func(*simbrowser.Config)) *page {
	r.Helper()
	p := r.closedPage(hz, change...)
	p.connects()
	return p
}

// closedPage is a page that has not said anything yet.
func (r *rig) closedPage(hz float64, change ...func(*simbrowser.Config)) *page {
	r.Helper()
	r.phones++
	s, err := r.bridge.NewSession(SessionConfig{ID: SessionID(fmt.Sprintf("page%d", r.phones)), Browser: true})
	if err != nil {
		r.Fatal(err)
	}
	conn, err := r.net.ListenPacket(netip.AddrPortFrom(r.address(), 0))
	if err != nil {
		r.Fatal(err)
	}
	cfg := simbrowser.Config{Conn: conn, Tone: hz}
	for _, c := range change {
		c(&cfg)
	}
	b, err := simbrowser.New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = b.Close() })
	return &page{b, r, s, conn.LocalAddr().(*net.UDPAddr).AddrPort()}
}

// connects has the page offer and the session answer, until sound may flow.
func (p *page) connects() {
	p.r.Helper()
	offer, err := p.Offer()
	if err != nil {
		p.r.Fatal(err)
	}
	answer, err := p.s.AnswerBrowser(offer, netip.Addr{})
	if err != nil {
		p.r.Fatal(err)
	}
	if err := p.Answer(answer); err != nil {
		p.r.Fatal(err)
	}
	p.r.await("connection", func(e Event) bool { c, ok := e.(Connected); return ok && c.Session == p.s.id })
	select {
	case <-p.Up():
	case <-time.After(5 * time.Second):
		p.r.Fatal("the page: got no connection")
	}
}

// hearsTone wants the page to hear one tone within a second.
func (p *page) hearsTone(hz float64) {
	p.r.Helper()
	p.Heard()
	<-time.After(time.Second)
	pcm := p.Hears()
	if level := tone.Level(pcm, SampleRate, hz); len(pcm) < SampleRate/2 || level < -20 {
		p.r.Errorf("the page: got %.0f Hz at %.1f dB in %d samples, want it at -12", hz, level, len(pcm))
	}
}

func TestABrowserAndAPhoneHearEachOther(t *testing.T) {
	t.Parallel()
	for _, lite := range []bool{true, false} {
		t.Run(fmt.Sprintf("lite=%v", lite), func(t *testing.T) {
			withBrowsers(t, lite, func(r *rig) {
				phone := r.phone(PCMU, 20*ms)
				b := r.page(440)
				r.bridge.Join(phone.s, b.s)
				phone.say(1000)
				b.hearsTone(1000)
				got := phone.sound(phone.next(40))
				if level := tone.Level(got, SampleRate, 440); level < -20 {
					t.Errorf("the phone: got 440 Hz at %.1f dB, want it at -12", level)
				}
				if s := b.s.Suite(); s != "AEAD_AES_128_GCM" {
					t.Errorf("suite: got %q, want AEAD_AES_128_GCM", s)
				}
				if s := b.s.Stats(); s.Garbage+s.Forged+s.Strangers > 0 {
					t.Errorf("got %+v, want nothing but sound", s)
				}
			})
		})
	}
}

func TestAPageThatClosesIsTold(t *testing.T) {
	t.Parallel()
	withBrowsers(t, true, func(r *rig) {
		b := r.page(440)
		_ = b.Close()
		r.await("disconnection", func(e Event) bool { d, ok := e.(Disconnected); return ok && d.Session == b.s.id })
		b.s.Close()
	})
}

func TestASessionThatClosesTellsThePage(t *testing.T) {
	t.Parallel()
	withBrowsers(t, true, func(r *rig) {
		b := r.page(440)
		b.s.Close()
		select {
		case <-b.Gone():
		case <-time.After(5 * time.Second):
			t.Error("the page: got no farewell within 5 s")
		}
	})
}

// An answer of somebody who has another certificate than the description said.
func TestAnotherCertificateIsRefused(t *testing.T) {
	t.Parallel()
	withBrowsers(t, true, func(r *rig) {
		p := r.closedPage(440)
		offer, err := p.Offer()
		if err != nil {
			t.Fatal(err)
		}
		var changed strings.Builder
		for line := range strings.Lines(string(offer)) {
			if name, sum, ok := strings.Cut(line, "fingerprint:sha-256 "); ok {
				line = name + "fingerprint:sha-256 00:" + sum[3:]
			}
			changed.WriteString(line)
		}
		answer, err := p.s.AnswerBrowser([]byte(changed.String()), netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Answer(answer); err != nil {
			t.Fatal(err)
		}
		r.await("refusal", func(e Event) bool {
			d, ok := e.(Disconnected)
			return ok && d.Session == p.s.id && strings.Contains(fmt.Sprint(d.Err), "not the one of the description")
		})
		if s := p.s.Stats(); s.Received > 0 || s.Sent > 0 {
			t.Errorf("got %+v, want no sound", s)
		}
	})
}

// What strangers send to the port is dropped where it comes in, and leaves nothing behind.
func TestGarbageOnTheBrowsersPortCostsNothing(t *testing.T) {
	onKernel(t, Config{WebRTC: &WebRTC{Bind: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}}, func(r *rig) {
		b := r.page(440)
		m := r.engine.browsers
		at := m.sockets[0]
		stun := func(user string) []byte {
			body := append([]byte{0, 6, 0, byte(len(user))}, user...)
			for len(body)%4 != 0 {
				body = append(body, 0)
			}
			return append([]byte{0, 1, 0, byte(len(body)), 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, body...)
		}
		all := [][]byte{
			{}, {0}, make([]byte, 20), make([]byte, 1501), stun("nobody:here"), stun(":"), stun("no colon"), stun("")[:20],
			append([]byte{22, 254, 253}, make([]byte, 40)...), append([]byte{128}, make([]byte, 171)...), append([]byte{200}, make([]byte, 100)...),
		}
		from := netip.MustParseAddrPort("192.0.2.66:4000")
		if n := testing.AllocsPerRun(200, func() {
			for _, g := range all {
				m.dispatch(at, g, from)
			}
		}); n != 0 && !raced.On {
			t.Errorf("got %v allocations, want none", n)
		}
		if got := m.garbage.Load(); got < uint64(200*len(all)) {
			t.Errorf("got %d packets counted, want %d", got, 201*len(all))
		}
		if len(m.byAddr) > mostSources {
			t.Errorf("got %d addresses remembered, want those of the one browser", len(m.byAddr))
		}
		// Sound from the browser's address that its keys did not make is not heard.
		phone := r.phone(PCMU, 20*ms)
		r.bridge.Join(phone.s, b.s)
		b.s.path.Load().sound(append([]byte{128, 0}, make([]byte, 170)...), *b.s.path.Load().remote.Load())
		phone.say(1000)
		b.hearsTone(1000)
		if s := b.s.Stats(); s.Forged != 1 {
			t.Errorf("got %+v, want one forged packet", s)
		}
	})
}

// Who knows a browser's name on the port, and not its password, takes neither its place nor that
// of another browser there, from wherever he says that he is.
func TestANameAloneTakesNoBrowsersPlace(t *testing.T) {
	withBrowsers(t, true, func(r *rig) {
		one, two := r.page(440), r.page(1000)
		m := r.engine.browsers
		path, other := one.s.path.Load(), two.s.path.Load()
		m.mu.RLock()
		before := len(m.byAddr)
		m.mu.RUnlock()
		forged := func(i int) []byte {
			request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(path.ufrag+":x"),
				stun.NewShortTermIntegrity(fmt.Sprint("guess ", i)), stun.Fingerprint)
			if err != nil {
				r.Fatal(err)
			}
			return request.Raw
		}
		for i := range 1000 {
			from := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.66"), uint16(1024+i))
			if i%2 == 0 {
				from = *other.remote.Load()
			}
			m.dispatch(m.sockets[0], forged(i), from)
			m.dispatch(m.sockets[0], forged(i)[:stunHeader+i%20*4], from)
		}
		m.mu.RLock()
		theirs, after := m.byAddr[*other.remote.Load()], len(m.byAddr)
		m.mu.RUnlock()
		if theirs != other || after != before {
			r.Errorf("got the other's place taken: %v, and %d addresses known, want it kept, and %d", theirs != other, after, before)
		}
		r.bridge.Join(one.s, two.s)
		one.hearsTone(1000)
		two.hearsTone(440)
	})
}

// Any bytes are either somebody's or nobody's.
func FuzzStunFor(f *testing.F) {
	f.Add([]byte{0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 3, 'a', ':', 'b', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		ufrag, ok := stunFor(b)
		if !ok && ufrag != nil || len(ufrag) > len(b) {
			t.Errorf("got %q and %v of %d bytes", ufrag, ok, len(b))
		}
	})
}
