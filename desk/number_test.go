package desk

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestNumbersAreReadAsTheTrunkWritesThem(t *testing.T) {
	for _, c := range []struct {
		raw, country string
		format       Format
		want         Number
		err          error
	}{
		// auto
		{"+14155550100", "US", FormatAuto, "+14155550100", nil},
		{"+1 (415) 555-0100", "US", FormatAuto, "+14155550100", nil},
		{"(+1) 415 555.0100", "US", FormatAuto, "+14155550100", nil},
		{"tel:+1-415-555-0100;phone-context=x", "US", FormatAuto, "+14155550100", nil},
		{"4155550100", "US", FormatAuto, "+14155550100", nil},
		{"14155550100", "US", FormatAuto, "+14155550100", nil},
		{"14155550100", "us", FormatAuto, "+14155550100", nil},
		{"01114155550100", "DE", FormatAuto, "01114155550100", ErrNotE164}, // 011 is no German prefix
		{"011442079460000", "US", FormatAuto, "+442079460000", nil},
		{"00442079460000", "US", FormatAuto, "+442079460000", nil},
		{"00442079460000", "DE", FormatAuto, "+442079460000", nil},
		{"0011442079460000", "AU", FormatAuto, "+442079460000", nil},
		{"442079460000", "US", FormatAuto, "+442079460000", nil},
		{"02079460000", "GB", FormatAuto, "+442079460000", nil},
		{"+44 (0)20 7946 0000", "US", FormatAuto, "+442079460000", nil},
		{"030901820", "DE", FormatAuto, "+4930901820", nil},
		{"+390612345678", "US", FormatAuto, "+390612345678", nil}, // Italy keeps its 0
		{"+99912345678", "US", FormatAuto, "+99912345678", nil},   // unknown to the metadata, well-formed
		// plus
		{"+4930901820", "US", FormatPlus, "+4930901820", nil},
		{"14155550100", "US", FormatPlus, "14155550100", ErrNotE164},
		// e164
		{"14155550100", "DE", FormatE164, "+14155550100", nil},
		{"+14155550100", "DE", FormatE164, "+14155550100", nil},
		{"4930901820", "US", FormatE164, "+4930901820", nil},
		{"4155550100", "US", FormatE164, "+4155550100", nil}, // +41 is Switzerland: e164 means it
		{"911", "US", FormatE164, "911", ErrNotE164},
		// national
		{"4155550100", "US", FormatNational, "+14155550100", nil},
		{"030901820", "DE", FormatNational, "+4930901820", nil},
		{"442079460000", "US", FormatNational, "442079460000", ErrNotE164},
		{"011442079460000", "US", FormatNational, "+442079460000", nil},
		// no E.164 form
		{"911", "US", FormatAuto, "911", ErrNotE164},
		{"112", "DE", FormatAuto, "112", ErrNotE164},
		{"999", "GB", FormatNational, "999", ErrNotE164},
		{"101", "US", FormatAuto, "101", ErrNotE164},
		{"*72", "US", FormatAuto, "*72", ErrNotE164},
		{"#31#4155550100", "US", FormatAuto, "#31#4155550100", ErrNotE164},
		{"+", "US", FormatAuto, "", ErrNotE164},
		{"+0123456789", "US", FormatAuto, "", ErrNotE164},
		{"+1234567890123456", "US", FormatAuto, "", ErrNotE164},
		{strings.Repeat("1", 40), "US", FormatAuto, "", ErrNotE164},
		{strings.Repeat("1", 100_000), "US", FormatAuto, "", ErrNotE164},
		{"alice", "US", FormatAuto, "", ErrNotE164},
		{"1415555O1OO", "US", FormatAuto, "", ErrNotE164},
		{"٤١٥٥٥٥٠١٠٠", "US", FormatAuto, "", ErrNotE164},
		{"415\x00555", "US", FormatAuto, "", ErrNotE164},
		{"1+4155550100", "US", FormatAuto, "", ErrNotE164},
		{"4155550100", "XX", FormatNational, "4155550100", ErrNotE164},
		// withheld
		{"", "US", FormatAuto, Anonymous, nil},
		{"Anonymous", "US", FormatPlus, Anonymous, nil},
		{"Restricted", "US", FormatAuto, Anonymous, nil},
	} {
		got, err := Parse(c.raw, c.country, c.format)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Parse(%.40q, %s, %s): got %q, %v, want %q, %v", c.raw, c.country, c.format, got, err, c.want, c.err)
		}
		if again, err := Parse(c.raw, c.country, c.format); again != got || !errors.Is(err, c.err) {
			t.Errorf("Parse(%.40q, %s, %s) the second time: got %q, %v, want %q, %v", c.raw, c.country, c.format, again, err, got, c.err)
		}
	}
}

func TestNumbersAreWrittenAsTheTrunkWantsThem(t *testing.T) {
	for _, c := range []struct {
		n       Number
		format  Format
		country string
		want    string
	}{
		{"+14155550100", FormatPlus, "US", "+14155550100"},
		{"+14155550100", FormatAuto, "US", "+14155550100"},
		{"+14155550100", FormatE164, "US", "14155550100"},
		{"+14155550100", FormatNational, "US", "4155550100"},
		{"+18765550100", FormatNational, "US", "8765550100"}, // Jamaica is dialled like a neighbour
		{"+442079460000", FormatNational, "GB", "02079460000"},
		{"+442079460000", FormatNational, "US", "011442079460000"},
		{"+14155550100", FormatNational, "DE", "0014155550100"},
		{"+4930901820", FormatNational, "de", "030901820"},
		{"+4930901820", FormatNational, "XX", "+4930901820"},
		{"911", FormatPlus, "US", "911"},
		{"*72", FormatE164, "US", "*72"},
		{Anonymous, FormatPlus, "US", ""},
	} {
		if got := c.n.Format(c.format, c.country); got != c.want {
			t.Errorf("%s as %s from %s: got %q, want %q", c.n, c.format, c.country, got, c.want)
		}
	}
}

func TestWhatIsWrittenForATrunkReadsBackTheSame(t *testing.T) {
	for _, n := range []Number{"+14155550100", "+442079460000", "+4930901820", "+390612345678", "+81312345678", "+61291234567"} {
		for _, country := range []string{"US", "GB", "DE", "IT", "JP", "AU"} {
			for _, f := range []Format{FormatPlus, FormatE164, FormatNational} {
				text := n.Format(f, country)
				if got, err := Parse(text, country, f); got != n || err != nil {
					t.Errorf("%s as %s from %s is %q, read back: got %q, %v, want %q", n, f, country, text, got, err, n)
				}
			}
		}
	}
}

func TestClassesGuardTheDialRules(t *testing.T) {
	for _, c := range []struct {
		n       Number
		country string
		want    Class
	}{
		{"+14155552671", "US", ClassNational},
		{"+18005551234", "US", ClassNational},
		{"+18762345678", "US", ClassInternational}, // Jamaica shares +1
		{"+18762345678", "JM", ClassNational},
		{"+19002345678", "US", ClassPremium},
		{"+19002345678", "DE", ClassPremium},
		{"+4915123456789", "DE", ClassNational},
		{"+4915123456789", "US", ClassInternational},
		{"+499001234567", "US", ClassPremium},
		{"+447400123456", "GB", ClassNational},
		{"+979123456789", "US", ClassPremium},
		{"+141555526719999", "US", ClassUnknown}, // too long: carriers cut the rest off
		{"+99912345678", "US", ClassUnknown},
		{"911", "US", ClassEmergency},
		{"112", "de", ClassEmergency},
		{"911", "DE", ClassShort},
		{"9112", "US", ClassShort},
		{"101", "US", ClassShort},
		{Anonymous, "US", ClassUnknown},
	} {
		if got := c.n.Class(c.country); got != c.want {
			t.Errorf("class of %s from %s: got %s, want %s", c.n, c.country, got, c.want)
		}
	}
}

func TestLogsMaskTheMiddleOfANumber(t *testing.T) {
	for _, c := range []struct {
		n    Number
		want string
	}{
		{"+14155550100", "+1415…00"},
		{"+4930901820", "+4930…20"},
		{"4155550", "41…"},
		{"911", "911"},
		{Anonymous, "anonymous"},
	} {
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("call", "call", c.n)
		if !strings.Contains(out.String(), "call="+c.want+"\n") {
			t.Errorf("log of %s: got %q, want call=%s", c.n, out.String(), c.want)
		}
		if got := c.n.String(); got != string(c.n) {
			t.Errorf("String: got %q, want %q", got, string(c.n))
		}
	}
}

func TestFormatNamesAreChecked(t *testing.T) {
	if f, err := ParseFormat(""); f != FormatAuto || err != nil {
		t.Errorf("got %q, %v, want auto", f, err)
	}
	if f, err := ParseFormat("national"); f != FormatNational || err != nil {
		t.Errorf("got %q, %v, want national", f, err)
	}
	if _, err := ParseFormat("E.164"); err == nil || !strings.Contains(err.Error(), "auto, plus, e164 or national") {
		t.Errorf("got %v, want an error that lists the formats", err)
	}
	if !KnownCountry("us") || KnownCountry("ZZ") || KnownCountry("") {
		t.Errorf("KnownCountry: got us=%v ZZ=%v empty=%v, want true false false", KnownCountry("us"), KnownCountry("ZZ"), KnownCountry(""))
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	c := cache{limit: 8}
	for i := range 1000 {
		c.put(key{digits: string(rune('a' + i))}, result{number: Number(string(rune('a' + i)))})
		if r, ok := c.get(key{digits: "a"}); !ok || r.number != "a" {
			t.Fatalf("entry in use after %d others: got %q, %v, want it kept", i, r.number, ok)
		}
	}
	if got := len(c.young) + len(c.old); got > 16 {
		t.Errorf("entries: got %d, want at most 16", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("+1 (415) 555-0100", "US")
	f.Add("00442079460000", "DE")
	f.Add("911", "US")
	f.Add("*72#", "JP")
	f.Fuzz(func(t *testing.T, raw, country string) {
		for _, format := range []Format{FormatAuto, FormatPlus, FormatE164, FormatNational} {
			n, err := Parse(raw, country, format)
			if n.IsE164() {
				if err != nil || len(n) < 4 || len(n) > 18 || strings.Trim(string(n[1:]), "0123456789") != "" {
					t.Errorf("Parse(%q, %q, %s): got %q, %v, want E.164", raw, country, format, n, err)
				}
				if again, err := Parse(string(n), country, format); again != n || err != nil {
					t.Errorf("Parse(%q): got %q, %v, want itself", n, again, err)
				}
			} else if strings.Trim(string(n), "0123456789*#") != "" || len(n) > maxShort {
				t.Errorf("Parse(%q, %q, %s): got %q, want dialable digits", raw, country, format, n)
			}
			n.Class(country)
			n.Format(format, country)
		}
	})
}

func BenchmarkParseNew(b *testing.B) {
	for _, c := range []struct{ name, prefix, country string }{
		{"nanp", "+1415555", "US"}, {"national", "415555", "US"}, {"plusDE", "+4930555", "DE"}, {"nationalGB", "0207946", "GB"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				i %= 10000
				d := string([]byte{byte('0' + i/1000%10), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)})
				parse(c.prefix+d, c.country, FormatAuto)
			}
		})
	}
}

func BenchmarkParseKnown(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("4155550100", "US", FormatAuto)
	}
}
