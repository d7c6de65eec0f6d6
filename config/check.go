package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	e164      = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	prefix164 = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)
	identity  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	country   = regexp.MustCompile(`^[A-Z]{2}$`)
	shortCode = regexp.MustCompile(`^[0-9]{2,8}$`)
)

// check finds what is wrong with values that were read well: names that refer
// to nothing, limits that contradict each other, doors that do not exist.
func (r *reader) check(c *Config) {
	r.checkHouse(c)
	r.checkListen(c)
	r.checkMedia(c)
	r.checkHEP(c)
	r.checkWebhooks(c)
	r.checkLookup(c)
	r.checkTranscripts(c)
	r.checkTrunks(c)
	r.checkNumbers(c)
	r.checkDial(c)
	r.checkPeople(c)
	r.checkControls(c)
	r.checkPrompts(c)
	r.checkHours(c)
	r.checkFlows(c)
}

// fail says that the value of key is wrong, unless something was said of it.
func (r *reader) fail(key, format string, args ...any) {
	if !r.bad(key) {
		line, column := r.at(key)
		r.wrong(line, column, key, format, args...)
	}
}

// warn says that the value of key is surely not meant.
func (r *reader) warn(key, format string, args ...any) {
	all := r.problems
	r.problems = nil
	line, column := r.at(key)
	r.wrong(line, column, key, format, args...)
	r.warnings, r.problems = append(r.warnings, r.problems...), all
}

// bad says whether a problem with the key, or inside it, is known.
func (r *reader) bad(key string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool {
		return p.Key == key || strings.HasPrefix(p.Key, key+".") || strings.HasPrefix(p.Key, key+"[")
	})
}

// at is where the value of key stands; for a key that was not written, the
// key that it would stand in; for the file as a whole, its first line.
func (r *reader) at(key string) (line, column int) {
	for key != "" {
		if p, ok := r.places[key]; ok {
			return int(p.line), int(p.column)
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 1, 1
}

func index(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

func orElse(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

func ids[T any](all []T, id func(T) string) []string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = id(one)
	}
	return names
}

// name checks a name that becomes an identity: part of SIP addresses, file
// names and paths of the API.
func (r *reader) name(key, id string) {
	if !identity.MatchString(id) {
		r.fail(key, "%q cannot be a name: write letters, digits, dots, dashes and underscores, at most 63", id)
	}
}

func (r *reader) checkHouse(c *Config) {
	if !domain.MatchString(c.Domain) {
		r.fail("domain", "%q is not a domain: write a host name such as pbx.example.com", c.Domain)
	}
	if c.DataDir == "" {
		r.fail("data_dir", "is empty: write a folder such as data")
	}
	known := country.MatchString(c.Country)
	if known && r.checks.CallingCode != nil {
		_, known = r.checks.CallingCode(c.Country)
	}
	if !known {
		r.fail("country", "%q is not a country: write its two capital letters (ISO 3166), such as US, GB or DE", c.Country)
	}
	if _, err := r.zone(c, c.Timezone); err != nil || c.Timezone == "" || c.Timezone == "Local" {
		r.fail("timezone", "%q is not a time zone: write an IANA name such as America/New_York or Europe/Berlin", c.Timezone)
	}
	r.checkTLS(c)
	r.checkWebRTC(c)
	r.checkDNS(c)
	for i, a := range c.NAT.External {
		if a.IsValid() && (a.IsUnspecified() || a.IsMulticast()) {
			r.fail(index("nat.external", i), "%s cannot be our public address: write the address that the carrier sees", a)
		}
	}
}

func (r *reader) checkMedia(c *Config) {
	m := c.Media
	if len(m.Codecs) == 0 {
		r.fail("media.codecs", "is empty, so no call could talk: write [PCMU, PCMA]")
	}
	r.noRepeats("media.codecs", m.Codecs)
	if m.JitterBuffer.Min > m.JitterBuffer.Max {
		r.fail("media.jitter_buffer", "min %s is above max %s: exchange them", written(m.JitterBuffer.Min), written(m.JitterBuffer.Max))
	}
	if m.JitterBuffer.Max > 2*time.Second {
		r.fail("media.jitter_buffer.max", "%s would be heard as an echo of the past: write 2s or less", written(m.JitterBuffer.Max))
	}
	r.atLeast("media.rtp_timeout", m.RTPTimeout, time.Second)
	r.atLeast("media.held_timeout", m.HeldTimeout, time.Second)
	r.between("calls.max", c.Calls.Max, 1, 100_000)
	r.atLeast("calls.max_duration", c.Calls.MaxDuration, time.Second)
	r.atLeast("retention.records", c.Retention.Records, time.Hour)
	r.atLeast("retention.recordings", c.Retention.Recordings, time.Hour)
	r.atLeast("retention.facts", c.Retention.Facts, time.Hour)
	r.atLeast("retention.anonymous", c.Retention.Anonymous, time.Hour)
	r.checkTimers("session_timers", c.SessionTimers)
	r.checkCallbacks(c.Callbacks)
	r.checkVoicemail(c)

	// Two legs a call, a port for RTP and one for RTCP each.
	have, need := int(m.Ports.Max)-int(m.Ports.Min)+1, 4*c.Calls.Max
	if have < need && !r.bad("calls.max") {
		fits := have / 4
		if fits < 1 {
			r.fail("media.ports", "%s has %d ports, and one call needs 4: write a larger range such as 20000-29999", m.Ports, have)
			return
		}
		r.fail("media.ports", "%s has %d ports, and calls.max %d needs %d (2 legs × 2 ports a call): widen the range, or set calls.max to %d",
			m.Ports, have, c.Calls.Max, need, fits)
	}
}

func (r *reader) atLeast(key string, value, least time.Duration) {
	if value < least {
		r.fail(key, "%s is too short: write %s or more", written(value), written(least))
	}
}

// written is a duration as a person writes it: 90d, not 2160h0m0s.
func written(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (r *reader) between(key string, value, low, high int) {
	if value < low || value > high {
		r.fail(key, "%d is out of range: write a number from %d to %d", value, low, high)
	}
}

func (r *reader) noRepeats(key string, all []string) {
	for i, one := range all {
		if first := slices.Index(all, one); first < i && one != "" {
			r.fail(index(key, i), "%q is there twice: keep one of them", one)
		}
	}
}

func (r *reader) checkNumbers(c *Config) {
	for _, n := range c.Numbers {
		key := join("numbers", n.Number)
		if !e164.MatchString(n.Number) {
			r.fail(key, "%q is not a number in E.164: write it with plus and country code, such as \"+14155550100\"", n.Number)
		}
		flows := ids(c.Flows, func(f Flow) string { return f.ID })
		switch {
		case n.Flow == "":
			r.fail(join(key, "flow"), "is missing: write {flow: name} with one of flows:")
		case c.Flow(n.Flow) == nil:
			r.fail(join(key, "flow"), "there is no flow %q%s", n.Flow, orElse(didYouMean(n.Flow, flows), ": define it under flows:"))
		}
	}
	if len(c.Numbers) == 0 && !r.bad("numbers") {
		r.warn("numbers", "is empty: every call from a trunk gets 404")
	}
}

func (r *reader) checkDial(c *Config) {
	for i, p := range c.Dial.Allow {
		if p != "national" && !prefix164.MatchString(p) {
			r.fail(index("dial.allow", i), "%q is not a rule: write national, or a prefix in quotes such as \"+44\"", p)
		}
	}
	for i, p := range c.Dial.Deny {
		if !prefix164.MatchString(p) {
			r.fail(index("dial.deny", i), "%q is not a prefix: write one in quotes such as \"+1900\"", p)
		}
	}
	r.checkTrunkNames(c, "dial.trunks", c.Dial.Trunks)
	for i, n := range c.Dial.Emergency {
		if !shortCode.MatchString(n) {
			r.fail(index("dial.emergency", i), "%q is not an emergency number: write its digits in quotes, such as \"911\"", n)
		}
	}
	r.noRepeats("dial.emergency", c.Dial.Emergency)
	r.checkCaps("dial", Caps{c.Dial.MaxCalls, c.Dial.MaxMinutesPerDay})
	for _, t := range c.Trunks {
		r.checkCaps(join(join("trunks", t.ID), "dial"), t.Dial)
	}
	for _, a := range c.Agents {
		r.checkCaps(join(join("agents", a.ID), "dial"), a.Dial)
	}
}

func (r *reader) checkCaps(key string, c Caps) {
	r.between(join(key, "max_calls"), c.MaxCalls, 0, 100_000)
	r.between(join(key, "max_minutes_per_day"), c.MaxMinutesPerDay, 0, 100_000_000)
}

func (r *reader) checkTrunkNames(c *Config, key string, names []string) {
	for i, name := range names {
		if name != "" && c.Trunk(name) == nil {
			all := ids(c.Trunks, func(t Trunk) string { return t.ID })
			r.fail(index(key, i), "there is no trunk %q%s", name, orElse(didYouMean(name, all), ": define it under trunks:"))
		}
	}
	r.noRepeats(key, names)
}
