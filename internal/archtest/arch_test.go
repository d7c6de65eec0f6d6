package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the module's name, the beginning of our own import paths.
const module = "trunkline/"

// source is one Go file of the house.
type source struct {
	name string // relative to the module's root
	room string // its folder
	test bool
	file *ast.File
	set  *token.FileSet
}

func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.name, s.set.Position(n.Pos()).Line)
}

// imports lists the file's import paths.
func (s source) imports() map[string]*ast.ImportSpec {
	all := make(map[string]*ast.ImportSpec)
	for _, i := range s.file.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			all[p] = i
		}
	}
	return all
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("the module's root: %v", err)
	}
	return dir
}

// house is every Go file under the module's root, read once.
var house struct {
	once sync.Once
	all  []source
	err  error
}

func sources(t *testing.T) []source {
	t.Helper()
	dir := root(t)
	house.once.Do(func() { house.all, house.err = parse(dir) })
	if house.err != nil {
		t.Fatal(house.err)
	}
	if len(house.all) < 10 {
		t.Fatalf("Go files under %s: got %d, want the whole house", dir, len(house.all))
	}
	return house.all
}

// parse reads every Go file under dir.
func parse(dir string) ([]source, error) {
	var all []source
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		s := source{name: filepath.ToSlash(name), test: strings.HasSuffix(p, "_test.go"), set: token.NewFileSet()}
		s.room = path.Dir(s.name)
		s.file, err = parser.ParseFile(s.set, p, nil, parser.ParseComments)
		all = append(all, s)
		return err
	})
	return all, err
}

func TestEveryArrowBetweenRoomsIsInTheTable(t *testing.T) {
	for _, s := range sources(t) {
		r, known := rooms[s.room]
		if !known {
			t.Errorf("%s: got the package %s, want one of the table's: a new room needs a noun, a reason and a line there", s.name, s.room)
			continue
		}
		for p, spec := range s.imports() {
			other, ours := strings.CutPrefix(p, module)
			if !ours || allowed(s, r, other) {
				continue
			}
			t.Errorf("%s: got an import of %s from %s, want none: %s", s.at(spec), other, s.room, reason(r, other))
		}
	}
}

// allowed says whether a file of a room may import another room. Tests may
// use the tools of internal/, and tests of internal/ what they measure.
func allowed(s source, r room, other string) bool {
	switch {
	case other == s.room, slices.Contains(r.may, other):
		return true
	case !s.test:
		return false
	case slices.Contains(r.tests, other), strings.HasPrefix(other, "internal/"), strings.HasPrefix(other, s.room+"/"):
		return true
	}
	return s.room == "internal/bench" && other != "cmd/trunkline"
}

func reason(r room, other string) string {
	for prefix, why := range r.except {
		if strings.HasPrefix(other, prefix) {
			return why
		}
	}
	return r.why
}

func TestEveryDependencyHasItsImporter(t *testing.T) {
	for _, s := range sources(t) {
		for p, spec := range s.imports() {
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
				continue // of the standard library, or ours
			}
			name, d, known := find(p)
			switch {
			case !known:
				t.Errorf("%s: got an import of %s, want only dependencies of the table", s.at(spec), p)
			case !slices.Contains(d.by, s.room):
				t.Errorf("%s: got an import of %s from %s, want it from %s alone: %s", s.at(spec), name, s.room, strings.Join(d.by, ", "), d.why)
			case d.tests && !s.test:
				t.Errorf("%s: got an import of %s, want it in test files alone: %s", s.at(spec), name, d.why)
			}
		}
	}
}

func find(p string) (string, dependency, bool) {
	for name, d := range dependencies {
		if p == name || strings.HasPrefix(p, name+"/") {
			return name, d, true
		}
	}
	return "", dependency{}, false
}

// impurities lists where a file looks at the clock, waits, or leaves its goroutine.
func impurities(s source) []string {
	var all []string
	add := func(n ast.Node, what string) { all = append(all, s.at(n)+": got "+what) }
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && clocks[n.Sel.Name] {
				add(n, "time."+n.Sel.Name+", want the time as an argument")
			}
		case *ast.GoStmt:
			add(n, "a goroutine, want none: a decision is one call")
		case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			add(n, "a channel, want none: commands are returned")
		}
		return true
	})
	return all
}

// The rules above find what they look for.
func TestTheRulesFindWhatTheyForbid(t *testing.T) {
	const text = `package routing
import "time"
func f(c chan int) { go f(c); c <- 1; _ = time.Now(); time.AfterFunc(time.Second, nil); _ = time.Time{} }`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "f.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := impurities(source{name: "f.go", file: file, set: set}); len(got) != 5 {
		t.Errorf("impurities: got %q, want a goroutine, two channels, Now and AfterFunc", got)
	}
	for _, x := range []struct {
		file, other string
		want        bool
	}{
		{"call/x.go", "sip", true}, {"sip/x.go", "media", false}, {"sip/x_test.go", "internal/simnet", true},
		{"sip/x.go", "internal/simnet", false}, {"api/x.go", "sip", false}, {"api/x_test.go", "sip", true}, {"media/x_test.go", "sip", false},
	} {
		s := source{name: x.file, room: path.Dir(x.file), test: strings.HasSuffix(x.file, "_test.go")}
		if got := allowed(s, rooms[s.room], x.other); got != x.want {
			t.Errorf("%s importing %s: got %v, want %v", x.file, x.other, got, x.want)
		}
	}
	if _, d, known := find("github.com/pion/rtcp"); !known || !slices.Equal(d.by, []string{"media", "internal/simbrowser"}) {
		t.Errorf("pion/rtcp: got %+v, want it media's, and the simulated browser's", d)
	}
	if name, _, known := find("github.com/pionx/rtp"); known {
		t.Errorf("pionx: got %s, want it unknown", name)
	}
}

// Routing is a value: the same events at the same times give the same
// commands. That ends with the first look at a clock.
func TestRoutingHasNoClockAndNoGoroutine(t *testing.T) {
	seen := 0
	for _, s := range sources(t) {
		if s.room != "routing" || s.test {
			continue
		}
		seen++
		for p, spec := range s.imports() {
			if why := impure[p]; why != "" {
				t.Errorf("%s: got an import of %s, want none: %s", s.at(spec), p, why)
			}
		}
		for _, use := range impurities(s) {
			t.Error(use)
		}
	}
	if seen == 0 {
		t.Error("files of routing: got none, want some")
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs := make(map[string]string)
	for _, s := range sources(t) {
		if empty[path.Base(s.room)] {
			t.Errorf("%s: got a package named %s, want a noun that says what it is", s.name, path.Base(s.room))
		}
		if _, there := docs[s.room]; !there {
			docs[s.room] = ""
		}
		if s.file.Doc != nil && !s.test {
			if base := path.Base(s.name); base != "doc.go" && base != path.Base(s.room)+".go" && s.room != "cmd/trunkline" {
				t.Errorf("%s: got a package comment here, want it in doc.go", s.name)
			}
			docs[s.room] += s.file.Doc.Text()
		}
	}
	for room, text := range docs {
		want := "Package " + path.Base(room) + " "
		if strings.HasPrefix(room, "cmd/") {
			want = "Trunkline "
		}
		if !strings.HasPrefix(text, want) || len(text) < 100 {
			t.Errorf("%s: got the package comment %q, want one in doc.go that begins with %q and says what it is, owns, and who may call", room, text, want)
		}
	}
}

// A test that sleeps is slow or wrong, often both; in a synctest bubble
// sleeping costs nothing and cannot be wrong. A skipped test proves nothing.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	all := sources(t)
	bubbles := make(map[string]bool) // rooms whose tests have bubbles, often made by a helper in another file
	for _, s := range all {
		if _, ok := s.imports()["testing/synctest"]; ok {
			bubbles[s.room] = true
		}
	}
	for _, s := range all {
		if !s.test {
			continue
		}
		free := bubbles[s.room] || s.room == "internal/bench" // benchmarks measure in real time
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, _ := sel.X.(*ast.Ident)
			switch {
			case x != nil && x.Name == "time" && sel.Sel.Name == "Sleep" && !free:
				t.Errorf("%s: got time.Sleep in a test outside a bubble, want a wait for what is to happen", s.at(sel))
			case x != nil && len(x.Name) <= 2 && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name):
				t.Errorf("%s: got %s.%s, want a test that runs", s.at(sel), x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestNothingHappensBeforeMain(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: got func init, want it called by who needs it", s.at(f))
			}
		}
	}
}
