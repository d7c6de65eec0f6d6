package simphone

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	crand "crypto/rand"
)

// errNoSound is of a call that has no RTP yet, or never had.
var errNoSound = errors.New("simphone: the call has no RTP session")

// session is the call's RTP; nil before there is one.
func (c *Call) session() (s *session) {
	c.p.do(func() { s = c.sess })
	return s
}

// with runs fn on the session under its lock; without a session it does nothing.
func (c *Call) with(fn func(*session)) {
	if s := c.session(); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		fn(s)
	}
}

// Say changes the tone that this call says; 0 is silence (packets go on).
func (c *Call) Say(hz float64) { c.with(func(s *session) { s.tone = hz }) }

// StopRTP stops (or lets go on) sending packets; timestamps follow the clock.
func (c *Call) StopRTP(stop bool) { c.with(func(s *session) { s.muted = stop }) }

// SendDigits sends telephone-events, one after the other, without blocking.
func (c *Call) SendDigits(digits string) {
	c.with(func(s *session) {
		for _, d := range digits {
			if i := strings.IndexRune("0123456789*#ABCD", d); i >= 0 {
				s.digits = append(s.digits, digitSend{event: byte(i)})
			}
		}
	})
}

// NewSSRC makes the sender go on as another source: new SSRC, sequence and
// timestamp, as after a restart of its media.
func (c *Call) NewSSRC() {
	var r [10]byte
	crand.Read(r[:])
	c.with(func(s *session) {
		s.ssrc, s.seq, s.ts = binary.BigEndian.Uint32(r[0:]), binary.BigEndian.Uint16(r[4:]), binary.BigEndian.Uint32(r[6:])
		s.mark = true
	})
}

// SendRTP writes a datagram from the call's RTP socket, whatever it holds: to the
// peer's RTP address if to is the zero value.
func (c *Call) SendRTP(b []byte, to netip.AddrPort) error {
	err := errNoSound
	c.with(func(s *session) {
		if !to.IsValid() {
			to = s.peer
		}
		_, err = s.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	})
	return err
}

// MoveRTP sends from a new socket of the same IP from now on, without telling the
// peer, as behind a NAT that rebinds. The old socket stays open for hearing.
func (c *Call) MoveRTP() error {
	s := c.session()
	if s == nil {
		return errNoSound
	}
	conn, err := c.p.cfg.ListenRTP(netip.AddrPortFrom(c.p.cfg.MediaIP, 0))
	if err != nil {
		return fmt.Errorf("simphone: RTP socket: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stop:
		return errors.Join(ErrClosed, conn.Close())
	default:
	}
	s.moved(conn)
	c.p.wg.Go(func() { c.p.guard(func() { s.listen(conn) }) })
	return nil
}

// LocalRTP and RemoteRTP are the addresses of the two descriptions.
func (c *Call) LocalRTP() (a netip.AddrPort) {
	c.with(func(s *session) { a = s.local })
	return a
}

// RemoteRTP is where this call's packets go; invalid while the peer wants none.
func (c *Call) RemoteRTP() (a netip.AddrPort) {
	c.with(func(s *session) { a = s.peer })
	return a
}

// Codec is the codec agreed on.
func (c *Call) Codec() (k Codec) {
	c.with(func(s *session) { k = s.codec })
	return k
}

// SentRTP counts the packets sent and those skipped because the sender woke late.
func (c *Call) SentRTP() (sent, late int) {
	c.with(func(s *session) { sent, late = s.sent, s.late })
	return sent, late
}

// Heard are the receiver's counters so far.
func (c *Call) Heard() Heard {
	s := c.session()
	if s == nil {
		return Heard{}
	}
	return s.heard()
}

// Last is the sound that arrived in the last d.
func (c *Call) Last(d time.Duration) Sound {
	s := c.session()
	if s == nil {
		return Sound{}
	}
	now := time.Now()
	return s.between(now.Add(-d), now.Add(time.Nanosecond))
}

// Listen blocks for d, once the call has RTP, and returns the sound that arrived
// in it.
func (c *Call) Listen(ctx context.Context, d time.Duration) (Sound, error) {
	if err := c.p.wait(ctx, func() bool { return c.sess != nil || c.end != nil }); err != nil {
		return Sound{}, errors.Join(errNoSound, err)
	}
	s := c.session()
	if s == nil {
		return Sound{}, errNoSound
	}
	from := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.between(from, time.Now()), nil
	case <-ctx.Done():
		return s.between(from, time.Now()), context.Cause(ctx)
	case <-c.p.stopped:
		return s.between(from, time.Now()), ErrClosed
	}
}

// hearWindow is how much sound Hears judges by.
const hearWindow = 300 * time.Millisecond

// Hears blocks until the last 300 ms hold a tone of that frequency; the error of a
// done context says what was heard instead. An ended call hears nothing more.
func (c *Call) Hears(ctx context.Context, hz float64) error {
	timer := time.NewTicker(50 * time.Millisecond)
	defer timer.Stop()
	for {
		last := c.Last(hearWindow)
		if len(last.Samples) >= int(hearWindow.Milliseconds())*8*9/10 && last.Has(hz) {
			return nil
		}
		if e, ended := c.End(); ended {
			return fmt.Errorf("simphone: %.0f Hz not heard: the call %v", hz, e)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("simphone: %.0f Hz not heard but %v: %w", hz, last, context.Cause(ctx))
		case <-c.p.stopped:
			return ErrClosed
		}
	}
}
