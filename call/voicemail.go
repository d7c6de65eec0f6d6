package call

import (
	"slices"
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
)

// Voicemail is what the configuration says of messages.
type Voicemail struct {
	Most    time.Duration // longest message; 0: 3 min
	Least   time.Duration // a shorter one is none; 0: 2 s
	Silence time.Duration // ends a message; 0: 8 s
	Full    int           // messages that a box takes; 0: 100
	Keep    time.Duration // how long they are kept; 0: for ever

	Greetings map[Box]string // prompts, by box; missing: the shipped one
	Mail      map[Box][]string
	PINs      map[Box]PIN // that open boxes from elsewhere
}

func (v Voicemail) most() time.Duration    { return orDuration(v.Most, 3*time.Minute) }
func (v Voicemail) least() time.Duration   { return orDuration(v.Least, 2*time.Second) }
func (v Voicemail) silence() time.Duration { return orDuration(v.Silence, 8*time.Second) }

func orDuration(d, or time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return or
}

// taking is a message while it is recorded, and until it is sent or dropped.
type taking struct {
	beeping bool // the tone is heard; recording begins after it
	id      recorder.ID
	path    string
	tape    *recorder.Recording // nil: it has ended
	ear     *ear
	began   time.Time
	length  time.Duration
	quietAt time.Time // nothing has been said for so long
	sealed  bool
	replay  bool // to be heard once it is sealed
	accepts *Box // whose greeting it is to be once it is sealed
}

// ear passes sound on to a recording and remembers when something was said last. It is called on a media shard's thread.
type ear struct {
	to   media.Tap
	loud atomic.Int64 // unix ns of the arrival; 0: nothing was said yet
}

// loudness from which sound is somebody who speaks: the mean of the samples' sizes, -41 dBFS; what a quiet line's noise is
// stays below it.
const loudness = 300

// Sound is media.Tap.
func (e *ear) Sound(side int, ssrc, ts uint32, seq uint16, marker bool, at int64, rate int, pcm []int16) {
	sum := 0
	for _, v := range pcm {
		if v < 0 {
			sum -= int(v)
		} else {
			sum += int(v)
		}
	}
	if len(pcm) > 0 && sum/len(pcm) >= loudness {
		e.loud.Store(at)
	}
	e.to.Sound(side, ssrc, ts, seq, marker, at, rate, pcm)
}

// Comfort is media.Tap.
func (e *ear) Comfort(side int, ssrc, ts uint32, seq uint16, at int64, pcm []int16) {
	e.to.Comfort(side, ssrc, ts, seq, at, pcm)
}

// Still is media.Tap.
func (e *ear) Still(side int, ssrc uint32, at int64, on bool) { e.to.Still(side, ssrc, at, on) }

// takeMessage is a flow's voicemail step.
func (s *Switchboard) takeMessage(c *liveCall, step routing.VoicemailStep) {
	box := Box{Team: step.Team, Agent: step.Agent}
	full := s.setup.Voicemail.Full
	if full <= 0 {
		full = 100
	}
	c.record.enter(s.now, Segment{Kind: SegmentVoicemail, Team: step.Team, Agent: step.Agent})
	s.keep(c)
	run := &routing.VoicemailRun{
		Greeting: s.greeting(box), Most: s.setup.Voicemail.most(),
		Full: len(s.boxed(box)) >= full,
	}
	s.beginAside(c, &aside{box: box, run: routing.Aside{Voicemail: run}, over: func() {
		s.flow(c, routing.FlowDone{})
	}})
}

// startTaking begins the recording of a message: the caller's side alone.
func (s *Switchboard) startTaking(c *liveCall) {
	t := c.aside.take
	t.id = recorder.NewID(s.now)
	t.tape = s.hands.Recorder.Start(recorder.StartConfig{ID: t.id, Rate: s.hands.Media.Rate(), At: s.now})
	t.path, t.began = t.tape.Path(), s.now
	t.ear = &ear{to: t.tape}
	c.bridge.Join(c.caller.session) // alone: who has no seat says nothing
	c.caller.session.Tap(t.ear, sideCaller)
	c.record.Recordings = append(c.record.Recordings, Recorded{ID: t.id, Path: t.path, Voicemail: true})
	s.recording[t.id] = c.record
	s.callFact(c, Fact{Kind: FactRecordingStarted, Recording: t.id, Team: c.aside.box.Team, Agent: c.aside.box.Agent})
	t.quietAt = s.now.Add(s.setup.Voicemail.silence())
	s.keep(c)
	s.rearm(c)
}

// stopTaking ends the recording.
func (s *Switchboard) stopTaking(c *liveCall) {
	t := c.aside.take
	if t == nil || t.tape == nil {
		return
	}
	c.caller.session.Untap()
	c.bridge.Part(c.caller.session)
	t.tape.Close(s.now)
	t.tape, t.quietAt, t.length = nil, noTime, s.now.Sub(t.began)
}

// tooShort says that nobody said anything, or for a moment only.
func (s *Switchboard) tooShort(t *taking) bool {
	return t == nil || t.ear == nil || t.ear.loud.Load() == 0 || t.length < s.setup.Voicemail.least()
}

// listenTaking ends a message that nothing was added to for a time.
func (s *Switchboard) listenTaking(c *liveCall) {
	t := c.aside.take
	if t.quietAt.IsZero() || t.quietAt.After(s.now) {
		return
	}
	last := t.began
	if at := t.ear.loud.Load(); at != 0 {
		last = s.clock(time.Unix(0, at))
	}
	if due := last.Add(s.setup.Voicemail.silence()); due.After(s.now) {
		t.quietAt = due
		return
	}
	t.quietAt = noTime
	s.asideStep(c, routing.AsideSilent{})
}

// dropTaking deletes what was recorded: nothing of it stays on the card.
func (s *Switchboard) dropTaking(c *liveCall) {
	s.stopTaking(c)
	t := c.aside.take
	if c.aside.take = nil; t == nil || t.id == "" {
		return
	}
	c.record.Recordings = slices.DeleteFunc(c.record.Recordings, func(r Recorded) bool { return r.ID == t.id })
	delete(s.recording, t.id)
	s.keep(c)
	if t.sealed {
		s.erase(c.id, t.id, "")
	} else {
		s.doomed[t.id] = c.id
	}
}

// sendTaking keeps what was recorded as a message.
func (s *Switchboard) sendTaking(c *liveCall) {
	s.stopTaking(c)
	t, box := c.aside.take, c.aside.box
	if c.aside.take = nil; t == nil || t.id == "" {
		return
	}
	m := &Message{
		ID: t.id, Box: box, Call: c.id, Path: t.path, Caller: c.record.Caller, Name: c.record.Name, Contact: c.record.Contact,
		At: t.began, Duration: t.length, Sealed: t.sealed,
	}
	s.messages[m.ID] = m
	s.append(MessageKept{*m})
	s.log.Info("a message was left", "call", c.id, "team", box.Team, "agent", box.Agent, "count", int(t.length.Seconds()))
	s.callFact(c, Fact{Kind: FactVoicemailLeft, Team: box.Team, Agent: box.Agent, Recording: m.ID})
	s.lamps(box)
	if t.sealed {
		s.mail(m)
		s.transcribeMessage(m)
	}
}

// abandonAside is the end of a call within an aside: a message that was begun is sent if it is one; a greeting is dropped.
func (s *Switchboard) abandonAside(c *liveCall) {
	a := c.aside
	if a == nil {
		return
	}
	if a.take != nil {
		s.stopTaking(c)
		if v := a.run.Voicemail; v != nil && v.Recording() && !s.tooShort(a.take) {
			s.sendTaking(c)
		} else {
			s.dropTaking(c)
		}
	}
	c.aside = nil
}

// voiceSealed is a recording that has reached the disk, or failed to: of a message, or of one that is not wanted.
func (s *Switchboard) voiceSealed(e recorder.Sealed) {
	if of, ok := s.doomed[e.ID]; ok {
		delete(s.doomed, e.ID)
		s.erase(of, e.ID, "")
		return
	}
	if m := s.messages[e.ID]; m != nil {
		if e.Duration > 0 || e.Err != nil {
			m.Duration = e.Duration
		}
		m.Sealed = true
		if e.Err != nil {
			s.failedMessage(m, e.Err)
			return
		}
		s.append(MessageKept{*m})
		s.mail(m)
		s.transcribeMessage(m)
		return
	}
	for _, c := range s.calls {
		if c.ended || c.aside == nil || c.aside.take == nil || c.aside.take.id != e.ID {
			continue
		}
		s.handling = c
		c.aside.take.sealed = true
		switch {
		case e.Err != nil:
			box := c.aside.box
			s.log.Error("a voicemail recording failed: the caller is told, nothing of it is kept", "call", c.id, "team", box.Team, "agent", box.Agent, "err", e.Err)
			s.callFact(c, Fact{Kind: FactVoicemailFailed, Team: box.Team, Agent: box.Agent, Recording: e.ID, Reason: e.Err.Error()})
			s.asideStep(c, routing.AsideFailed{})
		case c.aside.take.replay:
			s.hearOwn(c)
		default:
			s.acceptGreeting(c)
		}
		return
	}
}

// failedMessage is a message whose caller has gone when its recording failed: what there is of it stays in the box, unless it
// is no message.
func (s *Switchboard) failedMessage(m *Message, err error) {
	s.log.Error("a voicemail message is not whole", "call", m.Call, "team", m.Box.Team, "agent", m.Box.Agent, "file", m.Path, "err", err)
	s.fact(Fact{Kind: FactVoicemailFailed, Call: m.Call, Team: m.Box.Team, Agent: m.Box.Agent, Recording: m.ID, Reason: err.Error()})
	if m.Duration >= s.setup.Voicemail.least() {
		s.append(MessageKept{*m})
		s.mail(m)
		return
	}
	delete(s.messages, m.ID)
	s.append(MessageDropped{m.ID})
	s.lamps(m.Box)
	s.erase(m.Call, m.ID, "")
}

// hearOwn plays what the caller has recorded, once it is on disk.
func (s *Switchboard) hearOwn(c *liveCall) {
	if t := c.aside.take; t.sealed {
		t.replay = false
		s.playFile(c, t.path)
	}
}

// playFile plays a recording: it is read beside the loop.
func (s *Switchboard) playFile(c *liveCall, path string) {
	a := c.aside
	if s.hands.Voice.Read == nil {
		s.asideStep(c, routing.AsidePlayed{})
		return
	}
	s.hands.Voice.Read(path, func(clip *media.Clip, err error) {
		s.box.post(letter{order: func(time.Time) {
			if c.ended || c.aside != a || c.play != 0 {
				return
			}
			s.handling = c
			if err != nil {
				s.log.Error("a message cannot be read", "call", c.id, "file", path, "err", err)
				clip = media.Refusal()
			}
			s.asidePlays(c, clip)
		}})
	})
}

// erase has the sound of a recording deleted, beside the loop.
func (s *Switchboard) erase(of ID, id recorder.ID, by string) {
	if s.hands.Voice.Erase != nil {
		s.hands.Voice.Erase(of, id, by)
	}
}

// mail hands a message over to be sent to whom its box names; once.
func (s *Switchboard) mail(m *Message) {
	to := s.setup.Voicemail.Mail[m.Box]
	if m.Mailed || len(to) == 0 || s.hands.Voice.Mail == nil {
		return
	}
	m.Mailed = true
	s.append(MessageKept{*m})
	s.hands.Voice.Mail(*m, slices.Clone(to))
}
