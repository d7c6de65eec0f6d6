package desk

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAnUnknownNumberMakesALeadOnce(t *testing.T) {
	b := NewBook(nil)
	c, made := b.Match("+14155550100", "Ann\tLee ", noon)
	if !made || c.Kind != Lead || c.Name != "Ann Lee" || c.Anonymous || len(c.Numbers) != 1 || c.Numbers[0] != "+14155550100" || !c.Made.Equal(noon) {
		t.Errorf("first call: got %+v made %v, want a new lead", c, made)
	}
	again, made := b.Match("+14155550100", "Mallory", noon.Add(time.Hour))
	if made || again.ID != c.ID || again.Name != "Ann Lee" {
		t.Errorf("second call: got %+v made %v, want the same contact with its name", again, made)
	}
}

func TestEveryAnonymousCallHasAContactOfItsOwn(t *testing.T) {
	b := NewBook(nil)
	one, made1 := b.Match(Anonymous, "Anonymous", noon)
	two, made2 := b.Match(Anonymous, "Anonymous", noon)
	if !made1 || !made2 || one.ID == two.ID {
		t.Errorf("got %s made %v and %s made %v, want two contacts", one.ID, made1, two.ID, made2)
	}
	if !one.Anonymous || len(one.Numbers) != 0 || one.Name != "" {
		t.Errorf("got %+v, want an anonymous contact without number and name", one)
	}
	if _, ok := b.Lookup(Anonymous); ok {
		t.Error("an anonymous number was matched, want no match")
	}
}

func TestASharedNumberBelongsToAUserThenTheOldest(t *testing.T) {
	const n = "+14155550100"
	b := NewBook([]Contact{
		{ID: "C", Kind: Lead, Numbers: []Number{n}, Made: noon.Add(time.Hour)},
		{ID: "A", Kind: Lead, Numbers: []Number{n}, Made: noon},
		{ID: "U", Kind: User, Numbers: []Number{n, n, "+14155550101"}, Made: noon.Add(2 * time.Hour)},
	})
	for _, want := range []ContactID{"U", "A", "C"} {
		c, ok := b.Lookup(n)
		if !ok || c.ID != want {
			t.Fatalf("got %s %v, want %s", c.ID, ok, want)
		}
		b.Delete(c.ID)
	}
	if _, ok := b.Lookup(n); ok {
		t.Error("deleted contacts still match, want none")
	}
	if _, ok := b.Lookup("+14155550101"); ok {
		t.Error("a deleted contact's second number still matches, want none")
	}
	b.Delete("nobody")
	if b.Len() != 0 || len(b.byNumber) != 0 {
		t.Errorf("got %d contacts and %d numbers, want none", b.Len(), len(b.byNumber))
	}
}

func TestPutMovesAContactsNumbers(t *testing.T) {
	b := NewBook(nil)
	c, _ := b.Match("+14155550100", "", noon)
	c.Numbers = []Number{"+14155550199"}
	c.Kind = User
	b.Put(c)
	if _, ok := b.Lookup("+14155550100"); ok {
		t.Error("the old number still matches, want it free")
	}
	if got, ok := b.Lookup("+14155550199"); !ok || got.ID != c.ID || got.Kind != User {
		t.Errorf("got %+v %v, want the contact as user", got, ok)
	}
	if got, ok := b.Contact(c.ID); !ok || got.Kind != User {
		t.Errorf("got %+v %v, want the contact as user", got, ok)
	}
}

func TestWhatTheBookHandsOutAreCopies(t *testing.T) {
	b := NewBook(nil)
	c, _ := b.Match("+14155550100", "", noon)
	c.Numbers[0] = "+19990000000"
	got, _ := b.Contact(c.ID)
	got.Numbers[0] = "+19990000001"
	b.Contacts()[0].Numbers[0] = "+19990000002"
	if c, ok := b.Lookup("+14155550100"); !ok || c.Numbers[0] != "+14155550100" {
		t.Errorf("got %v %v, want the number untouched", c.Numbers, ok)
	}
}

func TestABookTakesItsContactsBack(t *testing.T) {
	b := NewBook(nil)
	for i := range 100 {
		b.Match(Number(fmt.Sprintf("+1415555%04d", i)), "", noon.Add(time.Duration(i)*time.Second))
	}
	again := NewBook(b.Contacts())
	for i := range 100 {
		n := Number(fmt.Sprintf("+1415555%04d", i))
		was, _ := b.Lookup(n)
		if is, made := again.Match(n, "", noon); made || is.ID != was.ID {
			t.Fatalf("%s: got %s made %v, want %s", n, is.ID, made, was.ID)
		}
	}
	all := again.Contacts()
	for i := 1; i < len(all); i++ {
		if all[i].Made.Before(all[i-1].Made) {
			t.Fatalf("contact %d made %v before %v, want oldest first", i, all[i].Made, all[i-1].Made)
		}
	}
}

func TestNamesFromTheWireAreMadeHarmless(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Ann Lee", "Ann Lee"},
		{"  Ann \r\n Lee\t", "Ann Lee"},
		{"Ann\x00\x1b[31mLee", "Ann[31mLee"},
		{"Ann\u202eeeL", "AnneeL"}, // right-to-left override
		{"Zo\u200bë", "Zoë"},       // zero-width space
		{"bad\xff\xfeutf8", "badutf8"},
		{"", ""},
		{"\n\n", ""},
		{strings.Repeat("é", 100), strings.Repeat("é", 64)},
		{"x" + strings.Repeat("é", 100), "x" + strings.Repeat("é", 63)},
		{strings.Repeat("a", 128) + " b", strings.Repeat("a", 128)},
	} {
		got := CleanName(c.in)
		if got != c.want {
			t.Errorf("CleanName(%q): got %q, want %q", c.in, got, c.want)
		}
		if !utf8.ValidString(got) || len(got) > maxName {
			t.Errorf("CleanName(%q): got %q, want valid UTF-8 of at most %d bytes", c.in, got, maxName)
		}
	}
	if got := CleanName(strings.Repeat("\u200b", 1<<20)); got != "" {
		t.Errorf("a megabyte of nothing: got %d bytes, want none", len(got))
	}
}

func TestABookIsSafeForConcurrentUse(t *testing.T) {
	b := NewBook(nil)
	made := make([]int, 4)
	var wg sync.WaitGroup
	for g := range made {
		wg.Go(func() {
			for i := range 500 {
				if _, m := b.Match(Number(fmt.Sprintf("+1415555%04d", i)), "x", noon); m {
					made[g]++
				}
				b.Lookup("+14155550001")
				b.Len()
			}
		})
	}
	wg.Wait()
	if got := made[0] + made[1] + made[2] + made[3]; got != 500 || b.Len() != 500 {
		t.Errorf("got %d made, %d kept, want 500 of each", got, b.Len())
	}
}

func BenchmarkMatch(b *testing.B) {
	book := NewBook(nil)
	b.ReportAllocs()
	for i := range b.N {
		book.Match(Number(fmt.Sprintf("+1415%07d", i)), "Ann Lee", noon)
	}
}
