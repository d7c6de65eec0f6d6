package desk

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func utf16le(text string) []byte {
	out := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

func TestContactsAreReadFromWhatSpreadsheetsWrite(t *testing.T) {
	ann := "Ann Lee +14155550100"
	for _, x := range []struct{ name, text, country, want string }{
		{"plain", "name,number\nAnn Lee,+14155550100\n", "US", ann},
		{"no last newline", "name,number\nAnn Lee,+14155550100", "US", ann},
		{"crlf", "name,number\r\nAnn Lee,+14155550100\r\n", "US", ann},
		{"byte order mark", "\ufeffname,number\nAnn Lee,+14155550100\n", "US", ann},
		{"semicolons", "Name;Telefon\nAnn Lee;+14155550100\n", "US", ann},
		{"semicolons and a comma", "Name;Telefon\n\"Lee, Ann\";+14155550100\n", "US", "Lee, Ann +14155550100"},
		{"tabs", "Name\tPhone Number\nAnn Lee\t+14155550100\n", "US", ann},
		{"national", "name,number\nAnn Lee,(415) 555-0100\n", "US", ann},
		{"of its country", "name,number\nAnn Lee,030 901820\n", "DE", "Ann Lee +4930901820"},
		{"several lines", "name,notes,number\nAnn Lee,\"calls\nback; twice\",+14155550100\n", "US", ann + " {calls\nback; twice}"},
		{"two names", "First Name,Last Name,Mobile\nAnn,Lee,+14155550100\n", "US", ann},
		{"several numbers", "name,phone 1,mobile,work phone\nAnn Lee,+14155550100,,+14155550101\n", "US", ann + " +14155550101"},
		{"several in one", "name,number\nAnn Lee,+14155550100; +14155550101 ::: +14155550102\n", "US", ann + " +14155550101 +14155550102"},
		{"tags", "name,number,tags\nAnn Lee,+14155550100,\"VIP, press;new\"\n", "US", ann + " #VIP #press #new"},
		{"attributes", "name,number,Plan,Order\nAnn Lee,+14155550100,gold,7\n", "US", ann + " Order=7 Plan=gold"},
		{"an apostrophe of ours", "name,number\n'=1+1,'+14155550100\n", "US", "=1+1 +14155550100"},
		{"an apostrophe of theirs", "name,number\n'Ann',+14155550100\n", "US", "'Ann' +14155550100"},
		{"empty lines", "name,number\n\n,\n  ,  \nAnn Lee,+14155550100\n\n", "US", ann},
		{"short lines", "name,number,plan\nAnn Lee,+14155550100\n", "US", ann},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, text := range [][]byte{[]byte(x.text), utf16le(strings.TrimPrefix(x.text, "\ufeff"))} {
				rows, _, wrong, err := ReadCSV(text, x.country, nil)
				if err != nil || len(wrong) > 0 || len(rows) != 1 {
					t.Fatalf("got %v, %v, %v, want one row", rows, wrong, err)
				}
				if got := rowText(rows[0].Contact); got != x.want {
					t.Errorf("got %q, want %q", got, x.want)
				}
			}
		})
	}
}

func rowText(c Contact) string {
	out := c.Name
	for _, n := range c.Numbers {
		out += " " + string(n)
	}
	for _, t := range c.Tags {
		out += " #" + t
	}
	for _, a := range c.Attributes {
		out += " " + a.Key + "=" + a.Value
	}
	for _, n := range c.Notes {
		out += " {" + n.Text + "}"
	}
	return out
}

func TestLinesThatAreWrongAreNamedAndTheOthersAreRead(t *testing.T) {
	text := strings.Join([]string{
		`name,number,kind,tags,id`,                           // 1
		`Ann,+14155550100,user,,`,                            // 2
		`Bob,12,,,`,                                          // 3: no number
		`Carol,1.41556E+10,,,`,                               // 4: rounded
		`Dan,+14155550103,king,,`,                            // 5
		`"Eve",+14155550104,,,,,,`,                           // 6: too many fields
		`Fay "the" Fox,+14155550105,,,`,                      // 7: bare quotation mark
		`Gus,,,,`,                                            // 8: nothing to know him by
		"\"Hal\nor Hank\",+14155550107,,,",                   // 9 and 10
		"Ian\xff,+14155550108,,,",                            // 11
		`Jim,+14155550109,,` + strings.Repeat("x", 65) + `,`, // 12
		`Kim,+14155550110,,,nobody`,                          // 13
		`Lou,+14155550111,,,01ARZ3NDEKTSV4RRFFQ69G5FAV`,      // 14
		`Max,+14155550112,,,01ARZ3NDEKTSV4RRFFQ69G5FAV`,      // 15: twice
		`Ned,+14155550113`,                                   // 16
	}, "\n")
	rows, _, wrong, err := ReadCSV([]byte(text), "US", nil)
	if err != nil {
		t.Fatal(err)
	}
	var good, bad []int
	for _, r := range rows {
		good = append(good, r.Line)
	}
	for _, w := range wrong {
		bad = append(bad, w.Line)
		if w.What == "" {
			t.Errorf("line %d: got no word", w.Line)
		}
	}
	if !slices.Equal(good, []int{2, 9, 14, 16}) || !slices.Equal(bad, []int{3, 4, 5, 6, 7, 8, 11, 12, 13, 15}) {
		t.Errorf("got rows %v, wrong %v: %+v", good, bad, wrong)
	}
}

func TestFilesThatAreNoneAreRefused(t *testing.T) {
	for _, x := range []struct {
		text string
		as   Columns
		want string
	}{
		{"", nil, "first line"},
		{"name,city\nAnn,Cork\n", nil, "told apart"},
		{"name,full name,number\n", nil, `"name" and "full name"`},
		{"name,number\n", Columns{"phone": "number"}, "no column"},
		{"na\xffme,number\n", nil, "UTF-8"},
		{"PK\x03\x04\x00\x00", nil, "zero bytes"},
	} {
		if _, _, _, err := ReadCSV([]byte(x.text), "US", x.as); !errors.Is(err, ErrCSV) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: got %v, want something about %q", x.text, err, x.want)
		}
	}
	rows, columns, wrong, err := ReadCSV([]byte("Wer,Ruf,Name\nAnn,+14155550100,x\n"), "US", Columns{"Wer": "name", "Ruf": "number", "Name": "-"})
	if err != nil || len(wrong) > 0 || rowText(rows[0].Contact) != "Ann +14155550100" || columns["Ruf"] != "number" {
		t.Errorf("mapped: got %+v, %v, %v, %v", rows, columns, wrong, err)
	}
}

func TestTheSameFileAgainChangesNothing(t *testing.T) {
	text := "external_id,name,number,tags,plan,notes\n42,Ann Lee,+14155550100,vip,gold,likes tea\n,Bob,+14155550101,,,\n43,Carol,+14155550100,,,\n"
	b := NewBook(nil)
	known, _ := b.Match("+14155550101", "", noon)
	rows, _, _, err := ReadCSV([]byte(text), "US", nil)
	if err != nil {
		t.Fatal(err)
	}
	would, wrong := b.Rehearse(rows, noon)
	if want := (Imported{Created: 2, Updated: 1}); would != want || len(wrong) > 0 || b.Len() != 1 {
		t.Errorf("rehearsed: got %+v, %v, %d contacts, want %+v and nothing done", would, wrong, b.Len(), want)
	}
	kept, done, wrong := b.Import(rows, noon)
	if done != would || len(wrong) > 0 || len(kept) != 3 || b.Len() != 3 {
		t.Errorf("got %+v, %v, want what was rehearsed", done, wrong)
	}
	if c, _ := b.Lookup("+14155550101"); c.ID != known.ID || c.Name != "Bob" {
		t.Errorf("the lead that called: got %+v, want it named", c)
	}
	if c, _ := b.External("42"); c.Kind != User || c.Attributes.Get("plan") != "gold" || len(c.Notes) != 1 {
		t.Errorf("got %+v, want all of the line", c)
	}
	for range 2 {
		kept, done, wrong = b.Import(rows, noon.Add(time.Hour))
		if (done != Imported{Unchanged: 3}) || len(kept)+len(wrong) != 0 {
			t.Errorf("again: got %+v, %v, %v, want nothing changed", done, kept, wrong)
		}
	}
	more, _, _, _ := ReadCSV([]byte("external_id,number,plan\n42,+14155550177,tin\n"), "US", nil)
	_, done, _ = b.Import(more, noon)
	if c, _ := b.Lookup("+14155550177"); (done != Imported{Updated: 1}) || c.Name != "Ann Lee" || c.Attributes.Get("plan") != "tin" || len(c.Numbers) != 2 {
		t.Errorf("a change: got %+v, %+v, want a number more and the new plan", done, c)
	}
	c, _ := b.External("42")
	both := []Row{{Line: 2, Contact: Contact{ID: known.ID, External: "42"}}}
	if _, _, wrong = b.Import(both, noon); len(wrong) != 1 || wrong[0].Line != 2 {
		t.Errorf("two contacts' ids in one line: got %v, want it refused", wrong)
	}
	if again, _ := b.External("42"); !again.Same(c) {
		t.Errorf("after a refused line: got %+v, want %+v", again, c)
	}
}

func export(t testing.TB, b *Book) []byte {
	t.Helper()
	var out bytes.Buffer
	names, numbers := b.Shape()
	all := b.Contacts()
	err := WriteCSV(&out, names, numbers, func() []Contact { page := all; all = nil; return page })
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWhatIsExportedIsImportedTheSame(t *testing.T) {
	text := rapid.StringMatching(`['=+@\-;,|"a-zé ]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		b := NewBook(nil)
		for i := range rapid.IntRange(1, 5).Draw(t, "contacts") {
			c := Contact{
				ID: NewContactID(noon), Name: text.Draw(t, "name"), External: text.Draw(t, "external") + fmt.Sprint(i), Made: noon,
				Kind: rapid.SampledFrom([]Kind{Lead, User}).Draw(t, "kind"), Numbers: []Number{Number(fmt.Sprintf("+1415555%04d", i)), "+442079460000"}[:rapid.IntRange(0, 2).Draw(t, "numbers")],
			}
			for range rapid.IntRange(0, 3).Draw(t, "attributes") {
				c.Attributes = c.Attributes.With(rapid.SampledFrom([]string{"plan", "number", "name", "attribute x", "=cmd"}).Draw(t, "key"), text.Draw(t, "value"))
			}
			for range rapid.IntRange(0, 2).Draw(t, "notes") {
				if n, err := NewNote(noon, "ann", text.Draw(t, "note")+"\n"+text.Draw(t, "note")); err == nil {
					c.Notes = append(c.Notes, n)
				}
			}
			if tags, err := AddTags(nil, text.Draw(t, "tag")); err == nil {
				c.Tags = tags
			}
			if c, err := c.Clean(); err == nil {
				_ = b.Put(c)
			}
		}
		var out bytes.Buffer
		names, numbers := b.Shape()
		all := b.Contacts()
		if err := WriteCSV(&out, names, numbers, func() []Contact { page := all; all = nil; return page }); err != nil {
			t.Fatal(err)
		}
		rows, _, wrong, err := ReadCSV(out.Bytes(), "US", nil)
		if err != nil || len(wrong) > 0 {
			t.Fatalf("got %v, %v of\n%s", wrong, err, out.Bytes())
		}
		if _, done, wrong := b.Import(rows, noon); len(wrong) > 0 || done.Unchanged != b.Len() {
			t.Fatalf("into the same book: got %+v, %v, want %d unchanged, of\n%s", done, wrong, b.Len(), out.Bytes())
		}
		other := NewBook(nil)
		other.Import(rows, noon)
		for _, c := range b.Contacts() {
			if got, ok := other.Contact(c.ID); !ok || !got.Same(c) {
				t.Fatalf("into an empty book: got %+v, want %+v, of\n%s", got, c, out.Bytes())
			}
		}
	})
}

func TestNoCellOfAnExportIsAFormula(t *testing.T) {
	b := NewBook(nil)
	evil := []string{"=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", " =1", "'=1", "＝1", "\u00a0=1"}
	for i, e := range evil {
		mustPut(t, b, Contact{Name: e, External: fmt.Sprint(e, i), Numbers: []Number{Number(fmt.Sprintf("+1415555010%d", i))}, Attributes: Attributes{{"=key", e}}})
	}
	records, err := csv.NewReader(bytes.NewReader(export(t, b))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		for _, cell := range r {
			number := strings.HasPrefix(cell, "+") && strings.Trim(cell[1:], "0123456789") == "" // E.164, and nothing else
			if strings.TrimLeft(cell, " \u00a0\t") != "" && strings.ContainsAny(string([]rune(strings.TrimLeft(cell, " \u00a0\t"))[0]), "=+-@＝") && !number {
				t.Errorf("got the cell %q, want an apostrophe before it", cell)
			}
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("name,number\nAnn,+14155550100\n"))
	f.Add([]byte("\xef\xbb\xbfa;number;\"b\nc\"\n'=1;1;2\n"))
	f.Add(utf16le("number\n1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, _, _, err := ReadCSV(text, "US", nil)
		if err != nil {
			return
		}
		b := NewBook(nil)
		b.Import(rows, noon)
		_, done, _ := b.Import(rows, noon)
		if done.Created > 0 {
			t.Errorf("again: got %+v, want nobody new", done)
		}
	})
}

// hundredThousand is a file as a company has it.
func hundredThousand() []byte {
	var b bytes.Buffer
	b.WriteString("external_id;name;number;company;plan;tags\r\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "C-%06d;\"Person %d\";030 %08d;Acme %d;gold;\"customer,newsletter\"\r\n", i, i, 20000000+i, i%1000)
	}
	return b.Bytes()
}

func BenchmarkImportOf100000(b *testing.B) {
	text := hundredThousand()
	for b.Loop() {
		rows, _, wrong, err := ReadCSV(text, "DE", nil)
		if err != nil || len(wrong) > 0 {
			b.Fatal(err, wrong[:1])
		}
		if _, done, _ := NewBook(nil).Import(rows, noon); done.Created != 100_000 {
			b.Fatal(done)
		}
	}
}
