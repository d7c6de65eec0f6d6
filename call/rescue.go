package call

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"trunkline/recorder"
)

// audible is the loudest that a quiet line's noise gets, as recorder.Peaks tells it: loudness in peaks.
const audible = 6

// rescue puts what a caller was saying when the switch died into the box: hanging up would have sent it. What is no message
// (too short, nothing said, a greeting that nobody accepted) is deleted.
func (s *Switchboard) rescue(r *Record) {
	var box Box
	if n := len(r.Segments); n > 0 && r.Segments[n-1].Kind == SegmentVoicemail {
		box = Box{Team: r.Segments[n-1].Team, Agent: r.Segments[n-1].Agent}
	}
	for _, rec := range slices.Clone(r.Recordings) {
		switch {
		case !rec.Voicemail, s.messages[rec.ID] != nil, strings.HasPrefix(rec.Note, noteDeleted):
		case s.unrepaired(rec.ID) != nil:
			s.log.Error("a message that a crash cut short cannot be repaired", "call", r.ID, "file", rec.Path, "err", s.unrepaired(rec.ID))
			s.fact(Fact{Kind: FactVoicemailFailed, Call: r.ID, Team: box.Team, Agent: box.Agent, Recording: rec.ID, Reason: rec.Note})
		case box == Box{}, rec.Duration < s.setup.Voicemail.least(), !spoken(rec.Path):
			r.Recordings = slices.DeleteFunc(r.Recordings, func(one Recorded) bool { return one.ID == rec.ID })
			s.erase(r.ID, rec.ID, "")
		default:
			s.rescued(r, rec, box)
		}
	}
}

func (s *Switchboard) rescued(r *Record, rec Recorded, box Box) {
	m := &Message{
		ID: rec.ID, Box: box, Call: r.ID, Path: rec.Path, Caller: r.Caller, Name: r.Name, Contact: r.Contact,
		At: r.Initiated, Duration: rec.Duration, Sealed: true,
	}
	if id, err := ulid.ParseStrict(string(rec.ID)); err == nil { // it tells when the recording began
		m.At = ulid.Time(id.Time())
	}
	s.messages[m.ID] = m // mailed, and its lamps lit, by beginBoxes
	s.append(MessageKept{*m})
	s.transcribeMessage(m)
	s.log.Warn("a message that the switch's end cut short is in its box", "call", r.ID, "team", box.Team, "agent", box.Agent, "count", int(m.Duration.Seconds()))
	s.fact(Fact{Kind: FactVoicemailLeft, Call: r.ID, Team: box.Team, Agent: box.Agent, Recording: m.ID, Reason: "the switch was interrupted"})
}

// unrepaired is why a recording that a crash left open is not whole; nil: it is, or there never was a file.
func (s *Switchboard) unrepaired(id recorder.ID) error {
	for _, done := range s.hands.Repaired {
		if done.ID == id && done.Bytes == 0 && done.Err != nil && !errors.Is(done.Err, fs.ErrNotExist) {
			return done.Err
		}
	}
	return nil
}

// spoken says whether the caller said anything on a message.
func spoken(path string) bool {
	peaks, err := recorder.Peaks(path)
	return err == nil && len(peaks[sideCaller]) > 0 && slices.Max(peaks[sideCaller]) >= audible
}
