package golden

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files instead of comparing with them")

// Updating reports whether the tests run with -update.
func Updating() bool { return *update }

// Equal fails the test if got differs from the file (a path relative to the
// test's package), and shows the lines that differ. With -update it writes got
// to the file, making its folders.
func Equal(t testing.TB, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s does not exist; run the test with -update to write it. got:\n%s", file, got)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (- want, + got; -update rewrites it):\n%s", file, Diff(string(want), string(got)))
	}
}

// EqualLines is Equal for lines, each ended by a newline in the file.
func EqualLines(t testing.TB, file string, got []string) {
	t.Helper()
	var b strings.Builder
	for _, l := range got {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	Equal(t, file, []byte(b.String()))
}

// context is how many equal lines are shown around a difference.
const context = 2

// Diff shows by lines what turns want into got: "-" lines are only in want, "+"
// lines only in got. Long equal stretches are left out. It is "" for equals.
func Diff(want, got string) string {
	if want == got {
		return ""
	}
	ops := edits(splitLines(want), splitLines(got))
	show := make([]bool, len(ops))
	for i, o := range ops {
		if o.mark == ' ' {
			continue
		}
		for j := max(0, i-context); j <= min(len(ops)-1, i+context); j++ {
			show[j] = true
		}
	}
	var b strings.Builder
	skipped := false
	for i, o := range ops {
		if !show[i] {
			skipped = true
			continue
		}
		if skipped {
			fmt.Fprintf(&b, "@@ line %d\n", o.line)
			skipped = false
		}
		fmt.Fprintf(&b, "%c %s\n", o.mark, o.text)
	}
	return b.String()
}

type edit struct {
	mark rune // ' ', '-', '+'
	text string
	line int // in want, from 1
}

// splitLines keeps a missing last newline visible.
func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	lines := strings.Split(s, "\n")
	if lines[len(lines)-1] == "" {
		return lines[:len(lines)-1]
	}
	lines[len(lines)-1] += " (no newline at the end)"
	return lines
}

// edits is the longest-common-subsequence script; golden files are small.
func edits(a, b []string) []edit {
	lcs := make([][]int, len(a)+1)
	for i := range lcs {
		lcs[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				lcs[i][j] = lcs[i+1][j+1] + 1
			} else {
				lcs[i][j] = max(lcs[i+1][j], lcs[i][j+1])
			}
		}
	}
	var out []edit
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, edit{' ', a[i], i + 1})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || lcs[i+1][j] >= lcs[i][j+1]):
			out = append(out, edit{'-', a[i], i + 1})
			i++
		default:
			out = append(out, edit{'+', b[j], i + 1})
			j++
		}
	}
	return out
}
