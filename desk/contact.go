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
	ID         ContactID   `json:"id"`
	Kind       Kind        `json:"kind"`
	Name       string      `json:"name,omitempty"`
	External   string      `json:"external_id,omitempty"` // its name in the company's own system; no two contacts share one
	Numbers    []Number    `json:"numbers,omitempty"`     // E.164, the main one first
	Attributes Attributes  `json:"attributes,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
	Notes      []Note      `json:"notes,omitempty"`
	Made       time.Time   `json:"made"`
	Changed    time.Time   `json:"changed,omitzero"`
	Anonymous  bool        `json:"anonymous,omitempty"` // made for one anonymous call; never matched again
	Merged     []ContactID `json:"merged,omitempty"`    // the contacts that became this one: what names them means it
	Aliases    []string    `json:"aliases,omitempty"`   // their names in the company's own system
}

// The bounds of a contact, in bytes and entries.
const (
	maxName       = 128
	maxExternal   = 128
	maxNumbers    = 20
	maxAttributes = 50
	maxKey        = 64
	maxValue      = 1000
	maxTags       = 50
	maxTag        = 64
	maxNotes      = 500
	maxNote       = 4000
)

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
