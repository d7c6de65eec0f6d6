package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// minPassword is the least that a phone's password may have: digest passwords
// are guessed offline from one captured REGISTER.
const minPassword = 12

// checkPeople checks agents and teams, and the namespace they share.
func (r *reader) checkPeople(c *Config) {
	extensions := make(map[string]string)
	for _, a := range c.Agents {
		key := join("agents", a.ID)
		r.name(key, a.ID)
		r.checkAgent(c, key, a)
		if a.Extension == "" {
			continue
		}
		if other, taken := extensions[a.Extension]; taken {
			r.fail(join(key, "extension"), "%s is already %s's: give each agent another", a.Extension, other)
		}
		extensions[a.Extension] = a.ID
		if other := c.Agent(a.Extension); other != nil && other.ID != a.ID {
			r.fail(join(key, "extension"), "%s is also an agent's name: choose another", a.Extension)
		}
	}
	for _, t := range c.Teams {
		key := join("teams", t.ID)
		r.name(key, t.ID)
		if c.Agent(t.ID) != nil {
			r.fail(key, "is also an agent's name, and agents and teams share one namespace: rename one of them")
		}
		r.checkTeam(c, key, t)
	}
	r.checkSignIns(c)
}

func (r *reader) checkAgent(c *Config, key string, a Agent) {
	length := utf8.RuneCountInString(a.Password.Reveal())
	switch {
	case a.Password.Empty() && len(a.Phones) == 0:
		r.fail(join(key, "password"), "is missing: write one of %d characters or more, or phones: with an address that is always there", minPassword)
	case a.Password.Empty():
		if _, written := r.places[join(key, "password")]; written {
			r.fail(join(key, "password"), "is empty: write one of %d characters or more, or remove the key", minPassword)
		}
	case length < minPassword:
		r.fail(join(key, "password"), "has %d characters: write %d or more", length, minPassword)
	}
	if a.Extension != "" && !shortCode.MatchString(a.Extension) {
		r.fail(join(key, "extension"), "%q is not an extension: write 2 to 8 digits in quotes, such as \"101\"", a.Extension)
	}
	if a.Extension != "" && slices.Contains(c.Dial.Emergency, a.Extension) {
		r.fail(join(key, "extension"), "%s is an emergency number: choose another", a.Extension)
	}
	r.ourNumber(join(key, "caller_id"), a.CallerID)
	r.between(join(key, "call_limit"), a.CallLimit, 1, 100)
	r.checkSkills(join(key, "skills"), a.Skills, 1)
	r.checkSchedule(c, join(key, "hours"), a.Hours)
	if len(a.Phones) > 5 {
		r.fail(join(key, "phones"), "has %d phones: an agent has at most 5", len(a.Phones))
	}
	r.noRepeats(join(key, "phones"), a.Phones)
	for i, phone := range a.Phones {
		if wrong := r.wrongPhone(phone); wrong != "" {
			r.fail(index(join(key, "phones"), i), "%q %s", phone, wrong)
		}
	}
}

var sipAddress = regexp.MustCompile(`^(sips?):(?:([^@:\s<>"]+)@)?([^@;\s<>"]+)(?:;transport=([A-Za-z]+))?$`)

// wrongPhone says what is wrong with a static phone's address; empty when nothing is.
func (r *reader) wrongPhone(text string) string {
	m := sipAddress.FindStringSubmatch(text)
	switch {
	case text == "":
		return ""
	case m == nil || m[2] == "":
		return "is not a SIP address: write one such as sip:carol@192.0.2.7:5060"
	case m[4] != "" && !slices.Contains([]string{"udp", "tcp", "tls"}, strings.ToLower(m[4])):
		return "has an unknown transport: write ;transport=udp, ;transport=tcp or ;transport=tls"
	}
	return r.wrongHost(m[3])
}

func (r *reader) checkTeam(c *Config, key string, t Team) {
	if len(t.Agents) == 0 {
		r.fail(join(key, "agents"), "is empty, so its callers would wait for ever: write one agent or more, such as [ann]")
	}
	r.noRepeats(join(key, "agents"), t.Agents)
	all := ids(c.Agents, func(a Agent) string { return a.ID })
	for i, name := range t.Agents {
		if name == "" || c.Agent(name) != nil {
			continue
		}
		hint := didYouMean(name, all)
		if c.Team(name) != nil {
			hint = ": it is a team; list its agents"
		}
		r.fail(index(join(key, "agents"), i), "there is no agent %q%s", name, orElse(hint, ": define it under agents:"))
	}
	if t.Presence == "desk" && len(t.Agents) > 0 && !slices.ContainsFunc(t.Agents, c.signsIn) {
		r.fail(join(key, "presence"), "desk demands an open Help Desk, and none of its agents can sign in there: give them login: with a hash made by trunkline passwd, or write any")
	}
	r.ourNumber(join(key, "caller_id"), t.CallerID)
	r.atLeast(join(key, "ring"), t.Ring, time.Second)
	r.atLeast(join(key, "ring_start"), t.RingStart, 100*time.Millisecond)
	if t.Ring > 10*time.Minute {
		r.fail(join(key, "ring"), "%s is longer than a caller's patience: write 10m or less", written(t.Ring))
	}
	if t.RingStart > time.Minute {
		r.fail(join(key, "ring_start"), "%s is too long: a phone that is there rings within seconds; write 1m or less", written(t.RingStart))
	}
	r.between(join(key, "away_after"), t.AwayAfter, 0, 1000)
	r.between(join(key, "call_limit"), t.CallLimit, 0, 100)
	r.atLeast(join(key, "service_level"), t.ServiceLevel, time.Second)
	r.checkWallboard(join(key, "wallboard"), t.Wallboard)
}

// Trunk is the trunk of that name; nil where there is none.
func (c *Config) Trunk(id string) *Trunk {
	return find(c.Trunks, func(t *Trunk) bool { return t.ID == id })
}

// Number is the number in E.164; nil where there is none.
func (c *Config) Number(number string) *Number {
	return find(c.Numbers, func(n *Number) bool { return n.Number == number })
}

// Agent is the agent of that name; nil where there is none.
func (c *Config) Agent(id string) *Agent {
	return find(c.Agents, func(a *Agent) bool { return a.ID == id })
}

// User is the user of that name; nil where there is none.
func (c *Config) User(id string) *User {
	return find(c.Users, func(u *User) bool { return u.ID == id })
}

// Team is the team of that name; nil where there is none.
func (c *Config) Team(id string) *Team {
	return find(c.Teams, func(t *Team) bool { return t.ID == id })
}

// Flow is the flow of that name; nil where there is none.
func (c *Config) Flow(id string) *Flow {
	return find(c.Flows, func(f *Flow) bool { return f.ID == id })
}

func find[T any](all []T, is func(*T) bool) *T {
	for i := range all {
		if is(&all[i]) {
			return &all[i]
		}
	}
	return nil
}
