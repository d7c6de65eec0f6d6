package config

import (
	"slices"
	"testing"
)

const before = `
domain: old.example
listen: {sip: ["udp://0.0.0.0:5060"]}
calls: {max: 100}
trunks:
  acme: {host: sip.acme.example, username: "1", password: old-secret}
  other: {host: sip.other.example}
agents:
  ann: {password: "correct horse battery"}
  bob: {password: "correct horse battery"}
teams:
  support: {agents: [ann, bob], ring: 30s}
flows:
  main: [{queue: support}]
numbers:
  "+14155550100": {flow: main}
`

const after = `
domain: new.example
listen: {sip: ["udp://0.0.0.0:5061"]}
calls: {max: 200}
trunks:
  other: {host: sip.other.example}
  acme: {host: sip.acme.example, username: "1", password: new-secret}
agents:
  ann: {password: "correct horse battery", name: Ann Lee}
  carol: {password: "correct horse battery"}
teams:
  support: {agents: [ann, carol], ring: 1m}
flows:
  main: [{play: welcome}, {queue: support}]
numbers:
  "+14155550100": {flow: main}
`

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("x.yaml", []byte(text), testChecks())
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return c
}

func TestDiffSaysWhatWorksAtOnceAndWhatNeedsARestart(t *testing.T) {
	got := Diff(parse(t, before), parse(t, after))
	applied := []string{
		"calls.max: 100 → 200",
		"trunks.acme.password: changed",
		"trunks: order acme, other → other, acme",
		"agents.ann.name: ann → Ann Lee",
		"agents.bob: removed",
		"agents.carol: added",
		"teams.support.agents: [ann, bob] → [ann, carol]",
		"teams.support.ring: 30s → 1m",
		"flows.main.steps: changed",
	}
	restart := []string{
		"domain: old.example → new.example",
		"listen.sip: [udp://0.0.0.0:5060] → [udp://0.0.0.0:5061]",
	}
	if !slices.Equal(got.Applied, applied) {
		t.Errorf("applied: got %q, want %q", got.Applied, applied)
	}
	if !slices.Equal(got.NeedsRestart, restart) {
		t.Errorf("needs restart: got %q, want %q", got.NeedsRestart, restart)
	}
}

func TestTheSameFileHasNoDifference(t *testing.T) {
	a, b := parse(t, before), parse(t, "# a comment\n"+before)
	if got := Diff(a, b); !got.Empty() {
		t.Errorf("Diff: got %+v, want nothing", got)
	}
	if a.Hash() != b.Hash() {
		t.Errorf("Hash: got %s and %s, want the same", a.Hash(), b.Hash())
	}
}

func TestTheHashFollowsTheConfigurationAndNotItsSecrets(t *testing.T) {
	base := parse(t, before).Hash()
	if got := parse(t, after).Hash(); got == base {
		t.Errorf("another configuration: got the hash %s again, want another", got)
	}
	c := parse(t, before)
	c.Trunks[0].Password = NewSecret("another")
	if got := c.Hash(); got != base {
		t.Errorf("another password: got %s, want %s", got, base)
	}
}
