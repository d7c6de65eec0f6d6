package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// command is one command of the binary, as its struct declares it.
type command struct{ flags []string }

// commands reads the command line's structs: the fields of cli that are
// commands, and the flags of each, those of embedded structs included.
func commands(t *testing.T) map[string]command {
	t.Helper()
	structs := make(map[string]*ast.StructType)
	for _, s := range sources(t) {
		if s.room != "cmd/trunkline" || s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if st, ok := spec.Type.(*ast.StructType); ok {
					structs[spec.Name.Name] = st
				}
			}
			return true
		})
	}
	if structs["cli"] == nil {
		t.Fatal("cmd/trunkline: got no struct cli, want the command line's")
	}
	all := make(map[string]command)
	for _, f := range structs["cli"].Fields.List {
		if _, ok := tag(f).Lookup("cmd"); ok {
			all[flagName(f)] = command{flags(structs, f.Type.(*ast.Ident).Name)}
		}
	}
	return all
}

func flags(structs map[string]*ast.StructType, name string) []string {
	all := []string{"--help", "-h"}
	for _, f := range structs[name].Fields.List {
		if len(f.Names) == 0 {
			all = append(all, flags(structs, f.Type.(*ast.Ident).Name)...)
			continue
		}
		if _, positional := tag(f).Lookup("arg"); positional {
			continue
		}
		if _, below := tag(f).Lookup("cmd"); below { // a command of a command
			all = append(all, flags(structs, f.Type.(*ast.Ident).Name)...)
			continue
		}
		all = append(all, "--"+flagName(f))
		if short := tag(f).Get("short"); short != "" {
			all = append(all, "-"+short)
		}
	}
	return all
}

func tag(f *ast.Field) reflect.StructTag {
	if f.Tag == nil {
		return ""
	}
	text, _ := strconv.Unquote(f.Tag.Value)
	return reflect.StructTag(text)
}

// flagName is the name that kong gives a field: its own words with dashes.
func flagName(f *ast.Field) string {
	if name := tag(f).Get("name"); name != "" {
		return name
	}
	var out []rune
	for i, r := range f.Names[0].Name {
		if unicode.IsUpper(r) && i > 0 {
			out = append(out, '-')
		}
		out = append(out, unicode.ToLower(r))
	}
	return string(out)
}

// documents are the pages whose commands are checked.
func documents(t *testing.T) []string {
	t.Helper()
	dir := root(t)
	more, err := filepath.Glob(filepath.Join(dir, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	return append(more, filepath.Join(dir, "README.md"))
}

var (
	targetLine = regexp.MustCompile(`(?m)^([a-z]+):.*?## .+$`)
	makeWords  = regexp.MustCompile("(?m)(?:^    |`)make ([a-z]+)")
	ourWords   = regexp.MustCompile("(?m)(?:^    |`|ExecStart=/usr/local/bin/)(?:\\./)?trunkline ([a-z][^`\n]*)")
	ownFlag    = regexp.MustCompile("`(?:([a-z]+) )?(--[a-z-]+)")
	shellWord  = regexp.MustCompile(`^[|>&#]`)
)

// What README.md and docs tell to type works: the targets are in the
// Makefile, the commands and flags in the command line.
func TestTheCommandsOfTheDocumentsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range targetLine.FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, m[1])
	}
	known := commands(t)
	var everyFlag []string
	for _, c := range known {
		everyFlag = append(everyFlag, c.flags...)
	}
	seen := 0
	for _, page := range documents(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(page)
		for _, m := range makeWords.FindAllStringSubmatch(string(text), -1) {
			seen++
			if !slices.Contains(targets, m[1]) {
				t.Errorf("%s: got make %s, want a target of the Makefile: %v", name, m[1], targets)
			}
		}
		for _, m := range ourWords.FindAllStringSubmatch(string(text), -1) {
			seen++
			words := strings.Fields(m[1])
			c, ok := known[words[0]]
			if !ok {
				t.Errorf("%s: got trunkline %s, want a command of the command line", name, words[0])
				continue
			}
			for _, w := range words[1:] {
				if shellWord.MatchString(w) {
					break
				}
				if w, _, _ = strings.Cut(w, "="); strings.HasPrefix(w, "-") && !slices.Contains(c.flags, w) {
					t.Errorf("%s: got trunkline %s %s, want one of its flags: %v", name, words[0], w, c.flags)
				}
			}
		}
		for _, m := range ownFlag.FindAllStringSubmatch(string(text), -1) {
			if c, ok := known[m[1]]; ok && !slices.Contains(c.flags, m[2]) || !ok && m[1] == "" && !slices.Contains(everyFlag, m[2]) {
				t.Errorf("%s: got the flag %s %s, want one that there is", name, m[1], m[2])
			}
		}
	}
	if seen < 10 {
		t.Errorf("commands in the documents: got %d, want the dozen of README.md", seen)
	}
}

// Every target and every command is told in README.md: what nobody finds is not there.
func TestREADMETellsEveryCommand(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range commands(t) {
		if !strings.Contains(string(text), "trunkline "+name) && !strings.Contains(string(text), "make "+name) {
			t.Errorf("README.md: got no word of trunkline %s, want one", name)
		}
	}
	for _, m := range targetLine.FindAllStringSubmatch(string(makefile), -1) {
		if m[1] != "help" && !strings.Contains(string(text), "make "+m[1]) {
			t.Errorf("README.md: got no word of make %s, want one", m[1])
		}
	}
}
