package desk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Note is what somebody wrote about a contact or a call.
type Note struct {
	ID   string    `json:"id,omitempty"` // among the notes beside it; it stays when the text is changed
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"`
	Text string    `json:"text"`

	Edited   time.Time `json:"edited,omitzero"` // last
	EditedBy string    `json:"edited_by,omitempty"`
}

// ErrNoNote says that there is no such note.
var ErrNoNote = errors.New("no such note")

// noteID is a name for a note that needs no memory of those there were: who wrote the same at the same moment wrote it once.
func noteID(n Note) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s", n.At.UnixNano(), n.By, n.Text))
	return hex.EncodeToString(sum[:8])
}

// Named gives the notes with their IDs, those too that were written without one.
func Named(all []Note) []Note {
	all = slices.Clone(all)
	for i := range all {
		if all[i].ID == "" {
			all[i].ID = noteID(all[i])
		}
	}
	return all
}

// EditNote gives the notes with the text of one changed, or, of an empty text, without it. may says whether it is to be: its
// error is given back. all stays as it is.
func EditNote(all []Note, id, text string, now time.Time, by string, may func(Note) error) ([]Note, error) {
	all = Named(all)
	i := slices.IndexFunc(all, func(n Note) bool { return n.ID == id })
	if i < 0 {
		return all, ErrNoNote
	}
	if err := may(all[i]); err != nil {
		return all, err
	}
	if text == "" {
		return slices.Delete(all, i, i+1), nil
	}
	n, err := NewNote(now, by, text)
	if err == nil && n.Text != all[i].Text {
		all[i].Text, all[i].Edited, all[i].EditedBy = n.Text, n.At, by
	}
	return all, err
}

// NewNote makes a Note of a text that a person wrote: several lines, valid
// UTF-8, without control characters. A Refusal says what is wrong with it.
func NewNote(now time.Time, by, text string) (Note, error) {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) || unicode.In(r, unicode.Mn, unicode.Cf) && r != utf8.RuneError {
			return r
		}
		return -1
	}, strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\r\n", "\n")))
	switch {
	case text == "":
		return Note{}, Refusal{"note", "is empty: write something"}
	case len(text) > maxNote:
		return Note{}, tooLong("note", maxNote)
	}
	n := Note{At: now.UTC(), By: by, Text: text}
	n.ID = noteID(n)
	return n, nil
}

// AddNote adds a note to those there are, unless there are too many.
func AddNote(all []Note, n Note) ([]Note, error) {
	if len(all) >= maxNotes {
		return all, tooMany("notes", maxNotes)
	}
	return append(all[:len(all):len(all)], n), nil
}

// AddTags adds tags to those there are. A tag is there once, however its
// letters are written.
func AddTags(all []string, tags ...string) ([]string, error) {
	all = slices.Clone(all)
	for _, t := range tags {
		clean, err := cleanTag(t)
		if err != nil {
			return nil, err
		}
		if !HasTag(all, clean) {
			all = append(all, clean)
		}
	}
	if len(all) > maxTags {
		return nil, tooMany("tags", maxTags)
	}
	return all, nil
}

// RemoveTags takes tags off.
func RemoveTags(all []string, tags ...string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(t string) bool { return HasTag(tags, t) })
}

// HasTag says whether a tag is among others, however its letters are written.
func HasTag(all []string, tag string) bool {
	return slices.ContainsFunc(all, func(t string) bool { return strings.EqualFold(t, tag) })
}

func cleanTag(text string) (string, error) {
	t := CleanName(text)
	switch {
	case t == "":
		return "", Refusal{"tags", "has an empty tag: leave it out"}
	case len(t) > maxTag:
		return "", tooLong("tags", maxTag)
	case strings.ContainsAny(t, ",;|"):
		return "", Refusal{"tags", "has a tag with a comma, semicolon or bar in it, which separate tags: write two, or none of them"}
	}
	return t, nil
}

// Attribute is one thing that is known of a contact.
type Attribute struct{ Key, Value string }

// Attributes are sorted by key, and an object in JSON. Maps cost five times
// the memory.
type Attributes []Attribute

// Get returns the value of a key, "" if there is none.
func (a Attributes) Get(key string) string {
	if i, there := a.find(key); there {
		return a[i].Value
	}
	return ""
}

// With returns the attributes with a key set to a value; "" takes it away.
func (a Attributes) With(key, value string) Attributes {
	i, there := a.find(key)
	out := slices.Clone(a)
	switch {
	case there && value == "":
		return slices.Delete(out, i, i+1)
	case there:
		out[i].Value = value
		return out
	case value == "":
		return out
	}
	return slices.Insert(out, i, Attribute{key, value})
}

// Map returns the attributes as a map, which is the caller's.
func (a Attributes) Map() map[string]string {
	m := make(map[string]string, len(a))
	for _, one := range a {
		m[one.Key] = one.Value
	}
	return m
}

func (a Attributes) find(key string) (int, bool) {
	return slices.BinarySearchFunc(a, key, func(x Attribute, k string) int { return strings.Compare(x.Key, k) })
}

// MarshalJSON writes an object.
func (a Attributes) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range a {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, text := range [2]string{one.Key, one.Value} {
			t, err := json.Marshal(text)
			if err != nil {
				return nil, err
			}
			if j == 1 {
				b.WriteByte(':')
			}
			b.Write(t)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object of texts.
func (a *Attributes) UnmarshalJSON(text []byte) error {
	var m map[string]string
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	*a = nil
	for k, v := range m {
		*a = append(*a, Attribute{k, v})
	}
	slices.SortFunc(*a, func(x, y Attribute) int { return strings.Compare(x.Key, y.Key) })
	return nil
}
