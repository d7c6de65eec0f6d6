package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"trunkline/call"
	"trunkline/flight"
	"trunkline/metrics"
	"trunkline/sip"
	"trunkline/store"
)

// This file hands what crosses the wire and what was decided to those who
// watch: the flight recorder and the collector. Nothing here may block, it is
// called by who carries the calls.

// openWatchers makes who watches; start runs them.
func (h *house) openWatchers(w world) {
	h.flight = flight.NewBox(flight.Config{})
	from := metrics.Sources{
		Status: func(ctx context.Context) (call.Status, error) { return h.board.Status(ctx) },
		Sip:    func() sip.Stats { return h.sip.Stats() },
		Store:  h.store.Stats, Flight: h.flight.Stats, Version: version(),
		Mail: func() metrics.Mail {
			m := h.voice.mails.Stats()
			return metrics.Mail{Queued: m.Queued, Sent: m.Sent, Failed: m.Failed, Again: m.Again}
		},
	}
	if c := h.cfg.HEP; c.To != "" {
		h.hep = flight.NewSender(flight.HEPConfig{
			To: strings.TrimSuffix(strings.TrimPrefix(c.To, "udp://"), "/"), ID: uint32(c.ID), Password: c.Password.Reveal(),
			Node: "trunkline", Log: h.log, Dial: w.hep,
		})
		from.HEP = h.hep.Counts
	}
	h.meter = metrics.New(from)
}

// tracer is sip's trace: the watchers, and whoever else looks on.
func (h *house) tracer(other func(sip.Message)) func(sip.Message) {
	if other == nil {
		return h.traced
	}
	return func(m sip.Message) {
		h.traced(m)
		other(m)
	}
}

// traced takes one SIP message, first of all without its secrets.
func (h *house) traced(m sip.Message) {
	f := flight.Message(m)
	f.Raw = flight.Redact(m.Raw)
	h.flight.Message(f)
	if h.hep != nil {
		h.hep.Message(f)
	}
}

// append hands entries to the journal, and facts to who watches.
func (h *house) append(entries ...call.Entry) {
	h.store.Append(entries...)
	for _, e := range entries {
		f, ok := e.(call.Fact)
		if !ok {
			continue
		}
		h.meter.Fact(f)
		if h.told != nil {
			h.told(f)
		}
		if f.Call == "" {
			continue
		}
		h.flight.Note(string(f.Call), f.At, factText(f))
		if f.Kind == call.FactEnded {
			h.flight.End(string(f.Call), f.At)
		}
	}
}

// factText is a fact in a line: its kind, and whom and what it concerns.
func factText(f call.Fact) string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	for _, part := range []struct{ name, value string }{
		{"", string(f.Agent)}, {"by ", string(f.By)}, {"team ", string(f.Team)}, {"", string(f.Outcome)}, {"", f.Reason},
	} {
		if part.value != "" {
			b.WriteString(" ")
			b.WriteString(part.name)
			b.WriteString(part.value)
		}
	}
	if f.Ending != nil {
		b.WriteString(" ")
		b.WriteString(f.Ending.String())
	}
	return b.String()
}

// watch is what the switchboard tells of its legs.
func (h *house) watch() call.Watch {
	return call.Watch{
		Behind: h.meter.Behind,
		Seated: func(s call.Seat) {
			var ask func() flight.Sound
			if s.Heard != nil {
				ask = func() flight.Sound {
					v := soundOf(s.Heard(), time.Now())
					if h.hep != nil {
						h.hep.Sound(s.CallID, v)
					}
					return v
				}
			}
			h.flight.Seat(string(s.Call), s.CallID, seatName(s), ask)
		},
		Left: func(s call.Seat, last call.Heard) {
			v := soundOf(last, time.Now())
			h.flight.Leave(string(s.Call), s.CallID, v)
			if h.hep != nil {
				h.hep.Sound(s.CallID, v)
			}
		},
	}
}

func seatName(s call.Seat) string {
	if s.Agent != "" {
		return "agent " + string(s.Agent)
	}
	return "trunk " + cmp.Or(string(s.Trunk), "?")
}

// soundOf is how a leg's sound fares, as the flight recorder keeps it.
func soundOf(v call.Heard, now time.Time) flight.Sound {
	s := flight.Sound{
		At: now, Codec: v.Codec, Heard: v.Heard.Packets, Lost: v.Heard.Lost, Sent: v.Sent,
		Jitter: v.Heard.Jitter, RoundTrip: v.Quality.RoundTrip, MOS: v.Heard.MOS, Local: v.Local.String(),
	}
	if v.Remote.IsValid() {
		s.Remote = v.Remote.String()
	}
	return s
}

// ready says why new calls could not be served now, if so: sockets are not
// read, or the disk takes nothing.
func (h *house) ready(ctx context.Context) error {
	if !h.serving.Load() {
		return errors.New("the sockets of SIP are not open")
	}
	if err := h.store.Sync(ctx); err != nil && !errors.Is(err, store.ErrLost) {
		return fmt.Errorf("the store cannot be written: %w", err)
	}
	return nil
}
