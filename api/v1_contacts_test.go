package api

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/desk"
)

// contact asks for something whose answer is a contact.
func (h *house) contact(as, method, path, body string, want int) (c Contact) {
	h.Helper()
	w := h.ask(as, method, path, body)
	if w.Code != want || want >= 400 && !isProblem(w) {
		h.Errorf("%s %s %s as %s: got %d %s, want %d", method, path, body, as, w.Code, w.Body, want)
	}
	if w.Code == 200 {
		if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil {
			h.Error(err)
		}
	}
	return c
}

func TestContactsAreMadeChangedMergedAndDeleted(t *testing.T) {
	h := newHouse(t)
	ann := h.contact("ann", "POST", "/v1/contacts", `{"name": "Ann Lee", "kind": "user", "external_id": "C-1", "numbers": ["(415) 555-0100", "+442079460000"], "attributes": {"plan": "gold"}, "tags": ["VIP"]}`, 200)
	if ann.ID == "" || ann.Kind != "user" || fmt.Sprint(ann.Numbers) != "[+14155550100 +442079460000]" || ann.Attributes["plan"] != "gold" || ann.Made.IsZero() {
		t.Errorf("made: got %+v", ann)
	}
	path := "/v1/contacts/" + ann.ID
	for _, x := range []struct {
		body string
		want int
	}{
		{`{"numbers": ["12"]}`, 422}, {`{"external_id": "C-1"}`, 409}, {`{"kind": "king"}`, 422}, {`{"tags": ["a,b"]}`, 422}, {`{"nmae": "x"}`, 422},
		{`{"attributes": {"` + strings.Repeat("k", 65) + `": "v"}}`, 422},
	} {
		h.contact("ann", "POST", "/v1/contacts", x.body, x.want)
	}
	bob := h.contact("ann", "POST", "/v1/contacts", `{"name": "Bob"}`, 200)
	h.contact("ann", "PATCH", "/v1/contacts/"+bob.ID, `{"external_id": "C-1"}`, 409)
	if got := h.contact("ann", "GET", "/v1/contacts/"+bob.ID, "", 200); got.ExternalID != "" || got.Kind != "lead" {
		t.Errorf("after a change that was refused: got %+v", got)
	}
	got := h.contact("ann", "PATCH", path, `{"name": "Ann Lee-Ray", "attributes": {"plan": null, "city": "Cork"}, "numbers": ["+14155550101"]}`, 200)
	if got.Name != "Ann Lee-Ray" || len(got.Attributes) != 1 || got.Attributes["city"] != "Cork" || fmt.Sprint(got.Numbers) != "[+14155550101]" || got.Kind != "user" || got.Changed.IsZero() {
		t.Errorf("changed: got %+v", got)
	}
	h.contact("ann", "POST", path+"/notes", `{"text": "calls\nback"}`, 200)
	h.contact("ann", "POST", path+"/notes", `{"text": " "}`, 422)
	got = h.contact("sue", "POST", path+"/tags", `{"add": ["press"], "remove": ["vip"]}`, 200)
	if len(got.Notes) != 1 || got.Notes[0].By != "ann" || fmt.Sprint(got.Tags) != "[press]" {
		t.Errorf("labelled: got %+v", got)
	}
	h.contact("ann", "POST", "/v1/contacts/"+bob.ID+"/merge", `{"from": "`+ann.ID+`"}`, 403)
	got = h.contact("sue", "POST", "/v1/contacts/"+bob.ID+"/merge", `{"from": "`+ann.ID+`"}`, 200)
	if got.ID != bob.ID || got.Name != "Bob" || got.ExternalID != "C-1" || len(got.Notes) != 1 || fmt.Sprint(got.Merged) != "["+ann.ID+"]" {
		t.Errorf("merged: got %+v", got)
	}
	if got := h.contact("ann", "GET", path, "", 200); got.ID != bob.ID {
		t.Errorf("by the ID of one that was merged: got %s, want %s", got.ID, bob.ID)
	}
	h.contact("sue", "POST", "/v1/contacts/"+bob.ID+"/merge", `{"from": "`+ann.ID+`"}`, 409)
	if w := h.ask("sue", "GET", "/v1/records?contact="+ann.ID+"&tag=x&number=0123&team=support&outcome=too_late&answered=no", ""); w.Code != 200 || w.Header().Get("Trunkline-Next") != string(older) ||
		h.asked.Contact != desk.ContactID(bob.ID) || len(h.asked.Also) != 1 || h.asked.Tag != "x" || h.asked.Number != "0123" || *h.asked.Answered || h.asked.Until.IsZero() {
		t.Errorf("its calls: got %d, next %q, asked for %+v", w.Code, w.Header().Get("Trunkline-Next"), h.asked)
	}
	h.contact("sue", "DELETE", path, "", 403)
	w := h.ask("root", "DELETE", path, "")
	var gone Deleted
	if err := json.Unmarshal(w.Body.Bytes(), &gone); err != nil || w.Code != 200 || gone != (Deleted{ID: bob.ID, Done: true, Calls: 1}) || fmt.Sprint(h.erased) != "["+bob.ID+"]" {
		t.Errorf("deleted: got %d %s, erased %v", w.Code, w.Body, h.erased)
	}
	for _, id := range []string{ann.ID, bob.ID} {
		h.contact("ann", "GET", "/v1/contacts/"+id, "", 404)
		h.contact("root", "DELETE", "/v1/contacts/"+id, "", 404)
		h.contact("root", "GET", "/v1/contacts/"+id+"/export", "", 404)
		h.contact("ann", "PATCH", "/v1/contacts/"+id, `{}`, 404)
	}
	h.eraseErr = context.DeadlineExceeded
	eve := h.contact("ann", "POST", "/v1/contacts", `{"name": "Eve"}`, 200)
	if w := h.ask("root", "DELETE", "/v1/contacts/"+eve.ID, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"done":false`) {
		t.Errorf("a deletion that takes long: got %d %s, want that it goes on", w.Code, w.Body)
	}
}

func TestContactsAreListedInPages(t *testing.T) {
	h := newHouse(t)
	for i := range 7 {
		h.contact("ann", "POST", "/v1/contacts", fmt.Sprintf(`{"name": "Person %d", "numbers": ["+1415555010%d"], "tags": ["%s"]}`, i, i, []string{"even", "odd"}[i%2]), 200)
	}
	var names []string
	for before := ""; ; {
		w := h.ask("ann", "GET", "/v1/contacts?limit=3&q=person&before="+before, "")
		var all []Contact
		if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || w.Code != 200 {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
		for _, c := range all {
			names = append(names, c.Name[7:])
		}
		if before = w.Header().Get("Trunkline-Next"); before == "" {
			break
		}
	}
	if got := strings.Join(names, ""); got != "6543210" {
		t.Errorf("pages: got %s, want all, newest first", got)
	}
	for query, want := range map[string]int{"tag=ODD": 3, "number=415-555-0104": 1, "kind=user": 0, "q=person+4": 1, "q=0104": 1, "external_id=x": 0} {
		w := h.ask("ann", "GET", "/v1/contacts?"+query, "")
		var all []Contact
		if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || len(all) != want {
			t.Errorf("%s: got %d %s, want %d", query, w.Code, w.Body, want)
		}
	}
	if w := h.ask("ann", "GET", "/v1/contacts?number=12", ""); w.Code != 422 || !isProblem(w) {
		t.Errorf("no number: got %d, want 422", w.Code)
	}
}

func TestNotesAndTagsOnCallsAreTheAgentsOfTheCall(t *testing.T) {
	h := newHouse(t)
	path := "/v1/calls/" + string(older)
	var card Card
	for _, x := range []struct {
		as, what, body string
		want           int
	}{
		{"ann", "/notes", `{"text": "wants the money back"}`, 200}, {"bob", "/notes", `{"text": "x"}`, 403}, {"ann", "/notes", `{"text": ""}`, 422},
		{"ann", "/tags", `{"add": ["refund"]}`, 200}, {"sue", "/tags", `{"add": ["a;b"]}`, 422}, {"bob", "/tags", `{"add": ["x"]}`, 403},
	} {
		w := h.ask(x.as, "POST", path+x.what, x.body)
		if w.Code != x.want || x.want >= 400 && !isProblem(w) {
			t.Errorf("%s %s as %s: got %d %s, want %d", x.what, x.body, x.as, w.Code, w.Body, x.want)
		}
		if w.Code == 200 {
			if err := json.Unmarshal(w.Body.Bytes(), &card); err != nil {
				t.Error(err)
			}
		}
	}
	if len(card.Tags) != 1 || card.Tags[0] != "refund" {
		t.Errorf("got %+v, want the tag", card.Tags)
	}
	if w := h.ask("sue", "POST", "/v1/calls/01ARZ3NDEKTSV4RRFFQ69G5FAV/notes", `{"text": "x"}`); w.Code != 404 {
		t.Errorf("no call: got %d, want 404", w.Code)
	}
}

// A note is changed and deleted by who wrote it, and by supervisors; its id stays, and who did it is told.
func TestNotesAreChangedAndDeletedOneByOne(t *testing.T) {
	h := newHouse(t)
	cleo := h.contact("ann", "POST", "/v1/contacts", `{"name": "Cleo"}`, 200)
	for _, at := range []string{"/v1/contacts/" + cleo.ID, "/v1/calls/" + string(older)} {
		var of struct {
			Notes []desk.Note `json:"notes"`
		}
		ask := func(as, method, path, body string, want int) {
			t.Helper()
			w := h.ask(as, method, at+path, body)
			if w.Code != want || want >= 400 && !isProblem(w) {
				t.Fatalf("%s %s as %s: got %d %s, want %d", method, path, as, w.Code, w.Body, want)
			}
			if want == 200 {
				of.Notes = nil
				if err := json.Unmarshal(w.Body.Bytes(), &of); err != nil {
					t.Fatal(err)
				}
			}
		}
		ask("ann", "POST", "/notes", `{"text": "first"}`, 200)
		ask("ann", "POST", "/notes", `{"text": "second"}`, 200)
		ask("sue", "POST", "/notes", `{"text": "of the boss"}`, 200)
		first, second, boss := of.Notes[0], of.Notes[1], of.Notes[2]
		if first.ID == "" || first.ID == second.ID || second.ID == boss.ID {
			t.Fatalf("ids: got %+v, want each its own", of.Notes)
		}
		ask("ann", "PATCH", "/notes/"+first.ID, `{"text": "first, put right"}`, 200)
		if n := of.Notes[0]; n.ID != first.ID || n.Text != "first, put right" || n.By != "ann" || n.EditedBy != "ann" || n.Edited.IsZero() || !n.At.Equal(first.At) {
			t.Errorf("edited: got %+v, want the text alone changed, and by whom", n)
		}
		ask("ann", "PATCH", "/notes/"+first.ID, `{"text": " "}`, 422)
		ask("ann", "PATCH", "/notes/"+boss.ID, `{"text": "x"}`, 403)
		ask("ann", "DELETE", "/notes/"+boss.ID, "", 403)
		ask("ann", "DELETE", "/notes/none", "", 404)
		ask("ann", "DELETE", "/notes/"+second.ID, "", 200)
		ask("ann", "DELETE", "/notes/"+second.ID, "", 404)
		ask("sue", "PATCH", "/notes/"+first.ID, `{"text": "as sue has it"}`, 200)
		if len(of.Notes) != 2 || !strings.HasSuffix(of.Notes[0].EditedBy, " sue") || of.Notes[0].By != "ann" || of.Notes[1].Text != "of the boss" {
			t.Errorf("in the end: got %+v, want the first as sue has it, and hers", of.Notes)
		}
		ask("sue", "DELETE", "/notes/"+first.ID, "", 200)
	}
	if w := h.ask("bob", "DELETE", "/v1/calls/"+string(older)+"/notes/x", ""); w.Code != 403 {
		t.Errorf("a call of others: got %d, want 403", w.Code)
	}
	var told []string
	for _, f := range h.facts() {
		if f.State != "" && (f.Kind == call.FactNoted || f.Kind == call.FactContactChanged) {
			told = append(told, string(f.Kind)+" "+f.State+" by "+f.Reason[strings.LastIndex(f.Reason, " ")+1:])
		}
	}
	want := "contact.changed note_edited by ann, contact.changed note_deleted by ann, contact.changed note_edited by sue, contact.changed note_deleted by sue, " +
		"call.noted edited by ann, call.noted deleted by ann, call.noted edited by sue, call.noted deleted by sue"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("facts: got %s, want %s", got, want)
	}
}

func TestFilesOfContactsGoInAndOut(t *testing.T) {
	h := newHouse(t)
	send := func(as, query, text string) (int, Imported) {
		t.Helper()
		r := httptest.NewRequest("POST", importPath+query, strings.NewReader(text))
		r.Header.Set("Content-Type", "text/csv")
		r.Header.Set("Authorization", "Bearer "+h.text[as])
		w := httptest.NewRecorder()
		h.public.ServeHTTP(w, r)
		var done Imported
		if w.Code == 200 {
			if err := json.Unmarshal(w.Body.Bytes(), &done); err != nil {
				t.Errorf("%s: %v", w.Body, err)
			}
		}
		return w.Code, done
	}
	const text = "\xef\xbb\xbfname;number;plan\r\nAnn Lee;+14155550111;gold\r\nBob;12;\r\n\"Cleo\nCard\";(415) 555-0101;\r\n"
	if code, done := send("root", "?dry_run=true", text); code != 200 || done.Created != 2 || done.Failed != 1 || !done.DryRun || done.Errors[0].Line != 3 || done.Columns["plan"] != "attribute plan" || h.server.cfg.Board.Contacts().Len() != 0 {
		t.Errorf("dry: got %d %+v", code, done)
	}
	if code, done := send("root", "", text); code != 200 || done.Created != 2 || done.Failed != 1 || done.Rows != 3 {
		t.Errorf("import: got %d %+v", code, done)
	}
	if code, done := send("root", "", text); code != 200 || done.Unchanged != 2 || done.Created != 0 {
		t.Errorf("again: got %d %+v", code, done)
	}
	if code, _ := send("root", "?map=name%3D-&map=plan%3Dname", text); code != 200 {
		t.Errorf("mapped: got %d", code)
	}
	for query, want := range map[string]int{"?map=x": 400, "?map=none%3Dname": 422} {
		if code, _ := send("root", query, text); code != want {
			t.Errorf("%s: got %d, want %d", query, code, want)
		}
	}
	if code, _ := send("sue", "", text); code != 403 {
		t.Errorf("a supervisor: got %d, want 403", code)
	}
	if code, _ := send("root", "", strings.Repeat("x", maxBody+1)); code != 422 { // larger than other bodies may be
		t.Errorf("no CSV: got %d, want 422", code)
	}
	w := h.ask("root", "GET", "/v1/contacts/export", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || strings.Count(w.Body.String(), "\n") != 3 || !strings.Contains(w.Body.String(), "+14155550111") {
		t.Errorf("export: got %d %s", w.Code, w.Body)
	}
	if code, done := send("root", "", w.Body.String()); code != 200 || done.Unchanged != 2 || done.Failed != 0 {
		t.Errorf("the export again: got %d %+v, want nothing changed", code, done)
	}
	if w := h.ask("sue", "GET", "/v1/contacts/export", ""); w.Code != 403 {
		t.Errorf("export by a supervisor: got %d, want 403", w.Code)
	}
}

func TestEverythingKeptOfAContactIsOneFile(t *testing.T) {
	h := newHouse(t)
	ann := h.contact("ann", "POST", "/v1/contacts", `{"name": "Ann", "numbers": ["+14155550111"]}`, 200) // who called
	w := h.ask("root", "GET", "/v1/contacts/"+ann.ID+"/export", "")
	z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/zip" {
		t.Fatalf("got %d, %v", w.Code, err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		files[f.Name] = string(text)
	}
	if len(files) != 4 || !strings.Contains(files["contact.json"], ann.ID) || !strings.Contains(files["calls.json"], string(older)) || files["recordings/R1.wav"] != string(h.sound) {
		t.Errorf("got %d files: %v", len(files), z.File)
	}
	w = h.ask("root", "GET", "/v1/contacts/"+ann.ID+"/export?format=json", "")
	var all struct {
		Contact Contact
		Calls   []Card
	}
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || all.Contact.ID != ann.ID || len(all.Calls) != 1 {
		t.Errorf("as JSON: got %d %s", w.Code, w.Body)
	}
	if w := h.ask("sue", "GET", "/v1/contacts/"+ann.ID+"/export", ""); w.Code != 403 {
		t.Errorf("a supervisor: got %d, want 403", w.Code)
	}
}

// crm is another system that is asked who calls.
type crm struct {
	*httptest.Server
	asked atomic.Int32
	said  chan *desk.Contact // what was told
	asker *Asker
}

func newCRM(t *testing.T, cfg Lookup, answer http.HandlerFunc) *crm {
	t.Helper()
	c := &crm{said: make(chan *desk.Contact, 100)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.asked.Add(1)
		answer(w, r)
	}))
	cfg.URL, cfg.Secret, cfg.Private = c.URL, "a secret of the CRM", true
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	c.asker = NewAsker(cfg, func(_ call.LookUp, said *desk.Contact) { c.said <- said }, hush)
	ctx, stop := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { c.asker.Run(ctx) })
	t.Cleanup(func() { stop(); tasks.Wait(); c.Close() })
	return c
}

func TestALookUpIsSignedAndItsAnswerIsKeptWithinBounds(t *testing.T) {
	c := newCRM(t, Lookup{Cache: time.Hour}, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		at, sum, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Trunkline-Signature"), "t="), ",v1=")
		var q question
		if err := json.Unmarshal(text, &q); err != nil || sum != Signature("a secret of the CRM", at, text) || q.Call != "C" || q.Dialled != "+14155550100" {
			t.Errorf("asked: got %s, %v", text, err)
		}
		switch q.Number {
		case "+14155550101":
			_, _ = io.WriteString(w, `{"name": "Cleo\u0000 Card", "kind": "king", "external_id": "C-7", "attributes": {"plan": "gold", "open": 3, "vip": true, "x": {}, "none": null}, "tags": ["vip", "a;b"], "more": 1}`)
		case "+14155550102":
			w.WriteHeader(http.StatusNotFound)
		}
	})
	ask := func(n desk.Number) *desk.Contact {
		t.Helper()
		if !c.asker.Ask(call.LookUp{Call: "C", Contact: "K", Number: n, Dialled: "+14155550100"}) {
			t.Fatalf("%s was not asked for", n)
		}
		return <-c.said
	}
	said := ask("+14155550101")
	if said == nil || said.Kind != "" || said.External != "C-7" || fmt.Sprint(said.Attributes.Map()) != "map[open:3 plan:gold vip:true]" || fmt.Sprint(said.Tags) != "[vip]" {
		t.Errorf("got %+v", said)
	}
	if said := ask("+14155550102"); said != nil {
		t.Errorf("unknown there: got %+v, want nothing", said)
	}
	for _, n := range []desk.Number{"+14155550101", "+14155550102"} {
		if c.asker.Ask(call.LookUp{Call: "C", Number: n}) {
			t.Errorf("%s was asked for again, want the cache", n)
		}
	}
	c.asker.Forget([]desk.Number{"+14155550101"})
	ask("+14155550101")
	if got := c.asked.Load(); got != 3 {
		t.Errorf("asked %d times, want 3", got)
	}
}

func TestTheSameNumberAtOnceIsAskedForOnce(t *testing.T) {
	open := make(chan struct{})
	c := newCRM(t, Lookup{}, func(http.ResponseWriter, *http.Request) { <-open })
	for i := range 10 {
		if !c.asker.Ask(call.LookUp{Call: call.ID(fmt.Sprint(i)), Number: "+14155550101"}) {
			t.Errorf("call %d: got no question", i)
		}
	}
	close(open)
	for range 10 {
		<-c.said
	}
	if got := c.asked.Load(); got != 1 {
		t.Errorf("asked %d times, want once for ten calls", got)
	}
}

func TestASystemThatFailsIsLeftAloneForAWhile(t *testing.T) {
	c := newCRM(t, Lookup{Timeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("User-Agent") != "trunkline" {
			t.Error("got another's request")
		}
		w.WriteHeader(http.StatusInternalServerError)
	})
	n := 0
	for ; n < 100 && c.asker.Ask(call.LookUp{Number: desk.Number(fmt.Sprintf("+1415555%04d", n))}); n++ {
		if said := <-c.said; said != nil {
			t.Errorf("got %+v, want nothing", said)
		}
	}
	if n != breakAfter || int(c.asked.Load()) != breakAfter {
		t.Errorf("asked %d times before it was left alone, want %d", n, breakAfter)
	}
	c.asker.mu.Lock()
	c.asker.until = time.Now().Add(-time.Second) // the pause is over
	c.asker.mu.Unlock()
	if !c.asker.Ask(call.LookUp{Number: "+14155559999"}) {
		t.Error("after the pause: got no question, want one more try")
	}
	<-c.said
	if c.asker.Ask(call.LookUp{Number: "+14155559998"}) {
		t.Error("after it failed again: got a question, want a longer pause")
	}
	if got := c.asker.pause; got != 2*breakFirst {
		t.Errorf("the pause: got %v, want %v", got, 2*breakFirst)
	}
}

func TestALookUpEndsInTimeAndReachesNoPrivateAddress(t *testing.T) {
	hang := make(chan struct{})
	c := newCRM(t, Lookup{Timeout: 100 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	defer close(hang)
	began := time.Now()
	c.asker.Ask(call.LookUp{Number: "+14155550101"})
	if said := <-c.said; said != nil || time.Since(began) > 3*time.Second {
		t.Errorf("a system that hangs: got %+v after %v, want nothing soon", said, time.Since(began))
	}
	private := NewAsker(Lookup{URL: c.URL, Secret: "s", Timeout: time.Second}, nil, hush)
	if _, err := private.ask(t.Context(), call.LookUp{Number: "+14155550101"}); err == nil || !strings.Contains(err.Error(), "no public address") {
		t.Errorf("a private address: got %v, want it refused", err)
	}
}
