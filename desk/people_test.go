package desk

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"trunkline/internal/raced"
)

func mustPut(t testing.TB, b *Book, c Contact) Contact {
	t.Helper()
	if c.ID == "" {
		c.ID = NewContactID(noon)
	}
	c, err := c.Clean()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Put(c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAMergeKeepsWhatIsKnownOfBoth(t *testing.T) {
	b := NewBook(nil)
	note := func(at time.Time, text string) Note { return Note{At: at, By: "ann", Text: text} }
	ann := mustPut(t, b, Contact{Name: "Ann Lee", External: "42", Numbers: []Number{"+14155550100"}, Tags: []string{"VIP"}, Made: noon.Add(time.Hour),
		Attributes: Attributes{{"plan", "gold"}}, Notes: []Note{note(noon.Add(2*time.Hour), "second")}})
	lead := mustPut(t, b, Contact{Kind: User, Name: "A. Lee", External: "43", Numbers: []Number{"+14155550101", "+14155550100"}, Tags: []string{"vip", "press"}, Made: noon,
		Attributes: Attributes{{"city", "Cork"}, {"plan", "tin"}}, Notes: []Note{note(noon, "first")}})
	m, err := b.Merge(ann.ID, lead.ID, noon)
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != ann.ID || m.Name != "Ann Lee" || m.Kind != User || m.External != "42" || !m.Made.Equal(noon) ||
		len(m.Numbers) != 2 || m.Attributes.Get("plan") != "gold" || m.Attributes.Get("city") != "Cork" ||
		strings.Join(m.Tags, ",") != "VIP,press" || len(m.Notes) != 2 || m.Notes[0].Text != "first" {
		t.Errorf("got %+v, want what both knew, the first's word before the second's", m)
	}
	if got, ok := b.Contact(lead.ID); !ok || got.ID != ann.ID || b.Resolve(lead.ID) != ann.ID {
		t.Errorf("the merged one's ID: got %+v %v, want the survivor", got, ok)
	}
	if got, ok := b.External("43"); !ok || got.ID != ann.ID {
		t.Errorf("the merged one's external id: got %+v %v, want the survivor", got, ok)
	}
	if got, _ := b.Lookup("+14155550101"); got.ID != ann.ID || b.Len() != 1 {
		t.Errorf("its number: got %s of %d, want the survivor alone", got.ID, b.Len())
	}
	third := mustPut(t, b, Contact{Name: "Third", Made: noon})
	if _, err := b.Merge(third.ID, lead.ID, noon); err != nil { // by the name of one that is gone
		t.Fatal(err)
	}
	again := NewBook(b.Contacts())
	for _, id := range []ContactID{ann.ID, lead.ID, third.ID} {
		if again.Resolve(id) != third.ID {
			t.Errorf("%s after a restart: got %s, want %s", id, again.Resolve(id), third.ID)
		}
	}
	for _, x := range []struct {
		into, from ContactID
		want       error
	}{{third.ID, lead.ID, ErrSameContact}, {third.ID, "none", ErrNoContact}, {"none", third.ID, ErrNoContact}} {
		if _, err := b.Merge(x.into, x.from, noon); !errors.Is(err, x.want) {
			t.Errorf("merge %s into %s: got %v, want %v", x.from, x.into, err, x.want)
		}
	}
	b.Delete(third.ID)
	if _, ok := b.Contact(lead.ID); ok || len(b.merged)+len(b.byExternal)+len(b.byNumber)+len(b.order) != 0 {
		t.Errorf("after the survivor's end: got %+v, want nothing left of any", b)
	}
}

func TestAnExternalIDIsOneContacts(t *testing.T) {
	b := NewBook(nil)
	mustPut(t, b, Contact{External: "42"})
	if err := b.Put(Contact{ID: "other", External: "42"}); !errors.Is(err, ErrTaken) {
		t.Errorf("got %v, want ErrTaken", err)
	}
	if b.Len() != 1 {
		t.Errorf("got %d contacts, want 1", b.Len())
	}
}

func TestContactsAreFoundByWhatIsKnownOfThem(t *testing.T) {
	b := NewBook(nil)
	ann := mustPut(t, b, Contact{Kind: User, Name: "Ann Lee", External: "A-42", Numbers: []Number{"+14155550100", "+442079460000"}, Tags: []string{"VIP"}})
	zoe := mustPut(t, b, Contact{Name: "Zoë Ångström", Numbers: []Number{"+14155550100"}, Attributes: Attributes{{"company", "Acme Works"}}})
	b.Match(Anonymous, "", noon)
	for _, x := range []struct {
		q    Query
		want []ContactID
	}{
		{Query{}, []ContactID{zoe.ID, ann.ID}},
		{Query{Text: "LEE"}, []ContactID{ann.ID}},
		{Query{Text: "zoë å"}, []ContactID{zoe.ID}},
		{Query{Text: "acme"}, []ContactID{zoe.ID}},
		{Query{Text: "a-42"}, []ContactID{ann.ID}},
		{Query{Text: "(415) 555-01"}, []ContactID{zoe.ID, ann.ID}},
		{Query{Text: "020 7946"}, []ContactID{ann.ID}},
		{Query{Text: "0044 20"}, []ContactID{ann.ID}},
		{Query{Text: "nobody"}, nil},
		{Query{Number: "+14155550100"}, []ContactID{zoe.ID, ann.ID}},
		{Query{Number: "+14155550100", Before: zoe.ID}, []ContactID{ann.ID}},
		{Query{Number: "+14155550100", Kind: User}, []ContactID{ann.ID}},
		{Query{Number: "+14155550199"}, nil},
		{Query{External: "A-42"}, []ContactID{ann.ID}},
		{Query{External: "A-43"}, nil},
		{Query{Tag: "vip"}, []ContactID{ann.ID}},
		{Query{Kind: Lead}, []ContactID{zoe.ID}},
		{Query{Kind: Lead, Tag: "vip"}, nil},
	} {
		found, more := b.Search(x.q)
		var got []ContactID
		for _, c := range found {
			got = append(got, c.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(x.want) || more {
			t.Errorf("%+v: got %v, more %v, want %v", x.q, got, more, x.want)
		}
	}
	if found, _ := b.Search(Query{Anonymous: true}); len(found) != 3 {
		t.Errorf("with the anonymous: got %d, want 3", len(found))
	}
}

func TestPagesOfASearchAreStable(t *testing.T) {
	b := NewBook(nil)
	var all []ContactID
	for i := range 2000 {
		c := Contact{Name: fmt.Sprint("person ", i)}
		if i%3 == 0 {
			c.Tags = []string{"third"}
		}
		all = append(all, mustPut(t, b, c).ID)
	}
	var got []ContactID
	for before := ContactID(""); ; {
		page, more := b.Search(Query{Tag: "third", Limit: 100, Before: before})
		for _, c := range page {
			got = append(got, c.ID)
		}
		if !more {
			break
		}
		before = got[len(got)-1]
		mustPut(t, b, Contact{Name: "new", Tags: []string{"third"}}) // does not move the pages
		b.Delete(before)                                             // nor does this
	}
	if len(got) != 667 {
		t.Fatalf("got %d, want 667", len(got))
	}
	for i, id := range got {
		if want := all[1998-3*i]; id != want {
			t.Fatalf("at %d: got %s, want %s", i, id, want)
		}
	}
}

func TestStrangersAreThoseOfWhomNobodySaidAnything(t *testing.T) {
	b := NewBook(nil)
	var ids []ContactID
	for i := range 10 {
		c, _ := b.Match(Anonymous, "", noon.Add(time.Duration(i)*time.Hour))
		ids = append(ids, c.ID)
	}
	c, _ := b.Contact(ids[0])
	c.Notes = []Note{{Text: "is a journalist"}}
	mustPut(t, b, c)
	b.Match("+14155550100", "", noon)
	for _, x := range []struct {
		before      time.Time
		most, limit int
		want        []ContactID
	}{
		{noon, 100, 100, nil},
		{noon.Add(3 * time.Hour), 100, 100, ids[1:3]},
		{noon, 5, 100, ids[3:5]},
		{noon.Add(100 * time.Hour), 100, 2, ids[5:7]},
		{noon.Add(100 * time.Hour), 100, 100, ids[7:]},
		{noon.Add(100 * time.Hour), 100, 100, nil},
	} {
		if got := b.DropStrangers(x.before, x.most, x.limit); fmt.Sprint(got) != fmt.Sprint(x.want) {
			t.Errorf("before %v, at most %d: got %v, want %v", x.before, x.most, got, x.want)
		}
	}
	if found, _ := b.Search(Query{Anonymous: true}); len(found) != 2 || b.Len() != 2 || len(b.order) != 2 || len(b.anonymous)+len(b.strangers) != 0 {
		t.Errorf("afterwards: got %d contacts, want the noted one and the lead", b.Len())
	}
}

func TestTagsAndNotesAreBoundedAndClean(t *testing.T) {
	tags, err := AddTags([]string{"VIP"}, "vip", " press\x00 ", "new")
	if err != nil || strings.Join(tags, "|") != "VIP|press|new" {
		t.Errorf("got %q, %v, want each once", tags, err)
	}
	if got := RemoveTags(tags, "PRESS", "none"); strings.Join(got, "|") != "VIP|new" || len(tags) != 3 {
		t.Errorf("got %q of %q, want press gone and the old ones as they were", got, tags)
	}
	for _, bad := range []string{"", "a,b", "a;b", "a|b", strings.Repeat("x", 65)} {
		var r Refusal
		if _, err := AddTags(nil, bad); !errors.As(err, &r) || r.Field != "tags" {
			t.Errorf("tag %q: got %v, want it refused", bad, err)
		}
	}
	n, err := NewNote(noon, "ann", " calls\r\nback \x1b[31mred\u202e ")
	if err != nil || n.Text != "calls\nback [31mred\u202e" && n.Text != "calls\nback [31mred" || !n.At.Equal(noon) {
		t.Errorf("got %+q, %v, want two lines without what a terminal obeys", n.Text, err)
	}
	for _, bad := range []string{"", " \n", strings.Repeat("x", 4001)} {
		if _, err := NewNote(noon, "", bad); err == nil {
			t.Errorf("a note of %d bytes: got none refused", len(bad))
		}
	}
}

// full is a book of n people as a company imports them.
func full(n int) *Book {
	b := NewBook(nil)
	for i := range n {
		_ = b.Put(Contact{
			ID: NewContactID(noon.Add(time.Duration(i) * time.Second)), Kind: User, Name: fmt.Sprintf("Person %d of Acme", i), External: fmt.Sprintf("C-%07d", i),
			Numbers: []Number{Number(fmt.Sprintf("+1415%07d", i)), Number(fmt.Sprintf("+4420%08d", i))}, Made: noon,
			Tags: []string{"customer", "newsletter"}, Attributes: Attributes{{"company", fmt.Sprintf("Acme %d", i%1000)}, {"plan", "gold"}},
		})
	}
	return b
}

const many = 200_000

func TestTwoHundredThousandContactsAreCheap(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	b := full(raced.Or(many/10, many))
	used := heap() - before
	t.Logf("%d contacts take %d MiB", b.Len(), used>>20)
	if used > 250<<20 {
		t.Errorf("got %d MiB, want at most 250", used>>20)
	}
}

func BenchmarkMatchOf200000(b *testing.B) {
	book := full(many)
	b.ReportAllocs()
	b.ResetTimer()
	numbers := make([]Number, 1000)
	for i := range numbers {
		numbers[i] = Number(fmt.Sprintf("+1415%07d", i*199))
	}
	for i := 0; b.Loop(); i++ {
		if _, made := book.Match(numbers[i%1000], "", noon); made {
			b.Fatal("made")
		}
	}
}

func BenchmarkSearchOf200000(b *testing.B) {
	book := full(many)
	b.ResetTimer()
	for b.Loop() {
		book.Search(Query{Text: "nobody is called so"})
	}
}
