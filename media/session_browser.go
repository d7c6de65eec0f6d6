package media

import (
	"math/rand/v2"
	"net/netip"
	"slices"
)

// Connected says that a browser was found and has proven itself: sound goes both ways, encrypted.
type Connected struct{ Session SessionID }

// Disconnected says that a browser's connection is over without a Close: it never came about, or
// the browser has closed it. It is told once.
type Disconnected struct {
	Session SessionID
	Err     error // why; it wraps ErrNoPath when it never came about
}

// Resumed says that the packets of a browser whose Stopped was told come again.
type Resumed struct{ Session SessionID }

func (Connected) event()    {}
func (Disconnected) event() {}
func (Resumed) event()      {}

// AnswerBrowser takes the offer of a browser, on a session that was opened as a Browser's, and
// returns our answer with all our addresses. via is our address that its page was fetched from, one
// it can reach; invalid: not known. Connected or Disconnected follows. It waits for no peer, but may
// take milliseconds. It fails with ErrMalformed, ErrNoCodec, ErrClosed or the kernel's refusal; a
// second offer to the same session is ErrClosed: another page is another session.
func (s *Session) AnswerBrowser(offer []byte, via netip.Addr) ([]byte, error) {
	d, err := parseDescription(offer)
	if err != nil {
		return nil, err
	}
	o, err := readBrowser(d)
	if err != nil {
		return nil, err
	}
	m := s.engine.browsers
	if err := s.beginAnswer(m, d, o); err != nil {
		return nil, err
	}
	answer, err := s.answerOn(m, d, o, via)
	if err != nil {
		s.mu.Lock()
		s.answering = false
		s.mu.Unlock()
	}
	return answer, err
}

// answerOn makes a browser's path and answers. The session is not locked while pion gathers: the
// switchboard asks for its codec meanwhile.
func (s *Session) answerOn(m *iceMux, d *description, o browserOffer, via netip.Addr) ([]byte, error) {
	p, err := newIcePath(m, s)
	if err != nil {
		return nil, err
	}
	p.offer = o
	own := browserAnswer{fingerprint: m.fingerprint, lite: s.engine.cfg.WebRTC.Lite, ssrc: s.ssrc, at: m.told(via)}
	if own.ufrag, own.pwd, err = p.gather(); err != nil {
		p.discard()
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, _, err := s.neg.answerBrowser(d, o, own)
	if err != nil {
		p.discard()
		return nil, err
	}
	s.path.Store(p)
	if s.closed.Load() { // by who has not seen the path
		p.end()
	}
	if err := m.start(p); err != nil {
		p.discard()
		return nil, err
	}
	return answer, nil
}

// beginAnswer says whether an offer can be answered, before anything is made for it: once, and
// again where the offer was refused.
func (s *Session) beginAnswer(m *iceMux, d *description, o browserOffer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m == nil || !s.cfg.Browser || s.answering || s.closed.Load() {
		return ErrClosed
	}
	if f, _ := s.neg.pick(o.formats, nil); f.encoding == "" {
		return s.neg.usable(&d.sections[o.section], audio{formats: o.formats})
	}
	s.answering = true
	return nil
}

// endPath has a browser told that it is over.
func (s *Session) endPath() {
	if p := s.path.Load(); p != nil {
		p.end()
	}
}

// discard ends a path that never ran.
func (p *icePath) discard() {
	p.end()
	p.mux.leave(p)
	_ = p.agent.Close()
}

// told are the addresses that a browser is told, the likeliest first: those of the configuration,
// else those we listen at. Loopback is told to who came by it alone.
func (m *iceMux) told(via netip.Addr) []netip.AddrPort {
	port := m.sockets[0].addr.Port()
	var all []netip.AddrPort
	add := func(a netip.Addr) {
		if at := netip.AddrPortFrom(a.Unmap(), port); !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	if m.socketAt(via.Unmap()) != nil {
		add(via)
	}
	for _, a := range m.engine.cfg.WebRTC.Told {
		add(a)
	}
	if !m.engine.cfg.WebRTC.Only {
		for _, s := range m.sockets {
			if !s.addr.Addr().IsLoopback() {
				add(s.addr.Addr())
			}
		}
	}
	if len(all) == 0 {
		for _, s := range m.sockets {
			add(s.addr.Addr())
		}
	}
	return all
}

// keyed takes what DTLS has agreed on: only now is anything sent or heard.
func (s *Session) keyed(k Keying) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.neg.Params()
	if !ok {
		return
	}
	p.Keying = k
	s.neg.params = p
	s.agree(p)
}

// reach is ICE having chosen where the browser is: from here on a socket of the session's own has
// its packets.
func (s *Session) reach(at *iceSocket, to netip.AddrPort, now int64) {
	if s.ended {
		return
	}
	sock, err := s.shard.wait.join(at, to)
	if err != nil {
		s.engine.log.Error("media: a browser cannot be reached", "leg", string(s.id), "addr", to, "err", err)
		return
	}
	if old := s.rtp; old != nil {
		s.shard.wait.remove(old)
	}
	sock.owner, sock.door = s, at
	s.rtp = sock
	s.listenAt(sock)
	s.latch.agree(to, true)
	s.watch.refusals = 0
	s.showRemote()
	s.reroute(now)
	s.rerouteTable(now)
}

// isOthers hands what is no sound of this browser's to the mux; false: it is its sound.
func (s *Session) isOthers(sock *socket, from netip.AddrPort, n int) bool {
	b := s.shard.in.buf[:n]
	if from == s.latch.told && flavourOf(b) == aSound {
		return false
	}
	sock.door.mux.dispatch(sock.door, b, from)
	return true
}

// openBrowser prepares a session whose ports are the mux's.
func (s *Session) openBrowser() {
	s.neg = NewNegotiation(NegotiationConfig{
		ID: uint64(rand.Int64() >> 1), Codecs: s.engine.cfg.Codecs, Opus: true, Prefer: s.cfg.PreferCodec, NoEvents: !s.cfg.DTMF.signals(),
	})
}
