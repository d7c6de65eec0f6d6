package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fake records failures instead of failing.
type fake struct {
	testing.TB
	errs []string
}

func (f *fake) Helper() {}
func (f *fake) Errorf(format string, args ...any) {
	f.errs = append(f.errs, fmt.Sprintf(format, args...))
}

func TestEqualFileIsNoFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.golden")
	if err := os.WriteFile(file, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fake{TB: t}
	EqualLines(f, file, []string{"one", "two"})
	if len(f.errs) != 0 {
		t.Errorf("got %q, want no failure", f.errs)
	}
}

func TestDifferentFileFailsAndShowsTheLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.golden")
	if err := os.WriteFile(file, []byte("1\n2\n3\n4\n5\n6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fake{TB: t}
	Equal(f, file, []byte("1\n2\n3\n4\n5b\n6\n"))
	if len(f.errs) != 1 || !strings.Contains(f.errs[0], "@@ line 3\n  3\n  4\n- 5\n+ 5b\n  6\n") {
		t.Errorf("got %q, want one failure with the diff of line 5", f.errs)
	}
}

func TestMissingFileFails(t *testing.T) {
	f := &fake{TB: t}
	Equal(f, filepath.Join(t.TempDir(), "none"), []byte("x"))
	if len(f.errs) != 1 || !strings.Contains(f.errs[0], "-update") {
		t.Errorf("got %q, want one failure that names -update", f.errs)
	}
}

func TestUpdateWritesTheFile(t *testing.T) {
	*update = true
	defer func() { *update = false }()
	file := filepath.Join(t.TempDir(), "deep", "a.golden")
	f := &fake{TB: t}
	EqualLines(f, file, []string{"x"})
	*update = false
	EqualLines(f, file, []string{"x"})
	if got, _ := os.ReadFile(file); string(got) != "x\n" || len(f.errs) != 0 {
		t.Errorf("got %q and %q, want the file written and equal", got, f.errs)
	}
}

func TestDiffShowsAMissingNewline(t *testing.T) {
	if got, want := Diff("a\n", "a"), "- a\n+ a (no newline at the end)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
