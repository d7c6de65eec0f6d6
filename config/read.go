package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of what is read at all: a configuration of a thousand agents is a
// tenth of this, an alias bomb is not.
const (
	maxFile  = 4 << 20
	maxNodes = 200_000
	maxDepth = 40
)

// bytesOfKey is how much text there is about each key, roughly: what its place is kept in is made large enough at once.
const bytesOfKey = 32

// Checks is what the reader cannot know by itself.
type Checks struct {
	// Prompts are the names of the shipped prompts, and Languages the ones they are in; none: any is taken.
	Prompts   []string
	Languages []string
	// Sound reads the WAV file at path as the media core would; nil checks
	// only that the file can be read.
	Sound func(path string) error
	// CallingCode gives the calling code of an ISO 3166 country ("1" for US)
	// and whether the country is known; nil accepts any two capital letters.
	CallingCode func(country string) (string, bool)
	// Class tells what an E.164 number is when it is dialled from a country:
	// "national", "premium", or another word; nil goes by the calling code.
	Class func(number, country string) string
	// Env looks up an environment variable; nil: os.LookupEnv.
	Env func(name string) (string, bool)
}

// Read reads and checks the file. The error is Problems, which holds every
// problem of the file, or the one problem that the file cannot be read.
// Warnings are in the Config. It reads the disk (prompts, ${file:…}) and does
// not wait for anything else.
func Read(file string, checks Checks) (*Config, error) {
	text, err := readFile(file, maxFile)
	if err != nil {
		return nil, Problems{{File: file, What: "the configuration " + unreadable(err)}}
	}
	return Parse(file, text, checks)
}

// Parse is Read of a text that was read already; file is its name in errors
// and the base of relative names.
func Parse(file string, text []byte, checks Checks) (*Config, error) {
	if checks.Env == nil {
		checks.Env = os.LookupEnv
	}
	r := &reader{file: file, checks: checks, places: make(map[string]spot, len(text)/bytesOfKey), heard: make(map[string]string), classes: make(map[string]string)}
	c := Default()
	c.File = file
	if root := r.parse(text); root != nil {
		r.decode(root, "", reflect.ValueOf(c).Elem())
	}
	if len(r.problems) == 0 || !r.spoilt {
		r.inherit(c)
		r.check(c)
	}
	if len(r.problems) > 0 {
		return nil, Problems(sorted(r.problems))
	}
	c.Warnings = sorted(r.warnings)
	c.places = r.places
	for i := range c.Agents {
		c.Agents[i].Name = orElse(c.Agents[i].Name, c.Agents[i].ID)
	}
	for i := range c.Users {
		c.Users[i].Name = orElse(c.Users[i].Name, c.Users[i].ID)
	}
	for i := range c.Teams {
		c.Teams[i].Name = orElse(c.Teams[i].Name, c.Teams[i].ID)
	}
	return c, nil
}

// inherit gives the trunks what is not written there.
func (r *reader) inherit(c *Config) {
	for i := range c.Trunks {
		t := &c.Trunks[i]
		key := join(join("trunks", t.ID), "session_timers")
		if _, own := r.places[join(key, "expires")]; !own {
			t.SessionTimers.Expires = c.SessionTimers.Expires
		}
		if _, own := r.places[join(key, "min")]; !own {
			t.SessionTimers.Min = c.SessionTimers.Min
		}
	}
}

// ReadDataDir gives the path of the data folder that a file names, and reads
// nothing else of it: who asks a running switch needs neither its environment
// nor a file without problems.
func ReadDataDir(file string) (string, error) {
	text, err := readFile(file, maxFile)
	if err != nil {
		return "", Problems{{File: file, What: "the configuration " + unreadable(err)}}
	}
	r := &reader{file: file, checks: Checks{Env: os.LookupEnv}, places: make(map[string]spot)}
	c := Default()
	c.File = file
	if root := r.parse(text); root != nil && root.Kind == yaml.MappingNode {
		if n := value(root, "data_dir"); n != nil {
			r.decode(n, "data_dir", reflect.ValueOf(&c.DataDir).Elem())
		}
	}
	if len(r.problems) > 0 {
		return "", Problems(sorted(r.problems))
	}
	return c.Data(), nil
}

// reader is one reading of one file.
type reader struct {
	file   string
	checks Checks

	problems []Problem
	warnings []Problem
	// places remembers where each key that was read stands.
	places map[string]spot
	nodes  int
	// known are the fields of the types that were met.
	known map[reflect.Type]map[string]reflect.StructField
	blank map[reflect.Type]reflect.Value
	// own are the names of the operator's prompts, and heard what there is to say of the files that were looked at.
	own   []string
	heard map[string]string
	// classes are what kind of number those are that were asked about.
	classes map[string]string
	// spoilt: the text is not YAML, so that nothing can be said about its meaning.
	spoilt bool
}

// place is where a key stands: one key of a mapping and its value. For an
// item of a list both are the item.
type place struct{ key, value *yaml.Node }

// spot is where a place is in the file: of its key, and of its value where that is a scalar, else of its key again.
type spot struct{ keyLine, keyColumn, line, column int32 }

func (p place) spot() spot {
	n := p.key
	if p.value.Kind == yaml.ScalarNode && p.value.Line > 0 {
		n = p.value
	}
	return spot{int32(p.key.Line), int32(p.key.Column), int32(n.Line), int32(n.Column)}
}

// parse gives the root of the one document in text; nil when it is empty or broken.
func (r *reader) parse(text []byte) *yaml.Node {
	if !utf8.Valid(text) {
		r.spoilt = true
		r.problems = append(r.problems, Problem{File: r.file, Line: badUTF8(text), Column: 1, What: "is not UTF-8 text: save it as UTF-8"})
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := d.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			r.broken(text, err)
		}
		return nil
	}
	if err := d.Decode(&second); err == nil {
		r.problem(&second, "", "is a second document: keep one, without --- between")
	} else if !errors.Is(err, io.EOF) {
		r.broken(text, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
		return nil
	}
	return doc.Content[0]
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// cures are what most often lies behind the YAML library's words.
var cures = []struct{ words, cure string }{
	{"cannot start any token", "indent with spaces, not tabs, and quote text that starts with @, % or a backquote"},
	{"mapping values are not allowed", "quote text that has a colon in it, and check the indentation"},
	{"did not find expected key", "check the indentation of this line and the one before, and that quotes and braces are closed"},
	{"could not find expected ':'", "write key: value, with a space after the colon, and check the line before"},
	{"did not find expected ',' or", "close the bracket or brace, and quote values with special characters such as ${…} inside braces"},
	{"unexpected end of stream", "close the quote or bracket that is opened here or above"},
	{"did not find expected '-' indicator", "check the indentation of the list"},
	{"unknown anchor", "define the anchor with & before it is used"},
}

// broken tells what the YAML library says of a text that is not YAML.
func (r *reader) broken(text []byte, err error) {
	r.spoilt = true
	m := yamlLine.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0])
	line, _ := strconv.Atoi(m[1])
	if strings.HasPrefix(m[2], "did not find expected") {
		line++ // the library counts the lines of its parser's errors from 0
	}
	if name, ok := strings.CutPrefix(m[2], "unknown anchor '"); ok { // and gives these none
		name, _, _ = strings.Cut(name, "'")
		line = 1 + bytes.Count(text[:max(0, bytes.Index(text, []byte("*"+name)))], []byte("\n"))
	}
	what := "is not YAML: " + m[2]
	for _, c := range cures {
		if strings.Contains(m[2], c.words) {
			what += ": " + c.cure
			break
		}
	}
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Column: 1, What: what})
}

// problem says that the key, which stands at n, is wrong.
func (r *reader) problem(n *yaml.Node, key, format string, args ...any) {
	r.wrong(n.Line, n.Column, key, format, args...)
}

func (r *reader) wrong(line, column int, key, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.file, line, column, key, fmt.Sprintf(format, args...)})
}

// readFile reads a regular file of at most limit bytes. Devices and pipes are
// refused, because reading them may never end.
func readFile(name string, limit int64) ([]byte, error) {
	f, size, err := open(name, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err = text.ReadFrom(io.LimitReader(f, limit))
	return text.Bytes(), err
}

// readable says whether readFile could read the file, by its first byte.
func readable(name string, limit int64) error {
	f, _, err := open(name, limit)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func open(name string, limit int64) (*os.File, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a file", name)
	}
	if info.Size() > limit {
		return nil, 0, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), limit)
	}
	f, err := os.Open(name)
	return f, info.Size(), err
}

// unreadable says in an operator's words why a file cannot be read.
func unreadable(err error) string {
	var path *fs.PathError
	switch name := ""; {
	case errors.As(err, &path):
		name = path.Path
		if errors.Is(err, fs.ErrNotExist) {
			return "cannot be read: there is no file " + name + ": check the path"
		}
		if errors.Is(err, fs.ErrPermission) {
			return "cannot be read: permission denied for " + name + ": let the user that runs trunkline read it"
		}
		return "cannot be read: " + name + ": " + path.Err.Error()
	}
	return "cannot be read: " + err.Error()
}

// badUTF8 is the number of the first line that is not UTF-8.
func badUTF8(text []byte) int {
	for i, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return i + 1
		}
	}
	return 1
}
