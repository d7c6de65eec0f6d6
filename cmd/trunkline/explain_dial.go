package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"trunkline/call"
	"trunkline/config"
	"trunkline/desk"
	"trunkline/routing"
	"trunkline/sip"
)

// dialling is what would become of something that an agent dials.
type dialling struct {
	Dialled   string     `json:"dialled"`
	Agent     string     `json:"agent,omitempty"`
	Is        string     `json:"is"` // in words
	Number    string     `json:"number,omitempty"`
	Emergency bool       `json:"emergency,omitempty"`
	Code      int        `json:"code,omitempty"` // of the refusal; 0: it is dialled
	Rule      string     `json:"rule,omitempty"` // that decides
	Over      []dialOver `json:"over,omitempty"` // the trunks, in the order in which they are tried
	Caps      []string   `json:"caps,omitempty"` // that could hold it back
}

type dialOver struct {
	Trunk string `json:"trunk"`
	As    string `json:"as"`              // the number as the trunk is given it
	Shows string `json:"shows,omitempty"` // our number
}

// explainDial says what the file makes of something dialled. agent may be empty.
func explainDial(cfg *config.Config, text, agent string) (dialling, error) {
	who := cfg.Agent(agent)
	if agent != "" && who == nil {
		return dialling{}, usageError{fmt.Sprintf("--agent: there is no agent %q", agent)}
	}
	s, err := setup(cfg, nil)
	if err != nil {
		return dialling{}, err
	}
	d := dialling{Dialled: text, Agent: agent}
	switch to := cfg.Agent(string(cmp.Or(string(s.Extensions[text]), text))); {
	case who != nil && who.Password.Empty():
		d.Is, d.Code, d.Rule = "nothing that could be dialled", 401, "a phone without a password cannot dial: agents."+agent+".password"
		return d, nil
	case slices.Contains([]string{s.Codes.Active, s.Codes.Away, s.Codes.WrapUp, s.Codes.Pickup, s.Codes.Reclaim, s.Codes.Echo}, text) && text != "":
		d.Is, d.Rule = "a code of controls.codes", "obeyed by the switch, nobody is called"
		return d, nil
	case to != nil:
		d.Is, d.Rule = "the agent "+to.ID, "agents call each other; not recorded, counts to both limits"
		return d, nil
	case cfg.Team(text) != nil:
		d.Is, d.Code, d.Rule = "the team "+text, 404, "a team takes transfers, not calls"
		return d, nil
	}
	j := s.Dial.Judge(text)
	d.Number, d.Emergency, d.Code, d.Rule = string(j.Number), j.Emergency, j.Code, j.Rule
	switch {
	case j.Number == "":
		d.Is = "no number"
		return d, nil
	case j.Emergency:
		d.Is = "an emergency number"
	default:
		d.Is = "a number: " + j.Number.Class(cfg.Country).String()
	}
	if d.Code == 0 {
		d.Over = diallingOver(cfg, s, j, who)
		d.Caps = diallingCaps(cfg, j, who, d.Over)
		if len(d.Over) == 0 {
			d.Code, d.Rule = 503, "there is no trunk"
		}
	}
	return d, nil
}

func diallingOver(cfg *config.Config, s call.Setup, j call.Dialled, who *config.Agent) (over []dialOver) {
	own := ""
	if who != nil {
		id := routing.AgentID(who.ID)
		own = string(s.Shows(id, s.FirstTeam(id)))
	}
	for _, id := range s.DialTrunks {
		t := s.Trunks[sip.TrunkID(id)]
		as := j.Number.Format(cmp.Or(t.Out, desk.FormatPlus), cfg.Country)
		if j.Emergency {
			as = string(j.Number)
		}
		over = append(over, dialOver{Trunk: string(id), As: as, Shows: cmp.Or(own, string(t.CallerID))})
	}
	return over
}

// diallingCaps lists what could hold a call back although the rules allow it.
func diallingCaps(cfg *config.Config, j call.Dialled, who *config.Agent, over []dialOver) (all []string) {
	if j.Emergency {
		return nil
	}
	add := func(key string, c config.Caps) {
		if c.MaxCalls > 0 {
			all = append(all, fmt.Sprintf("%s.max_calls: %d", key, c.MaxCalls))
		}
		if c.MaxMinutesPerDay > 0 {
			all = append(all, fmt.Sprintf("%s.max_minutes_per_day: %d", key, c.MaxMinutesPerDay))
		}
	}
	add("dial", config.Caps{MaxCalls: cfg.Dial.MaxCalls, MaxMinutesPerDay: cfg.Dial.MaxMinutesPerDay})
	if who != nil {
		add("agents."+who.ID+".dial", who.Dial)
	}
	for _, o := range over {
		t := cfg.Trunk(o.Trunk)
		all = append(all, fmt.Sprintf("trunks.%s.max_calls: %d", t.ID, t.MaxCalls))
		add("trunks."+t.ID+".dial", t.Dial)
	}
	return all
}

// showDialling writes it for people.
func showDialling(w io.Writer, d dialling) error {
	t := newTable(w)
	t.row("dialled", d.Dialled)
	t.row("by", cmp.Or(d.Agent, "an agent"))
	t.row("is", d.Is)
	if d.Number != "" {
		t.row("number", d.Number)
	}
	t.row("rule", d.Rule)
	for i, o := range d.Over {
		what := "over"
		if i > 0 {
			what = "then"
		}
		t.row(what, fmt.Sprintf("%s as %s, showing %s", o.Trunk, o.As, cmp.Or(o.Shows, "no number of ours: set caller_id")))
	}
	if len(d.Caps) > 0 {
		t.row("caps", strings.Join(d.Caps, ", "))
	}
	if err := t.end(); err != nil {
		return err
	}
	end := "dialled"
	switch {
	case d.Code != 0:
		end = fmt.Sprintf("refused with %d", d.Code)
	case d.Emergency:
		end = "dialled as it is, past every limit, and announced in the log"
	case d.Number == "":
		end = "answered within the house"
	}
	_, err := fmt.Fprintf(w, "\nend: %s\n", end)
	return err
}
