//go:build linux

package realpeer

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Ear is the sound of a sipp that does the signalling alone (SippConfig.Ear): it
// keeps what it hears, and says a tone to whoever it hears, as a carrier's media
// gateway does. It lives for one call.
type Ear struct {
	conn *net.UDPConn
	done context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	samples []int16
	at      []time.Time    // of each 20 ms of samples, its arrival
	to      netip.AddrPort // who was heard last
}

// earFrame is 20 ms at 8 kHz.
const earFrame = 160

// NewEar opens a port on ip and listens until Close; PCMU.
func NewEar(ip netip.Addr, hz float64) (*Ear, error) {
	port, err := freePorts(ip, 2) // the next one is for RTCP, which it does not speak
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
	if err != nil {
		return nil, err
	}
	ctx, done := context.WithCancel(context.Background())
	e := &Ear{conn: conn, done: done}
	e.wg.Go(e.listen)
	e.wg.Go(func() { e.say(ctx, hz) })
	return e, nil
}

// Addr is where it wants its RTP.
func (e *Ear) Addr() netip.AddrPort { return e.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Close ends it, and waits for its goroutines. It is idempotent.
func (e *Ear) Close() {
	e.done()
	e.conn.Close()
	e.wg.Wait()
}

func (e *Ear) listen() {
	buf := make([]byte, 2048)
	for {
		n, from, err := e.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != 12+earFrame || buf[0]>>6 != 2 || buf[1]&0x7f != 0 {
			continue // a refused packet of ours, or no 20 ms of PCMU
		}
		e.mu.Lock()
		e.to = from
		e.at = append(e.at, time.Now())
		for _, b := range buf[12:n] {
			e.samples = append(e.samples, int16(decodeG711(b, false)))
		}
		e.mu.Unlock()
	}
}

func (e *Ear) say(ctx context.Context, hz float64) {
	codes := make([]byte, 8000) // a second: whole periods for a whole number of Hz
	for i := range codes {
		codes[i] = encodeG711(int(10000*math.Sin(2*math.Pi*hz*float64(i)/8000)), false)
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	began := time.Now()
	for seq := 0; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for ; time.Duration(seq)*20*time.Millisecond < time.Since(began); seq++ { // ticks are lost under load, sound is not
			to := e.heard()
			if !to.IsValid() {
				continue // nobody yet
			}
			p := make([]byte, 12, 12+earFrame)
			p[0] = 0x80
			binary.BigEndian.PutUint16(p[2:], uint16(seq))
			binary.BigEndian.PutUint32(p[4:], uint32(seq*earFrame))
			binary.BigEndian.PutUint32(p[8:], 0x65617273)
			at := seq * earFrame % len(codes)
			_, _ = e.conn.WriteToUDPAddrPort(append(p, codes[at:at+earFrame]...), to) // a lost packet is a lost packet
		}
	}
}

// heard is who was heard last; invalid if nobody was.
func (e *Ear) heard() netip.AddrPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.to
}

// Since is what was heard from a moment on.
func (e *Ear) Since(t time.Time) Recording {
	e.mu.Lock()
	defer e.mu.Unlock()
	first := len(e.at)
	for first > 0 && e.at[first-1].After(t) {
		first--
	}
	return Recording{Rate: 8000, Samples: append([]int16(nil), e.samples[first*earFrame:]...)}
}
