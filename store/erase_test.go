package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/desk"
)

// holders are the files of a folder that have a text in them, free pages included.
func holders(t testing.TB, dir, text string) (names []string) {
	t.Helper()
	for _, name := range filesIn(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			names = append(names, name)
		}
	}
	return names
}

func TestWhatIsErasedIsNotLeftInTheFiles(t *testing.T) {
	const name, number = "Kay Secretname", "+14155557777"
	dir := t.TempDir()
	s := openAt(t, dir, Options{}, nil)
	contact := desk.Contact{ID: "KAY", Kind: desk.Lead, Name: name, Numbers: []desk.Number{number}, Made: noon}
	for i := range 400 { // pages are written, freed and written again
		r := record(i)
		if i%40 == 0 {
			r.Contact, r.Name, r.Caller = "KAY", name, number
			r.Notes = []desk.Note{{Text: strings.Repeat(name, 300)}} // over several pages
		}
		s.Append(call.ContactKept{Contact: contact}, call.ContactKept{Contact: desk.Contact{ID: desk.ContactID(fmt.Sprint("C", i)), Made: noon}}, call.Opened{Record: r})
		if i%7 == 0 {
			sync30(t, s)
		}
		r.Ended = noon
		s.Append(call.Closed{Record: r})
	}
	sync30(t, s)
	if len(holders(t, dir, name)) != 2 {
		t.Fatalf("before: got %v, want it in hot.db and the records", holders(t, dir, name))
	}
	e := call.Erasure{Contact: "KAY", Numbers: []desk.Number{number}, At: noon}
	s.Append(call.ContactGone{Contact: "KAY"}, call.Erasing{Erasure: e})
	n, err := s.Erase(t.Context(), e, func(call.Record) error { return nil })
	if err != nil || n != 10 {
		t.Fatalf("got %d, %v, want 10 records", n, err)
	}
	s.Append(call.ContactErased{Contact: "KAY"})
	sync30(t, s)
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{name, number, number[1:]} {
		if got := holders(t, dir, text); len(got) > 0 {
			t.Errorf("%q is left in %v", text, got)
		}
	}
	// The files are sound, and written on.
	s.Append(call.Closed{Record: record(999)})
	sync30(t, s)
	if _, err := s.Record(id(999)); err != nil {
		t.Errorf("afterwards: got %v, want it to be written", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	CheckFiles(t, dir)
	again := openAt(t, dir, Options{}, nil)
	boot, err := again.Load()
	if err != nil || len(boot.Contacts) != 400 {
		t.Errorf("after a restart: got %d contacts, %v, want 400", len(boot.Contacts), err)
	}
	if all, err := again.Records(Filter{Limit: 1000}); len(all) != 391 || err != nil {
		t.Errorf("after a restart: got %d records, %v, want 391", len(all), err)
	}
}

func TestErasingGoesOnBesideWriting(t *testing.T) {
	s := openAt(t, t.TempDir(), Options{}, nil)
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			r := record(n)
			r.Contact = "other"
			s.Append(call.Closed{Record: r})
			if n++; n%50 == 0 {
				sync30(t, s)
			}
		}
	}()
	for range 20 {
		if _, err := s.Erase(t.Context(), call.Erasure{Contact: "KAY", Again: true}, nil); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	n := <-done
	sync30(t, s)
	if all, err := s.Records(Filter{Limit: 1 << 20}); len(all) != n || err != nil {
		t.Errorf("got %d records, %v, want %d", len(all), err, n)
	}
}

func BenchmarkSearchOf100000Records(b *testing.B) {
	dir := b.TempDir()
	s := openAt(b, dir, Options{}, nil)
	for i := range 100_000 {
		r := record(i)
		r.Caller = desk.Number(fmt.Sprintf("+1415%07d", i))
		r.Segments = append(r.Segments, call.Segment{Kind: call.SegmentTalk, Agent: "ann", From: noon, To: noon.Add(time.Minute)})
		s.Append(call.Closed{Record: r})
		if i%2000 == 0 {
			sync30(b, s)
		}
	}
	sync30(b, s)
	for b.Loop() {
		if all, _, err := s.Search(Filter{Number: "+14150000007"}); len(all) != 1 || err != nil {
			b.Fatal(len(all), err)
		}
	}
}
