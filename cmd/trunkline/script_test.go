package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"trunkline/internal/golden"
)

// The scripts of testdata/cli are a manual that is run: words, commands after
// "$ ", what they print, and at the end the files they find in their folder.
// A command that fails is followed by its exit code. -update rewrites what the
// commands print.
func TestTheCommandLineDoesWhatItsManualSays(t *testing.T) {
	scripts, err := filepath.Glob("../../testdata/cli/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("scripts: got %d, %v, want some", len(scripts), err)
	}
	for _, name := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			name, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, name, []byte(play(t, string(text))))
		})
	}
}

// fileMark begins a file at the end of a script.
var fileMark = regexp.MustCompile(`(?m)^-- (.+) --\n`)

// play runs a script's commands and gives the script with what they printed.
func play(t *testing.T, text string) string {
	t.Helper()
	// A socket's path has at most 107 bytes, which t.TempDir can exceed.
	dir, err := os.MkdirTemp("", "trunkline")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Chdir(dir)
	marks := fileMark.FindAllStringSubmatchIndex(text, -1)
	script, files := text, ""
	if len(marks) > 0 {
		script, files = text[:marks[0][0]], text[marks[0][0]:]
	}
	for i, m := range marks {
		end := len(text)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		if err := os.WriteFile(text[m[2]:m[3]], []byte(text[m[1]:end]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	printed := false // the lines up to the next empty one are what the last command printed
	for _, line := range strings.SplitAfter(script, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case isCommand:
			out.WriteString(line)
			out.WriteString(indent(steady(obey(t, strings.TrimSpace(command)), dir)))
			printed = true
		case printed && strings.HasPrefix(line, "  "):
		default:
			printed = false
			out.WriteString(line)
		}
	}
	return out.String() + files
}

// indent sets output off from the words of the manual.
func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimRight("  "+strings.TrimSuffix(line, "\n"), " ") + "\n")
	}
	return strings.ReplaceAll(out.String(), "\n\n", "\n  .\n")
}

// changing is what differs from run to run, and what stands for it.
var changing = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`), "ID"},
	{regexp.MustCompile(`configuration [0-9a-f]{16}`), "configuration HASH"},
	{regexp.MustCompile(`\b(devel|unknown|v[0-9]+\.[0-9]+\.[0-9]+)[-.+0-9A-Za-z]*, up`), "VERSION, up"},
	{regexp.MustCompile(`up [0-9]+s`), "up 0s"},
	{regexp.MustCompile(`  address 127\.0\.0\.2`), ""}, // told by an event, which may come later
	{regexp.MustCompile(`[A-Z][a-z]+day [-0-9]{10} [:0-9]{8} UTC`), "NOW"},
	{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`), "TIME"},
	{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(  (requested|merged|assigned))`), "TIME$1"}, // of a callback
	{regexp.MustCompile(`(offered until +)[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}`), "${1}TIME"},
	{regexp.MustCompile(`(?m)^  [0-9]{4}-[0-9]{2}-[0-9]{2}  `), "  DAY         "},
	{regexp.MustCompile(`  [0-9]{1,2}s  `), "  0s  "},
	{regexp.MustCompile(`process [0-9]+`), "process 4711"},
	{regexp.MustCompile(`trunkline devel\S* \(.*\)`), "trunkline VERSION (go, system)"},
	{regexp.MustCompile(`127\.0\.0\.1:[1-9][0-9]{3,4}`), "127.0.0.1:PORT"},
}

func steady(text, dir string) string {
	text = strings.ReplaceAll(text, dir, "/etc/trunkline")
	for _, c := range changing {
		text = c.what.ReplaceAllString(text, c.as)
	}
	return text
}

// obey runs one line of a script and gives what it prints.
func obey(t *testing.T, line string) string {
	t.Helper()
	background := strings.HasSuffix(line, " &")
	words := split(strings.TrimSuffix(line, " &"))
	switch words[0] {
	case "export":
		name, value, _ := strings.Cut(words[1], "=")
		t.Setenv(name, value)
		return ""
	case "cp":
		text, err := os.ReadFile(words[1])
		if err == nil {
			err = os.WriteFile(words[2], text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return ""
	case "trunkline":
		if background {
			start(t, words[1:])
			return ""
		}
		var out bytes.Buffer
		code := run(&terminal{ctx: t.Context(), in: strings.NewReader(""), out: &out, err: &out}, words[1:])
		if code != exitOK {
			fmt.Fprintf(&out, "(exit code %d)\n", code)
		}
		return out.String()
	}
	t.Fatalf("command of a script: got %q, want trunkline, export or cp", words[0])
	return ""
}

// start runs "serve -c FILE" until the test ends.
func start(t *testing.T, args []string) {
	t.Helper()
	if len(args) != 3 || args[0] != "serve" {
		t.Fatalf("in the background: got %q, want serve -c FILE", args)
	}
	cfg, err := file{Config: args[2]}.read()
	if err != nil {
		t.Fatal(err)
	}
	p, err := openSwitch(cfg, world{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.serve(ctx, ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// split takes a line apart at spaces, except within single quotes.
func split(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
