package recorder

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sound is a mono WAV file of a second.
func soundFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "one.0.wav")
	h := monoHeader(8000, 8000)
	if err := os.WriteFile(path, append(h[:], make([]byte, 16000)...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheServiceGetsTheFileTheModelAndTheLanguage(t *testing.T) {
	var form map[string][]string
	var file []byte
	var authorization string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
			return
		}
		form, authorization = r.MultipartForm.Value, r.Header.Get("Authorization")
		f, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		file, _ = io.ReadAll(f)
		_, _ = io.WriteString(w, `{"text":"yes"}`)
	}))
	defer server.Close()
	wav := soundFile(t)
	d := &HTTPDriver{URL: server.URL + "/v1/audio/transcriptions", Model: "whisper-1", Key: "k"}
	got, err := d.Transcribe(t.Context(), wav, "de")
	if err != nil || string(got) != `{"text":"yes"}` {
		t.Errorf("got %q, %v", got, err)
	}
	want, _ := os.ReadFile(wav)
	if !bytes.Equal(file, want) || authorization != "Bearer k" || form["model"][0] != "whisper-1" || form["language"][0] != "de" ||
		form["response_format"][0] != "verbose_json" || strings.Join(form["timestamp_granularities[]"], " ") != "segment word" {
		t.Errorf("the service got %d bytes of %d, %q and %v", len(file), len(want), authorization, form)
	}
}

func TestWhatTheServiceRefuses(t *testing.T) {
	for _, x := range []struct {
		code     int
		hopeless bool
	}{{400, true}, {401, true}, {404, true}, {413, true}, {302, true}, {429, false}, {408, false}, {500, false}, {503, false}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(x.code)
			_, _ = io.WriteString(w, "the\x00 cause\n of it")
		}))
		_, err := (&HTTPDriver{URL: server.URL}).Transcribe(t.Context(), soundFile(t), "en")
		if err == nil || errors.Is(err, ErrHopeless) != x.hopeless || !strings.Contains(err.Error(), "the cause of it") {
			t.Errorf("%d: got %v, want hopeless %v and the cause", x.code, err, x.hopeless)
		}
		server.Close()
	}
}

func program(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "transcribe")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheProgramGetsItsArgumentsAndNoSecrets(t *testing.T) {
	t.Setenv("ACME_PASSWORD", "hunter2")
	wav := soundFile(t)
	d := &CommandDriver{Argv: []string{program(t, `echo "$2 $3 $ACME_PASSWORD."; test -s "$1" && echo readable`), "{file}", "{language}", "$HOME; x"}}
	got, err := d.Transcribe(t.Context(), wav, "en")
	if err != nil || string(got) != "en $HOME; x .\nreadable\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWhatTheProgramSaysOfItsFailureIsTold(t *testing.T) {
	_, err := (&CommandDriver{Argv: []string{program(t, "echo no model >&2; exit 3"), "{file}"}}).Transcribe(t.Context(), "x.wav", "en")
	if err == nil || errors.Is(err, ErrHopeless) || !strings.Contains(err.Error(), "no model") || !strings.Contains(err.Error(), "3") {
		t.Errorf("got %v, want its status and words", err)
	}
	if _, err := (&CommandDriver{Argv: []string{"/nowhere/transcribe"}}).Transcribe(t.Context(), "x.wav", "en"); !errors.Is(err, ErrHopeless) {
		t.Errorf("got %v, want a hopeless error", err)
	}
}

// A program that has started others is ended with them: they hold its output
// open.
func TestAProgramThatHangsIsKilledWithItsChildren(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := (&CommandDriver{Argv: []string{program(t, "sleep 60 & sleep 60"), "{file}"}}).Transcribe(ctx, "x.wav", "en")
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 4*time.Second {
		t.Errorf("got %v after %v, want an end at once", err, time.Since(began))
	}
}

func TestReplies(t *testing.T) {
	for _, x := range []struct{ name, body, want string }{
		{"segments", `{"segments":[{"start":1,"end":2,"text":" a "},{"start":3,"end":9,"text":"b"}]}`, "1-2 a|3-5 b"},
		{"segments with words beside them", `{"text":"a b c","segments":[{"start":0,"end":1,"text":"a b"},{"start":2,"end":3,"text":"c"}],"words":[{"word":"a","start":0,"end":0.4},{"word":"b","start":0.5,"end":1},{"word":"c","start":2,"end":3}]}`, "0-1 a b (2)|2-3 c (1)"},
		{"words alone", `{"text":"a b c","words":[{"word":"a","start":0,"end":0.5},{"word":"b","start":0.6,"end":1},{"word":"c","start":3,"end":4}]}`, "0-1 a b (2)|3-4 c (1)"},
		{"text alone", `{"text":"all of it"}`, "0-5 all of it"},
		{"plain text", "\xef\xbb\xbfplain words\n", "0-5 plain words"},
		{"nothing", " \n", ""},
		{"nothing was said", `{"text":"","segments":[]}`, ""},
		{"no JSON", `{"text":`, "error"},
		{"an error", `{"error":{"message":"no"}}`, "error"},
		{"something else", `{"status":"ok"}`, "error"},
	} {
		said, err := parseReply([]byte(x.body), 1, 5)
		tr := Transcript{Said: said}
		tr.settle()
		var got []string
		for _, s := range tr.Said {
			text := strings.TrimSuffix(strings.TrimSuffix(clock(s.Start, false), "")[7:]+"-"+clock(s.End, false)[7:], "") + " " + s.Text
			if len(s.Words) > 0 {
				text += " (" + string(rune('0'+len(s.Words))) + ")"
			}
			got = append(got, text)
		}
		is := strings.Join(got, "|")
		if err != nil {
			is = "error"
		}
		if is != x.want {
			t.Errorf("%s: got %q (%v), want %q", x.name, is, err, x.want)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"segments":[{"start":1,"end":2,"text":" a ","words":[{"word":"a"}]}]}`))
	f.Add([]byte(`{"words":[{"word":"a","start":-1e300,"end":1e300}],"text":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		said, err := parseReply(body, 0, 10)
		for _, s := range said {
			if err == nil && (s.Start < 0 || s.End > 10 || s.End < s.Start) {
				t.Errorf("got %v-%v, want a stretch of the recording", s.Start, s.End)
			}
		}
		tr := Transcript{Said: said}
		tr.settle()
		var b strings.Builder
		if err := tr.WriteVTT(&b); err != nil {
			t.Error(err)
		}
	})
}

func TestATranscriptForPeople(t *testing.T) {
	tr := Transcript{
		Said: []Said{
			{Side: 1, Start: 0.5, End: 2, Text: "Good\nday -->"}, {Side: 0, Start: 61.25, End: 62, Text: "<b>Hi & bye"},
			{Side: 0, Start: 31, End: 32, Text: "made of silence"},
		},
		Pauses: []Span{{From: 30, To: 40}},
	}
	tr.settle()
	var text, vtt strings.Builder
	_, _ = tr.WriteText(&text), tr.WriteVTT(&vtt)
	if want := "[00:00:00] Agent: Good day -->\n[00:00:30] [recording paused]\n[00:01:01] Caller: <b>Hi & bye\n"; text.String() != want {
		t.Errorf("text: got %q, want %q", text.String(), want)
	}
	want := "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\n<v Agent>Good day --&gt;\n\n" +
		"00:00:30.000 --> 00:00:40.000\n[recording paused]\n\n00:01:01.250 --> 00:01:02.000\n<v Caller>&lt;b&gt;Hi &amp; bye\n"
	if vtt.String() != want {
		t.Errorf("vtt: got %q, want %q", vtt.String(), want)
	}
}

func TestWordsAreFoundTheNewestFirst(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		var ids []ID
		for _, text := range []string{"please cancel my order", "the weather", "Cancelled, my Order? Yes", "my order: cancel"} {
			h.SetTranscribing(Transcribing{Driver: &scripted{answers: []any{text}}})
			id := h.tape(0)
			ids = append(ids, id)
			_ = h.Transcribe(Task{ID: id, Of: "of " + text})
			h.settled()
			time.Sleep(25 * time.Hour)
		}
		found, next, err := h.FindWords(t.Context(), "ORDER, cancel", "", 2)
		if err != nil || len(found) != 2 || found[0].ID != ids[3] || found[1].ID != ids[2] || found[1].Of != "of Cancelled, my Order? Yes" || next == "" {
			t.Fatalf("first page: got %+v, %q, %v", found, next, err)
		}
		found, next, err = h.FindWords(t.Context(), "order cancel", next, 2)
		if err != nil || len(found) != 1 || found[0].ID != ids[0] || next != "" {
			t.Errorf("second page: got %+v, %q, %v", found, next, err)
		}
		if found, _, _ := h.FindWords(t.Context(), " ?! ", "", 2); found != nil {
			t.Errorf("no words: got %+v, want nothing", found)
		}
	})
}
