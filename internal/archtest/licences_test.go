package archtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trunkline/internal/golden"
)

// The README names every module that the binary contains.
func TestReadmeNamesWhatTheBinaryContains(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(readme), "## Licences")
	if !ok {
		t.Fatal("README.md: got no section about licences")
	}
	list, _, _ = strings.Cut(list, "\n## ")
	version := regexp.MustCompile(`/v\d+$`)
	for _, m := range inside(t) {
		path := version.ReplaceAllString(m.path, "")
		name := path[strings.LastIndex(path, "/")+1:]
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(list) {
			t.Errorf("README.md, licences: got no %s, want it", path)
		}
	}
}

// contained is a module whose code the binary contains.
type contained struct{ path, version, dir string }

// inside lists them, by their paths.
func inside(t *testing.T) []contained {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}} {{.Dir}}{{end}}", "./cmd/trunkline")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0") // as it is shipped
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []contained
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 { // ours has no version
			all = append(all, contained{f[0], f[1], f[2]})
		}
	}
	slices.SortFunc(all, func(a, b contained) int { return strings.Compare(a.path, b.path) })
	return slices.Compact(all)
}

// The Help Desk shows the licence of every module that the binary contains, in
// the words of its version; -update rewrites the file.
func TestThePageHasTheLicencesOfWhatTheBinaryContains(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := append([]contained{{"go", goVersion(t), strings.TrimSpace(string(goroot))}}, inside(t)...)
	var text bytes.Buffer
	for _, m := range all {
		files, err := os.ReadDir(m.dir)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, f := range files {
			if legal.MatchString(f.Name()) && !f.IsDir() {
				b, err := os.ReadFile(filepath.Join(m.dir, f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				words = append(words, strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n")))
			}
		}
		if words == nil { // g722 says it in its README alone
			b, _ := os.ReadFile(filepath.Join(m.dir, "README.md"))
			if _, section, ok := strings.Cut(string(b), "## License"); ok {
				words = append(words, strings.TrimSpace(section))
			}
		}
		kind := kindOf(strings.Join(words, "\n"))
		if kind == "" {
			t.Errorf("%s: got a licence that this test does not know, want its kind in kindOf", m.path)
		}
		fmt.Fprintf(&text, "== %s %s (%s)\n%s\n\n", m.path, m.version, kind, strings.Join(words, "\n\n"))
	}
	golden.Equal(t, filepath.Join(root(t), "api/page/lib/MODULES.txt"), text.Bytes())
}

// legal are the files that go with a module wherever its code goes.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)([.-].*)?$`)

// goVersion is that of go.mod: the same on every machine.
func goVersion(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	m := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(mod)
	if err != nil || m == nil {
		t.Fatal("go.mod: got no version of Go")
	}
	return string(m[1])
}

// kindOf names a licence by what only it says; "" is unknown.
func kindOf(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var kinds []string
	for _, k := range []struct{ name, says string }{
		{"MIT", "Permission is hereby granted, free of charge"},
		{"Apache 2.0", "Apache License Version 2.0"},
		{"Apache 2.0", "Apache License, Version 2.0"},
		{"BSD 3-Clause", "Neither the name of"},
		{"BSD", "Distributed under the BSD license."},
		{"ISC", "Permission to use, copy, modify, and/or distribute"},
		{"ISC", "Permission to use, copy, modify, and distribute this software for any purpose with or without fee"},
		{"public domain", "public domain"},
	} {
		if strings.Contains(text, k.says) && !slices.Contains(kinds, k.name) {
			kinds = append(kinds, k.name)
		}
	}
	if !slices.Contains(kinds, "BSD 3-Clause") && strings.Contains(text, "Redistributions in binary form must reproduce") {
		kinds = append(kinds, "BSD 2-Clause")
	}
	return strings.Join(kinds, ", ")
}
