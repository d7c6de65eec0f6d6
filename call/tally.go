package call

import (
	"time"

	"trunkline/routing"
)

// TeamDay is what became of a team's callers on a day of the configured time
// zone: a row of the journal, replaced as it grows. A caller counts once,
// where they first waited; callers who come back to the front do not count
// again.
type TeamDay struct {
	Team routing.TeamID `json:"team"`
	Day  string         `json:"day"` // 2006-01-02

	Answered    int `json:"answered"`
	AnsweredIn  int `json:"answered_in"` // within the threshold (Team.ServiceLevel)
	Abandoned   int `json:"abandoned"`   // gone while they waited
	AbandonedIn int `json:"abandoned_in"`
	Left        int `json:"left"` // led on by the flow: an exit key, the end of the wait, a callback

	Waited time.Duration `json:"waited"` // of the answered, together
}

func (TeamDay) entry() {}

// ServiceLevel is the share of callers who were answered within the threshold,
// of all who were answered, gave up after it, or were led on: 0 to 1. Who gave
// up before it counts for neither. False: nobody counts yet.
func (d TeamDay) ServiceLevel() (float64, bool) {
	all := d.Answered + d.Abandoned - d.AbandonedIn + d.Left
	if all == 0 {
		return 0, false
	}
	return float64(d.AnsweredIn) / float64(all), true
}

// fate is what becomes of who waits.
type fate uint8

const (
	fateAnswered fate = iota
	fateAbandoned
	fateLeft
)

// tally counts the end of a wait, once for each.
func (s *Switchboard) tally(c *liveCall, became fate) {
	if c.entered.IsZero() || c.waiting.Returned {
		return
	}
	waited := s.now.Sub(c.entered)
	c.entered = noTime
	row := s.teamDay(c.countedBy)
	in := 0
	if waited <= s.setup.Teams[c.countedBy].ServiceLevel {
		in = 1
	}
	switch became {
	case fateAnswered:
		row.Answered, row.AnsweredIn, row.Waited = row.Answered+1, row.AnsweredIn+in, row.Waited+waited
	case fateAbandoned:
		row.Abandoned, row.AbandonedIn = row.Abandoned+1, row.AbandonedIn+in
	case fateLeft:
		row.Left++
	}
	s.today[row.Team] = row
	s.append(row)
}

// teamDay is a team's row of today.
func (s *Switchboard) teamDay(team routing.TeamID) TeamDay {
	day, _ := s.day()
	if row := s.today[team]; row.Day == day {
		return row
	}
	return TeamDay{Team: team, Day: day}
}

// does is what an agent does now, for the figures: the first of these that is
// true.
func (a AgentStatus) does() string {
	switch {
	case a.Off:
		return "off_duty"
	case a.Status == routing.StatusAway && !a.Until.IsZero():
		return "wrap_up"
	case a.Status == routing.StatusAway:
		return "away"
	case len(a.Open) > 0:
		return "busy"
	case a.AgentView.Available:
		return "available"
	}
	return "offline"
}
