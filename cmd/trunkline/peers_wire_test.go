//go:build peers && linux

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// wire is the network between a page and the switch, which can be cut: what is said on
// TCP waits, what is sent by UDP is lost.
type wire struct {
	cut  atomic.Bool
	site *site
	far  atomic.Pointer[net.PacketConn] // where the switch's sound has the page
	home atomic.Pointer[net.Addr]       // the page, as it spoke last
	door net.Listener                   // to the switch's page
	near net.PacketConn                 // to its sound
	stop chan struct{}
	wg   sync.WaitGroup
}

// wire lays one; sound is where the switch has its browsers' sound.
func (s *site) wire(sound netip.AddrPort) *wire {
	s.Helper()
	door, err := net.Listen("tcp4", netip.AddrPortFrom(s.host(9), 0).String())
	s.must(err)
	near, err := net.ListenPacket("udp4", netip.AddrPortFrom(s.host(9), 0).String())
	s.must(err)
	w := &wire{site: s, door: door, near: near, stop: make(chan struct{})}
	w.move(8)
	w.wg.Go(func() { w.accept(s.http) })
	w.wg.Go(func() {
		w.pass(near, func(b []byte, from net.Addr) {
			w.home.Store(&from)
			_, _ = (*w.far.Load()).WriteTo(b, net.UDPAddrFromAddrPort(sound))
		})
	})
	s.Cleanup(func() {
		close(w.stop)
		_, _, _ = door.Close(), near.Close(), (*w.far.Load()).Close()
		w.wg.Wait()
	})
	return w
}

// move has the page's sound come from another address from now on, and what goes to the one
// before lost, as when a router gives it another.
func (w *wire) move(host byte) {
	w.site.Helper()
	far, err := net.ListenPacket("udp4", netip.AddrPortFrom(w.site.host(host), 0).String())
	w.site.must(err)
	if old := w.far.Swap(&far); old != nil {
		_ = (*old).Close()
	}
	w.wg.Go(func() {
		w.pass(far, func(b []byte, _ net.Addr) {
			if to := w.home.Load(); to != nil {
				_, _ = w.near.WriteTo(b, *to)
			}
		})
	})
}

// pass hands packets on, while there is a network.
func (w *wire) pass(c net.PacketConn, on func([]byte, net.Addr)) {
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && !w.cut.Load() {
			on(b[:n], from)
		}
	}
}

func (w *wire) accept(to string) {
	for {
		near, err := w.door.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp4", to)
		if err != nil {
			_ = near.Close()
			continue
		}
		w.wg.Go(func() { w.copy(near, far) })
		w.wg.Go(func() { w.copy(far, near) })
	}
}

// copy hands a stream on; while there is no network it waits.
func (w *wire) copy(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = from.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := from.Read(b)
		for w.cut.Load() {
			select {
			case <-tick.C:
			case <-w.stop:
				return
			}
		}
		if _, failed := to.Write(b[:n]); failed != nil {
			return
		}
		select {
		case <-w.stop:
			return
		default:
		}
		if late := net.Error(nil); err != nil && !(errors.As(err, &late) && late.Timeout()) {
			return
		}
	}
}

// script has a page know of this way alone.
func (w *wire) script() string {
	at := w.near.LocalAddr().(*net.UDPAddr)
	return fmt.Sprintf(`{ const own = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'localDescription');
Object.defineProperty(RTCPeerConnection.prototype, 'localDescription', { get() { const d = own.get.call(this); return d && { type: d.type, sdp: d.sdp.replace(/a=candidate:.*\r\n/g, '') }; } });
const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (d) { return set.call(this, { ...d, sdp: d.sdp.replace(/(a=candidate:\S+ 1 udp \d+) \S+ \d+/gi, '$1 %s %d') }); }; }`, at.IP, at.Port)
}
