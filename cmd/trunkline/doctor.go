package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"trunkline/api"
	"trunkline/config"
	"trunkline/desk"
	"trunkline/media"
	"trunkline/sip"
)

// doctor examines trunks in the running switch: what sip finds on the wire, and
// then a call out over the trunk that, where the carrier sends it, comes back in
// to one of our numbers. Its legs and sessions are those of every call, on the
// same sockets; the switchboard does not see them.
type doctor struct {
	h *house

	busy sync.Mutex // one examination at a time

	mu       sync.Mutex
	legs     map[sip.LegID]*patient
	sessions map[media.SessionID]*patient
	awaited  *awaited // the call that is to come back; nil: none
}

// awaited is how a call of the doctor's is known when it comes back: by the
// trunk, the number dialled and the number that we show.
type awaited struct {
	trunk           sip.TrunkID
	dialled, caller string // their last digits
	came            chan sip.Invited
	taken           bool
}

// enough digits tell a number from all others that ring in the same seconds.
const enough = 7

func newDoctor(h *house) *doctor {
	return &doctor{h: h, legs: map[sip.LegID]*patient{}, sessions: map[media.SessionID]*patient{}}
}

// fromSip takes the events of the doctor's own legs; the switchboard gets the
// others. It never blocks.
func (d *doctor) fromSip(ev sip.Event) {
	if !d.takes(ev) {
		d.h.board.FromSip(ev)
	}
}

func (d *doctor) takes(ev sip.Event) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if in, ok := ev.(sip.Invited); ok {
		a := d.awaited
		if a == nil || a.taken || in.Trunk != a.trunk || ending(in.Dialled) != a.dialled || ending(in.From.User) != a.caller && ending(in.PAI.User) != a.caller {
			return false
		}
		a.taken = true
		d.legs[in.Leg.ID()] = newPatient() // what comes before it is looked after
		a.came <- in
		return true
	}
	if len(d.legs) == 0 {
		return false
	}
	leg := sip.LegOf(ev)
	p := d.legs[leg]
	if p == nil {
		return false
	}
	p.tell(ev)
	if _, last := ev.(sip.Ended); last {
		delete(d.legs, leg)
	}
	return true
}

// fromMedia is fromSip for the sound.
func (d *doctor) fromMedia(ev media.Event) {
	if digit, ok := ev.(media.Digit); ok {
		d.mu.Lock()
		p := d.sessions[digit.Session]
		d.mu.Unlock()
		if p != nil {
			p.pressed(digit.Digit)
			return
		}
	}
	d.h.board.FromMedia(ev)
}

// ending is the last digits of a number as a trunk writes it.
func ending(user string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, user)
	return digits[max(len(digits)-enough, 0):]
}

// examine tries a trunk and tells each step. number is what the test call dials;
// empty: a number of ours. It fails only where nothing can be tried.
func (d *doctor) examine(ctx context.Context, q api.TrunkQuestion, tell func(api.TrunkFinding)) error {
	cfg := d.h.config()
	trunk := trunkOf(cfg, q.Trunk)
	if trunk == nil {
		return &api.Error{Status: 404, What: "there is no trunk " + q.Trunk, Cure: "trunkline status lists them"}
	}
	if !d.busy.TryLock() {
		return &api.Error{Status: 409, What: "another trunk is being examined", Cure: "try again in a minute"}
	}
	defer d.busy.Unlock()
	say := func(f sip.Finding) {
		tell(api.TrunkFinding{Step: f.Step, OK: f.OK, Text: f.Text, Cure: f.Cure, Details: f.Details})
	}
	reached := true
	d.h.sip.Examine(ctx, sip.TrunkID(trunk.ID), func(f sip.Finding) {
		if f.Step == "name" && !f.OK {
			reached = false
		}
		say(f)
	})
	if !reached || q.NoCall || ctx.Err() != nil {
		return ctx.Err()
	}
	number, ours, err := numberToTest(cfg, trunk, q.Number)
	if err != nil {
		say(sip.Finding{Step: "call", Text: err.Error(), Cure: "give a number that answers, with --number, or leave the call out with --no-call"})
		return nil
	}
	c := &loop{d: d, cfg: cfg, trunk: trunk, number: number, ours: ours, say: say}
	c.run(ctx)
	return nil
}

func trunkOf(c *config.Config, id string) *config.Trunk {
	for i := range c.Trunks {
		if c.Trunks[i].ID == id {
			return &c.Trunks[i]
		}
	}
	return nil
}

// numberToTest is what to dial, and whether it is one of ours: the call then
// comes back.
func numberToTest(c *config.Config, t *config.Trunk, asked string) (n desk.Number, ours bool, err error) {
	if asked != "" {
		if n, err = desk.Parse(asked, c.Country, desk.FormatAuto); err != nil {
			return "", false, fmt.Errorf("%q is no telephone number", asked)
		}
	}
	for _, own := range c.Numbers {
		switch number := desk.Number(own.Number); {
		case number == n:
			return n, true, nil
		case n == "" && (own.Number == t.CallerID || t.CallerID == ""):
			return number, true, nil
		}
	}
	if n != "" {
		return n, false, nil
	}
	if len(c.Numbers) > 0 {
		return desk.Number(c.Numbers[0].Number), true, nil
	}
	return "", false, fmt.Errorf("there is no number of ours that a call could come back to")
}

// answeredWithin is how long the test call may take to be answered.
const answeredWithin = 45 * time.Second
