package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/config"
	"trunkline/desk"
	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// This file maps the YAML's shapes to each room's own configuration. It
// decides nothing: what a key means is said in config and in the rooms.

// checks are what config cannot know by itself.
func checks() config.Checks {
	return config.Checks{
		Prompts:     media.PromptNames("en"),
		Languages:   media.Languages(),
		Sound:       checkClip,
		CallingCode: desk.CallingCode,
		Class:       func(number, country string) string { return desk.Number(number).Class(country).String() },
	}
}

// checkClip says whether readClip can read a file.
func checkClip(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return media.CheckWAV(f)
}

func readClip(path string) (*media.Clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return media.ReadWAV(f)
}

// readMessage reads the caller's side of a recording: the other one of a message is silent.
func readMessage(path string) (*media.Clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return media.ReadWAVSide(f, 0)
}

func (h *house) trunks(c *config.Config) []sip.Trunk {
	out := make([]sip.Trunk, len(c.Trunks))
	for i, t := range c.Trunks {
		out[i] = sip.Trunk{
			ID: sip.TrunkID(t.ID), Host: t.Host, Transport: t.Transport,
			Username: t.Username, Password: t.Password.Reveal(),
			Register: t.Register, Expires: t.Expires, Options: t.Options,
			TryingWithin: t.Trying, RingingWithin: t.RingStart,
			AcceptFrom: t.AcceptFrom, CalledFrom: t.CalledFrom,
			Timers: timers(t.SessionTimers), Prack: sip.Reliability(t.Prack), Asserted: sip.Asserted(t.Identity.Send),
		}
		if t.CA != "" {
			out[i].Authorities = h.trust.of(c.Resolve(t.CA))
		}
	}
	return out
}

// nameServers are those of dns.servers, which Read has checked.
func nameServers(c *config.Config) []netip.AddrPort {
	var all []netip.AddrPort
	for _, s := range c.DNS.Servers {
		if at, err := config.NameServer(s); err == nil {
			all = append(all, at)
		}
	}
	return all
}

func timers(t config.SessionTimers) sip.Timers {
	return sip.Timers{Expires: t.Expires, Min: t.Min, Off: t.Expires == 0}
}

// edgeView is what the SIP edge does not hear, and what it refused.
func (h *house) edgeView() ([]api.Ban, map[string]uint64) {
	bans := []api.Ban{}
	for _, b := range h.sip.Bans() {
		bans = append(bans, api.Ban{Source: b.Source.String(), User: b.User, Rule: b.Rule, Since: b.Since, Until: b.Until, Dropped: b.Dropped})
	}
	return bans, h.sip.Stats().Rejections
}

func sipAccounts(c *config.Config) []sip.Account {
	out := make([]sip.Account, len(c.Agents))
	for i, a := range c.Agents {
		out[i] = sip.Account{
			ID: sip.AccountID(a.ID), Name: a.Name, Password: a.Password.Reveal(),
			Static: a.Phones, NoOptions: !a.Options,
		}
	}
	return out
}

func routerConfig(c *config.Config) routing.Config {
	var out routing.Config
	for _, a := range c.Agents {
		out.Agents = append(out.Agents, routing.Agent{ID: routing.AgentID(a.ID), Name: a.Name, CallLimit: a.CallLimit, Skills: skills(a.Skills)})
	}
	for _, t := range c.Teams {
		team := routing.Team{
			ID: routing.TeamID(t.ID), NeedDesk: t.Presence == "desk",
			Ring: t.Ring, RingStart: t.RingStart, RetryAfter: t.RetryAfter, WrapUp: t.WrapUp, AwayAfter: t.AwayAfter,
			CallLimit: t.CallLimit,
		}
		for _, a := range t.Agents {
			team.Agents = append(team.Agents, routing.AgentID(a))
		}
		out.Teams = append(out.Teams, team)
	}
	return out
}

func codecs(c *config.Config) ([]media.Codec, error) {
	out := make([]media.Codec, len(c.Media.Codecs))
	for i, name := range c.Media.Codecs {
		codec, err := media.ParseCodec(name)
		if err != nil {
			return nil, err
		}
		out[i] = codec
	}
	return out, nil
}

// browsers is where the Help Desk's phones are: at the addresses where SIP is. ICE-lite is for who
// has an address that all can reach.
func browsers(c *config.Config) *media.WebRTC {
	w := &media.WebRTC{Port: uint16(c.WebRTC.Port), Told: c.WebRTC.Addresses, Only: len(c.WebRTC.Addresses) > 0}
	if !w.Only {
		w.Told = c.NAT.External
	}
	w.Lite = len(w.Told) > 0
	for _, text := range c.Listen.SIP {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && !slices.Contains(w.Bind, a) {
			w.Bind = append(w.Bind, a)
		}
	}
	if len(w.Bind) == 0 {
		w.Bind = []netip.Addr{netip.IPv4Unspecified()}
	}
	return w
}

// setup maps the configuration to the switchboard's part of it, prompts read.
//
// Texts of flows are spoken by speak, which may take its time; with nil they are silent.
func setup(c *config.Config, speak speaker) (call.Setup, error) {
	s := call.Setup{
		Hash: c.Hash(), Domain: c.Domain, Country: c.Country,
		Trunks:  map[sip.TrunkID]call.Trunk{},
		Numbers: map[desk.Number]routing.FlowID{},
		Flows:   map[routing.FlowID]routing.Flow{},
		Teams:   map[routing.TeamID]call.Team{},
		Router:  routerConfig(c),
		Music:   media.Music(),

		PauseFor: c.Controls.PauseFor, TransferRing: c.Controls.TransferRing,
		Dial: call.DialRules{Country: c.Country, Allow: c.Dial.Allow, Deny: c.Dial.Deny, Emergency: c.Dial.Emergency},
		Keys: call.Keys(c.Controls.Keys), Codes: call.Codes(c.Controls.Codes),

		AlwaysLead: c.Contacts.AlwaysCreateLead, KeepAnonymous: c.Retention.Anonymous,

		MaxCalls: c.Calls.Max, MaxDuration: c.Calls.MaxDuration,
		RTPTimeout: c.Media.RTPTimeout, HeldTimeout: c.Media.HeldTimeout,
	}
	s.Callbacks = call.Callbacks{For: c.Callbacks.For, Quiet: call.Hours(c.Callbacks.QuietHours())}
	if c.Controls.PauseTone {
		s.PauseTone = media.Beep()
	}
	s.Watching = call.Watching{Show: c.Controls.Watch.Show, Keys: call.WatchKeys(c.Controls.Watch.Keys), Supervisors: map[routing.AgentID]bool{}}
	if c.Controls.Watch.Tone {
		s.Watching.Tone = media.Beep()
	}
	s.Extensions = map[string]routing.AgentID{}
	s.CallerIDs = map[routing.AgentID]desk.Number{}
	for _, a := range c.Agents {
		if a.CallerID != "" {
			s.CallerIDs[routing.AgentID(a.ID)] = desk.Number(a.CallerID)
		}
		s.Watching.Supervisors[routing.AgentID(a.ID)] = a.Role == "supervisor" || a.Role == "admin"
		if a.Extension != "" {
			s.Extensions[a.Extension] = routing.AgentID(a.ID)
		}
	}
	s.SRTP, s.AgentCaps = map[routing.AgentID]call.Protection{}, map[routing.AgentID]call.Caps{}
	s.DialCaps, s.Zone = caps(config.Caps{MaxCalls: c.Dial.MaxCalls, MaxMinutesPerDay: c.Dial.MaxMinutesPerDay}), c.Location()
	s.Shifts = map[routing.AgentID]routing.Hours{}
	for _, a := range c.Agents {
		if h := c.HoursFor(a.Hours); h != nil {
			s.Shifts[routing.AgentID(a.ID)] = hours(c, h)
		}
		s.SRTP[routing.AgentID(a.ID)] = call.Protection(a.SRTP)
		s.AgentCaps[routing.AgentID(a.ID)] = caps(a.Dial)
	}
	for _, id := range dialTrunks(c) {
		s.DialTrunks = append(s.DialTrunks, sip.TrunkID(id))
	}
	for _, t := range c.Trunks {
		dtmf, err := media.ParseDTMF(t.DTMF)
		if err != nil {
			return call.Setup{}, fmt.Errorf("trunks.%s.dtmf: %w", t.ID, err)
		}
		s.Trunks[sip.TrunkID(t.ID)] = call.Trunk{
			In: desk.Format(t.Format.In), Out: desk.Format(t.Format.Out), MediaFrom: t.MediaFrom, DTMF: dtmf,
			MaxCalls: t.MaxCalls, CallerID: desk.Number(t.CallerID), Refer: t.Transfer == "refer", Believe: t.Identity.Trust,
			SRTP: call.Protection(t.SRTP), Caps: caps(t.Dial), Private: t.Transport == "tls",
		}
	}
	for _, t := range c.Teams {
		s.Teams[routing.TeamID(t.ID)] = call.Team{Name: t.Name, Recording: t.Recording, Reclaim: t.Reclaim, CallerID: desk.Number(t.CallerID),
			Transcripts: t.Transcripts, Language: cmp.Or(t.Language, c.Transcripts.Language),
			CustomerFirst: t.CallbackFirst == "customer", ViewOnly: t.ManualAssignment == "view_only",
			ServiceLevel: t.ServiceLevel,
		}
	}
	for _, n := range c.Numbers {
		s.Numbers[desk.Number(n.Number)] = routing.FlowID(n.Flow)
	}
	w := flowWiring{cfg: c, speak: speak, prompts: &s.Prompts}
	w.fail("prompts.folder", w.shipped())
	for _, f := range c.Flows {
		s.Flows[routing.FlowID(f.ID)] = w.flow(f)
	}
	s.Voicemail = w.voicemail()
	if w.err != nil {
		return call.Setup{}, w.err
	}
	if slices.Contains(c.Media.Codecs, media.G722.String()) { // here, where nobody waits for it
		s.Music.Widen()
		for _, clip := range s.Prompts.All() {
			clip.Widen()
		}
	}
	return s, nil
}

func caps(c config.Caps) call.Caps {
	return call.Caps{Calls: c.MaxCalls, PerDay: time.Duration(c.MaxMinutesPerDay) * time.Minute}
}

func transcribing(c *config.Config) recorder.Transcribing {
	t := c.Transcripts
	out := recorder.Transcribing{Timeout: t.Timeout, Tries: t.Tries, AtOnce: t.AtOnce}
	switch t.Driver {
	case "http":
		out.Driver = &recorder.HTTPDriver{URL: t.URL, Model: t.Model, Key: t.Key.Reveal()}
	case "command":
		out.Driver = &recorder.CommandDriver{Argv: c.TranscriptCommand()}
	}
	return out
}

func webhooks(c *config.Config) []api.Webhook {
	out := make([]api.Webhook, len(c.Webhooks))
	for i, w := range c.Webhooks {
		out[i] = api.Webhook{Name: w.ID, URL: w.URL, Secret: w.Secret.Reveal(), Private: w.Private}
		for _, kind := range w.Facts {
			out[i].Kinds = append(out[i].Kinds, call.FactKind(kind))
		}
	}
	return out
}
