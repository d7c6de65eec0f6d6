package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A secret is printed by accident: in a %+v of a struct around it, in a log
// line, by a wrong verb. None of them may show it.
func TestASecretNeverPrints(t *testing.T) {
	const text = "correct-horse-battery"
	c := Default()
	c.Agents = []Agent{{ID: "ann", Password: NewSecret(text)}}
	inner := struct{ hidden Secret }{NewSecret(text)}
	pointer := &c.Agents[0].Password

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%c"} {
		for _, value := range []any{c.Agents[0].Password, pointer, c.Agents, *c, c, inner, &inner, []any{c.Agents[0].Password}} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	fmt.Fprintln(&out, fmt.Errorf("wrapped: %v", c.Agents[0].Password))
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("agent", "password", c.Agents[0].Password, "agent", c.Agents[0], "config", c)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c.Agents)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	out.Write(asYAML)
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("printed somewhere: got %q in the output, want it nowhere", form)
		}
	}
	if got := strings.Count(out.String(), hidden); got < 10 {
		t.Errorf("%s: got it %d times, want it wherever the secret is", hidden, got)
	}
	if got := c.Agents[0].Password.Reveal(); got != text {
		t.Errorf("Reveal: got %q, want %q", got, text)
	}
	if !(Secret{}).Empty() || (Secret{}).Reveal() != "" {
		t.Error("the zero Secret: got a text, want none")
	}
}
