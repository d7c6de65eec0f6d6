package config

import (
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSecretFile is the most that ${file:…} reads.
const maxSecretFile = 64 << 10

var (
	reference = regexp.MustCompile(`\$?\$\{[^}]*\}?`)
	variable  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// expand replaces ${NAME} by the environment's value and ${file:PATH} by the
// file's text without its last line end; $${ stays as ${. What was expanded is
// not expanded again. Problems name the variable or the file, never a value.
func (r *reader) expand(n *yaml.Node, key string) (string, bool) {
	if !strings.Contains(n.Value, "${") {
		return n.Value, true
	}
	ok := true
	text := reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		if strings.HasPrefix(ref, "$${") {
			return ref[1:]
		}
		name, closed := strings.CutSuffix(ref[2:], "}")
		if !closed {
			r.problem(n, key, "has ${ without }: close it, or write $${ for the characters themselves")
			ok = false
			return ""
		}
		value, good := r.lookup(n, key, name)
		ok = ok && good
		return value
	})
	return text, ok
}

// lookup gives what one ${name} stands for.
func (r *reader) lookup(n *yaml.Node, key, name string) (string, bool) {
	if file, isFile := strings.CutPrefix(name, "file:"); isFile {
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(r.file), file)
		}
		text, err := readFile(file, maxSecretFile)
		if err != nil {
			r.problem(n, key, "${%s} %s", name, unreadable(err))
			return "", false
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), true
	}
	if !variable.MatchString(name) {
		r.problem(n, key, "${%s} names no environment variable: write ${NAME} or ${file:/path}", name)
		return "", false
	}
	value, set := r.checks.Env(name)
	if !set {
		r.problem(n, key, "the environment has no %s: set it before starting trunkline, or name a file by ${file:/path}", name)
		return "", false
	}
	return value, true
}
