package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/desk"
)

// showCards writes a line for each call.
func showCards(w io.Writer, cards []api.Card, zone *time.Location) error {
	if len(cards) == 0 {
		_, err := fmt.Fprintln(w, "no calls yet")
		return err
	}
	t := newTable(w)
	for _, c := range cards {
		end := c.EndedReason
		if c.InProgress {
			end = "in progress"
		}
		t.row(string(c.ID), c.Initiated.In(zone).Format(time.DateTime), string(c.Trunk),
			origin(c.Caller.String(), string(c.Agent))+" → "+c.Dialled, short(seconds(c.Duration)), offers(c), end)
	}
	return t.end()
}

// offers is what the agents did, in their order: "ann declined, bob accepted".
func offers(c api.Card) string {
	texts := make([]string, len(c.Offers))
	for i, o := range c.Offers {
		texts[i] = fmt.Sprintf("%s %s", o.Agent, outcome(o))
	}
	if len(texts) == 0 && c.Agent != "" {
		return "" // of nobody's but their own
	}
	if len(texts) == 0 {
		return "offered to nobody"
	}
	return strings.Join(texts, ", ")
}

func outcome(o call.Offered) string {
	text := string(o.Outcome)
	if text == "" {
		text = "ringing"
	}
	if o.TooLate {
		text += " (answered too late)"
	}
	return text
}

// moment is one line of a card's time line.
type moment struct {
	at    time.Time
	place int // of moments of the same time
	what  string
	took  time.Duration
}

// showCard writes one call card in full.
func showCard(w io.Writer, c api.Card, zone *time.Location) error {
	caller := origin(c.Caller.String(), string(c.Agent))
	if c.Name != "" && c.Agent == "" {
		caller = c.Name + " " + caller
	}
	if c.Agent != "" && c.Caller != "" {
		caller += " as " + c.Caller.String()
	}
	fmt.Fprintf(w, "Call %s\n", c.ID)
	t := newTable(w)
	switch c.CallerSource {
	case call.CallerPAI:
		caller += " (P-Asserted-Identity)"
	case call.CallerRPID:
		caller += " (Remote-Party-ID)"
	}
	t.row("from", caller)
	if len(c.Diversion) > 0 {
		t.row("diverted", strings.Join(c.Diversion, ", "))
	}
	t.row("to", c.Dialled+over(c))
	if c.Contact != "" {
		t.row("contact", string(c.Contact))
	}
	if len(c.Tags) > 0 {
		t.row("tags", strings.Join(c.Tags, ", "))
	}
	for _, n := range c.Notes {
		t.row("note", noteText(n, zone))
	}
	if text := encrypted(c.SRTP); text != "" {
		t.row("srtp", text)
	}
	ended := cmp.Or(c.EndedReason, "in progress")
	if c.Ending.Reason != "" {
		ended += ", " + c.Ending.Reason
	}
	t.row("ended", ended)
	t.row("lasted", fmt.Sprintf("%s, of it talking %s, waiting %s, on hold %s",
		precise(seconds(c.Duration)), precise(seconds(c.TalkTime)), precise(seconds(c.QueueTime)), precise(seconds(c.HoldTime))))
	if err := t.end(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nTime line")
	t = newTable(w)
	for _, m := range timeline(c) {
		took := ""
		if m.took > 0 {
			took = precise(m.took)
		}
		t.row(m.at.In(zone).Format("2006-01-02 15:04:05.000"), took, m.what)
	}
	if err := t.end(); err != nil {
		return err
	}
	if err := showSound(w, c.Sound, zone); err != nil {
		return err
	}
	for i, r := range c.Recordings {
		if i == 0 {
			fmt.Fprintln(w, "\nRecordings (left: the caller, right: the agent)")
		}
		state := precise(seconds(r.Duration))
		if !r.Sealed {
			state = "being written"
		}
		if r.Note != "" {
			state += ", " + r.Note
		}
		if _, err := fmt.Fprintf(w, "  %s (%s)\n", r.Path, state); err != nil {
			return err
		}
	}
	return nil
}

// noteText is a note in a line.
func noteText(n desk.Note, zone *time.Location) string {
	return n.At.In(zone).Format(time.DateTime) + " " + cmp.Or(n.By, "-") + ": " + strings.ReplaceAll(n.Text, "\n", " / ")
}

// encrypted names the legs of a call whose sound is encrypted, and with what.
func encrypted(legs []call.Secured) string {
	texts := make([]string, len(legs))
	for i, l := range legs {
		texts[i] = cmp.Or(string(l.Agent), string(l.Trunk)) + " " + l.Suite
	}
	return strings.Join(texts, ", ")
}

func over(c api.Card) string {
	text := ""
	if c.Trunk != "" {
		text += " over " + string(c.Trunk)
	}
	if c.Flow != "" {
		text += ", flow " + string(c.Flow)
	}
	return text
}

// timeline puts what happened in order: the call's own times, the stretches
// it went through, and what each agent did.
func timeline(c api.Card) []moment {
	var all []moment
	add := func(at time.Time, place int, took time.Duration, format string, args ...any) {
		if !at.IsZero() {
			all = append(all, moment{at, place, fmt.Sprintf(format, args...), took})
		}
	}
	add(c.Initiated, 0, 0, "arrived")
	add(c.Answered, 2, 0, "the carrier's call was answered")
	for _, s := range c.Segments {
		var took time.Duration
		if !s.To.IsZero() {
			took = s.To.Sub(s.From)
		}
		add(s.From, 3, took, "%s", stretch(s))
	}
	for _, one := range c.Choices {
		add(one.At, 4, 0, "  chose %s in %s", strings.TrimSpace(one.Digits+" "+one.Name), one.Menu)
	}
	for _, o := range c.Offers {
		add(o.Made, 4, 0, "  offered to %s", o.Agent)
		add(o.Rang, 5, 0, "  rings at %s", o.Agent)
		rang := time.Duration(0)
		if !o.Rang.IsZero() && !o.Ended.IsZero() {
			rang = o.Ended.Sub(o.Rang)
		}
		add(o.Ended, 1, rang, "  %s: %s", o.Agent, outcome(o))
	}
	for _, w := range c.Watched {
		took := time.Duration(0)
		if !w.To.IsZero() {
			took = w.To.Sub(w.From)
		}
		add(w.From, 6, took, "  %s watches %s at the phone of %s: %s", cmp.Or(w.Who, string(w.By)), w.Agent, w.By, w.Mode)
	}
	if !c.InProgress {
		add(c.Ended, 9, 0, "ended: %s", c.EndedReason)
	}
	slices.SortStableFunc(all, func(a, b moment) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.place, b.place))
	})
	return all
}

func stretch(s call.Segment) string {
	switch s.Kind {
	case call.SegmentFlow:
		return "in the flow"
	case call.SegmentQueue:
		return "waiting for " + string(s.Team)
	case call.SegmentTalk:
		return "talking with " + string(s.Agent)
	case call.SegmentHold:
		return "on hold with " + string(s.Agent)
	case call.SegmentForward:
		return "forwarded"
	}
	return string(s.Kind)
}

// precise is a duration with its tenths, below a minute; else as people say it.
func precise(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return short(d)
}
