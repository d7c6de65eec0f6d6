package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
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

// Every value of every type of the configuration counts for the hash, secrets and what Read knows of the file alone not.
func TestEveryValueCountsForTheHash(t *testing.T) {
	c := new(Config)
	fill(reflect.ValueOf(c).Elem(), 0)
	base, seen := c.Hash(), 0
	eachValue(reflect.ValueOf(c).Elem(), "", func(key string, v reflect.Value) {
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		defer v.Set(before)
		switch {
		case v.Kind() == reflect.String:
			v.SetString(v.String() + "x")
		case v.Kind() == reflect.Bool:
			v.SetBool(!v.Bool())
		case v.CanInt():
			v.SetInt(v.Int() + 1)
		case v.CanUint():
			v.SetUint(v.Uint() + 1)
		case v.CanFloat():
			v.SetFloat(v.Float() + 1)
		case v.Type() == reflect.TypeFor[netip.Addr]():
			v.Set(reflect.ValueOf(netip.MustParseAddr("10.0.0.2")))
		case v.Type() == reflect.TypeFor[netip.Prefix]():
			v.Set(reflect.ValueOf(netip.MustParsePrefix("10.0.0.0/9")))
		default:
			t.Fatalf("%s: a %s is not known here", key, v.Type())
		}
		if seen++; c.Hash() == base {
			t.Errorf("%s: another value has the same hash", key)
		}
	})
	if seen < 300 {
		t.Errorf("got %d values, want all of the configuration's", seen)
	}
}

// fill makes every slice and pointer hold one; steps do not hold steps without end.
func fill(v reflect.Value, steps int) {
	switch {
	case v.Kind() == reflect.Struct:
		if v.Type() == reflect.TypeFor[Step]() {
			steps++
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), steps)
			}
		}
	case v.Kind() == reflect.Slice && steps < 2:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), steps)
	case v.Kind() == reflect.Pointer && steps < 2:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), steps)
	}
}

func eachValue(v reflect.Value, key string, f func(string, reflect.Value)) {
	switch {
	case v.Type() == reflect.TypeFor[Secret](), v.Type() == reflect.TypeFor[Problem]():
	case v.Kind() == reflect.Struct && !strings.HasPrefix(v.Type().PkgPath(), "net/"):
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && field.Name != "File" {
				eachValue(v.Field(i), key+"."+field.Name, f)
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			eachValue(v.Index(i), key+"[]", f)
		}
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			eachValue(v.Elem(), key, f)
		}
	default:
		f(key, v)
	}
}
