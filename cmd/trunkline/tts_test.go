package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/internal/simphone"
	"trunkline/media"
)

// speakerProgram writes a program that speaks by copying a tone, and writes down each text that it was asked for.
func speakerProgram(t *testing.T) (program string, asked func() []string) {
	t.Helper()
	dir := t.TempDir()
	program, log := filepath.Join(dir, "speak"), filepath.Join(dir, "asked")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$1\" >>%s\ncp %s \"$2\"\n", log, tonePrompt(t, promptTone, 2*time.Second))
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, func() []string {
		text, _ := os.ReadFile(log)
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

const nastyText = `Hello; touch /tmp/owned "$(id)" 'x' & {voice}`

// A text is spoken when the configuration is loaded, once over all loads, never during a call, and reaches no shell. A
// program that fails refuses a reload with the place, and the old configuration stays.
func TestTextsAreSpokenAtLoadOnceByAProgram(t *testing.T) {
	program, asked := speakerProgram(t)
	speak := func(program string, texts ...string) string {
		y := fmt.Sprintf("tts: {command: [%s, \"{text}\", \"{out}\"], timeout: 5s}\nflows:\n  main:\n", program)
		for _, text := range texts {
			quoted, _ := json.Marshal(text)
			y += fmt.Sprintf("    - play: {text: %s}\n", quoted)
		}
		return y + "    - hangup: 480\n"
	}
	live(t, speak(program, nastyText, "Goodbye", nastyText), func(s *story) {
		want := []string{nastyText, "Goodbye"}
		if got := asked(); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			s.Errorf("spoken at load: got %q, want %q", got, want)
		}
		hears := func() {
			s.Helper()
			c := s.dial(simphone.SaysTone(0))
			s.answered(c)
			s.hear(c, promptTone)
			s.ended(c)
		}
		hears()
		s.restart()
		s.reload(speak(program, "Goodbye", nastyText))
		hears()
		if got := asked(); len(got) != 2 {
			s.Errorf("after a restart, a reload and two calls: got %q spoken, want each once", got)
		}
		for broken, says := range map[string]string{
			"/bin/false":                 "exit status 1",
			"/nonexistent/speak":         "no such file",
			"/bin/true":                  "wrote nothing to {out}",
			program + ", --voice, hello": "", // its arguments are in the way: it copies elsewhere
		} {
			text := fmt.Sprintf(base, s.house.config().DataDir) + speak(broken, "Something new")
			cfg, err := config.Parse("story.yaml", []byte(text), checks())
			if err != nil {
				s.fatal(err)
			}
			_, err = s.house.reload(s.ctx, cfg, "")
			if err == nil || !strings.Contains(err.Error(), "flows.main[0].play: the text") || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "story.yaml:") {
				s.Errorf("%s: got %v, want the place and %q", broken, err, says)
			}
		}
		hears() // the old configuration
	})
	if _, err := os.Stat("/tmp/owned"); err == nil {
		t.Error("a text reached a shell")
	}
}

// A program that hangs is ended at tts.timeout, and what it had begun with it.
func TestAProgramThatHangsIsNotWaitedFor(t *testing.T) {
	y := fmt.Sprintf("data_dir: %s\ntts: {command: [sh, -c, \"sleep 30; true\"], timeout: 1s}\nflows:\n  main: [{play: {text: Hello}}, {hangup: 480}]\n", t.TempDir())
	c, err := config.Parse("house.yaml", []byte(y), checks())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = setup(c, speakerOf(context.Background(), c))
	if err == nil || !strings.Contains(err.Error(), "was not spoken within 1s") || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %v, want that it was not spoken within 1s", err, time.Since(began))
	}
}

// An endpoint such as OpenAI's is asked with model, voice and key; what it says is kept; its refusals are told without the key.
func TestTextsAreSpokenByAnEndpoint(t *testing.T) {
	wav, err := os.ReadFile(tonePrompt(t, promptTone, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	var answer atomic.Pointer[func(http.ResponseWriter)]
	good := func(w http.ResponseWriter) { _, _ = w.Write(wav) }
	answer.Store(&good)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var q map[string]string
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &q); err != nil || r.Method != "POST" || r.URL.Path != "/v1/audio/speech" ||
			r.Header.Get("Authorization") != "Bearer sesame-secret" || q["model"] != "tts-1" || q["voice"] != "alloy" || q["response_format"] != "wav" || !strings.HasPrefix(q["input"], "Text ") {
			t.Errorf("the endpoint was asked %s %s %v", r.Method, r.URL, text)
		}
		(*answer.Load())(w)
	}))
	defer door.Close()
	dir := t.TempDir()
	load := func(text string) error {
		t.Helper()
		y := fmt.Sprintf("data_dir: %s\ntts: {url: \"%s/v1/audio/speech\", model: tts-1, voice: alloy, key: sesame-secret, timeout: 1s}\nflows:\n  main: [{play: {text: %q}}, {hangup: 480}]\n", dir, door.URL, text)
		c, err := config.Parse("house.yaml", []byte(y), checks())
		if err != nil {
			t.Fatal(err)
		}
		set, err := setup(c, speakerOf(context.Background(), c))
		if err == nil && set.Prompts.Clip("", "text:"+text).Frames() != 50 {
			t.Errorf("%s: got %d frames, want the second that was spoken", text, set.Prompts.Clip("", "text:"+text).Frames())
		}
		return err
	}
	for range 3 {
		if err := load("Text one"); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked: got %d times, want once", n)
	}
	for says, bad := range map[string]func(http.ResponseWriter){
		"answered 401 Unauthorized: no such key": func(w http.ResponseWriter) { http.Error(w, "no such key\nmore", http.StatusUnauthorized) },
		"not a usable WAV file":                  func(w http.ResponseWriter) { _, _ = w.Write([]byte("ID3 mp3")) },
		"was not spoken within 1s":               func(http.ResponseWriter) { time.Sleep(1500 * time.Millisecond) },
		"it is cut off":                          func(w http.ResponseWriter) { _, _ = w.Write(wav[:len(wav)/2]) },
	} {
		answer.Store(&bad)
		err := load("Text two")
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "house.yaml:") || strings.Contains(err.Error(), "sesame") {
			t.Errorf("got %v, want the place and %q", err, says)
		}
	}
	answer.Store(&good)
	if err := load("Text two"); err != nil { // nothing of the failures was kept
		t.Error(err)
	}
}

// What lies in prompts.folder takes the place of shipped prompts by its name, in the house's language and in others; a file
// that is not sound is an error with its name, and a set of another language is one more folder.
func TestOwnPromptsTakeThePlaceOfShippedOnesByName(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, frames int) {
		t.Helper()
		var b bytes.Buffer
		if err := media.NewClip(make([]int16, frames*160)).WriteWAV(&b); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "prompts", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("welcome.wav", 11)
	put("our-own.WAV", 12)
	put("es/welcome.wav", 13)
	put("de/welcome.wav", 14)
	put("de/num-7.wav", 15)
	text := "prompts: {folder: prompts}\nflows:\n  main: [{set: {language: de}}, {play: [welcome, our-own, goodbye, {number: 7}]}, {hangup: 480}]\n"
	load := func() (*config.Config, error) {
		return config.Parse(filepath.Join(dir, "house.yaml"), []byte(text), checks())
	}
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	set, err := setup(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	shipped, _ := media.Prompt("en", "goodbye")
	spanish, _ := media.Prompt("es", "goodbye")
	for _, x := range []struct {
		language, name string
		want           int
	}{
		{"", "welcome", 11}, {"en", "welcome", 11}, {"fr", "welcome", 11}, // the house's where a language has none
		{"es", "welcome", 13}, {"es-MX", "welcome", 13},
		{"de", "welcome", 14}, {"de", "num-7", 15},
		{"", "our-own", 12}, {"de", "our-own", 12},
		{"de", "goodbye", shipped.Frames()}, {"es", "goodbye", spanish.Frames()},
	} {
		if got := set.Prompts.Clip(x.language, x.name); got == nil || got.Frames() != x.want {
			t.Errorf("%s in %q: got %v, want %d frames", x.name, x.language, got, x.want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "prompts", "es", "goodbye.wav"), []byte("MP3?"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "house.yaml:1:") || !strings.Contains(err.Error(), "prompts.folder") || !strings.Contains(err.Error(), "es/goodbye.wav") {
		t.Errorf("a file that is no sound: got %v, want its name and the key's place", err)
	}
}
