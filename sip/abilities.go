package sip

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// What we understand beyond RFC 3261 is said here and nowhere else: Allow,
// Supported, Require and Unsupported of every message come from this file, so
// that what is promised is what is done.

// Option tags of ours: RFC 3262, RFC 4028; towards phones RFC 3891, RFC 4488 and RFC 4538.
const (
	tagReliable = "100rel"
	tagTimer    = "timer"
	tagReplaces = "replaces"
	tagNoSub    = "norefersub"
	tagDialog   = "tdialog"

	tagPath     = "path"     // of REGISTER alone: RFC 3327
	tagOutbound = "outbound" // likewise: RFC 5626
)

// methods is what a dialog of ours understands whatever the policy.
const methods = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"

// policy is what we use with one peer: its trunk's configuration, or for
// phones the endpoint's.
type policy struct {
	phone  bool // REFER and Replaces are theirs alone
	prack  Reliability
	timers Timers
	assert Asserted
}

// widest is what we can do with anybody.
var widest = policy{}

func (t Trunk) policy() policy { return policy{prack: t.Prack, timers: t.Timers, assert: t.Asserted} }

// policyOf is the policy towards a trunk; with no trunk, towards phones.
func (e *Endpoint) policyOf(t Trunk) policy {
	if t.ID == "" {
		return policy{phone: true, timers: e.cfg.Timers}
	}
	return t.policy()
}

// policyTo is the policy towards who is dialled.
func (e *Endpoint) policyTo(t Target) policy {
	for _, c := range e.carriers.now.Load().trunks {
		if t.Trunk != "" && c.ID == t.Trunk {
			return e.policyOf(c.Trunk)
		}
	}
	return e.policyOf(Trunk{})
}

// refusal is why a request that makes or refreshes a session is not taken, and
// the header that says what would be; code 0: it is taken. a is what its sender
// can.
func (p policy) refusal(req *sip.Request, a abilities, inDialog bool) (code int, cure sip.Header) {
	if tags := p.unsupported(req); tags != "" {
		return 420, sip.NewHeader("Unsupported", tags)
	}
	if req.Method == sip.INVITE && !inDialog && p.prack == ReliableRequired && !a.reliable {
		return 421, sip.NewHeader("Require", tagReliable) // RFC 3261 §21.4.16
	}
	if h := p.tooBrief(req, a); h != nil {
		return 422, h
	}
	return 0, nil
}

// allow is the value of Allow.
func (p policy) allow() string {
	s := methods
	if p.prack != ReliableOff {
		s += ", PRACK"
	}
	if p.phone {
		s += ", REFER, SUBSCRIBE"
	}
	return s
}

// supported is the value of Supported; empty is legal and says: none.
func (p policy) supported() string {
	var tags []string
	if p.prack != ReliableOff {
		tags = append(tags, tagReliable)
	}
	if !p.timers.Off {
		tags = append(tags, tagTimer)
	}
	if p.phone {
		tags = append(tags, tagReplaces, tagNoSub, tagDialog)
	}
	return strings.Join(tags, ", ")
}

// understood reports an option tag that some policy of ours supports.
func understood(tag string) bool {
	switch strings.ToLower(tag) {
	case tagReliable, tagTimer, tagReplaces, tagNoSub, tagDialog:
		return true
	}
	return false
}

// unsupported lists what a request requires and this policy does not have: the
// Unsupported of a 420 (RFC 3261 §8.2.2.3).
func (p policy) unsupported(req *sip.Request) string {
	var tags []string
	have := ", " + p.supported() + ","
	for _, t := range optionTags(req, "require") {
		if !strings.Contains(have, ", "+strings.ToLower(t)+",") {
			tags = append(tags, t)
		}
	}
	return strings.Join(tags, ", ")
}

// introduce adds Contact, Allow and Supported: what a message that makes or
// refreshes a dialog tells of us.
func (l *Leg) introduce(m sip.Message) {
	m.AppendHeader(l.contact)
	m.AppendHeader(sip.NewHeader("Allow", l.policy.allow()))
	m.AppendHeader(sip.NewHeader("Supported", l.policy.supported()))
}

// abilities is what the peer has told of itself.
type abilities struct {
	update   bool // Allow lists UPDATE
	timer    bool // Supported or Require: timer
	reliable bool // Supported or Require: 100rel
	events   bool // it has told its Allow-Events:
	talk     bool // talk is among them
}

// learn takes what a message of the peer says; silence changes nothing.
func (a *abilities) learn(m sip.Message) {
	if given := m.GetHeaders("allow"); len(given) > 0 {
		a.update = listed(given, "UPDATE")
	}
	if given := append(m.GetHeaders("allow-events"), m.GetHeaders("u")...); len(given) > 0 { // RFC 6665 §8.2.2
		a.events, a.talk = true, listed(given, "talk")
	}
	given := append(m.GetHeaders("supported"), m.GetHeaders("k")...)
	need := m.GetHeaders("require")
	if len(given) > 0 || len(need) > 0 {
		a.timer = listed(given, tagTimer) || listed(need, tagTimer)
		a.reliable = listed(given, tagReliable) || listed(need, tagReliable)
	}
}

// requires reports an option tag in Require.
func requires(m sip.Message, tag string) bool { return listed(m.GetHeaders("require"), tag) }

func listed(hs []sip.Header, word string) bool {
	for _, h := range hs {
		for _, w := range strings.Split(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(w), word) {
				return true
			}
		}
	}
	return false
}

// optionTags are all words of the headers of a name.
func optionTags(m sip.Message, name string) []string {
	var tags []string
	for _, h := range headersOf(m, name) {
		for _, t := range strings.Split(h.Value(), ",") {
			if t = strings.TrimSpace(t); t != "" {
				tags = append(tags, t)
			}
		}
	}
	return tags
}
