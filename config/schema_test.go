package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"trunkline/internal/golden"
)

const (
	spanSchema     = `^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$`
	daysSchema     = `^(\d{4}-)?\d{2}-\d{2}(\.\.(\d{4}-)?\d{2}-\d{2})?$`
	expansion      = `\$\{[^}]+\}`
	durationSchema = `^([0-9]{1,5}d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$|` + expansion
)

// schema makes the JSON Schema of the file from the types, their tags and
// their comments.
func schema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Mapper:                     special,
	}
	if err := r.AddGoComments("trunkline/config", "./"); err != nil {
		t.Fatal(err)
	}
	root := r.Reflect(&Config{})
	root.ID, root.Title = "", "trunkline.yaml"
	for _, entry := range []any{Trunk{}, Number{}, Agent{}, Team{}, Webhook{}, User{}, Step{}, longFlow{}, longChoice{}, spoken{}, Hours{}} {
		for name, definition := range r.Reflect(entry).Definitions {
			root.Definitions[name] = definition
		}
	}
	tidy(root)
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// longFlow is the long form of a flow; its shape is Flow's.
type longFlow struct {
	// early at once, late when an agent answers; without it the first step that sounds.
	Answer string `yaml:"answer" jsonschema:"enum=early,enum=late"`
	// The steps, in order. After the last one the call ends.
	Steps []Step `yaml:"steps" jsonschema:"required"`
}

// longChoice is the long form of a choice; its shape is Choice's.
type longChoice struct {
	// What agents see that the caller chose; empty: the flow's name.
	Name string `yaml:"name"`
	// A flow's name or steps; back: the menu before; repeat: this one again.
	To Path `yaml:"to" jsonschema:"required"`
}

// spoken is a value that is spoken; its shape is Sound's.
type spoken Sound

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

func nullable(s *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

// keyedBy is a mapping from names to entries of one kind.
func keyedBy(names string, entry *jsonschema.Schema) *jsonschema.Schema {
	return nullable(&jsonschema.Schema{
		Type:                 "object",
		PropertyNames:        &jsonschema.Schema{Pattern: names},
		AdditionalProperties: entry,
	})
}

// special gives the schema of types that are written otherwise than they are kept.
func special(t reflect.Type) *jsonschema.Schema {
	steps := &jsonschema.Schema{Type: "array", Items: ref("Step")}
	path := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, steps}}
	sound := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, ref("spoken")}}
	days := &jsonschema.Schema{Type: "string", Pattern: daysSchema, Examples: []any{"2026-12-24", "12-25", "12-24..01-01"}}
	span := &jsonschema.Schema{Type: "string", Pattern: spanSchema + "|^closed$", Examples: []any{"09:00-17:00"}}
	spans := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{span, {Type: "array", Items: span}}}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: durationSchema, Examples: []any{"30s", "5m", "90d"}}
	case reflect.TypeFor[PortRange]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+-[0-9]+$|` + expansion}
	case reflect.TypeFor[Secret](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.Prefix]():
		return &jsonschema.Schema{Type: "string"}
	case reflect.TypeFor[int]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "integer"}, {Type: "string", Pattern: expansion}}}
	case reflect.TypeFor[[]Trunk]():
		return keyedBy(identity.String(), ref("Trunk"))
	case reflect.TypeFor[[]Number]():
		return keyedBy(e164.String(), ref("Number"))
	case reflect.TypeFor[[]Agent]():
		return keyedBy(identity.String(), ref("Agent"))
	case reflect.TypeFor[[]Team]():
		return keyedBy(identity.String(), ref("Team"))
	case reflect.TypeFor[[]User]():
		return keyedBy(identity.String(), ref("User"))
	case reflect.TypeFor[[]Webhook]():
		return keyedBy(identity.String(), ref("Webhook"))
	case reflect.TypeFor[[]Flow]():
		return keyedBy(identity.String(), &jsonschema.Schema{AnyOf: []*jsonschema.Schema{steps, ref("longFlow")}})
	case reflect.TypeFor[[]Step]():
		return steps
	case reflect.TypeFor[Path]():
		return path
	case reflect.TypeFor[Sound]():
		return ref("spoken")
	case reflect.TypeFor[Sounds]():
		return &jsonschema.Schema{AnyOf: append(sound.AnyOf, &jsonschema.Schema{Type: "array", Items: sound})}
	case reflect.TypeFor[[]Choice]():
		return keyedBy(choiceOf.String(), &jsonschema.Schema{AnyOf: append(path.AnyOf, ref("longChoice"))})
	case reflect.TypeFor[[]Case]():
		return keyedBy(".+", path)
	case reflect.TypeFor[[]Exit]():
		return keyedBy("^[0-9*#]$", path)
	case reflect.TypeFor[Skills]():
		return keyedBy(attributeOf.String(), &jsonschema.Schema{Type: "integer"})
	case reflect.TypeFor[[]Attribute]():
		return keyedBy(attributeOf.String(), &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}})
	case reflect.TypeFor[[]Hours]():
		return keyedBy(identity.String(), ref("Hours"))
	case reflect.TypeFor[HoursOf]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, ref("Hours")}}
	case reflect.TypeFor[[]WeekHours]():
		return keyedBy(".+", spans)
	case reflect.TypeFor[[]SpecialHours]():
		return keyedBy(daysSchema, spans)
	case reflect.TypeFor[[]Days]():
		return &jsonschema.Schema{Type: "array", Items: days}
	}
	return nil
}

// tidy makes the schema say what the reader does beyond the types: every
// section may be empty, a step has one verb, hangup needs no value.
func tidy(root *jsonschema.Schema) {
	house := root.Definitions["Config"]
	for p := house.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Value.Ref != "" {
			description := p.Value.Description
			p.Value = nullable(&jsonschema.Schema{Ref: p.Value.Ref})
			p.Value.Description = description
		}
	}
	step := root.Definitions["Step"]
	for _, verb := range verbs {
		step.OneOf = append(step.OneOf, &jsonschema.Schema{Required: []string{string(verb)}})
	}
	hangup, _ := step.Properties.Get(string(Hangup))
	hangup.AnyOf = append(hangup.AnyOf, &jsonschema.Schema{Type: "null"})
	root.Definitions["longFlow"].Description = "A flow with its answer."
	root.Definitions["longChoice"].Description = "A choice with what it is called."
	value := root.Definitions["spoken"]
	value.Description = "A value that is spoken."
	for p := value.Properties.Oldest(); p != nil; p = p.Next() {
		if p.Key == "text" {
			value.OneOf = append(value.OneOf, &jsonschema.Schema{Required: []string{p.Key}})
			continue
		}
		p.Value.Type, p.Value.AnyOf = "", []*jsonschema.Schema{{Type: "string"}, {Type: "integer"}}
		value.OneOf = append(value.OneOf, &jsonschema.Schema{Required: []string{p.Key}})
	}
}

func TestSchemaIsMadeFromTheTypes(t *testing.T) {
	golden.Equal(t, "schema.json", schema(t))
}

func compiled(t *testing.T) *validator.Schema {
	t.Helper()
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asEditor reads a file as an editor's checker does: with YAML's own types.
func asEditor(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if v == nil {
		return map[string]any{}
	}
	return asJSON(v)
}

// asJSON turns what YAML 1.1 takes for keys and dates into the text that JSON and YAML 1.2 have.
func asJSON(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.DateOnly)
	case []any:
		for i := range v {
			v[i] = asJSON(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = asJSON(v[key])
		}
	case map[any]any:
		out := map[string]any{}
		for key, value := range v {
			out[fmt.Sprint(asJSON(key))] = asJSON(value)
		}
		return out
	}
	return v
}

func TestGoodFilesPassTheSchema(t *testing.T) {
	s := compiled(t)
	for _, file := range append(fixtureNames(t, "good"), "reference.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(asEditor(t, text)); err != nil {
			t.Errorf("%s: got %v, want it to pass", file, err)
		}
	}
	if err := s.Validate(asEditor(t, []byte(withEntries(t)))); err != nil {
		t.Errorf("reference.yaml with its entries: got %v, want it to pass", err)
	}
}

// The schema sees shapes, not references; these files have a wrong shape.
func TestWrongShapesFailTheSchema(t *testing.T) {
	s := compiled(t)
	for _, name := range []string{"unknown-key", "wrong-type", "duration", "ports-none", "number-not-e164", "shared-namespace", "step-verbs", "trunk", "octal", "jitter", "list-of-everything"} {
		file := filepath.Join(fixtures, "bad", name+".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Validate(asEditor(t, text))
		if name == "ports-none" { // a range that is merely too small has the right shape
			if err != nil {
				t.Errorf("%s: got %v, want it to pass", file, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: got no error, want one", file)
		}
	}
}

func TestTheSchemaDescribesEveryKey(t *testing.T) {
	text := string(schema(t))
	for _, words := range []string{"SIP domain and digest realm", "No ringing by then: unreachable.", "Longest wait; 0s: no limit."} {
		if !strings.Contains(text, words) {
			t.Errorf("schema: got no description %q, want the comment of the type", words)
		}
	}
}
