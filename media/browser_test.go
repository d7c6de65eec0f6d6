package media

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

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
