package routing

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what the stories in testdata/routing say")

// A story is a text file of blocks. A block is comments and commands, a line of four dashes, and what was said, up to an
// empty line:
//
//	# A comment says which rule is told.
//	queue w1 support
//	rang 1
//	----
//	14:00:00 ring 1: w1 at ann on ann.1
//	14:00:00 offer 1 rings until 14:00:30
//
// tell runs every story under dir, each with a teller of its own, and compares; -update rewrites the lower halves.
func tell(t *testing.T, dir string, begin func(testing.TB) teller) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("stories in %s: got %d, %v, want some", dir, len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := retell(t, string(text), begin(t))
			if got == string(text) {
				return
			}
			if !*update {
				t.Fatalf("%s:\ngot:\n%s\nwant:\n%s", file, got, text)
			}
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// teller carries out the commands of one story and keeps what is said.
type teller interface {
	do(line string) // one command
	said() []string // since the last call
	finish()        // checks over the whole story
}

// retell returns the story with what the teller says now.
func retell(t testing.TB, text string, to teller) string {
	t.Helper()
	var out strings.Builder
	commands, skipping := 0, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			out.WriteString("----\n")
			lines := to.said()
			if len(lines) == 0 {
				lines = []string{"(nothing)"}
			}
			for _, l := range lines {
				out.WriteString(l + "\n")
			}
			commands, skipping = 0, true
		case line == "":
			skipping = false
			out.WriteString("\n")
		case skipping: // what was said before
		default:
			out.WriteString(line + "\n")
			if !strings.HasPrefix(line, "#") {
				commands++
				to.do(line)
			}
		}
	}
	if commands > 0 {
		t.Fatalf("the last %d commands of the story have no ----", commands)
	}
	to.finish()
	return out.String()
}

// words splits a command into its words and its options: "queue w1 support priority=5 returned".
func words(line string) (list []string, options map[string]string) {
	options = map[string]string{}
	for _, f := range strings.Fields(line) {
		if key, value, ok := strings.Cut(f, "="); ok {
			options[key] = value
		} else {
			list = append(list, f)
		}
	}
	return list, options
}
