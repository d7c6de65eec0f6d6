package config

import (
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// Transcripts is how recordings become words, each side of a call apart.
type Transcripts struct {
	// none, http (a service with OpenAI's /v1/audio/transcriptions) or command (a program).
	Driver string `yaml:"driver" jsonschema:"enum=none,enum=http,enum=command"`
	// http: where the sound is posted to.
	URL string `yaml:"url"`
	// http: the model that is asked for.
	Model string `yaml:"model"`
	// http: the bearer token, where the service wants one.
	Key Secret `yaml:"key"`
	// command: the program and its arguments, {file} and {language} in them; it prints verbose_json or text. There is no shell.
	Command []string `yaml:"command"`
	// What is spoken, as the service or the program calls it; a team may say another.
	Language string `yaml:"language"`
	// For one side of a call.
	Timeout time.Duration `yaml:"timeout"`
	// Before a transcript counts as failed.
	Tries int `yaml:"tries"`
	// Calls worked on at a time.
	AtOnce int `yaml:"at_once"`
}

var languageTag = regexp.MustCompile(`^([A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*)?$`)

func (r *reader) checkTranscripts(c *Config) {
	t := c.Transcripts
	switch t.Driver {
	case "http":
		if u, err := url.Parse(t.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			r.fail("transcripts.url", "%q is no address of a service: write one such as http://127.0.0.1:8000/v1/audio/transcriptions", t.URL)
		}
	case "command":
		r.checkTranscriptCommand(c)
	}
	if !languageTag.MatchString(t.Language) {
		r.fail("transcripts.language", "%q is no language: write a tag such as en, de or pt-BR", t.Language)
	}
	for _, team := range c.Teams {
		if !languageTag.MatchString(team.Language) {
			r.fail(join(join("teams", team.ID), "language"), "%q is no language: write a tag such as en, de or pt-BR", team.Language)
		}
	}
	r.atLeast("transcripts.timeout", t.Timeout, time.Second)
	r.between("transcripts.tries", t.Tries, 1, 100)
	r.between("transcripts.at_once", t.AtOnce, 1, 64)
}

func (r *reader) checkTranscriptCommand(c *Config) {
	argv := c.Transcripts.Command
	const example = `[/usr/local/bin/transcribe, "{file}", "{language}"]`
	switch {
	case len(argv) == 0 || argv[0] == "":
		r.fail("transcripts.command", "is empty: write the program and its arguments, such as %s", example)
	case !strings.Contains(strings.Join(argv[1:], " "), "{file}"):
		r.fail("transcripts.command", "does not say where the file's name goes: write {file} as an argument, such as %s", example)
	default:
		if _, err := exec.LookPath(c.TranscriptCommand()[0]); err != nil {
			r.fail(index("transcripts.command", 0), "%q cannot be run: %v: write the path of a program that is executable", argv[0], err)
		}
	}
}

// TranscriptCommand is the program with its path and its arguments. A name
// with a slash in it is relative to the configuration file.
func (c *Config) TranscriptCommand() []string {
	argv := append([]string(nil), c.Transcripts.Command...)
	if len(argv) > 0 && strings.Contains(argv[0], "/") {
		argv[0] = c.Resolve(argv[0])
	}
	return argv
}
