package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"trunkline/api"
	"trunkline/flight"
)

// ladderCmd draws what the legs of a call said.
type ladderCmd struct {
	where
	ID   string `arg:"" help:"The call. The last characters of its ID will do."`
	JSON bool   `name:"json" help:"As JSON."`
	Full bool   `help:"Each message in full, without its secrets."`
	Pcap string `placeholder:"FILE" help:"Write the messages to a file that Wireshark and tcpdump read, too."`
}

// Run asks for what is kept of the call, and draws it.
func (c *ladderCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		id, err := callID(ctx, client, c.ID)
		if err != nil {
			return err
		}
		kept, err := client.Ladder(ctx, id)
		if err != nil {
			return err
		}
		if c.Pcap != "" {
			if err := writePcap(c.Pcap, kept.Messages); err != nil {
				return err
			}
			fmt.Fprintf(t.err, "%s written to %s\n", count(len(kept.Messages), "message"), c.Pcap)
		}
		if c.JSON {
			return writeJSON(t.out, ladderJSON(kept))
		}
		return showLadder(t.out, kept, time.Local, c.Full)
	})
}

func writePcap(name string, messages []flight.Message) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) // it tells who called
	if err != nil {
		return err
	}
	if err := flight.WritePcap(f, messages); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Close()
}

// rung is one line of a ladder.
type rung struct {
	at      time.Time
	place   int // of lines of the same time
	message *flight.Message
	leg     int    // whose message
	text    string // a decision, or a look at the sound
}

// rungs puts all that is kept of a call in the order of time.
func rungs(c flight.Call) []rung {
	legs := map[string]int{}
	for i, l := range c.Legs {
		legs[l.CallID] = i
	}
	var all []rung
	for i := range c.Messages {
		m := &c.Messages[i]
		leg, known := legs[string(flight.CallID(m.Raw))]
		if !known {
			leg = -1
		}
		all = append(all, rung{at: m.At, place: 1, message: m, leg: leg})
	}
	for _, n := range c.Notes {
		all = append(all, rung{at: n.At, place: 2, text: "* " + n.Text})
	}
	for _, l := range c.Legs {
		for i, s := range l.Sounds {
			if worthSaying(l.Sounds, i) {
				all = append(all, rung{at: s.At, place: 3, text: "~ " + l.Name + ": " + soundText(s)})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y rung) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.place, y.place)) })
	return all
}

// worthSaying chooses among looks at the sound: the first, the last, and those
// in which packets were lost or none came.
func worthSaying(all []flight.Sound, i int) bool {
	if i == 0 || i == len(all)-1 {
		return true
	}
	return all[i].Lost > all[i-1].Lost || all[i].Heard == all[i-1].Heard
}

func soundText(s flight.Sound) string {
	text := fmt.Sprintf("%s, heard %d, lost %d, sent %d, jitter %.1f ms", s.Codec, s.Heard, s.Lost, s.Sent, float64(s.Jitter)/1e6)
	if s.MOS > 0 {
		text += fmt.Sprintf(", MOS %.1f", s.MOS)
	}
	if s.Remote != "" {
		text += ", with " + s.Remote
	}
	return text
}

// side is the width of an arrow between two columns.
const side = 34

// showLadder draws a call: the first leg left of the switch, the others right
// of it, decisions and sound between.
func showLadder(w io.Writer, c flight.Call, zone *time.Location, full bool) error {
	all := rungs(c)
	state := "in progress"
	if !c.Ended.IsZero() {
		state = "ended " + c.Ended.In(zone).Format(time.DateTime)
	}
	fmt.Fprintf(w, "Call %s, %s\n", c.ID, state)
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "nothing is kept of its messages")
		return err
	}
	if c.Dropped > 0 {
		fmt.Fprintf(w, "%s between the first and the latest had no room\n", count(c.Dropped, "line"))
	}
	began := all[0].at
	fmt.Fprintf(w, "began %s\n\n", began.In(zone).Format("2006-01-02 15:04:05.000"))
	left := "the caller"
	if len(c.Legs) > 0 {
		left = c.Legs[0].Name
	}
	fmt.Fprintf(w, "%10s  %-*s  %-*s  %s\n", "", side, left, side, "switch", "the others")
	bars := strings.Repeat(" ", side)
	for _, r := range all {
		at := fmt.Sprintf("%9.3fs", r.at.Sub(began).Seconds())
		var line string
		switch {
		case r.message == nil:
			line = at + "  " + r.text
		case r.leg <= 0:
			line = at + "  " + drawn(*r.message, r.message.In) + "|" + bars + "|"
		default:
			line = at + "  |" + bars + drawn(*r.message, !r.message.In) + "  " + c.Legs[r.leg].Name
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
		if full && r.message != nil {
			from, to := ends(*r.message)
			fmt.Fprintf(w, "%12s%s -> %s over %s\n", "", from, to, r.message.Transport)
			for _, text := range strings.Split(strings.TrimRight(string(r.message.Raw), "\r\n"), "\n") {
				fmt.Fprintf(w, "%12s%s\n", "", printable(strings.TrimRight(text, "\r")))
			}
		}
	}
	return nil
}

// ends are the addresses that a message went between.
func ends(m flight.Message) (from, to netip.AddrPort) {
	if m.In {
		return m.Remote, m.Local
	}
	return m.Local, m.Remote
}

// printable keeps control characters of strangers off the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\ufffd' {
			return '.'
		}
		return r
	}, s)
}

// drawn is a message between two columns, rightwards or leftwards.
func drawn(m flight.Message, right bool) string {
	text := printable(label(m.Raw, false))
	if most := side - 8; len([]rune(text)) > most {
		text = string([]rune(text)[:most-1]) + "…"
	}
	line := strings.Repeat("-", max(0, side-6-len([]rune(text))))
	if right {
		return "|- " + text + " " + line + "->"
	}
	return "|<-" + line + " " + text + " -"
}

// ladderView is a ladder for programs, its messages as text.
type ladderView struct {
	ID       string          `json:"id"`
	Ended    time.Time       `json:"ended,omitzero"`
	Legs     []flight.Leg    `json:"legs"`
	Messages []ladderMessage `json:"messages"`
	Notes    []flight.Note   `json:"notes"`
	Dropped  int             `json:"dropped"`
}

type ladderMessage struct {
	At        time.Time      `json:"at"`
	Leg       string         `json:"leg"` // its Call-ID
	From      netip.AddrPort `json:"from"`
	To        netip.AddrPort `json:"to"`
	Transport string         `json:"transport"`
	Summary   string         `json:"summary"`
	Text      string         `json:"text"`
}

func ladderJSON(c flight.Call) ladderView {
	v := ladderView{ID: c.ID, Ended: c.Ended, Legs: c.Legs, Messages: []ladderMessage{}, Notes: c.Notes, Dropped: c.Dropped}
	for _, m := range c.Messages {
		from, to := ends(m)
		v.Messages = append(v.Messages, ladderMessage{
			At: m.At, Leg: string(flight.CallID(m.Raw)), From: from, To: to, Transport: m.Transport,
			Summary: label(m.Raw, true), Text: string(m.Raw),
		})
	}
	return v
}
