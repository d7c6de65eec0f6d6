package call

import (
	"fmt"
	"time"

	"trunkline/routing"
	"trunkline/sip"
)

// Caps bound what stolen credentials could dial: calls to outside numbers at once, and their
// minutes in one day of the configured time zone. They hold new calls back and end none.
// Emergency numbers pass them and are not counted.
type Caps struct {
	Calls  int           // at once; 0: no cap
	PerDay time.Duration // answered time; 0: no cap
}

// Spent is what was dialled on a day over one account: a row of the journal, replaced as it grows.
// Exactly one of Agent and Trunk is set; neither: the whole switch.
type Spent struct {
	Agent routing.AgentID `json:"agent,omitempty"`
	Trunk sip.TrunkID     `json:"trunk,omitempty"`
	Day   string          `json:"day"`  // 2006-01-02
	Time  time.Duration   `json:"time"` // answered time that has been charged
}

func (Spent) entry() {}

// Account names the row.
func (s Spent) Account() string {
	switch {
	case s.Agent != "":
		return "agent " + string(s.Agent)
	case s.Trunk != "":
		return "trunk " + string(s.Trunk)
	}
	return "switch"
}

// day is today by the configured time zone, and when it began.
func (s *Switchboard) day() (name string, began time.Time) {
	zone := s.setup.Zone
	if zone == nil {
		zone = time.UTC
	}
	now := s.now.In(zone)
	return now.Format(time.DateOnly), time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
}

// counts says whether a line is a call to a number that counts, over these accounts.
func (l *line) counts(agent routing.AgentID, trunk sip.TrunkID) bool {
	return l.outside != nil && !l.outside.emergency && (agent == "" || l.outside.by == agent) && (trunk == "" || l.trunk == trunk)
}

// dialledBy is what has been dialled over an account: the calls there are, and today's answered time.
func (s *Switchboard) dialledBy(account Spent) (calls int, today time.Duration) {
	day, began := s.day()
	if had := s.spent[account.Account()]; had.Day == day {
		today = had.Time
	}
	for _, l := range s.lines {
		if !l.counts(account.Agent, account.Trunk) || l.state == lineLeaving {
			continue
		}
		calls++
		today += l.uncharged(s.now, began)
	}
	return calls, today
}

// uncharged is a line's answered time that no row has yet.
func (l *line) uncharged(now, began time.Time) time.Duration {
	if l.charged.IsZero() {
		return 0
	}
	from := l.charged
	if from.Before(began) {
		from = began
	}
	return max(now.Sub(from), 0)
}

// chargeEvery bounds what a crash forgets of the calls that are up.
const chargeEvery = time.Minute

// chargeAll charges the calls that are up.
func (s *Switchboard) chargeAll() {
	for _, l := range s.lines {
		s.charge(l)
	}
}

// charge adds what a line has talked since the last time to its accounts.
func (s *Switchboard) charge(l *line) {
	day, began := s.day()
	talked := l.uncharged(s.now, began)
	if !l.counts("", "") || talked == 0 {
		return
	}
	l.charged = s.now
	rows := []Spent{{}, {Trunk: l.trunk}}
	if l.outside.by != "" {
		rows = append(rows, Spent{Agent: l.outside.by})
	}
	for _, row := range rows {
		had := s.spent[row.Account()]
		if row.Day = day; had.Day == day {
			row.Time = had.Time
		}
		row.Time += talked
		s.spent[row.Account()] = row
		s.append(row)
	}
}

// capped says which cap an account has reached; "": none.
func (s *Switchboard) capped(account Spent, caps Caps, where string) string {
	if caps == (Caps{}) {
		return ""
	}
	calls, today := s.dialledBy(account)
	switch {
	case caps.Calls > 0 && calls >= caps.Calls:
		return fmt.Sprintf("%s.max_calls: %d at once", where, caps.Calls)
	case caps.PerDay > 0 && today >= caps.PerDay:
		return fmt.Sprintf("%s.max_minutes_per_day: %d", where, int(caps.PerDay.Minutes()))
	}
	return ""
}

// mayDial says why an agent may not dial another number now; "": they may.
func (s *Switchboard) mayDial(agent routing.AgentID, d Dialled) string {
	if d.Emergency {
		return ""
	}
	if rule := s.capped(Spent{}, s.setup.DialCaps, "dial"); rule != "" {
		return rule
	}
	return s.capped(Spent{Agent: agent}, s.setup.AgentCaps[agent], "agents."+string(agent)+".dial")
}

// mayCarry says why a trunk may not take another call to a number; "": it may.
func (s *Switchboard) mayCarry(id sip.TrunkID, o *outside) string {
	if o.emergency {
		return ""
	}
	return s.capped(Spent{Trunk: id}, s.setup.trunk(id).Caps, "trunks."+string(id)+".dial")
}

// refuseDial tells of a number that an agent, or a trunk, may not dial: by which rule.
func (s *Switchboard) refuseDial(c *liveCall, agent routing.AgentID, trunk sip.TrunkID, rule string, byCap bool) {
	if byCap {
		s.counts.DialCapped++
	} else {
		s.counts.DialRefused++
	}
	f := Fact{Kind: FactDialRefused, Agent: agent, Trunk: trunk, Reason: rule}
	s.log.Warn("a number is not dialled: "+rule, "call", callID(c), "agent", agent, "trunk", trunk)
	if c == nil {
		s.fact(f)
		return
	}
	s.callFact(c, f)
}

func callID(c *liveCall) ID {
	if c == nil {
		return ""
	}
	return c.id
}
