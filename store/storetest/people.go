package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
	"trunkline/store"
)

// goneContacts: merged, dropped and erased contacts.
func goneContacts(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	contact := func(id desk.ContactID) desk.Contact { return desk.Contact{ID: id, Kind: desk.Lead, Made: noon} }
	for _, id := range []desk.ContactID{"a", "b", "c", "d"} {
		s.Append(call.ContactKept{Contact: contact(id)})
	}
	mustSync(t, s)
	a := contact("a")
	a.Merged = []desk.ContactID{"b"}
	e := call.Erasure{Contact: "d", Merged: []desk.ContactID{"x"}, Numbers: []desk.Number{"+14155550100"}, At: noon, By: "ann"}
	s.Append(call.ContactMerged{Contact: a, Gone: "b"}, call.ContactGone{Contact: "c"}, call.ContactGone{Contact: "d"}, call.Erasing{Erasure: e})
	mustClose(t, s)
	s = open(t, dir)
	boot := mustLoad(t, s)
	same(t, "contacts", boot.Contacts, []desk.Contact{a})
	same(t, "erasing", boot.Erasing, []call.Erasure{e})
	s.Append(call.ContactErased{Contact: "d"})
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = open(t, dir)
	defer mustClose(t, s)
	if got := mustLoad(t, s).Erasing; len(got) > 0 {
		t.Errorf("erasing: got %+v, want none", got)
	}
}

// erases: what is kept of a contact's calls, and nothing else, is deleted.
func erases(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	const theirs = "+14155550999"
	kinds := []struct {
		what   string
		change func(*call.Record)
		gone   bool
	}{
		{"its own", func(r *call.Record) { r.Contact = "k" }, true},
		{"of one merged into it", func(r *call.Record) { r.Contact = "m" }, true},
		{"refused, from its number", func(r *call.Record) { r.Caller = theirs }, true},
		{"out, to its number", func(r *call.Record) { r.Direction, r.Dialled = call.Outbound, theirs }, true},
		{"another's", func(r *call.Record) { r.Contact = "other" }, false},
		{"another's from its number", func(r *call.Record) { r.Contact, r.Caller = "other", theirs }, false},
		{"nobody's", func(*call.Record) {}, false},
		{"diverted by it", func(r *call.Record) {
			r.Diversion = []string{`"Kay" <sip:0014155550999@carrier>`, "<sip:+14155550777@x>"}
		}, false},
		{"transferred to it", func(r *call.Record) { r.Transfers = []call.Transferred{{To: call.Destination{Number: "4155550999"}}} }, false},
	}
	for i := range 3 * len(kinds) { // over three months
		r := ended(record(noon.AddDate(0, i%3, 0), i), time.Minute)
		kinds[i/3].change(&r)
		r.Tags = []string{fmt.Sprint(i / 3)}
		s.Append(call.Closed{Record: r})
	}
	for i, n := range []string{theirs, "+14155550777"} {
		id := ID(noon, 500+i)
		s.Append(call.CallbackKept{Callback: routing.Callback{ID: routing.CallbackID(id), State: routing.CallbackClosed, Number: n, First: noon}})
		m := call.Message{Caller: desk.Number(n), At: noon}
		if m.ID = "M"; i == 1 {
			m.ID = "N"
		}
		s.Append(call.MessageKept{Message: m})
	}
	e := call.Erasure{Contact: "k", Merged: []desk.ContactID{"m"}, Numbers: []desk.Number{theirs}}
	failed := errors.New("disk")
	if _, err := s.Erase(t.Context(), e, func(call.Record) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("where what a record names cannot be deleted: got %v, want that error", err)
	}
	if all, _ := s.Records(store.Filter{Limit: 1000}); len(all) != 3*len(kinds) {
		t.Errorf("then: got %d records, want all", len(all))
	}
	var before []call.ID
	n, err := s.Erase(t.Context(), e, func(r call.Record) error { before = append(before, r.ID); return nil })
	if err != nil || n != 12 || len(before) != 12 {
		t.Fatalf("got %d, %v, asked before of %d, want 12 records", n, err, len(before))
	}
	all, err := s.Records(store.Filter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]int{}
	for _, r := range all {
		left[r.Tags[0]]++
		for _, d := range r.Diversion {
			if d != "deleted" && d != "<sip:+14155550777@x>" {
				t.Errorf("diversion: got %s, want the number gone", d)
			}
		}
		for _, x := range r.Transfers {
			if x.To.Number != "deleted" {
				t.Errorf("transfer: got %s, want the number gone", x.To.Number)
			}
		}
	}
	for i, k := range kinds {
		want := 3
		if k.gone {
			want = 0
		}
		if got := left[fmt.Sprint(i)]; got != want {
			t.Errorf("%s: got %d records left, want %d", k.what, got, want)
		}
	}
	if callbacks, err := s.Callbacks(store.CallbackFilter{}); len(callbacks) != 1 || callbacks[0].Number != "+14155550777" || err != nil {
		t.Errorf("callbacks: got %+v, %v, want the other's alone", callbacks, err)
	}
	if messages := mustLoad(t, s).Messages; len(messages) != 1 || messages[0].Caller != "+14155550777" {
		t.Errorf("messages: got %+v, want the other's alone", messages)
	}
	if n, err := s.Erase(t.Context(), e, nil); n != 0 || err != nil {
		t.Errorf("again: got %d, %v, want nothing to do", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Erase(ctx, e, nil); err == nil {
		t.Error("with a context that is over: got no error")
	}
}

// searches: the filters of who looks for a call.
func searches(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	yes, no := true, false
	for i := range 40 {
		at := noon.Add(time.Duration(i) * 24 * time.Hour)
		r := ended(record(at, i), time.Minute)
		switch i % 4 {
		case 0:
			r.Tags, r.Contact = []string{"Refund"}, "k"
			r.Notes = []desk.Note{{At: at, By: "ann", Text: "Wants the Money back"}}
			r.Bridged = at
			r.Recordings = []call.Recorded{{ID: "r", Sealed: true}}
		case 1:
			r.Direction, r.Dialled, r.Flow, r.Contact = call.Outbound, "+442079460000", "sales", "m"
			r.Ending.Cause = call.CauseNoAnswer
		case 2:
			r.Segments[0].Team = "support"
			r.Offers = []call.Offered{{Agent: "bob", Team: "support", Outcome: "declined"}, {Agent: "carol", Team: "support", Outcome: "no_answer", TooLate: true}}
		case 3:
			r.Name = "Zoë Lee"
			r.Transfers = []call.Transferred{{To: call.Destination{Number: "+4930901820"}}}
		}
		s.Append(call.Closed{Record: r})
	}
	mustSync(t, s)
	for _, x := range []struct {
		what string
		f    store.Filter
		want int
	}{
		{"tag", store.Filter{Tag: "refund"}, 10},
		{"no such tag", store.Filter{Tag: "refun"}, 0},
		{"note", store.Filter{Note: "money BACK"}, 10},
		{"name", store.Filter{Note: "zoë"}, 10},
		{"talked", store.Filter{Answered: &yes}, 10},
		{"not talked", store.Filter{Answered: &no}, 30},
		{"recorded", store.Filter{Recorded: true}, 10},
		{"outbound", store.Filter{Direction: "outbound"}, 10},
		{"inbound", store.Filter{Direction: "inbound"}, 30},
		{"flow", store.Filter{Flow: "sales"}, 10},
		{"cause", store.Filter{Cause: call.CauseNoAnswer}, 10},
		{"team", store.Filter{Team: "support"}, 10},
		{"outcome", store.Filter{Outcome: "declined"}, 10},
		{"too late", store.Filter{Outcome: "too_late"}, 10},
		{"an agent's outcome", store.Filter{Outcome: "declined", Agent: "bob"}, 10},
		{"another's outcome", store.Filter{Outcome: "declined", Agent: "carol"}, 0},
		{"dialled", store.Filter{Number: "+44 20 7946"}, 10},
		{"as dialled there", store.Filter{Number: "020 7946 0000"}, 10},
		{"caller", store.Filter{Number: "14155550007"}, 1},
		{"transferred to", store.Filter{Number: "901820"}, 10},
		{"contact and those merged", store.Filter{Contact: "k", Also: []desk.ContactID{"m"}}, 20},
		{"two at once", store.Filter{Tag: "refund", From: noon.Add(20 * 24 * time.Hour)}, 5},
	} {
		x.f.Limit = 100
		if got, next, err := s.Search(x.f); len(got) != x.want || next != "" || err != nil {
			t.Errorf("%s: got %d, next %q, %v, want %d", x.what, len(got), next, err, x.want)
		}
	}
	seen, f := map[call.ID]bool{}, store.Filter{Direction: "inbound", Limit: 7}
	for pages := 1; ; pages++ {
		page, next, err := s.Search(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			seen[r.ID] = true
		}
		if next == "" {
			if pages != 5 || len(page) != 2 {
				t.Errorf("got %d pages, %d on the last, want 5 and 2", pages, len(page))
			}
			break
		}
		f.Before = next
		s.Append(call.Closed{Record: ended(record(noon.AddDate(1, 0, pages), pages), time.Minute)}) // newer: on no page of these
		mustSync(t, s)
	}
	if len(seen) != 30 {
		t.Errorf("pages: got %d records, want 30", len(seen))
	}
}

// searchesInTime: a search that takes too long gives what it has, and goes on.
func searchesInTime(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	const n = 1000
	for i := range n {
		s.Append(call.Closed{Record: ended(record(noon.Add(time.Duration(i)*time.Minute), i), time.Minute)})
	}
	mustSync(t, s)
	f := store.Filter{Caller: "+14155550001", Limit: 10, Until: time.Now().Add(-time.Second)}
	found, pages := 0, 0
	for {
		page, next, err := s.Search(f)
		if err != nil || pages > n {
			t.Fatal(pages, err)
		}
		found, pages = found+len(page), pages+1
		if f.Before = next; next == "" {
			break
		}
	}
	if found != 1 || pages < 2 {
		t.Errorf("got %d records on %d pages, want the one, late", found, pages)
	}
}

// factsBetween: those of a time, over months.
func factsBetween(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	for i := range 100 {
		s.Append(fact(uint64(i+1), noon.Add(time.Duration(i)*24*time.Hour)))
	}
	mustSync(t, s)
	var got []uint64
	err := s.FactsBetween(noon.Add(20*24*time.Hour), noon.Add(80*24*time.Hour), func(f call.Fact) error { got = append(got, f.Seq); return nil })
	if err != nil || len(got) != 60 || got[0] != 21 || got[59] != 80 || !slices.IsSorted(got) {
		t.Errorf("got %v, %v, want 21 to 80", got, err)
	}
	enough := errors.New("enough")
	if err := s.FactsBetween(noon, noon.AddDate(1, 0, 0), func(call.Fact) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v, want take's error", err)
	}
}
