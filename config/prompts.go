package config

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// language is a tag such as es or pt-BR (RFC 5646), in short.
var language = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$`)

// OwnPrompt is a WAV file that the operator has put into the prompts' folder.
type OwnPrompt struct {
	Language string
	Name     string // without .wav
	Path     string
}

// OwnPrompts are the WAV files in prompts.folder: those of the house's
// language, and in a folder each, those of others. It reads the disk.
func (c *Config) OwnPrompts() ([]OwnPrompt, error) {
	if c.Prompts.Folder == "" {
		return nil, nil
	}
	folder := c.Resolve(c.Prompts.Folder)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	all := wavs(folder, c.Prompts.Language, entries)
	for _, e := range entries {
		if !e.IsDir() || !language.MatchString(e.Name()) {
			continue
		}
		inner := filepath.Join(folder, e.Name())
		entries, err := os.ReadDir(inner)
		if err != nil {
			return nil, err
		}
		all = append(all, wavs(inner, e.Name(), entries)...)
	}
	return all, nil
}

func wavs(folder, language string, entries []os.DirEntry) []OwnPrompt {
	var all []OwnPrompt
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); strings.EqualFold(ext, ".wav") && !e.IsDir() {
			all = append(all, OwnPrompt{language, strings.TrimSuffix(e.Name(), ext), filepath.Join(folder, e.Name())})
		}
	}
	return all
}

// checkPrompts checks where prompts come from, and those in the folder.
func (r *reader) checkPrompts(c *Config) {
	if !language.MatchString(c.Prompts.Language) {
		r.fail("prompts.language", "%q is not a language: write its short name, such as en or es", c.Prompts.Language)
	}
	own, err := c.OwnPrompts()
	if err != nil {
		r.fail("prompts.folder", "%s", unreadable(err))
	}
	for _, p := range own {
		if what := r.unplayable(p.Path, p.Path); what != "" {
			r.fail("prompts.folder", "%s", what)
		}
		r.own = append(r.own, p.Name)
	}
	languages := append(ids(own, func(p OwnPrompt) string { return p.Language }), r.checks.Languages...)
	if len(r.checks.Languages) > 0 && !slices.Contains(languages, c.Prompts.Language) && !r.bad("prompts.language") {
		r.fail("prompts.language", "there are no prompts in %q: write one of %s, or put some into prompts.folder/%s", c.Prompts.Language,
			strings.Join(r.checks.Languages, ", "), c.Prompts.Language)
	}
	r.checkTTS(c)
}

func (r *reader) checkTTS(c *Config) {
	t := c.TTS
	switch {
	case len(t.Command) > 0 && t.URL != "":
		r.fail("tts", "has both command and url: keep one of them")
	case len(t.Command) > 0 && t.Command[0] == "":
		r.fail("tts.command", "names no program: write one and its arguments, such as [flite, -t, \"{text}\", -o, \"{out}\"]")
	case t.URL != "":
		if u, err := url.Parse(t.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			r.fail("tts.url", "%q is not an address: write one such as http://127.0.0.1:8000/v1/audio/speech", t.URL)
		}
	}
	r.atLeast("tts.timeout", t.Timeout, time.Second)
}

// checkPrompt wants a shipped prompt, one of the folder, or a WAV file that
// the media core reads.
func (r *reader) checkPrompt(c *Config, key, prompt string) {
	if prompt == "" {
		r.fail(key, "names no prompt: write one of %s, or a WAV file", r.promptNames())
		return
	}
	file, isFile := c.PromptFile(prompt)
	if !isFile {
		if !slices.Contains(r.checks.Prompts, prompt) && !slices.Contains(r.own, prompt) {
			r.fail(key, "there is no shipped prompt %q%s", prompt, orElse(didYouMean(prompt, slices.Concat(r.checks.Prompts, r.own)),
				": write one of "+r.promptNames()+", or the name of a file that ends in .wav"))
		}
		return
	}
	if what := r.unplayable(prompt, file); what != "" {
		r.fail(key, "%s", what)
	}
}

// unplayable says why a file cannot be played; each file is looked at once.
func (r *reader) unplayable(name, file string) string {
	if what, done := r.heard[file]; done {
		return what
	}
	what := ""
	if err := readable(file, maxSound); err != nil {
		what = unreadable(err)
	} else if r.checks.Sound != nil {
		if err := r.checks.Sound(file); err != nil {
			what = name + " cannot be played: " + err.Error() + ": make it a WAV file in PCM 16 bit, µ-law or A-law at 8, 16 or 48 kHz"
		}
	}
	r.heard[file] = what
	return what
}

// promptNames are the sentences among the shipped prompts: not the words that
// values are put together from.
func (r *reader) promptNames() string {
	sentences := slices.DeleteFunc(slices.Clone(r.checks.Prompts), func(name string) bool {
		return partOf.MatchString(name)
	})
	return strings.Join(sentences, ", ")
}

var partOf = regexp.MustCompile(`^(num|ordinal|day|month|press|digit|for|to)-`)

// maxSound is the most that a prompt's file may have: an hour at 8 kHz.
const maxSound = 64 << 20

// PromptFile gives the path of a prompt that is a file, and whether it is
// one: shipped prompts and those of the folder have neither a folder nor the
// ending .wav.
func (c *Config) PromptFile(prompt string) (path string, isFile bool) {
	if !strings.Contains(prompt, "/") && !strings.EqualFold(filepath.Ext(prompt), ".wav") {
		return "", false
	}
	return c.Resolve(prompt), true
}
