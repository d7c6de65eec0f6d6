package api

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trunkline/call"
	"trunkline/routing"
	"trunkline/store"
)

// messageHouse is one where bob was offered a call and declined, and ann took part; its caller then left a message for ann
// (M1), one for their team (M2), and one that nobody has any more (M3).
func messageHouse(t *testing.T) *house {
	t.Helper()
	wav := filepath.Join(t.TempDir(), "M.wav")
	if err := os.WriteFile(wav, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t,
		call.Message{ID: "M1", Box: call.Box{Agent: "ann"}, Call: older, Path: wav, At: at},
		call.Message{ID: "M2", Box: call.Box{Team: "support"}, Call: older, Path: wav, At: at})
	r := record(older)
	r.Recordings = nil
	for _, id := range []call.RecordingID{"M1", "M2", "M3"} {
		r.Recordings = append(r.Recordings, call.Recorded{ID: id, Path: wav, Voicemail: true, Sealed: true})
	}
	r.Offers = []call.Offered{{Agent: "bob", Outcome: routing.OutcomeDeclined}, {Agent: "ann", Outcome: routing.OutcomeAccepted}}
	h.kept[older] = r
	h.server.cfg.Records = func(store.Filter) ([]call.Record, call.ID, error) { return []call.Record{r}, "", nil }
	h.finds = func(call.RecordingID, int) (found []call.FoundWords, next call.RecordingID, err error) {
		for _, one := range slices.Backward(r.Recordings) {
			found = append(found, call.FoundWords{ID: one.ID, Of: string(older), At: at, Said: call.Said{Text: "the code is 4711"}})
		}
		return found, "", nil
	}
	return h
}

// Having been offered a call does not open what its caller then says to somebody else.
func TestAMessageIsForWhoHearsItsBoxAlone(t *testing.T) {
	h := messageHouse(t)
	card := func(w *httptest.ResponseRecorder) string { // the recordings that an answer has
		var one struct {
			Recordings []struct{ ID string }
		}
		text := w.Body.Bytes()
		if strings.HasPrefix(string(text), "[") {
			text = []byte(strings.TrimSuffix(strings.TrimSpace(string(text))[1:], "]"))
		}
		if err := json.Unmarshal(text, &one); w.Code != 200 || err != nil {
			t.Errorf("a card: got %d %s", w.Code, w.Body)
		}
		ids := []string{}
		for _, r := range one.Recordings {
			ids = append(ids, r.ID)
		}
		return strings.Join(ids, " ")
	}
	for _, x := range []struct {
		who  string
		has  string
		lost []string
	}{
		{"ann", "M1 M2", []string{"M3"}}, {"bob", "M2", []string{"M1", "M3"}}, {"sue", "M1 M2 M3", nil},
	} {
		path := "/v1/calls/" + string(older)
		for what, got := range map[string]string{
			"card":    card(h.ask(x.who, "GET", path, "")),
			"records": card(h.ask(x.who, "GET", "/v1/records", "")),
			"tagged":  card(h.ask(x.who, "POST", path+"/tags", `{"add": ["vip"]}`)),
		} {
			if got != x.has {
				t.Errorf("%s of %s: got recordings %s, want %s", what, x.who, got, x.has)
			}
		}
		for _, id := range x.lost {
			for _, of := range []string{"", "/peaks", "/transcript", "/transcript/text"} {
				if w := h.ask(x.who, "GET", path+"/recordings/"+id+of, ""); w.Code != 404 {
					t.Errorf("%s, %s%s: got %d %.40s, want 404", x.who, id, of, w.Code, w.Body)
				}
			}
		}
		for _, id := range strings.Fields(x.has) {
			for _, of := range []string{"", "/transcript", "/transcript/text"} {
				if w := h.ask(x.who, "GET", path+"/recordings/"+id+of, ""); w.Code != 200 {
					t.Errorf("%s, %s%s: got %d %.40s, want 200", x.who, id, of, w.Code, w.Body)
				}
			}
		}
		var found FoundPage
		w := h.ask(x.who, "GET", "/v1/transcripts?text=code", "")
		if err := json.Unmarshal(w.Body.Bytes(), &found); w.Code != 200 || err != nil {
			t.Errorf("search by %s: got %d %s", x.who, w.Code, w.Body)
		}
		var ids []string
		for _, f := range slices.Backward(found.Found) {
			ids = append(ids, f.Recording)
		}
		if got := strings.Join(ids, " "); got != x.has {
			t.Errorf("search by %s: got %s, want %s", x.who, got, x.has)
		}
	}
	if got := len(h.kept[older].Recordings); got != 3 {
		t.Errorf("the card that is kept: got %d recordings, want 3: what is told changes nothing", got)
	}
}

// Where time runs out while it is asked what an agent may read, what was judged is told, and the search goes on after it.
func TestASearchEndsInTimeAtTheLastRecordingJudged(t *testing.T) {
	h := messageHouse(t)
	asks := context.WithValue(t.Context(), whoKey{}, who{scope: ScopeAgent, agent: "ann"})
	ctx, cancel := context.WithCancel(asks)
	card := h.server.cfg.Card
	h.server.cfg.Card = func(id call.ID) (call.Record, bool, error) {
		if id != older {
			cancel()
			return call.Record{}, false, ctx.Err()
		}
		return card(id)
	}
	h.finds = func(call.RecordingID, int) ([]call.FoundWords, call.RecordingID, error) {
		return []call.FoundWords{{ID: "M2", Of: string(older)}, {ID: "M1", Of: string(newer)}, {ID: "M0", Of: string(older)}}, "M0", nil
	}
	got, err := h.server.findWords(ctx, "code", "", 20)
	if err != nil || len(got.Found) != 1 || got.Found[0].Recording != "M2" || got.Next != "M2" {
		t.Errorf("out of time at the second: got %+v, %v, want M2, to go on before it", got, err)
	}
	h.server.cfg.Board = silent()
	if got, err = h.server.findWords(ctx, "code", "", 20); err == nil {
		t.Errorf("out of time at the first: got %+v, want an error: a page without next would be the last", got)
	}
}

// A switchboard that does not answer in time makes an error, not a list that lacks messages.
func TestMessagesAreNotLeftOutSilently(t *testing.T) {
	h := messageHouse(t)
	var list []VoicemailMessage
	for who, want := range map[string]int{"ann": 2, "bob": 1, "sue": 2} {
		if w := h.ask(who, "GET", "/v1/voicemail", ""); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &list) != nil || len(list) != want {
			t.Errorf("%s: got %d %s, want %d messages", who, w.Code, w.Body, want)
		}
	}
	h.server.cfg.Board = silent()
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), whoKey{}, who{scope: ScopeAgent, agent: "ann"}))
	cancel()
	if _, err := h.server.voicemails(ctx, call.Box{}, false); err == nil {
		t.Error("out of time: got a list, want an error")
	}
	if _, err := h.server.hears(ctx, asker(ctx)); err == nil {
		t.Error("out of time: got boxes, want an error")
	}
	if _, err := h.server.earsOf(asker(ctx)).card(ctx, h.kept[older]); err == nil {
		t.Error("out of time: got a card, want an error")
	}
}

// silent is a switchboard that answers nobody.
func silent() *call.Switchboard { return call.New(call.Config{}) }
