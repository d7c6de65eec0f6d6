package simphone

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// frame is the packet interval: 160 samples at 8 kHz.
const (
	frame        = 20 * time.Millisecond
	frameSamples = 160
)

// session is the RTP of one call. Its fields are shared by the loop, the sender
// and the reader, under mu.
type session struct {
	local netip.AddrPort
	stop  chan struct{}
	once  sync.Once
	keep  time.Duration

	mu    sync.Mutex
	conn  net.PacketConn   // the one we send from
	conns []net.PacketConn // all that are open, see MoveRTP
	// What we say of ourselves.
	codecs      []Codec
	want        Direction // what we would have if the peer lets us
	zero        bool      // c=0.0.0.0
	id, version uint64
	written     []byte // last description, to see whether a new one differs
	srtp        SRTP
	keys        *sdes // nil: it knows nothing of SRTP
	secure      bool  // RTP/SAVP, as the peer's offer had it or ours has
	tag         string
	// What was agreed.
	peer   netip.AddrPort
	codec  Codec
	events int // telephone-event payload type; -1: none
	sendOn bool
	theirs Direction // the peer's last direction, from its side
	// The sender.
	muted, dead bool
	tone, level float64
	phase       float64
	said        spoken // the last frame
	ssrc        uint32
	seq         uint16
	ts          uint32
	mark        bool
	digits      []digitSend
	sent        int
	late        int
	// The receiver.
	hear hearing
}

// newSession opens the RTP socket and starts its two goroutines.
func (p *Phone) newSession(o *options) (*session, error) {
	conn, err := p.cfg.ListenRTP(netip.AddrPortFrom(p.cfg.MediaIP, 0))
	if err != nil {
		return nil, fmt.Errorf("simphone: RTP socket: %w", err)
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("simphone: RTP socket: %w", err)
	}
	var r [20]byte
	rand.Read(r[:])
	s := &session{
		conn: conn, conns: []net.PacketConn{conn}, local: netip.AddrPortFrom(p.cfg.MediaIP, local.Port()), stop: make(chan struct{}), keep: p.cfg.Keep,
		codecs: p.cfg.Codecs, want: SendRecv, events: 101, codec: p.cfg.Codecs[0], theirs: SendRecv,
		id: uint64(binary.BigEndian.Uint32(r[0:])), version: 1, tone: p.cfg.Tone, level: p.cfg.Level,
		ssrc: binary.BigEndian.Uint32(r[4:]), seq: binary.BigEndian.Uint16(r[8:]), ts: binary.BigEndian.Uint32(r[12:]), mark: true,
	}
	if o != nil {
		if o.codecs != nil {
			s.codecs, s.codec = o.codecs, o.codecs[0]
		}
		if o.tone != nil {
			s.tone = *o.tone
		}
	}
	if s.srtp = p.cfg.SRTP; s.srtp != NoSRTP {
		s.keys, s.secure, s.tag = newSDES(), s.srtp == SRTPOrNobody, "1"
	}
	s.dead = p.dead
	p.wg.Go(func() { p.guard(s.speak) })
	p.wg.Go(func() { p.guard(func() { s.listen(conn) }) })
	return s, nil
}

// close ends the goroutines; nil and closed sessions are legal.
func (s *session) close() {
	if s == nil {
		return
	}
	s.once.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.stop)
		for _, conn := range s.conns {
			conn.Close()
		}
	})
}

// moved makes conn the socket to send from. The caller holds mu.
func (s *session) moved(conn net.PacketConn) {
	s.conn = conn
	s.conns = append(s.conns, conn)
}

func (s *session) setDead(dead bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.dead = dead
	s.mu.Unlock()
}

// describe writes our description for an offer; the version grows when the text
// changes.
func (s *session) describe(h *Habits, codecs []Codec, events int, dir Direction) []byte {
	t := offerText{ip: s.local.Addr(), port: s.local.Port(), id: s.id, version: s.version, codecs: codecs, events: events,
		dir: dir, noDir: h.NoDirection || s.zero, zero: s.zero, secure: s.secure}
	if s.keys != nil && s.tag != "" {
		t.crypto = s.keys.line(s.tag)
	}
	b := t.bytes()
	if s.written != nil && !slices.Equal(b, s.written) {
		s.version++
		t.version = s.version
		b = t.bytes()
	}
	s.written = b
	if h.SDP != nil {
		b = h.SDP(slices.Clone(b))
	}
	return b
}

// offer is our description as an offer.
func (s *session) offer(h *Habits) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := s.want
	if s.zero {
		dir = SendRecv
	}
	return s.describe(h, s.codecs, 101, dir)
}

// accept takes the peer's answer to our offer.
func (s *session) accept(b []byte) error {
	d, err := parseSDP(b)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agree(d)
}

// answer takes the peer's offer and returns our answer.
func (s *session) answer(h *Habits, b []byte) ([]byte, error) {
	d, err := parseSDP(b)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.agree(d); err != nil {
		return nil, err
	}
	s.secure, s.tag = d.secure, d.tag
	offered := d.dir
	if d.zero { // RFC 3264 §8.4: the peer does not receive
		offered = direction(offered.sends(), false)
	}
	dir := s.want.answerTo(offered)
	if h.NoHold {
		dir = SendRecv
	}
	return s.describe(h, []Codec{s.codec}, d.events, dir), nil
}

// agree takes over the peer's address, direction and codec. The caller holds mu.
func (s *session) agree(d description) error {
	i := slices.IndexFunc(d.codecs, func(c Codec) bool { return slices.Contains(s.codecs, c) })
	if i < 0 {
		return errors.New("simphone: no codec in common")
	}
	switch {
	case s.srtp == SRTPOrNobody && d.key == "":
		return errors.New("simphone: no key, and it must be encrypted")
	case s.srtp == NoSRTP && d.secure:
		return errors.New("simphone: it is to be encrypted")
	case s.keys != nil:
		s.keys.take(d.key)
	}
	s.codec, s.events = d.codecs[i], d.events
	s.theirs = d.dir
	s.peer = netip.AddrPort{}
	if !d.zero && d.addr.Addr().IsValid() && d.addr.Port() != 0 {
		s.peer = d.addr
	}
	return nil
}

// start lets the sender speak.
func (s *session) start() {
	s.mu.Lock()
	s.sendOn = true
	s.mu.Unlock()
}

// speak sends a packet every 20 ms on absolute deadlines; a late wake-up catches
// up at most five frames, then skips.
func (s *session) speak() {
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-timer.C:
		}
		due := 0
		for now := time.Now(); !next.After(now); next = next.Add(frame) {
			due++
		}
		for i := range due {
			s.tick(due-i <= 5)
		}
		timer.Reset(time.Until(next))
	}
}

// tick moves the sender's clock by one frame and sends it, unless it is too late.
func (s *session) tick(onTime bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.ts += frameSamples }()
	if !s.sendOn || s.muted || s.dead || !s.peer.IsValid() || !s.want.sends() || !s.theirs.receives() {
		s.mark = true
		return
	}
	if !onTime {
		s.late++
		s.mark = true
		return
	}
	pt, ts, payload := byte(s.codec), s.ts, []byte(nil)
	if e, at, ok := s.nextDigit(); ok {
		pt, ts, payload = byte(s.events), at, e
	} else {
		payload = s.frame()
	}
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	if s.mark {
		b[1] |= 0x80
	}
	s.mark = false
	binary.BigEndian.PutUint16(b[2:], s.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], s.ssrc)
	s.seq++
	s.sent++
	// A packet that cannot be sent is a packet lost.
	_, _ = s.conn.WriteTo(s.keys.seal(append(b, payload...)), net.UDPAddrFromAddrPort(s.peer))
}

// spoken is a frame of a tone: the sound, encoded, and where in the wave it begins.
type spoken struct {
	codec       Codec
	tone, level float64
	phase       float64
	payload     []byte
}

// frame is the next 20 ms of the tone. A tone of whole periods in a frame, as 50 Hz and all that it
// goes into, sounds the same in each: it is made once.
func (s *session) frame() []byte {
	w := 2 * math.Pi * s.tone / 8000
	if s.tone <= 0 {
		w = 0
	}
	next := math.Mod(s.phase+w*frameSamples, 2*math.Pi)
	if turned := math.Abs(math.Remainder(next-s.phase, 2*math.Pi)); turned < 1e-9 {
		next = s.phase // what is left is rounding
	}
	now := spoken{codec: s.codec, tone: s.tone, level: s.level, phase: s.phase}
	if last := s.said; last.payload == nil || last.codec != now.codec || last.tone != now.tone || last.level != now.level || last.phase != now.phase {
		now.payload = now.encode(w)
		s.said = now
	}
	s.phase = next
	return s.said.payload
}

// encode makes the sound: sin(x+w) = 2cos(w)sin(x) - sin(x-w), begun anew with each frame so that
// no error grows.
func (f spoken) encode(w float64) []byte {
	out, amp := make([]byte, frameSamples), 32767*math.Pow(10, f.level/20)
	if w == 0 {
		amp = 0
	}
	c, v1, v2 := 2*math.Cos(w), amp*math.Sin(f.phase-w), amp*math.Sin(f.phase-2*w)
	for i := range out {
		v := c*v1 - v2
		v2, v1 = v1, v
		out[i] = f.codec.encode(int16(math.Round(v)))
	}
	return out
}

// digitSend is a telephone-event on its way out: RFC 4733 §2.5.
type digitSend struct {
	event byte
	at    uint32
	step  int
}

const (
	digitFrames = 5 // of 20 ms: the tone
	digitEnds   = 3 // the end packet is sent three times
	digitPause  = 5 // frames of sound before the next
)

func (s *session) nextDigit() (payload []byte, at uint32, ok bool) {
	if len(s.digits) == 0 || s.events < 0 {
		return nil, 0, false
	}
	d := &s.digits[0]
	if d.step++; d.step == 1 {
		d.at, s.mark = s.ts, true
	}
	if d.step > digitFrames+digitEnds {
		if d.step == digitFrames+digitEnds+digitPause {
			s.digits = s.digits[1:]
		}
		return nil, 0, false
	}
	b := []byte{d.event, 10, 0, 0}
	if d.step > digitFrames {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], uint16(min(d.step, digitFrames)*frameSamples))
	return b, d.at, true
}
