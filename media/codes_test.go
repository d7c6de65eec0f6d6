package media

import (
	"strings"
	"testing"
	"time"
)

// A script is digits and pauses: "." is 100 ms, "_" 2.1 s, "=" 4.1 s. What was
// for others is told as it was: at once, or late in brackets.
func TestCodesAreKeptAndWhatIsNoneIsNot(t *testing.T) {
	for _, c := range []struct{ name, typed, heard string }{
		{"plain digits", "1.2.3", "123"},
		{"a code", "*.1", ""},
		{"two codes", "*.1.*.8", ""},
		{"digits around a code", "5.*.1.6", "56"},
		{"the beginning of none", "*.9", "(*)9"},
		{"with more behind", "*.9.9.1", "(*)991"},
		{"twice", "*.*.1", "(*)"},
		{"three times", "*.*.*.9", "(*)(*)(*)9"},
		{"alone", "*_", "(*)"},
		{"too slow for a code", "*_1", "(*)1"},
		{"a long code", "#.1.2.3", ""},
		{"the beginning of a long one", "#.1.2.4", "(#12)4"},
		{"a number behind a code", "*.2.1.0.2.#.7", "7"},
		{"a number given up", "*.2.1.0.2.*.7", "7"},
		{"a number without an end", "*.2.1.0.2=7", "7"},
		{"codes in a number", "*.2.1.#.*.1", ""},
	} {
		k := codes{whole: []string{"*1", "*2", "*8", "#123"}, numbers: []string{"*2"}}
		var heard strings.Builder
		late := func(text string) {
			if text != "" {
				heard.WriteString("(" + text + ")")
			}
		}
		now := int64(time.Hour)
		for _, d := range c.typed {
			switch d {
			case '.':
				now += int64(100 * time.Millisecond)
			case '_':
				now += int64(2100 * time.Millisecond)
				late(k.expire(now))
			case '=':
				now += int64(4100 * time.Millisecond)
			default:
				kept, before := k.take(d, true, now)
				if late(before); !kept {
					heard.WriteRune(d)
				}
			}
		}
		if got := heard.String(); got != c.heard {
			t.Errorf("%s: %s: got %q for the others, want %q", c.name, c.typed, got, c.heard)
		}
	}
}

// Other codes while one is being typed: its beginning goes on, unless it begins one
// of theirs too.
func TestWhatWasKeptIsNotLostWhenTheCodesChange(t *testing.T) {
	for _, c := range []struct {
		whole, numbers []string
		late           string
		next           rune
		kept           bool
	}{
		{nil, nil, "*", '2', false},
		{[]string{"#1"}, nil, "*", '1', false},
		{[]string{"*2"}, nil, "", '2', true},
	} {
		k := codes{whole: []string{"*1"}}
		k.take('*', true, 1)
		if late := k.become(c.whole, c.numbers); late != c.late {
			t.Errorf("%v: got %q for the others, want %q", c.whole, late, c.late)
		}
		if kept, late := k.take(c.next, true, 2); kept != c.kept || late != "" {
			t.Errorf("%v: got %c kept %v and %q late, want %v", c.whole, c.next, kept, late, c.kept)
		}
	}
}

func TestANumberGoesOnWhenTheCodesChange(t *testing.T) {
	k := codes{whole: []string{"*2"}, numbers: []string{"*2"}}
	for i, d := range "*21" {
		k.take(d, true, int64(i))
	}
	k.become([]string{"*2", "*3"}, []string{"*2", "*3"})
	if kept, _ := k.take('0', true, 5); !kept {
		t.Error("got a digit of a number passed on after the codes changed, want it kept")
	}
	k.become([]string{"*2"}, nil)
	if kept, _ := k.take('0', true, 6); kept {
		t.Error("got a digit kept that belongs to no number any more")
	}
}

func TestWithoutCodesNothingIsKept(t *testing.T) {
	var k codes
	for _, d := range keys {
		if kept, late := k.take(d, true, 1); kept || late != "" {
			t.Errorf("%c: got it kept %v, late %q, want it passed on", d, kept, late)
		}
	}
}
