package call

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// outside is an outside number while it is dialled, over trunks in their
// order: by a forward step, or as the third party of a transfer.
type outside struct {
	number    desk.Number
	trunks    []sip.TrunkID
	own       desk.Number     // shown in From; empty: the trunk's
	by        routing.AgentID // whose order it is; empty: a flow's
	emergency bool            // dialled as it is, past the trunk's limit
	callerID  string          // "caller": the caller's number is passed on; else the trunk's is shown
	role      role            // of the lines that are dialled
	rings     time.Duration   // how long one may ring
	next      int             // of trunks
	code      int             // of the last trunk's failure
	cause     sip.Reason      // its Reason
	line      *line           // nil: between two trunks
}

// tryTrunk dials over the next trunk that has room; false: none is left.
func (s *Switchboard) tryTrunk(c *liveCall, o *outside) bool {
	for o.next < len(o.trunks) {
		id := o.trunks[o.next]
		o.next++
		t, ok := s.setup.Trunks[id]
		if !ok {
			continue
		}
		if state := s.trunkOf(id); t.MaxCalls > 0 && state.calls >= t.MaxCalls && !o.emergency {
			s.log.Warn("the trunk's max_calls is reached, the next is tried", "call", c.id, "trunk", id)
			continue
		}
		if rule := s.mayCarry(id, o); rule != "" {
			s.refuseDial(c, o.by, id, rule, true)
			continue
		}
		l := &line{role: o.role, call: c, trunk: id, outside: o}
		if err := s.dial(l, s.outsideDial(c, o, id, t), media.SessionConfig{Trust: t.MediaFrom, DTMF: t.DTMF}); err != nil {
			s.log.Error("no sound for an outside number", "call", c.id, "trunk", id, "err", err)
			continue
		}
		s.trunkOf(id).calls++
		o.line = l
		c.ringing = append(c.ringing, l)
		s.rearm(c)
		return true
	}
	return false
}

// outsideDial shows the trunk's number in From and the caller in Diversion,
// or with caller_id: caller the caller; anonymous stays anonymous (product §2).
func (s *Switchboard) outsideDial(c *liveCall, o *outside, id sip.TrunkID, t Trunk) sip.Dial {
	out := format(t.Out, desk.FormatPlus)
	d := sip.Dial{To: sip.Target{Trunk: id}, User: o.number.Format(out, s.setup.Country), AnswerWithin: o.rings}
	if o.emergency {
		d.User = string(o.number)
	}
	caller := c.customer()
	own := o.own
	if own == "" {
		own = t.CallerID
	}
	if own == "" && c.record.Direction == Inbound {
		own = desk.Number(c.record.Dialled) // ours too: the number that was called
	}
	ours := own.Format(out, s.setup.Country)
	switch {
	case o.callerID == "caller" && caller != "":
		d.From = sip.NameAddr{Display: c.shown.Display, User: caller.Format(out, s.setup.Country), Host: s.setup.Domain}
	case o.callerID == "caller":
		d.Anonymous = true
		d.From = sip.NameAddr{Display: "Anonymous", User: "anonymous", Host: "anonymous.invalid"}
	default:
		d.From = sip.NameAddr{User: ours, Host: s.setup.Domain}
	}
	// What the trunk is told in its identity header: the number shown, or for a
	// caller who withholds theirs our own, which is all that we vouch for.
	if d.PAI = d.From; d.Anonymous {
		d.PAI = sip.NameAddr{User: ours, Host: s.setup.Domain}
	}
	d.Headers = map[string]string{}
	diversion := c.record.Diversion
	if caller != "" && (c.out == nil || c.answered) { // not of a call that is an agent's own
		own := fmt.Sprintf("<sip:%s@%s>;reason=unconditional", caller.Format(out, s.setup.Country), s.setup.Domain)
		diversion = append([]string{own}, diversion...) // RFC 5806 §5: the last diversion comes first
	}
	if len(diversion) > 0 {
		d.Headers["Diversion"] = strings.Join(diversion, ", ")
	}
	if len(c.history) > 0 {
		d.Headers["History-Info"] = strings.Join(furtherHistory(c.history, d.User, s.setup.Domain), ", ")
	}
	return d
}

var historyIndex = regexp.MustCompile(`;\s*index\s*=\s*([0-9.]+)`)

// furtherHistory adds the number dialled to a History-Info (RFC 7044 §10.3):
// a branch below the last entry, whose number was mapped to it.
func furtherHistory(history []string, user, domain string) []string {
	last := "1"
	if m := historyIndex.FindAllStringSubmatch(history[len(history)-1], -1); m != nil {
		last = m[len(m)-1][1]
	}
	return append(slices.Clone(history), fmt.Sprintf("<sip:%s@%s>;index=%s.1;mp=%s", user, domain, last, last))
}

// outsideFailed moves on to the next trunk where the trunk was at fault
// (503, 408, transport), not where the called party said no, or let it ring.
func (s *Switchboard) outsideFailed(l *line, f failure) {
	c, o, code := l.call, l.outside, f.code
	if o.line != l {
		return
	}
	o.line = nil
	if code != 0 {
		o.code, o.cause = code, f.cause
	}
	switch code {
	case 0, 500, 502, 503, 504:
	case 408:
		if l.rang {
			o.next = len(o.trunks)
		}
	default:
		o.next = len(o.trunks)
	}
	s.log.Info("an outside number was not reached", "call", c.id, "trunk", l.trunk, "code", code)
	switch t := c.transfer; {
	case o == c.forward:
		s.forwardTries(c)
	case t != nil && o == t.outside:
		s.transferTries(c)
	}
}
