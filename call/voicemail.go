package call

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
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

func recorderID(text string) recorder.ID { return recorder.ID(text) }

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
		Greeting: s.setup.Voicemail.Greetings[box], Most: s.setup.Voicemail.most(),
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
		At: t.began, Duration: t.length,
	}
	s.messages[m.ID] = m
	s.append(MessageKept{*m})
	s.log.Info("a message was left", "call", c.id, "team", box.Team, "agent", box.Agent, "count", int(t.length.Seconds()))
	s.callFact(c, Fact{Kind: FactVoicemailLeft, Team: box.Team, Agent: box.Agent, Recording: m.ID})
	s.lamps(box)
	if t.sealed {
		s.mail(m)
	}
}

// abandonAside is the end of a call within an aside: a message that was begun is sent if it is one.
func (s *Switchboard) abandonAside(c *liveCall) {
	a := c.aside
	if a == nil {
		return
	}
	if v := a.run.Voicemail; v != nil && a.take != nil && v.Recording() {
		if s.stopTaking(c); s.tooShort(a.take) {
			s.dropTaking(c)
		} else {
			s.sendTaking(c)
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
		if e.Duration > 0 {
			m.Duration = e.Duration
		}
		m.Sealed = true
		s.append(MessageKept{*m})
		s.mail(m)
		return
	}
	for _, c := range s.calls {
		if c.ended || c.aside == nil || c.aside.take == nil || c.aside.take.id != e.ID {
			continue
		}
		s.handling = c
		c.aside.take.sealed = true
		if e.Err != nil {
			s.asideStep(c, routing.AsideFailed{})
		} else if c.aside.take.replay {
			s.hearOwn(c)
		}
		return
	}
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

// openBox lets an agent hear the messages of their own box and of their teams'.
func (s *Switchboard) openBox(c *liveCall, agent routing.AgentID) {
	run := &routing.MailboxRun{}
	for _, m := range s.messagesFor(agent) {
		run.Messages = append(run.Messages, routing.MailboxItem{ID: string(m.ID), New: m.Heard.IsZero(), Number: string(m.Caller)})
	}
	c.service = false
	s.beginAside(c, &aside{run: routing.Aside{Mailbox: run}, over: func() {
		s.end(c, Ending{By: BySystem, Cause: CauseServed}, reasonNormal)
	}})
}

// boxed are the messages of a box, oldest first.
func (s *Switchboard) boxed(box Box) []*Message {
	var all []*Message
	for _, m := range s.messages {
		if m.Box == box {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *Message) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

// boxesOf are the boxes that an agent hears: the own one, and the teams'.
func (s *Switchboard) boxesOf(agent routing.AgentID) []Box {
	boxes := []Box{{Agent: agent}}
	for _, t := range s.setup.Router.Teams {
		if slices.Contains(t.Agents, agent) {
			boxes = append(boxes, Box{Team: t.ID})
		}
	}
	return boxes
}

// messagesFor are the messages that an agent hears, the new ones first.
func (s *Switchboard) messagesFor(agent routing.AgentID) []*Message {
	var all []*Message
	for _, box := range s.boxesOf(agent) {
		all = append(all, s.boxed(box)...)
	}
	slices.SortStableFunc(all, func(a, b *Message) int {
		switch fresh := a.Heard.IsZero(); {
		case fresh == b.Heard.IsZero():
			return strings.Compare(string(a.ID), string(b.ID))
		case fresh:
			return -1
		}
		return 1
	})
	return all
}

// lamps tells the phones of everybody who hears a box how many messages wait.
func (s *Switchboard) lamps(box Box) {
	for _, a := range s.setup.Router.Agents {
		if slices.Contains(s.boxesOf(a.ID), box) {
			s.lamp(a.ID)
		}
	}
}

func (s *Switchboard) lamp(agent routing.AgentID) {
	fresh, old := 0, 0
	for _, m := range s.messagesFor(agent) {
		if m.Heard.IsZero() {
			fresh++
		} else {
			old++
		}
	}
	if s.hands.Sip == nil {
		return
	}
	s.hands.Sip.Messages(sip.AccountID(agent), fresh, old)
}

// messageHeard notes who heard a message first.
func (s *Switchboard) messageHeard(id recorder.ID, by string) {
	m := s.messages[id]
	if m == nil || !m.Heard.IsZero() {
		return
	}
	m.Heard, m.By = s.now, by
	s.append(MessageKept{*m})
	s.fact(Fact{Kind: FactVoicemailHeard, Call: m.Call, Recording: id, Team: m.Box.Team, Agent: m.Box.Agent, Reason: "by " + by})
	s.lamps(m.Box)
}

// deleteMessage deletes a message with its sound.
func (s *Switchboard) deleteMessage(id recorder.ID, by string) {
	m := s.messages[id]
	if m == nil {
		return
	}
	delete(s.messages, id)
	s.append(MessageDropped{id})
	s.fact(Fact{Kind: FactVoicemailDeleted, Call: m.Call, Recording: id, Team: m.Box.Team, Agent: m.Box.Agent, Reason: "by " + by})
	s.lamps(m.Box)
	if m.Sealed {
		s.erase(m.Call, id, by)
	} else {
		s.doomed[id] = m.Call
	}
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

// retireMessages drops the messages whose sound retention has removed.
func (s *Switchboard) retireMessages() {
	keep := s.setup.Voicemail.Keep
	if keep <= 0 {
		return
	}
	for id, m := range s.messages {
		if m.At.Add(keep).Before(s.now) {
			delete(s.messages, id)
			s.append(MessageDropped{id})
			s.lamps(m.Box)
		}
	}
}

// beginBoxes is the boxes at the start: what a crash kept from being mailed is mailed, and the lamps are lit.
func (s *Switchboard) beginBoxes() {
	for _, m := range s.messages {
		m.Sealed = true // or repaired
		s.mail(m)
	}
	for _, a := range s.setup.Router.Agents {
		s.lamp(a.ID)
	}
}
