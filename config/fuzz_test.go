package config

import (
	"os"
	"strings"
	"testing"
)

// Whatever the text, Parse comes back, and says where each problem is.
func FuzzRead(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		entries, err := os.ReadDir(fixtures + "/" + folder)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".yaml") {
				text, err := os.ReadFile(fixtures + "/" + folder + "/" + e.Name())
				if err != nil {
					f.Fatal(err)
				}
				f.Add(text)
			}
		}
	}
	f.Add([]byte("a: &a {<<: *a}"))
	f.Add([]byte("flows: {a: &x [{queue: s, max_wait: 1m, unanswered: *x}]}"))
	f.Add([]byte("<<: {<<: {domain: x}}\n? [a]\n: b\n"))
	checks := testChecks()
	checks.Env = func(string) (string, bool) { return "a value", true }
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "${file:") {
			return // the disk is no part of this
		}
		c, err := Parse("fuzz.yaml", text, checks)
		if err == nil {
			c.Hash()
			if got := Diff(c, c); !got.Empty() {
				t.Errorf("Diff with itself: got %+v, want nothing", got)
			}
			return
		}
		for _, p := range err.(Problems) {
			if p.Line < 1 || p.What == "" {
				t.Errorf("problem: got %+v, want a line and words", p)
			}
		}
	})
}
