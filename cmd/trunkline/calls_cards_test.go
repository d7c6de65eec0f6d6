package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"trunkline/call"
	"trunkline/routing"
	"trunkline/store"
)

// cards are all call cards so far, oldest first.
func (s *story) cards() []call.Record {
	s.Helper()
	if err := s.house.store.Sync(s.within(5 * time.Second)); err != nil {
		s.Fatal(err)
	}
	records, err := s.house.store.Records(store.Filter{Limit: 100})
	if err != nil {
		s.Fatal(err)
	}
	for i, j := 0, len(records)-1; i < j; i, j = i+1, j-1 {
		records[i], records[j] = records[j], records[i]
	}
	return records
}

// recorded is the sound of the last recording, once it is sealed.
func (s *story) recorded() kept {
	s.Helper()
	time.Sleep(3 * time.Second)
	cards := s.cards()
	recordings := cards[len(cards)-1].Recordings
	if len(recordings) == 0 {
		s.fatal(errors.New("nothing was recorded"))
	}
	return readWAV(s.T, recordings[len(recordings)-1].Path)
}

// card is the card of the last call that has ended.
func (s *story) card() call.Record {
	s.Helper()
	cards := s.cards()
	if len(cards) == 0 {
		s.Fatal("cards: got none, want one")
	}
	return cards[len(cards)-1]
}

// now is the switch's picture of itself.
func (s *story) now() call.Status {
	s.Helper()
	status, err := s.house.board.Status(s.within(time.Second))
	if err != nil {
		s.Fatal(err)
	}
	return status
}

// cardText is a call card without what differs between runs.
func cardText(r call.Record) string {
	var b strings.Builder
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprintf("%.3fs", t.Sub(r.Initiated).Seconds())
	}
	who, over := orDash(string(r.Caller)), " over "+string(r.Trunk)
	if r.Agent != "" {
		who = string(r.Agent) + " as " + who
	}
	if r.Trunk == "" {
		over = ""
	}
	fmt.Fprintf(&b, "card: %s calls %s%s: %s\n", who, r.Dialled, over, r.Ending)
	fmt.Fprintf(&b, "  ringing %s, answered %s, bridged %s, released %s, ended %s", at(r.Ringing), at(r.Answered), at(r.Bridged), at(r.Released), at(r.Ended))
	for _, o := range r.Offers {
		fmt.Fprintf(&b, "\n  offer to %s: made %s, rang %s, %s %s", o.Agent, at(o.Made), at(o.Rang), o.Outcome, at(o.Ended))
		if o.TooLate {
			b.WriteString(" (too late)")
		}
	}
	for _, g := range r.Segments {
		fmt.Fprintf(&b, "\n  %s %s-%s", g.Kind, at(g.From), at(g.To))
		if g.Agent != "" {
			fmt.Fprintf(&b, " with %s", g.Agent)
		}
	}
	for _, t := range r.Transfers {
		how := "blind"
		if t.Ask {
			how = "asked first"
		}
		fmt.Fprintf(&b, "\n  %s transfers to %s%s%s (%s): began %s, rang %s, %s %s", t.By, t.To.Agent, t.To.Team, t.To.Number, how, at(t.Began), at(t.Rang), t.Outcome, at(t.Ended))
		if t.SIP != 0 {
			fmt.Fprintf(&b, " (%d)", t.SIP)
		}
		if !t.RecordingStopped.IsZero() {
			b.WriteString(", recording stopped")
		}
	}
	for _, w := range r.Watched {
		fmt.Fprintf(&b, "\n  %s watches %s (%s) %s-%s", w.By, w.Agent, w.Mode, at(w.From), at(w.To))
	}
	for _, rec := range r.Recordings {
		for _, p := range rec.Pauses {
			fmt.Fprintf(&b, "\n  not recorded %s-%s: %s, %s", at(p.From), at(p.To), p.By, orDash(p.Why))
		}
		fmt.Fprintf(&b, "\n  recorded with %s: %s", rec.Agent, lengthOf(rec, r))
		if rec.Note != "" {
			b.WriteString(", " + rec.Note)
		}
	}
	return b.String()
}

// lengthOf compares a recording with the time that the agent and the caller
// were joined; it may differ by a frame.
func lengthOf(rec call.Recorded, r call.Record) string {
	var joined time.Duration
	on := false // a transfer between agents goes on in the same recording
	for _, g := range r.Segments {
		if on = (g.Agent == rec.Agent || on && g.Agent != "") && g.Kind != call.SegmentDial; on {
			joined += g.To.Sub(g.From)
		}
	}
	if off := (rec.Duration - joined).Abs(); off <= 20*time.Millisecond {
		return "all of it"
	}
	return fmt.Sprintf("%v of %v", rec.Duration, joined)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// tones of the agents of base.
var tones = map[routing.AgentID]float64{"ann": annTone, "bob": bobTone, "carol": carolTone}

// wantRecorded compares a card's recordings with its segments, side by side:
// in talk the customer left and the agent right, in hold nobody.
func (s *story) wantRecorded(r call.Record) {
	s.Helper()
	if r.Direction == call.Outbound && r.Ending.Cause == call.CauseTransferred { // a consult
		return
	}
	next := -1
	var began time.Time
	var sound kept
	for i, g := range r.Segments {
		if g.Agent == "" || g.Kind == call.SegmentDial || r.Direction == call.Internal {
			continue
		}
		if i == 0 || r.Segments[i-1].Agent == "" || r.Segments[i-1].Kind == call.SegmentDial {
			if next++; next >= len(r.Recordings) || r.Recordings[next].Agent != g.Agent {
				s.Errorf("recording %d: got %+v, want one of the talk with %s", next, r.Recordings, g.Agent)
				return
			}
			began, sound = g.From, readWAV(s.T, r.Recordings[next].Path)
		}
		at := g.From.Sub(began) + 400*time.Millisecond
		switch {
		case g.To.Sub(g.From) < time.Second:
		case g.Kind == call.SegmentHold, g.Kind == call.SegmentConsult:
			sound.wantSaid(s.T, at, 0, 0)
		case s.muteCustomer:
			sound.wantSaid(s.T, at, 0, tones[g.Agent])
		default:
			tone := customerTone
			if s.othersTone != 0 {
				tone = s.othersTone
			}
			sound.wantSaid(s.T, at, tone, tones[g.Agent])
		}
	}
}
