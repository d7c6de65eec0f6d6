package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func referenceText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheReferenceIsTheDefaults(t *testing.T) {
	got, err := Parse("reference.yaml", []byte(referenceText(t)), testChecks())
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File, want.Warnings, want.places, want.zones = got.File, got.Warnings, got.places, got.zones
	if !reflect.DeepEqual(got, want) {
		t.Errorf("reference.yaml: got %v, want Default(); the difference is %+v", got, Diff(want, got))
	}
}

var entryLine = regexp.MustCompile(`(?m)^#:`)

// withEntries is the reference with its example entries in place.
func withEntries(t *testing.T) string { return entryLine.ReplaceAllString(referenceText(t), "") }

// The values that the reference's entries show are the defaults, except for
// those that the words beside them call required or an example.
func TestTheReferencesEntriesShowTheDefaults(t *testing.T) {
	c, err := Parse("reference.yaml", []byte(withEntries(t)), testChecks())
	if err != nil {
		t.Fatal(err)
	}
	trunk := DefaultTrunk()
	trunk.ID, trunk.Host, trunk.Username, trunk.Password = "acme", "sip.acme.example", "100200", c.Trunks[0].Password
	agent := DefaultAgent()
	agent.ID, agent.Name, agent.Password = "ann", "ann", c.Agents[0].Password
	agent.Voicemail.PIN = c.Agents[0].Voicemail.PIN
	agent.Skills, agent.Hours = c.Agents[0].Skills, c.Agents[0].Hours
	team := DefaultTeam()
	team.ID, team.Name, team.Agents = "support", "support", []string{"ann"}
	forward := DefaultStep()
	forward.Verb, forward.Forward = Forward, "+14155550199"
	forward.Unanswered = c.Flow("overflow").Steps[0].Unanswered
	menu := c.Flow("choice").Steps[1]
	for _, x := range []struct{ got, want any }{
		{c.Trunks, []Trunk{trunk}},
		{c.Agents, []Agent{agent}},
		{c.Teams[:1], []Team{team}},
		{c.Flow("overflow").Steps[0], forward},
		{c.Flow("overflow").Steps[1].Hangup, 480},
		{c.Flow("wait").Steps[0].Priority, DefaultStep().Priority},
		{c.Flow("wait").Steps[0].Announce.First, DefaultStep().Announce.First},
		{c.Flow("wait").Steps[0].Announce.Every, DefaultStep().Announce.Every},
		{c.Flow("wait").Steps[0].CallbackOffer.Prompt, DefaultStep().CallbackOffer.Prompt},
		{c.Flow("wait").Steps[0].Nobody, DefaultStep().Nobody},
		{c.Flow("wait").Steps[0].Sticky, DefaultStep().Sticky},
		{c.Flow("main").Steps[0].BargeIn, DefaultStep().BargeIn},
		{menu.Timeout, DefaultStep().Timeout},
		{menu.DigitTimeout, DefaultStep().DigitTimeout},
		{menu.Retries, DefaultStep().Retries},
		{menu.Invalid, DefaultStep().Invalid},
		{menu.Extensions, DefaultStep().Extensions},
	} {
		if !reflect.DeepEqual(x.got, x.want) {
			t.Errorf("entry: got %+v, want %+v", x.got, x.want)
		}
	}
}

// Each key that the types have is written in the reference, at its place.
func TestTheReferenceDocumentsEveryKey(t *testing.T) {
	r := &reader{file: "reference.yaml", checks: testChecks(), places: make(map[string]spot)}
	c := Default()
	root := r.parse([]byte(withEntries(t)))
	r.decode(root, "", reflect.ValueOf(c).Elem())
	written := make(map[string]bool)
	within := regexp.MustCompile(`^(trunks|numbers|agents|teams|flows|webhooks|hours|users)\.[^.\[]+`)
	for key := range r.places {
		key = within.ReplaceAllString(key, "$1.*")
		key = regexp.MustCompile(`(\.steps)?\[\d+\]`).ReplaceAllString(key, ".step")
		key = regexp.MustCompile(`choices\.[^.]+`).ReplaceAllString(key, "choices.*")
		written[key] = true
	}
	var missing []string
	var walk func(key string, v reflect.Type)
	walk = func(key string, v reflect.Type) {
		for i := range v.NumField() {
			f := v.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "-" || name == "" || key == "flows.*.step.say" && name == "text" {
				continue
			}
			at := join(key, name)
			if !written[at] {
				missing = append(missing, at)
			}
			inner := f.Type
			if options == "keyed" {
				inner, at = inner.Elem(), at+".*"
			}
			if inner == reflect.TypeFor[[]Step]() {
				walk(key+".step", reflect.TypeFor[Step]())
			} else if inner.Kind() == reflect.Struct {
				walk(at, inner)
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("reference.yaml: got no line for %q, want one for every key", missing)
	}
}
