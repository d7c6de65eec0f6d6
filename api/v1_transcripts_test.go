package api

import (
	"context"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"trunkline/call"
)

// house has the words of R1.
var words = call.Transcript{ID: "R1", Of: string(older), Said: []call.Said{{Side: 1, Start: 1, End: 2, Text: "good day"}}, Pauses: []call.Span{}}

func (h *house) Transcribe(t call.TranscriptTask) error {
	h.tasks = append(h.tasks, t)
	return h.transcribeErr
}

func (h *house) TranscriptStatus(call.RecordingID) call.TranscriptStatus {
	if h.wordless {
		return call.TranscriptStatus{State: call.TranscriptWaiting, Why: "busy", Tries: 1, Next: at}
	}
	return call.TranscriptStatus{State: call.TranscriptDone}
}

func (h *house) Transcript(call.RecordingID) (call.Transcript, error) {
	if h.wordless {
		return call.Transcript{}, fs.ErrNotExist
	}
	return words, nil
}

func (h *house) FindWords(_ context.Context, text string, before call.RecordingID, limit int) ([]call.FoundWords, call.RecordingID, error) {
	if h.finds != nil {
		return h.finds(before, limit)
	}
	if before == "R1" {
		return nil, "", nil
	}
	return []call.FoundWords{{ID: "R1", Of: string(older), At: at, Said: words.Said[0]}}, "R1", nil
}

func TestTheWordsOfARecording(t *testing.T) {
	h := newHouse(t)
	path := "/v1/calls/" + string(older) + "/recordings/R1/transcript"
	var got Transcript
	if w := h.ask("sue", "GET", path, ""); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &got) != nil || got.State != "done" || got.Words == nil || got.Words.Said[0].Text != "good day" {
		t.Errorf("done: got %d %s", w.Code, w.Body)
	}
	for format, want := range map[string][2]string{
		"text": {"text/plain", "[00:00:01] Agent: good day"}, "vtt": {"text/vtt", "<v Agent>good day"}, "json": {"application/json", `"side": 1`},
	} {
		w := h.ask("sue", "GET", path+"/"+format, "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), want[0]) || !strings.Contains(w.Body.String(), want[1]) ||
			!strings.Contains(w.Header().Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: got %d %v %s", format, w.Code, w.Header(), w.Body)
		}
	}
	if w := h.ask("sue", "GET", path+"/html", ""); w.Code != 422 {
		t.Errorf("an unknown format: got %d, want 422", w.Code)
	}
	var found FoundPage
	if w := h.ask("sue", "GET", "/v1/transcripts?text=good", ""); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &found) != nil || len(found.Found) != 1 || found.Found[0].Call != string(older) || found.Next != "R1" {
		t.Errorf("search: got %d %s", w.Code, w.Body)
	}
	for who, want := range map[string]int{"ann": 1, "bob": 0} { // it is ann's call
		found = FoundPage{}
		if w := h.ask(who, "GET", "/v1/transcripts?text=good", ""); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &found) != nil || len(found.Found) != want || found.Next != "" {
			t.Errorf("search by %s: got %d %s, want %d found", who, w.Code, w.Body, want)
		}
	}
	if w := h.ask("sue", "GET", "/v1/transcripts?text=", ""); w.Code != 422 {
		t.Errorf("a search for nothing: got %d, want 422", w.Code)
	}
}

func TestATranscriptIsAskedForAndWaits(t *testing.T) {
	h := newHouse(t)
	h.wordless = true
	path := "/v1/calls/" + string(older) + "/recordings/R1/transcript"
	var got Transcript
	if w := h.ask("sue", "POST", path, ""); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &got) != nil || got.State != "waiting" || got.Why != "busy" || !got.Next.Equal(at) {
		t.Errorf("asked for: got %d %s", w.Code, w.Body)
	}
	if len(h.tasks) != 1 || h.tasks[0].Of != string(older) || h.tasks[0].ID != "R1" {
		t.Errorf("tasks: got %+v, want one for the recording", h.tasks)
	}
	if w := h.ask("sue", "GET", path+"/text", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "makes one") {
		t.Errorf("not there yet: got %d %s", w.Code, w.Body)
	}
	h.transcribeErr = call.ErrNoTranscriber
	if w := h.ask("sue", "POST", path, ""); w.Code != 409 || !strings.Contains(w.Body.String(), "transcripts:") {
		t.Errorf("where nothing is configured: got %d %s", w.Code, w.Body)
	}
}
