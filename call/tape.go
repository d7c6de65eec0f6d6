package call

import (
	"trunkline/recorder"
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
	c.tape = s.hands.Recorder.Start(recorder.StartConfig{ID: id, Rate: 8000, At: s.now})
	c.caller.session.Tap(c.tape, sideCaller)
	l.session.Tap(c.tape, sideAgent)
	c.record.Recordings = append(c.record.Recordings, Recorded{ID: id, Agent: l.agent, Path: c.tape.Path()})
	s.recording[id] = c.record
	s.callFact(c, Fact{Kind: FactRecordingStarted, Recording: id, Agent: l.agent})
}

func (s *Switchboard) stopTape(c *liveCall) {
	if c.tape == nil {
		return
	}
	c.caller.session.Tap(nil, sideCaller)
	if c.far != nil {
		c.far.session.Tap(nil, sideAgent)
	}
	c.tape.Close(s.now)
	c.tape = nil
}

// fromRecorder completes the call card when a recording was sealed, which
// may be after the call.
func (s *Switchboard) fromRecorder(e recorder.Event) {
	sealed, ok := e.(recorder.Sealed)
	if !ok {
		return
	}
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
}
