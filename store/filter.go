package store

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
)

// lookTime is after how many records a search looks at the time.
const lookTime = 256

// wanted is a filter made ready: what a record's text must hold to be worth
// decoding, which costs a hundred times as much.
type wanted struct {
	Filter
	words  [][]byte // all of these
	either [][]byte // one of these, if there are any
	digits string
	text   string

	seen int
	late bool    // Until has come
	at   call.ID // the last record that was looked at
}

func (f *Filter) ready() *wanted {
	w := &wanted{Filter: *f, text: strings.ToLower(f.Note)}
	w.digits = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, f.Number)
	if !strings.HasPrefix(f.Number, "+") {
		w.digits = strings.TrimLeft(w.digits, "0") // of trunk and international prefixes
	}
	for _, text := range []string{string(f.Trunk), string(f.Agent), string(f.Team), string(f.Flow), w.digits, string(f.Outcome), string(f.Cause), strings.TrimPrefix(string(f.Caller), "+")} {
		if text != "" {
			w.words = append(w.words, []byte(text))
		}
	}
	if f.Tag != "" {
		w.words = append(w.words, []byte(`"tags":`))
	}
	if f.Recorded {
		w.words = append(w.words, []byte(`"recordings":`))
	}
	if f.Contact != "" {
		for _, id := range append(slices.Clip(f.Also), f.Contact) {
			w.either = append(w.either, []byte(id))
		}
	}
	return w
}

// walkBack hands over a file's records that pass, newest first.
func (w *wanted) walkBack(tx *bbolt.Tx, take func(call.Record) bool) error {
	b := tx.Bucket([]byte(bucketRecords))
	if b == nil {
		return nil
	}
	c := b.Cursor()
	k, v := c.Last()
	if w.Before != "" {
		if k, v = c.Seek([]byte(w.Before)); k == nil {
			k, v = c.Last()
		}
	}
	for ; k != nil; k, v = c.Prev() {
		if w.Before != "" && string(k) >= string(w.Before) {
			continue
		}
		if w.seen++; w.seen%lookTime == 0 && !w.Until.IsZero() && time.Now().After(w.Until) {
			w.late = true
			return errEnough
		}
		w.at = call.ID(k)
		if !w.holds(v) {
			continue
		}
		var r call.Record
		if err := decode(v, &r); err != nil {
			return err
		}
		if w.passes(&r) && !take(r) {
			return errEnough
		}
	}
	return nil
}

// holds says whether a record's text has the words.
func (w *wanted) holds(v []byte) bool {
	for _, word := range w.words {
		if !bytes.Contains(v, word) {
			return false
		}
	}
	return len(w.either) == 0 || slices.ContainsFunc(w.either, func(word []byte) bool { return bytes.Contains(v, word) })
}

func (w *wanted) passes(r *call.Record) bool {
	f := &w.Filter
	switch {
	case !f.From.IsZero() && r.Initiated.Before(f.From),
		!f.To.IsZero() && !r.Initiated.Before(f.To),
		f.Trunk != "" && r.Trunk != f.Trunk,
		f.Flow != "" && r.Flow != f.Flow,
		f.Contact != "" && r.Contact != f.Contact && !slices.Contains(f.Also, r.Contact),
		f.Caller != "" && r.Caller != f.Caller,
		f.Cause != "" && r.Ending.Cause != f.Cause,
		f.Answered != nil && *f.Answered == r.Bridged.IsZero(),
		f.Direction != "" && f.Direction != cmp.Or(string(r.Direction), "inbound"),
		f.Recorded && len(r.Recordings) == 0,
		f.Tag != "" && !desk.HasTag(r.Tags, f.Tag):
		return false
	}
	return w.agents(r) && w.numbers(r) && w.notes(r)
}

// agents: who was offered the call or talked, in which team, with which outcome.
func (w *wanted) agents(r *call.Record) bool {
	f := &w.Filter
	if f.Outcome != "" && !slices.ContainsFunc(r.Offers, func(o call.Offered) bool {
		return (o.Outcome == f.Outcome || f.Outcome == routing.OutcomeTooLate && o.TooLate) && (f.Agent == "" || o.Agent == f.Agent) && (f.Team == "" || o.Team == f.Team)
	}) {
		return false
	}
	if f.Team != "" && !slices.ContainsFunc(r.Offers, func(o call.Offered) bool { return o.Team == f.Team }) &&
		!slices.ContainsFunc(r.Segments, func(s call.Segment) bool { return s.Team == f.Team }) {
		return false
	}
	return f.Agent == "" || r.Agent == f.Agent || slices.ContainsFunc(r.Offers, func(o call.Offered) bool { return o.Agent == f.Agent }) ||
		slices.ContainsFunc(r.Segments, func(s call.Segment) bool { return s.Agent == f.Agent })
}

func (w *wanted) numbers(r *call.Record) bool {
	return w.digits == "" || strings.Contains(string(r.Caller), w.digits) || strings.Contains(r.Dialled, w.digits) ||
		slices.ContainsFunc(r.Transfers, func(t call.Transferred) bool { return strings.Contains(t.To.Number, w.digits) })
}

func (w *wanted) notes(r *call.Record) bool {
	return w.text == "" || strings.Contains(strings.ToLower(r.Name), w.text) ||
		slices.ContainsFunc(r.Notes, func(n desk.Note) bool { return strings.Contains(strings.ToLower(n.Text), w.text) })
}
