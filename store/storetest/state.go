package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
	"trunkline/sip"
	"trunkline/store"
)

func empty(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	same(t, "boot", mustLoad(t, s), call.Boot{})
	if _, err := s.Record(ID(noon, 1)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Record: got %v, want ErrNotFound", err)
	}
	if r, err := s.Records(store.Filter{}); len(r) != 0 || err != nil {
		t.Errorf("Records: got %v, %v, want none", r, err)
	}
	if f, err := s.Facts(0, 10); len(f) != 0 || err != nil {
		t.Errorf("Facts: got %v, %v, want none", f, err)
	}
	mustSync(t, s) // nothing to wait for
	s.Append()
}

func survives(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	r := ended(record(noon, 1), time.Minute)
	r.Offers = []call.Offered{{Offer: 7, Agent: "ann", Team: "support", Outcome: "accepted", Made: noon, Rang: noon, Ended: noon}}
	r.Recordings = []call.Recorded{{ID: "01", Path: "x.wav", Duration: time.Minute, Sealed: true}}
	b := sip.Binding{Account: "ann", Contact: "c", URI: "sip:ann@192.0.2.1", Source: netip.MustParseAddrPort("192.0.2.1:5060"), CSeq: 3, Expires: noon, At: noon}
	c := desk.Contact{ID: "k", Kind: desk.Lead, Name: "Ann", Numbers: []desk.Number{"+14155550100"}, Made: noon}
	f := call.Fact{Seq: 1, At: noon, Kind: call.FactEnded, Call: r.ID, Ending: &r.Ending}
	snap := call.RouterSnapshot{Seq: 4, At: noon, Data: routing.Snapshot{Version: 1, LastOffer: 9}}
	live := record(noon, 2)
	s.Append(f, call.Opened{Record: r}, call.Opened{Record: live}, event(4), snap, event(5), event(6))
	s.Append(call.Closed{Record: r}, call.Bound{Account: "ann", Bindings: []sip.Binding{b}}, call.ContactKept{Contact: c})
	spent := call.Spent{Agent: "ann", Day: "2026-11-28", Time: 7 * time.Minute}
	s.Append(call.Spent{Agent: "ann", Day: "2026-11-28", Time: time.Minute}, spent)
	mustSync(t, s)
	check := func() {
		t.Helper()
		same(t, "boot", mustLoad(t, s), call.Boot{
			FactSeq: 1, RouterSeq: 6, Router: &snap, RouterEvents: []call.RouterEvent{event(5), event(6)},
			Open: []call.Record{live}, Bindings: []sip.Binding{b}, Contacts: []desk.Contact{c}, Spent: []call.Spent{spent},
		})
		got, err := s.Record(r.ID)
		if err != nil {
			t.Errorf("Record: got %v, want none", err)
		}
		same(t, "record", got, r)
		all, err := s.Facts(0, 10)
		if err != nil {
			t.Errorf("Facts: got %v, want none", err)
		}
		same(t, "facts", all, []call.Fact{f})
	}
	check()
	mustClose(t, s)
	s = open(t, dir)
	defer mustClose(t, s)
	check()
}

func lastState(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	r := record(noon, 1)
	for n := range 10 {
		r.Name = fmt.Sprint(n)
		s.Append(call.Opened{Record: r})
		if n%3 == 0 {
			mustSync(t, s)
		}
	}
	mustSync(t, s)
	if open := mustLoad(t, s).Open; len(open) != 1 || open[0].Name != "9" {
		t.Errorf("open: got %+v, want the last state", open)
	}
	s.Append(call.Closed{Record: ended(r, time.Minute)})
	mustSync(t, s)
	r = ended(r, time.Minute)
	r.Recordings = []call.Recorded{{ID: "01", Sealed: true}}
	s.Append(call.Closed{Record: r}) // its recording was sealed
	mustSync(t, s)
	got, err := s.Record(r.ID)
	if err != nil || len(got.Recordings) != 1 {
		t.Errorf("record: got %+v, %v, want the later one", got, err)
	}
	if all, err := s.Records(store.Filter{}); len(all) != 1 || err != nil {
		t.Errorf("records: got %d, %v, want 1", len(all), err)
	}
}

func inProgress(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 20 {
		s.Append(call.Opened{Record: record(noon, n)})
	}
	for n := range 20 {
		if n%2 == 0 {
			s.Append(call.Closed{Record: ended(record(noon, n), time.Minute)})
		}
	}
	mustClose(t, s)
	s = open(t, dir)
	defer mustClose(t, s)
	got := mustLoad(t, s).Open
	if len(got) != 10 {
		t.Fatalf("open: got %d calls, want 10", len(got))
	}
	for i, r := range got {
		if want := ID(noon, 2*i+1); r.ID != want {
			t.Errorf("open %d: got %s, want %s", i, r.ID, want)
		}
	}
}

func router(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	for seq := uint64(1); seq <= 50; seq++ {
		s.Append(event(seq))
	}
	mustSync(t, s)
	b := mustLoad(t, s)
	if b.Router != nil || len(b.RouterEvents) != 50 || b.RouterSeq != 50 {
		t.Errorf("before a snapshot: got %v, %d events, seq %d, want none, 50, 50", b.Router, len(b.RouterEvents), b.RouterSeq)
	}
	snap := call.RouterSnapshot{Seq: 50, At: noon}
	s.Append(event(51), snap, event(52)) // taken at 50, handed over a little later
	mustClose(t, s)
	s = open(t, dir)
	defer mustClose(t, s)
	b = mustLoad(t, s)
	same(t, "snapshot", b.Router, &snap)
	same(t, "events", b.RouterEvents, []call.RouterEvent{event(51), event(52)})
	if b.RouterSeq != 52 {
		t.Errorf("RouterSeq: got %d, want 52", b.RouterSeq)
	}
	snap.Seq = 52
	s.Append(snap)
	mustSync(t, s)
	if b = mustLoad(t, s); len(b.RouterEvents) != 0 || b.RouterSeq != 52 || b.Router.Seq != 52 {
		t.Errorf("after the second snapshot: got %d events, seq %d, snapshot %d, want 0, 52, 52", len(b.RouterEvents), b.RouterSeq, b.Router.Seq)
	}
}

func routerGap(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	s.Append(event(1), event(2), event(4), event(5))
	mustSync(t, s)
	b := mustLoad(t, s)
	same(t, "events", b.RouterEvents, []call.RouterEvent{event(1), event(2)})
	if b.RouterSeq != 5 {
		t.Errorf("RouterSeq: got %d, want 5, so that no number is used twice", b.RouterSeq)
	}
	s.Append(call.RouterSnapshot{Seq: 3, At: noon})
	mustSync(t, s)
	same(t, "events after the snapshot", mustLoad(t, s).RouterEvents, []call.RouterEvent{event(4), event(5)})
}

func bindings(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	bound := func(account sip.AccountID, uris ...string) call.Bound {
		b := call.Bound{Account: account}
		for _, u := range uris {
			b.Bindings = append(b.Bindings, sip.Binding{Account: account, URI: u})
		}
		return b
	}
	s.Append(bound("ann", "sip:1", "sip:2"), bound("bob", "sip:3"))
	mustSync(t, s)
	s.Append(bound("ann", "sip:4"), bound("bob"), bound("nobody"))
	mustSync(t, s)
	same(t, "bindings", mustLoad(t, s).Bindings, bound("ann", "sip:4").Bindings)
}

func contacts(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	a, b := desk.Contact{ID: "a", Kind: desk.Lead, Made: noon}, desk.Contact{ID: "b", Kind: desk.Lead, Made: noon}
	s.Append(call.ContactKept{Contact: a}, call.ContactKept{Contact: b})
	a.Kind, a.Name = desk.User, "Ann"
	s.Append(call.ContactKept{Contact: a})
	mustSync(t, s)
	same(t, "contacts", mustLoad(t, s).Contacts, []desk.Contact{a, b})
}
