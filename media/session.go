package media

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// SessionConfig is what a session is opened with.
type SessionConfig struct {
	ID              SessionID
	Bind, Advertise netip.Addr     // our address: where to listen, what the peer is told (zero: Bind)
	Trust           []netip.Prefix // where sound may come from besides the description's address
	Browser         bool           // the peer is one: AnswerBrowser begins, Bind and SRTP are nothing
	SRTP            SRTP           // whether its sound is encrypted
	PreferCodec     *Codec         // listed first; nil: the engine's order
	DTMF            DTMF           // how digits pass
	Timeout         time.Duration  // without RTP until TimedOut; zero: never
	HeldTimeout     time.Duration  // the same while held; zero: never

	// Dormant sends nothing and times nothing out before Begin: who is only
	// ringing is sent no sound, and owes none.
	Dormant bool
}

// Session is one leg's RTP and RTCP. Its methods may be called from any
// goroutine; they never wait for the shard, are legal in any state and after
// Close, where they do nothing.
//
// What a session hears, in order of precedence: its Play; the seats at its
// bridge; its Background; silence, still sent at the pace of sound so that NAT
// bindings stay open. Nothing is sent before the first agreement, nor while
// the peer holds us.
type Session struct {
	id     SessionID
	bridge atomic.Pointer[Bridge] // whose Close closes it
	engine *Engine
	homes  homes
	cfg    SessionConfig
	ports  portPair
	local  netip.AddrPort
	ssrc   uint32 // ours, one for the session's life

	mu        sync.Mutex // negotiation alone; the shard never takes it
	neg       *Negotiation
	answering bool // a browser's offer has been taken

	path   atomic.Pointer[icePath] // of a browser; nil: none yet
	closed atomic.Bool
	counts counters // written by the shard

	media // the shard's alone once attach has been posted
}

// openSession opens the ports and makes a session that nobody else knows yet.
func openSession(b *Bridge, cfg SessionConfig) (*Session, error) {
	e := b.engine
	if !cfg.Advertise.IsValid() {
		cfg.Advertise = cfg.Bind
	}
	s := &Session{id: cfg.ID, engine: e, cfg: cfg, ssrc: rand.Uint32()}
	s.bridge.Store(b)
	s.shard, s.homes.last = b.shard, &stay{shard: b.shard, here: true}
	if cfg.Browser {
		if e.browsers == nil {
			return nil, ErrClosed
		}
		s.openBrowser()
		s.media.init(s)
		return s, nil
	}
	var err error
	if s.ports, s.rtp, s.rtcp, err = e.ports.open(b.shard.wait, cfg.Bind, e.now); err != nil {
		return nil, err
	}
	s.rtp.owner, s.rtcp.owner, s.rtcp.control = s, s, true
	s.local = s.rtp.addr
	s.neg = NewNegotiation(NegotiationConfig{
		ID: uint64(rand.Int64() >> 1), Address: cfg.Advertise.Unmap(), RTP: s.ports.rtp, RTCP: s.ports.rtp + 1,
		Codecs: e.cfg.Codecs, Prefer: cfg.PreferCodec, SRTP: cfg.SRTP, NoEvents: !cfg.DTMF.signals(),
	})
	s.media.init(s)
	return s, nil
}

// discard gives back what openSession took, when the shard will never know it.
func (s *Session) discard() {
	s.closed.Store(true)
	s.eachSocket(s.shard.wait.discard)
	s.releasePorts()
}

// ID returns the name the session was opened with.
func (s *Session) ID() SessionID { return s.id }

// Offer returns our offer. Without a change since the last one it has the same
// o= version.
func (s *Session) Offer() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.neg.Offer()
}

// SetAnswer takes the peer's answer to the last Offer; it may come twice (183,
// then 200). It fails with ErrMalformed or ErrNoCodec and then changes nothing.
func (s *Session) SetAnswer(answer []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.neg.SetAnswer(answer)
	if err != nil {
		return err
	}
	s.agree(p)
	return nil
}

// Renewed takes the peer's answer to our last description sent again as an
// offer, unchanged: a refresh of the session. It fails as SetAnswer does.
func (s *Session) Renewed(answer []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.neg.Renewed(answer)
	if err != nil {
		return err
	}
	s.agree(p)
	return nil
}

// Answer takes the peer's offer, the first or a later one, and returns our
// answer with the direction mirrored (RFC 3264 §6.1). It fails with
// ErrMalformed (SIP: 400) or ErrNoCodec (488) and then changes nothing.
func (s *Session) Answer(offer []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, p, err := s.neg.Answer(offer)
	if err != nil {
		return nil, err
	}
	s.agree(p)
	return answer, nil
}

// agree hands an agreement to the shard. The caller holds mu, so that two
// agreements reach the shard in order.
func (s *Session) agree(p Params) {
	s.post(func(now int64) { s.apply(p, now) })
}

// Prefer lists c first in offers to come.
func (s *Session) Prefer(c Codec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.neg.Prefer(c)
}

// Comfort lists comfort noise in offers to come.
func (s *Session) Comfort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.neg.Comfort()
}

// TakesComfort says whether comfort noise was agreed on.
func (s *Session) TakesComfort() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.neg.Params()
	return ok && p.Comfort
}

// Codec returns the codec agreed on, Opus where the peer is to send it, or false before the first
// agreement.
func (s *Session) Codec() (Codec, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.neg.Params()
	if p.OpusFirst {
		return Opus, ok
	}
	return p.Codec, ok
}

// DTMF returns how digits pass between us and the peer, as the session was opened.
func (s *Session) DTMF() DTMF { return s.cfg.DTMF }

// Held says whether the peer holds us: it will not hear us.
func (s *Session) Held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.neg.Params()
	return ok && p.Held
}

// Begin ends a Dormant session's sleep: sound may be sent, and Timeout runs
// from now. On a session that is awake it restarts Timeout.
func (s *Session) Begin() {
	s.post(func(now int64) {
		s.dormant = false
		s.waiting, s.timedOut = now, false
		s.watch.begin(now)
		s.reroute(now)
		s.rerouteTable(now)
	})
}

// LimitUntilConfirmed lets at most 1 s of sound out until Confirm: before the
// ACK nobody has proven that the address in the description wants it.
func (s *Session) LimitUntilConfirmed() {
	s.post(func(int64) { s.limited = true })
}

// Confirm lifts LimitUntilConfirmed. A Play that had been stopped by the limit
// goes on where it was.
func (s *Session) Confirm() {
	s.post(func(int64) { s.limited = false })
}

// Play plays a clip once; Played follows. A Play that is still on is Cut.
func (s *Session) Play(c *Clip, id PlayID) {
	s.widen(c)
	if !s.post(func(now int64) { s.play(c, id, now) }) {
		s.engine.cfg.Emit(Played{Session: s.id, Play: id, Cut: true})
	}
}

// widen makes the clip ready for a session that may speak G722.
func (s *Session) widen(c *Clip) {
	if c != nil && s.engine.wide {
		c.Widen()
	}
}

// StopPlay cuts the Play that is on: its next packet is of something else.
func (s *Session) StopPlay() {
	s.post(func(now int64) { s.cut(now) })
}

// Background sets what the session hears when it has neither a Play nor
// another seat to hear: a clip, looped, at the position that all its listeners
// share; nil is silence.
func (s *Session) Background(c *Clip) {
	s.widen(c)
	s.post(func(now int64) {
		if s.background != c || s.course != looping { // the same goes on where it is
			s.background, s.begun = c, 0
			if c != nil && c.onset {
				s.begun = now
			}
		}
		s.reroute(now)
	})
}

// Mute makes nobody hear the session, its recording included, or ends that.
func (s *Session) Mute(on bool) {
	s.post(func(now int64) {
		s.muted = on
		s.reroute(now)
		s.rerouteTable(now)
	})
}

// Echo lets the session hear itself, whoever else is there; nobody else hears
// it. It ends with the session.
func (s *Session) Echo() {
	s.post(func(now int64) {
		s.echo = true
		s.sit(&table{}, now)
	})
}

// Tap has t told what the session says while it is seated and not muted; nil
// ends it at once. side is handed on to t.
func (s *Session) Tap(t Tap, side int) {
	s.post(func(now int64) {
		s.leaveTap(now)
		s.tap, s.side, s.tail = t, side, tail{}
		s.meetTap(now)
	})
}

// Untap ends the tap for what is said from now on: t is still told for 250 ms
// of what the network brings late, whatever becomes of the session's seat, and
// leaves out by the packets' timestamps what was said after its own end.
func (s *Session) Untap() {
	s.post(s.untap)
}

// Close ends the session: RTCP BYE, the seat given up, a Play on it Cut, both
// sockets closed; where it has a tap, as Untap would, after it has listened for
// another 250 ms. Its ports rest 2 s before they are used again. It may be
// called again.
func (s *Session) Close() {
	if s.closed.Swap(true) {
		return
	}
	s.bridge.Load().forget(s)
	s.endPath()
	s.post(s.end)
}
