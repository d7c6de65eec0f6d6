package config

import (
	"fmt"
	"log/slog"
)

const hidden = "****"

// Secret is a password. It never prints: every verb of fmt, slog, JSON and
// YAML show ****. The text is behind a pointer so that printing a struct that
// holds a secret in an unexported field shows an address, not the text.
type Secret struct{ text *string }

// NewSecret keeps text as a secret.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal is the one way to the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty says whether there is no text.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String is ****.
func (s Secret) String() string { return hidden }

// GoString is ****.
func (s Secret) GoString() string { return hidden }

// Format is **** for every verb; without it a wrong verb would print the text.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// LogValue is ****.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is ****; JSON uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON is "****".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalYAML is ****.
func (s Secret) MarshalYAML() (any, error) { return hidden, nil }
