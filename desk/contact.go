package desk

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// ContactID names a contact; it is a ULID's text, ours, and never reused.
type ContactID string

// NewContactID returns a fresh ContactID.
func NewContactID(now time.Time) ContactID {
	return ContactID(ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String())
}

// Kind says how well a contact is known.
type Kind string

const (
	Lead Kind = "lead" // somebody who called
	User Kind = "user" // somebody the company knows
)

// Contact is a person or company that calls or is called.
type Contact struct {
	ID        ContactID `json:"id"`
	Kind      Kind      `json:"kind"`
	Name      string    `json:"name,omitempty"`
	Numbers   []Number  `json:"numbers,omitempty"`
	Made      time.Time `json:"made"`
	Anonymous bool      `json:"anonymous,omitempty"` // made for one anonymous call; never matched again
}

// maxName bounds a contact's name, in bytes.
const maxName = 128

// CleanName makes a display name from the wire fit to keep and show: valid
// UTF-8, no control or invisible formatting characters (they reorder or hide
// text), white space collapsed, at most 128 bytes, cut between characters.
func CleanName(name string) string {
	if len(name) > 4*maxName { // nobody's name; do not walk a whole packet of it
		name = name[:4*maxName]
	}
	var b strings.Builder
	space := false
	for _, r := range name {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case r == utf8.RuneError, !unicode.IsGraphic(r):
			continue
		}
		n := utf8.RuneLen(r)
		if space {
			n++
		}
		if b.Len()+n > maxName {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
