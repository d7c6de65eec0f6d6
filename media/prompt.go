package media

import (
	"bytes"
	"embed"
	"strings"
	"sync"
)

// sounds holds the shipped prompts; sounds/README.md says where they come from.
//
//go:embed sounds/*.wav
var sounds embed.FS

// prompts are decoded all at once, at the first use of one: some milliseconds.
var prompts = sync.OnceValue(func() map[string]*Clip {
	clips := map[string]*Clip{}
	for _, name := range PromptNames() {
		b, err := sounds.ReadFile("sounds/" + name + ".wav")
		if err != nil {
			continue
		}
		if c, err := ReadWAV(bytes.NewReader(b)); err == nil { // TestEveryPromptSpeaks: none is broken
			clips[name] = c
		}
	}
	return clips
})

// Prompt returns the shipped prompt of that name; false when there is none, see PromptNames. The
// same name gives the same clip.
func Prompt(name string) (*Clip, bool) {
	c, ok := prompts()[name]
	return c, ok
}

// PromptNames returns the names of the shipped prompts in alphabetical order.
func PromptNames() []string {
	entries, err := sounds.ReadDir("sounds")
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".wav"))
	}
	return names
}
