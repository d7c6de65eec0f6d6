package recorder

import "testing"

// What is made of a pause's silence goes; what was said around a pause stays,
// also where the pause is in its very middle.
func TestOnlyWhatLiesInAPauseIsLeftOut(t *testing.T) {
	pauses := []Span{{From: 1.9, To: 2.1}, {From: 10, To: 20}}
	for _, c := range []struct {
		what string
		said Said
		kept bool
	}{
		{"a text of the whole side", Said{Start: 0, End: 4, Text: "please call"}, true},
		{"within a pause", Said{Start: 11, End: 12, Text: "thank you"}, false},
		{"of no length, in a pause", Said{Start: 11, End: 11, Text: "you"}, false},
		{"of no length, elsewhere", Said{Start: 5, End: 5, Text: "you"}, true},
		{"into a pause by less than half", Said{Start: 8, End: 11, Text: "my card is"}, true},
		{"into a pause by more than half", Said{Start: 9, End: 20, Text: "hm"}, false},
		{"longer than a long pause", Said{Start: 0, End: 40, Text: "please call"}, true},
		{"nothing", Said{Start: 5, End: 6, Text: " "}, false},
	} {
		tr := Transcript{Said: []Said{c.said}, Pauses: pauses}
		if tr.settle(); (len(tr.Said) == 1) != c.kept {
			t.Errorf("%s: got it kept %v, want %v", c.what, !c.kept, c.kept)
		}
	}
}
