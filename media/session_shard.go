package media

import (
	"math/rand/v2"
	"time"
)

// perSample is the length of one sample in nanoseconds: everything inside is 8 kHz.
const perSample = time.Second / SampleRate

// course is where what a session hears comes from.
type course uint8

const (
	nowhere   course = iota // no agreement yet: nothing is sent
	relayed                 // from the one other seat, its packets as they are
	mixed                   // from the other seats, through PCM
	playing                 // its Play
	looping                 // its Background
	stillness               // silence, at the pace of sound
	keying                  // keys that are pressed for it
)

// media is what a session's shard knows of it.
type media struct {
	shard     *shard // where it lives
	index     int    // in shard.sessions
	rtp, rtcp *socket
	ended     bool

	terms    Params
	agreed   bool
	frame    int   // samples of a packet that we pace ourselves
	period   int64 // the same in ns
	dormant  bool  // until Begin
	limited  bool  // until Confirm
	spent    int   // samples sent while limited
	quiet    bool  // the peer is not expected to send: it holds us, or is held
	waiting  int64 // since when its next packet is waited for
	timedOut bool  // told, and nothing has come since

	table      *table // where it sits, or nil
	observes   *table // beside which it is, or nil: see observe.go
	whispers   *Session
	muted      bool
	echo       bool // hears itself: alone at a table of its own
	tap        Tap
	side       int
	tail       tail
	stilled    bool  // what the tap was told last of the stream
	clip       *Clip // the Play that is on, or nil
	playID     PlayID
	played     int // samples of it
	background *Clip
	begun      int64 // where its beginning is

	course  course
	source  *Session // course relayed: whose packets
	relayTo *Session // who is relayed this session's packets, or nil
	isMixed bool     // somebody mixes this session

	overhears *speech // nil: it is not overheard

	seal *seal // nil: plain RTP

	receiver
	sender
	reports
}

// init prepares the shard's part of a new session.
func (m *media) init(s *Session) {
	m.index = -1
	m.dormant = s.cfg.Dormant
	m.latch.trust = s.cfg.Trust
	m.order.init(int64(s.engine.cfg.JitterMin), int64(s.engine.cfg.JitterMax))
	m.gap = timer{owner: s, fire: s.giveUp}
	m.pace = timer{owner: s, fire: s.tick}
	m.seq, m.ts = uint16(rand.Uint32()>>17), rand.Uint32() // RFC 3711 §3.3.1: below 2^15, lest a first loss hides a wrap
	m.phase = int64(s.ports.index%20) * slot
	if s.cfg.Browser {
		m.phase = rand.Int64N(20) * slot
	}
}

// defaultJitterMax is how long a packet may be held when Config does not say.
const defaultJitterMax = 200 * time.Millisecond

// attach is the session's first order.
func (s *Session) attach(now int64) {
	s.waiting = now
	s.shard.admit(s)
	s.eachSocket(s.listenAt)
}

// listenAt begins to receive from a socket.
func (s *Session) listenAt(sock *socket) {
	if err := s.shard.wait.add(sock); err != nil {
		s.engine.log.Error("media: a session cannot receive", "leg", string(s.id), "addr", sock.addr, "err", err)
	}
}

// end is its last one.
func (s *Session) end(now int64) {
	if s.ended {
		return
	}
	s.untap(now)
	s.cut(now)
	s.sit(nil, now)
	s.ended = true
	s.endPath()
	s.shard.wheel.disarm(&s.pace)
	s.shard.wheel.disarm(&s.gap)
	s.unpack()
	for s.order.held > 0 {
		s.order.skip()
		s.shard.giveBack(s.order.pop())
	}
	s.dropStray()
	s.bye(now)
	if s.tap == nil {
		s.vanish()
	} // else the chores see to it, when its tail is over
}

// vanish gives back what an ended session has: its shard knows it no longer.
func (s *Session) vanish() {
	s.tap = nil
	s.dropStray()
	s.shard.dismiss(s)
	s.eachSocket(s.shard.wait.remove)
	s.releasePorts()
}

// eachSocket does something with each socket that the session has: a browser's has one, or none yet.
func (s *Session) eachSocket(do func(*socket)) {
	for _, one := range [...]*socket{s.rtp, s.rtcp} {
		if one != nil {
			do(one)
		}
	}
}

// releasePorts gives the pair back, where the session has one of its own.
func (s *Session) releasePorts() {
	if !s.cfg.Browser {
		s.engine.ports.release(s.ports, s.engine.now())
	}
}

// tailLength is for how long after its end a tap is told what comes late: the
// recorder takes as much.
const tailLength = int64(250 * time.Millisecond)

// tail is what a tap is still told after its end.
type tail struct {
	until int64 // 0: it has not ended
	said  bool  // the session was to be heard at that moment
}

func (s *Session) untap(now int64) {
	if s.tap != nil && s.tail.until == 0 {
		s.tail = tail{until: now + tailLength, said: s.saysAloud()}
		s.tellStill(now)
	}
}

// saysAloud says whether a tap may hear the session.
func (s *Session) saysAloud() bool {
	if s.tail.until != 0 {
		return s.tail.said
	}
	return s.table != nil && !s.muted && s.terms.Receive
}

// apply takes what the peer and we have agreed on.
func (s *Session) apply(p Params, now int64) {
	if s.ended {
		return
	}
	quiet := p.Held || !p.Receive
	if !s.agreed || quiet != s.quiet {
		s.waiting, s.timedOut = now, false // hold and resume start their own clock
	}
	if !s.agreed {
		s.firstReport(now)
	}
	s.terms, s.agreed, s.quiet = p, true, quiet
	if p.Comfort && s.hush == nil {
		s.hush = make([]byte, 0, 1+comfortOrder)
	}
	s.ear.speaks(p.Codec)
	s.mouth.speaks(p.Codec)
	if s.taped == nil && p.Codec == G722 {
		s.taped = G722.NewCoder()
	}
	switch listens := s.cfg.DTMF.tones(p); {
	case !listens:
		s.tones = nil
	case s.tones == nil:
		s.tones = &dialTones{}
	}
	s.counts.spoken.Store(uint32(p.Codec) + 1)
	s.frame = int(p.Ptime / perSample)
	if s.frame <= 0 || s.frame > 2*maxFrame {
		s.frame = FrameSamples
	}
	s.period = int64(s.frame) * int64(perSample)
	s.latch.agree(p.Remote, p.Moved)
	s.sealWith(p.Keying, p.Moved)
	if p.Moved {
		s.controlFrom = p.RemoteRTCP
	}
	s.showRemote()
	s.reroute(now)
	s.rerouteTable(now)
}

// maxFrame is the longest packet that is negotiated, in samples: 60 ms.
const maxFrame = 480

// sit gives the session a seat at t; nil: none.
func (s *Session) sit(t *table, now int64) {
	if s.ended || s.table == t && s.observes == nil {
		return
	}
	s.cede(now)
	if s.table = t; t == nil {
		s.reroute(now)
		return
	}
	t.seats = append(t.seats, s)
	t.reroute(now)
}

// cede gives up the session's seat, if it has one; what it hears now is not
// decided yet.
func (s *Session) cede(now int64) {
	s.cedeObserved(now)
	if old := s.table; old != nil {
		old.seats = without(old.seats, s)
		s.table = nil
		old.reroute(now)
	}
	s.relayTo, s.isMixed, s.overhears = nil, false, nil
}

// play begins a Play.
func (s *Session) play(c *Clip, id PlayID, now int64) {
	s.cut(now)
	if s.ended || c == nil || c.samples == 0 {
		s.engine.cfg.Emit(Played{Session: s.id, Play: id, Cut: s.ended})
		return
	}
	s.clip, s.playID, s.played = c, id, 0
	s.reroute(now)
	s.rerouteTable(now)
}

// cut ends the Play that is on before its time.
func (s *Session) cut(now int64) { s.endPlay(true, now) }

// endPlay ends the Play that is on.
func (s *Session) endPlay(cut bool, now int64) {
	if s.clip == nil {
		return
	}
	s.clip = nil
	s.engine.cfg.Emit(Played{Session: s.id, Play: s.playID, Cut: cut})
	s.reroute(now)
	s.rerouteTable(now)
}

// rerouteTable looks again at what the other seats hear.
func (s *Session) rerouteTable(now int64) {
	if t := s.within(); t != nil {
		t.reroute(now)
	}
}

// reroute decides anew what each seat hears, and who must decode whom.
func (t *table) reroute(now int64) {
	for _, s := range t.seats {
		s.reroute(now)
	}
	for _, w := range t.observers {
		w.reroute(now)
	}
	t.rerouteObservers()
	for _, s := range t.seats {
		isMixed, wide := t.listened()
		s.relayTo = nil
		for _, one := range t.seats {
			switch {
			case one == s && !s.echo:
			case one.course == relayed && one.source == s:
				s.relayTo = one
			case one.course == mixed:
				isMixed, wide = true, wide || one.hearsWide()
			}
		}
		s.mixFor(isMixed, wide)
	}
}

// reroute decides what the session hears.
func (s *Session) reroute(now int64) {
	if s.ended {
		return
	}
	s.tellStill(now)
	was, whose := s.course, s.source
	s.course, s.source = s.choose()
	if s.course != relayed || s.source != whose {
		s.unpack()
	}
	if s.course == relayed {
		s.repackFor(s.source)
	}
	switch paced := s.course != nowhere && s.course != relayed; {
	case !paced:
		s.shard.wheel.disarm(&s.pace)
	case !s.pace.set:
		s.shard.wheel.arm(&s.pace, s.firstTick(now))
	}
	if s.course != was {
		s.turned = true
		s.from = nil // what was not sent meanwhile leaves no hole
	}
}

// choose returns the course by precedence: Play, seat, Background, silence.
func (s *Session) choose() (course, *Session) {
	switch {
	case !s.agreed || s.dormant:
		return nowhere, nil
	case s.pad.busy():
		return keying, nil
	case s.clip != nil:
		return playing, nil
	case s.table != nil && s.echo:
		return relayed, s
	case s.observes != nil, s.table != nil && s.table.whispered(s):
		return mixed, nil
	case s.table != nil && len(s.table.seats) == 2:
		other := s.table.seats[0]
		if other == s {
			other = s.table.seats[1]
		}
		if s.relayable(other) {
			return relayed, other
		}
		return mixed, nil
	case s.table != nil && len(s.table.seats) > 2:
		return mixed, nil
	case s.background != nil && s.background.samples > 0:
		return looping, nil
	}
	return stillness, nil
}

// relayable says whether the other's packets can be heard one by one, as they are or converted.
func (s *Session) relayable(other *Session) bool {
	return other.agreed && !other.muted
}
