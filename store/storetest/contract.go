package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
	"trunkline/store"
)

// Store is what is tested.
type Store interface {
	Append(entries ...call.Entry)
	Sync(ctx context.Context) error
	Load() (call.Boot, error)
	Record(id call.ID) (call.Record, error)
	Records(f store.Filter) ([]call.Record, error)
	Search(f store.Filter) (page []call.Record, next call.ID, err error)
	Scrub(ctx context.Context) error
	Erase(ctx context.Context, e call.Erasure, before func(call.Record) error) (calls int, err error)
	Facts(after uint64, max int) ([]call.Fact, error)
	FactsBetween(from, to time.Time, take func(call.Fact) error) error
	Callback(id routing.CallbackID) (routing.Callback, error)
	Callbacks(f store.CallbackFilter) ([]routing.Callback, error)
	Close() error
}

// Opener opens the store that lies at dir, again and again in one test. It
// fails the test itself, and checks the store's files when the test ends.
type Opener func(t testing.TB, dir string) Store

// Run holds a store to the contract.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		rule string
		test func(t *testing.T, open Opener)
	}{
		{"AnEmptyStoreKnowsNothing", empty},
		{"WhatWasSyncedIsThereAfterTheNextStart", survives},
		{"TheLastStateOfACallCounts", lastState},
		{"ACallInProgressIsOneWithoutItsRecord", inProgress},
		{"FactsKeepTheirNumbersOverMonthsAndStarts", facts},
		{"TheRouterIsItsSnapshotAndTheEventsSince", router},
		{"RouterEventsEndWhereOneIsMissing", routerGap},
		{"RegistrationsAreReplacedWhole", bindings},
		{"ContactsAreReplacedByTheirID", contacts},
		{"ContactsThatAreGoneStayGone", goneContacts},
		{"AContactsCallsAreErased", erases},
		{"RecordsCanBeSearched", searches},
		{"FactsOfATimeComeInOrder", factsBetween},
		{"ASearchEndsInTime", searchesInTime},
		{"CallbacksPendingAreLoadedAndThoseDoneAreFound", callbacks},
		{"MessagesAreReplacedAndDropped", messages},
		{"WrongCodesAreKeptUntilTheRightOne", wrongCodes},
		{"RecordsComeNewestFirst", records},
		{"RecordsCanBeFilteredAndPaged", filters},
		{"CloseWritesWhatIsQueuedAndMayBeRepeated", closes},
		{"SyncGivesUpWithItsContext", syncContext},
		{"AppendersAndReadersMayDoAsTheyLike", concurrent},
		{"ItWorksInABubble", bubble},
	} {
		t.Run(c.rule, func(t *testing.T) { c.test(t, open) })
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ID makes the n-th call's id, of a call at this time.
func ID(at time.Time, n int) call.ID {
	var entropy [10]byte
	entropy[8], entropy[9] = byte(n>>8), byte(n)
	u := ulid.ULID{}
	_ = u.SetTime(ulid.Timestamp(at))
	_ = u.SetEntropy(entropy[:])
	return call.ID(u.String())
}

func record(at time.Time, n int) call.Record {
	return call.Record{
		ID: ID(at, n), Trunk: "acme", Dialled: "+14155550100", Caller: desk.Number(fmt.Sprintf("+1415555%04d", n)), Initiated: at,
		Segments: []call.Segment{{Kind: call.SegmentFlow, From: at}},
	}
}

func ended(r call.Record, d time.Duration) call.Record {
	r.Ended = r.Initiated.Add(d)
	r.Ending = call.Ending{By: call.ByCaller, Cause: call.CauseHangup}
	r.Segments = []call.Segment{{Kind: call.SegmentTalk, From: r.Initiated, To: r.Ended, Agent: "ann"}}
	return r
}

func fact(seq uint64, at time.Time) call.Fact {
	return call.Fact{Seq: seq, At: at, Kind: call.FactQueued, Call: ID(at, int(seq)), Trunk: "acme"}
}

func event(seq uint64) call.RouterEvent {
	return call.RouterEvent{Seq: seq, At: noon.Add(time.Duration(seq) * time.Second), Config: "c", Data: fmt.Appendf(nil, `{"n":%d}`, seq)}
}

func mustSync(t testing.TB, s Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Sync(ctx); err != nil {
		t.Fatalf("Sync: got %v, want none", err)
	}
}

func mustLoad(t testing.TB, s Store) call.Boot {
	t.Helper()
	b, err := s.Load()
	if err != nil {
		t.Fatalf("Load: got %v, want none", err)
	}
	return b
}

func mustClose(t testing.TB, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: got %v, want none", err)
	}
}

// same compares by what JSON says, so that times in other zones are equal.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	g, err1 := json.Marshal(got)
	w, err2 := json.Marshal(want)
	if err1 != nil || err2 != nil || string(g) != string(w) {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func facts(t *testing.T, open Opener) {
	dir := t.TempDir()
	const n = 300
	at := func(seq uint64) time.Time { return noon.Add(time.Duration(seq) * 24 * time.Hour) } // ten months
	seq := uint64(0)
	for seq < n {
		s := open(t, dir)
		if got := mustLoad(t, s).FactSeq; got != seq {
			t.Fatalf("FactSeq: got %d, want %d", got, seq)
		}
		for range 100 {
			seq++
			s.Append(fact(seq, at(seq)))
		}
		mustClose(t, s)
	}
	s := open(t, dir)
	defer mustClose(t, s)
	next := uint64(1)
	for {
		page, err := s.Facts(next-1, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page {
			if f.Seq != next || !f.At.Equal(at(next)) {
				t.Fatalf("got fact %d at %v, want %d at %v", f.Seq, f.At, next, at(next))
			}
			next++
		}
		if len(page) < 7 {
			break
		}
	}
	if next != n+1 {
		t.Errorf("got %d facts, want %d", next-1, n)
	}
	// A clock set back a month: the numbers still tell the order.
	s.Append(fact(n+1, at(n-40)), fact(n+2, at(n+2)))
	mustSync(t, s)
	page, err := s.Facts(n-1, 10)
	if err != nil || len(page) != 3 || page[0].Seq != n || page[1].Seq != n+1 || page[2].Seq != n+2 {
		t.Errorf("after the clock was set back: got %+v, %v, want %d to %d", page, err, n, n+2)
	}
	if got := mustLoad(t, s).FactSeq; got != n+2 {
		t.Errorf("FactSeq: got %d, want %d", got, n+2)
	}
	if none, err := s.Facts(0, 0); len(none) != 0 || err != nil {
		t.Errorf("no facts wanted: got %d, %v", len(none), err)
	}
}

func records(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	const n = 120
	order := make([]int, n) // written in another order than they began
	for i := range order {
		order[i] = (i * 37) % n
	}
	for _, i := range order {
		s.Append(call.Closed{Record: ended(record(noon.Add(time.Duration(i)*24*time.Hour), i), time.Minute)})
	}
	mustSync(t, s)
	all, err := s.Records(store.Filter{Limit: 1000})
	if err != nil || len(all) != n {
		t.Fatalf("got %d, %v, want %d", len(all), err, n)
	}
	for i, r := range all {
		if want := n - 1 - i; r.Caller != desk.Number(fmt.Sprintf("+1415555%04d", want)) {
			t.Fatalf("record %d: got %s, want call %d", i, r.Caller, want)
		}
		one, err := s.Record(r.ID)
		if err != nil || one.ID != r.ID {
			t.Errorf("Record(%s): got %s, %v", r.ID, one.ID, err)
		}
	}
	if some, err := s.Records(store.Filter{}); len(some) != 100 || err != nil {
		t.Errorf("without a limit: got %d, %v, want 100", len(some), err)
	}
	all[0].Segments[0].Agent = "mallory"
	if again, _ := s.Record(all[0].ID); again.Segments[0].Agent != "ann" {
		t.Errorf("a copy was changed: got %s in the store, want ann", again.Segments[0].Agent)
	}
}

func filters(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	for i := range 60 {
		r := ended(record(noon.Add(time.Duration(i)*24*time.Hour), i), time.Minute)
		r.Segments[0].Agent = ""
		switch i % 3 {
		case 0:
			r.Segments[0].Agent = "ann"
		case 1:
			r.Offers = []call.Offered{{Agent: "bob"}}
			r.Trunk = "backup"
		}
		r.Contact = desk.ContactID(fmt.Sprint("c", i%5))
		s.Append(call.Closed{Record: r})
	}
	mustSync(t, s)
	count := func(what string, f store.Filter, want int) {
		t.Helper()
		f.Limit = 1000
		if got, err := s.Records(f); len(got) != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", what, len(got), err, want)
		}
	}
	count("talked", store.Filter{Agent: "ann"}, 20)
	count("was offered", store.Filter{Agent: "bob"}, 20)
	count("nobody", store.Filter{Agent: routing.AgentID("nobody")}, 0)
	count("trunk", store.Filter{Trunk: "backup"}, 20)
	count("contact", store.Filter{Contact: "c3"}, 12)
	count("caller", store.Filter{Caller: "+14155550007"}, 1)
	count("from", store.Filter{From: noon.Add(50 * 24 * time.Hour)}, 10)
	count("to", store.Filter{To: noon.Add(50 * 24 * time.Hour)}, 50)
	count("both", store.Filter{From: noon.Add(24 * time.Hour), To: noon.Add(3 * 24 * time.Hour)}, 2)

	var paged []call.ID
	f := store.Filter{Agent: "ann", Limit: 7}
	for {
		page, err := s.Records(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			paged = append(paged, r.ID)
		}
		if len(page) < f.Limit {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	if len(paged) != 20 || len(slices.Compact(slices.Clone(paged))) != 20 || !slices.IsSortedFunc(paged, func(x, y call.ID) int { return -cmpID(x, y) }) {
		t.Errorf("pages: got %v, want 20 records, newest first, none twice", paged)
	}
}

func cmpID(x, y call.ID) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func closes(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	for seq := uint64(1); seq <= 10_000; seq++ {
		s.Append(fact(seq, noon))
	}
	mustClose(t, s)
	mustClose(t, s)
	s.Append(fact(10_001, noon)) // too late, and no harm
	if err := s.Sync(context.Background()); err == nil {
		t.Error("Sync after a late Append: got none, want an error: it will never be on disk")
	}
	if _, err := s.Load(); err == nil {
		t.Error("Load after Close: got none, want an error")
	}
	s = open(t, dir)
	defer mustClose(t, s)
	if got := mustLoad(t, s).FactSeq; got != 10_000 {
		t.Errorf("FactSeq: got %d, want 10000", got)
	}
}

func syncContext(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Append(fact(1, noon))
	if err := s.Sync(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want none or context.Canceled", err)
	}
	mustSync(t, s)
}

func concurrent(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 50 {
				r := record(noon, g*1000+n)
				s.Append(call.Opened{Record: r}, fact(uint64(g*50+n+1), noon))
				s.Append(call.Closed{Record: ended(r, time.Second)})
				if n%10 == 0 {
					mustSync(t, s)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				if _, err := s.Records(store.Filter{}); err != nil {
					t.Errorf("Records: got %v, want none", err)
				}
				if _, err := s.Facts(0, 10); err != nil {
					t.Errorf("Facts: got %v, want none", err)
				}
				if _, err := s.Load(); err != nil {
					t.Errorf("Load: got %v, want none", err)
				}
			}
		})
	}
	wg.Wait()
	mustSync(t, s)
	all, err := s.Records(store.Filter{Limit: 1000})
	if len(all) != 200 || err != nil {
		t.Errorf("records: got %d, %v, want 200", len(all), err)
	}
	if b := mustLoad(t, s); len(b.Open) != 0 || b.FactSeq != 200 {
		t.Errorf("boot: got %d open, fact %d, want 0, 200", len(b.Open), b.FactSeq)
	}
}

func bubble(t *testing.T, open Opener) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir)
		for seq := uint64(1); seq <= 50; seq++ {
			s.Append(fact(seq, time.Now()))
			time.Sleep(24 * time.Hour)
		}
		mustSync(t, s)
		if got := mustLoad(t, s).FactSeq; got != 50 {
			t.Errorf("FactSeq: got %d, want 50", got)
		}
		mustClose(t, s)
	})
}
