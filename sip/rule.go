package sip

import "sync/atomic"

// rule is why something was refused. Every refusal of the edge has exactly one,
// in its log line and its counter; none of them ever answers 486, which would
// read as a busy agent.
type rule uint8

const (
	ruleMalformed   rule = iota // 400: not as RFC 3261 §25 wants it written
	ruleUnsupported             // 405, 406, 415, 416, 420, 421, 501, 505
	ruleHops                    // 483
	ruleLoop                    // 482: merged, or our own request come back
	ruleNoDialog                // 481
	ruleBusy                    // 503: draining, or overloaded
	ruleStranger                // silence: nothing for an unknown source
	ruleCredentials             // 401: wrong ones
	ruleReplay                  // 401: a nonce's count seen before
	ruleIdentity                // 403: proved to be another than it says
	ruleContact                 // 403: a contact that nobody may register
	ruleRequests                // too many of one source, or of all strangers
	ruleFailures                // too many wrong credentials of one source
	ruleConnections             // too many of one source, or in all
	ruleSilent                  // a connection that said nothing, or half a message
	rules                       // how many there are
)

var ruleNames = [rules]string{
	"malformed", "unsupported", "hops", "loop", "no_dialog", "busy", "stranger", "credentials", "replay",
	"identity", "contact", "requests", "failures", "connections", "silent",
}

func (r rule) String() string { return ruleNames[r] }

// ruleOf is the rule behind a refusal of validation.
func ruleOf(code int) rule {
	switch code {
	case 400:
		return ruleMalformed
	case 481:
		return ruleNoDialog
	case 482:
		return ruleLoop
	case 483:
		return ruleHops
	case 503:
		return ruleBusy
	}
	return ruleUnsupported
}

// ruleCounts count refusals by rule.
type ruleCounts [rules]atomic.Uint64

func (c *ruleCounts) add(r rule) { c[r].Add(1) }

// byName has every rule, also those at 0.
func (c *ruleCounts) byName() map[string]uint64 {
	m := make(map[string]uint64, rules)
	for r := range rules {
		m[r.String()] = c[r].Load()
	}
	return m
}
