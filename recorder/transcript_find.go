package recorder

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/oklog/ulid/v2"
)

// Found is a place in a transcript.
type Found struct {
	ID   ID
	Of   string    // as Task said
	At   time.Time // when the recording began
	Said Said      // without its words
}

// mostFound bounds the places that are told of one recording.
const mostFound = 5

// FindWords looks for transcripts in which each word of text begins a word
// that was said in one go, the newest recording first: of those that began
// before the recording before (empty: of all), at most limit recordings. next
// is where to go on; empty: there are no more. It reads the disk, transcript by
// transcript, until ctx is done; then what was found so far is returned with
// where to go on.
func (r *Recorder) FindWords(ctx context.Context, text string, before ID, limit int) (found []Found, next ID, err error) {
	want := wordsOf(text)
	if len(want) == 0 || limit <= 0 {
		return nil, "", nil
	}
	recordings := 0
	for _, day := range r.daysBackwards(before) {
		files, err := os.ReadDir(day)
		if err != nil && gone(err) != nil {
			return found, "", err
		}
		for _, f := range slices.Backward(files) {
			id, ext, _ := strings.Cut(f.Name(), ".")
			u, err := ulid.ParseStrict(id)
			if err != nil || ext != "transcript.json" || before != "" && id >= string(before) {
				continue
			}
			if recordings >= limit || next != "" && ctx.Err() != nil {
				return found, next, nil
			}
			if ctx.Err() != nil {
				return nil, "", ctx.Err()
			}
			next = ID(id) // to be looked at before this one
			here := r.findIn(filepath.Join(day, id+".wav"), want, ulid.Time(u.Time()))
			if len(here) > 0 {
				recordings++
				found = append(found, here...)
			}
		}
	}
	return found, "", nil
}

func (r *Recorder) findIn(wav string, want []string, at time.Time) (found []Found) {
	t, err := ReadTranscript(wav)
	if err != nil { // removed meanwhile, or torn: it is found by nobody
		return nil
	}
	for _, s := range t.Said {
		if len(found) < mostFound && saysAll(wordsOf(s.Text), want) {
			s.Words = nil
			found = append(found, Found{ID: t.ID, Of: t.Of, At: at, Said: s})
		}
	}
	return found
}

func saysAll(said, want []string) bool {
	for _, w := range want {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, w) }) {
			return false
		}
	}
	return true
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// daysBackwards are the folders of days with recordings that began before one.
func (r *Recorder) daysBackwards(before ID) []string {
	days, _ := filepath.Glob(filepath.Join(r.dir, dayPattern)) // the pattern is valid
	slices.Sort(days)
	slices.Reverse(days)
	if u, err := ulid.ParseStrict(string(before)); err == nil {
		last := filepath.Join(r.dir, filepath.FromSlash(dayPath(ulid.Time(u.Time()))))
		days = slices.DeleteFunc(days, func(d string) bool { return d > last })
	}
	return days
}
