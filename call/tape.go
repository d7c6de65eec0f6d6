package call

import (
	"fmt"
	"slices"
	"time"

	"trunkline/recorder"
	"trunkline/routing"
)

// The sides of a recording: the caller left, the agent right.
const (
	sideCaller = 0
	sideAgent  = 1
)

// startTape records what the caller and l say while they are seated. Hold
// music and prompts are on neither side.
func (s *Switchboard) startTape(c *liveCall, l *line) {
	id := recorder.NewID(s.now)
	c.tape = s.hands.Recorder.Start(recorder.StartConfig{ID: id, Rate: s.hands.Media.Rate(), At: s.now})
	c.caller.session.Tap(c.tape, sideCaller)
	c.record.Recordings = append(c.record.Recordings, Recorded{ID: id, Agent: l.agent, Path: c.tape.Path()})
	s.recording[id] = c.record
	s.callFact(c, Fact{Kind: FactRecordingStarted, Recording: id, Agent: l.agent})
}

// retape makes the recording follow the seats: on the agent's side are those
// who are seated with the customer, so that neither a consult nor what is
// whispered is recorded.
func (s *Switchboard) retape(c *liveCall, in []*line) {
	with := slices.Contains(in, c.caller)
	for _, l := range append(c.up()[1:], c.watching()...) {
		if want := c.tape != nil && with && slices.Contains(in, l); want != l.taped {
			l.taped = want
			if want {
				l.session.Tap(c.tape, sideAgent)
			} else {
				l.session.Tap(nil, sideAgent)
			}
		}
	}
}

// untape takes a line that leaves off the tape. What it has said is still on
// its way.
func (l *line) untape() {
	if l.taped {
		l.taped = false
		l.session.Untap()
	}
}

// stopTape ends the recording.
func (s *Switchboard) stopTape(c *liveCall) {
	if c.tape == nil {
		return
	}
	c.caller.session.Untap()
	for _, l := range append(c.watching(), c.lines...) {
		l.untape()
	}
	s.endPause(c)
	c.tape.Close(s.now)
	c.tape = nil
}

// pause makes silence of the recording until it is resumed, by hand or after
// a time.
func (s *Switchboard) pause(c *liveCall, by string, o Order) error {
	if c.tape == nil {
		return fmt.Errorf("%w: the call is not recorded", ErrNotNow)
	}
	length := o.For
	if length == 0 {
		length = s.setup.PauseFor
	}
	c.unpauseAt = noTime
	if length > 0 {
		c.unpauseAt = s.now.Add(length)
	}
	if c.paused {
		return nil
	}
	c.paused = true
	c.tape.PauseBy(s.now, by, o.Reason)
	r := s.taped(c)
	r.Pauses = append(r.Pauses, Paused{From: s.now, By: by, Why: o.Reason})
	s.callFact(c, Fact{Kind: FactRecordingPaused, Recording: r.ID, Agent: routing.AgentID(by), Until: c.unpauseAt})
	s.chime(c, s.setup.PauseTone)
	s.keep(c)
	return nil
}

// unpause goes on recording.
func (s *Switchboard) unpause(c *liveCall, by string) error {
	if c.tape == nil {
		return fmt.Errorf("%w: the call is not recorded", ErrNotNow)
	}
	if !c.paused {
		return nil
	}
	c.tape.ResumeBy(s.now, by)
	s.endPause(c)
	s.chime(c, s.setup.PauseTone)
	s.callFact(c, Fact{Kind: FactRecordingResumed, Recording: s.taped(c).ID, Agent: routing.AgentID(by)})
	s.keep(c)
	return nil
}

// endPause closes the mark of a pause on the call card.
func (s *Switchboard) endPause(c *liveCall) {
	if !c.paused {
		return
	}
	c.paused, c.unpauseAt = false, noTime
	r := s.taped(c)
	r.Pauses[len(r.Pauses)-1].To = s.now
}

// taped is the card's line of the recording that runs.
func (s *Switchboard) taped(c *liveCall) *Recorded {
	return c.record.recorded(c.tape.ID())
}

// fromRecorder completes the call card when a recording was sealed, which
// may be after the call.
func (s *Switchboard) fromRecorder(e recorder.Event) {
	if t, ok := e.(recorder.Transcribed); ok {
		fact := Fact{Kind: FactTranscript, Call: ID(t.Of), Recording: t.ID, State: string(t.State)}
		if m := s.messages[t.ID]; m != nil {
			fact.Team, fact.Agent = m.Box.Team, m.Box.Agent
		}
		s.fact(fact)
		return
	}
	sealed, ok := e.(recorder.Sealed)
	if !ok {
		return
	}
	defer s.voiceSealed(sealed)
	record := s.recording[sealed.ID]
	if record == nil {
		return
	}
	delete(s.recording, sealed.ID)
	r := record.recorded(sealed.ID)
	r.Path, r.Duration, r.Sealed = sealed.Path, sealed.Duration, true
	if sealed.Err != nil {
		r.Note = sealed.Err.Error()
		s.log.Error("a recording ended early", "call", record.ID, "file", sealed.Path, "err", sealed.Err)
	}
	s.fact(Fact{Kind: FactRecordingSealed, Call: record.ID, Recording: sealed.ID, Reason: r.Note})
	if record.Ended.IsZero() {
		s.append(Opened{record.clone()})
	} else {
		s.append(Closed{record.clone()})
	}
	s.transcribe(record, r)
}

// Paused is a stretch that is silence on a recording.
type Paused struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // zero while it lasts
	By   string    `json:"by"`
	Why  string    `json:"why,omitempty"`
}
