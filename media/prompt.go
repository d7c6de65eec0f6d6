package media

import (
	"bytes"
	"embed"
	"slices"
	"strings"
	"sync"
)

// sounds holds the shipped prompts, a folder a language; sounds/README.md says where they come from.
//
//go:embed sounds/*/*.wav
var sounds embed.FS

// languages are those of the shipped prompts: the first has every name, and is what the others fall back to.
var languages = []string{"en", "es"}

// Languages returns the languages of the shipped prompts (ISO 639-1), English first.
func Languages() []string { return slices.Clone(languages) }

// prompts are decoded all at once, at the first use of a language: some milliseconds.
var prompts = map[string]func() map[string]*Clip{
	"en": sync.OnceValue(func() map[string]*Clip { return readPrompts("en") }),
	"es": sync.OnceValue(func() map[string]*Clip { return readPrompts("es") }),
}

func readPrompts(language string) map[string]*Clip {
	clips := map[string]*Clip{}
	for _, name := range PromptNames(language) {
		b, err := sounds.ReadFile("sounds/" + language + "/" + name + ".wav")
		if err != nil {
			continue
		}
		if c, err := ReadWAV(bytes.NewReader(b)); err == nil { // TestEveryPromptSpeaks: none is broken
			clips[name] = c
		}
	}
	return clips
}

// Prompt returns the shipped prompt of that name in a language; false when there is none, see PromptNames. The
// same name gives the same clip.
func Prompt(language, name string) (*Clip, bool) {
	set := prompts[language]
	if set == nil {
		return nil, false
	}
	c, ok := set()[name]
	return c, ok
}

// PromptNames returns the names of a language's shipped prompts in alphabetical order; none for another language.
func PromptNames(language string) []string {
	entries, err := sounds.ReadDir("sounds/" + language)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".wav"))
	}
	slices.Sort(names)
	return names
}
