package config

import (
	"time"
)

// Number is one number that the world dials.
type Number struct {
	// Number is the key in the file, in E.164 with the plus.
	Number string `yaml:"-"`

	// The flow its callers pass through. Required.
	Flow string `yaml:"flow" jsonschema:"required"`
}

// Dial is what may be dialled.
type Dial struct {
	// national, or prefixes in E.164 such as "+44".
	Allow []string `yaml:"allow"`
	// Prefixes in E.164 that are refused although allowed.
	Deny []string `yaml:"deny"`
	// Trunks in the order they are tried; empty: all, in the file's order.
	Trunks []string `yaml:"trunks"`
	// Numbers dialled as they are, whatever the limits; empty: those of the country.
	Emergency []string `yaml:"emergency"`
	// Most calls to outside numbers at once, of all agents and flows together; 0: no cap.
	MaxCalls int `yaml:"max_calls"`
	// Most minutes to outside numbers in a day, of all together; 0: no cap.
	MaxMinutesPerDay int `yaml:"max_minutes_per_day"`
}

// Caps bound what stolen credentials could dial. Emergency numbers pass them.
type Caps struct {
	// Most calls to outside numbers at once; 0: no cap.
	MaxCalls int `yaml:"max_calls"`
	// Most answered minutes to outside numbers in a day; 0: no cap.
	MaxMinutesPerDay int `yaml:"max_minutes_per_day"`
}

// Agent is one person who takes calls.
type Agent struct {
	// ID is the agent's name in the file: the identity, and the SIP user of the phones.
	ID string `yaml:"-"`

	// The person's name as shown; without one the key.
	Name string `yaml:"name"`
	// Digest password of the phones, 12 characters or more. Required without phones.
	Password Secret `yaml:"password"`
	// Our E.164 number shown on this agent's calls out; empty: the team's.
	CallerID string `yaml:"caller_id"`
	// Short number that other agents dial.
	Extension string `yaml:"extension"`
	// Most calls at once.
	CallLimit int `yaml:"call_limit"`
	// What the agent can do, and how well, for queues that ask for skills.
	Skills Skills `yaml:"skills"`
	// When the agent is offered calls: one of hours:, or hours written on the spot; empty: always.
	Hours HoursOf `yaml:"hours"`
	// What the agent may dial at most.
	Dial Caps `yaml:"dial"`
	// SIP addresses of phones that cannot register: they are always there.
	Phones []string `yaml:"phones"`
	// Encrypt the sound of the phones (SRTP, keys by SDES): off, auto, optional, required.
	SRTP string `yaml:"srtp" jsonschema:"enum=off,enum=auto,enum=optional,enum=required"`
	// Messages for the agent.
	Voicemail Mailbox `yaml:"voicemail"`
	// Ask registered phones every 30 s whether they live (SIP OPTIONS).
	Options bool `yaml:"options"`
	// Hash of the password for the Help Desk, made by trunkline passwd; empty: no sign-in by password.
	Login Secret `yaml:"login"`
	// The address by which OpenID Connect knows the agent; empty: no sign-in by it.
	Email string `yaml:"email"`
	// What the agent may do at the Help Desk: agent (own calls), supervisor (everybody's), admin (everything).
	Role string `yaml:"role" jsonschema:"enum=agent,enum=supervisor,enum=admin"`
}

// Team is a named set of agents and the rules by which they are rung.
type Team struct {
	// ID is the team's name in the file: the identity.
	ID string `yaml:"-"`

	// The team's name as shown on phones; without one the key.
	Name string `yaml:"name"`
	// Its agents. Required.
	Agents []string `yaml:"agents" jsonschema:"required"`
	// Who is present: any (a live phone), desk (a live phone, and an open Help Desk).
	Presence string `yaml:"presence" jsonschema:"enum=any,enum=desk"`
	// How long one teammate rings.
	Ring time.Duration `yaml:"ring"`
	// No ringing by then: unreachable.
	RingStart time.Duration `yaml:"ring_start"`
	// Time before the same call is offered to the same teammate again.
	RetryAfter time.Duration `yaml:"retry_after"`
	// Calls not answered in a row that set an agent away; 0: never.
	AwayAfter int `yaml:"away_after"`
	// Time for notes after a call; 0s: none.
	WrapUp time.Duration `yaml:"wrap_up"`
	// Time to come back to a call after losing the phone.
	Reclaim time.Duration `yaml:"reclaim"`
	// Our E.164 number shown on its agents' calls out; empty: the trunk's.
	CallerID string `yaml:"caller_id"`
	// Record the team's calls.
	Recording bool `yaml:"recording"`
	// Make words of the team's recordings, where transcripts.driver says how.
	Transcripts bool `yaml:"transcripts"`
	// What is spoken on its calls, such as en or de; empty: transcripts.language.
	Language string `yaml:"language"`
	// Messages for the team.
	Voicemail Mailbox `yaml:"voicemail"`
	// Who is called first for a callback: agent, or customer (the agent is spared until the customer answers).
	CallbackFirst string `yaml:"callback_first" jsonschema:"enum=agent,enum=customer"`
	// What is assigned to an agent by hand: offer (it rings at that agent alone) or view_only (it rings at nobody).
	ManualAssignment string `yaml:"manual_assignment" jsonschema:"enum=offer,enum=view_only"`
	// Most of the team's calls at once in one agent's hands; 0: the agent's own limit alone.
	CallLimit int `yaml:"call_limit"`
	// Callers are to be answered within this time, for the figures.
	ServiceLevel time.Duration `yaml:"service_level"`
	// From when on its figures on the wallboard warn, and alarm.
	Wallboard Wallboard `yaml:"wallboard"`
}
