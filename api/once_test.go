package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// An asker's memory is theirs: what strangers, others and failures send pushes
// out neither an answer nor an order in flight.
func TestNobodyPushesOutAnothersAnswers(t *testing.T) {
	var o once
	done := map[string]int{}
	began, release := make(chan struct{}), make(chan struct{})
	h := o.handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "slow" {
			close(began)
			<-release
		} else {
			done[r.Header.Get("From")+" "+key]++
		}
		if r.Header.Get("From") == "bad" {
			w.WriteHeader(http.StatusForbidden)
		}
	}), func(r *http.Request) (string, bool) { return r.Header.Get("From"), r.Header.Get("From") != "" })
	ask := func(from, key string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest("POST", "/v1/reload", nil), httptest.NewRecorder()
		r.Header.Set("From", from)
		r.Header.Set("Idempotency-Key", key)
		h.ServeHTTP(w, r)
		return w
	}
	ask("ann", "first")
	slow := make(chan struct{})
	go func() { ask("ann", "slow"); close(slow) }()
	<-began
	for _, from := range []string{"", "bob", "bad"} {
		for i := range maxOnce + 1 {
			ask(from, strconv.Itoa(i))
		}
	}
	if w := ask("ann", "first"); w.Header().Get("Idempotency-Replayed") != "true" || done["ann first"] != 1 {
		t.Errorf("ann's answer after what others sent: done %d times, want once, given again", done["ann first"])
	}
	o.mu.Lock()
	if k := o.of["bad"]; k != nil && len(k.kept)+len(k.order) > 0 || o.of[""] != nil {
		t.Error("of failures and strangers: got something kept, want nothing")
	}
	o.mu.Unlock()
	for i := range maxOnce + 1 {
		ask("ann", strconv.Itoa(i))
	}
	if ask("ann", "first"); done["ann first"] != 2 {
		t.Errorf("ann's first answer after %d of her own: done %d times, want 2, it was pushed out", maxOnce+1, done["ann first"])
	}
	if a, mine := o.claim("ann", "slow", [32]byte{}); mine || a.status != 0 {
		t.Errorf("the order in flight: got claimed again: %v, want it kept", mine)
	}
	close(release)
	<-slow
	if w := ask("ann", "slow"); w.Header().Get("Idempotency-Replayed") != "true" {
		t.Error("the order that was in flight: got it done again, want its answer")
	}
}

// The memory has bounds: of one asker, and of all, where who has most loses the oldest.
func TestAnswersThatAreKeptHaveBounds(t *testing.T) {
	var o once
	large := bytes.Repeat([]byte("x"), 1<<20)
	h := o.handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("From") == "small" {
			_, _ = w.Write([]byte("y"))
		} else {
			_, _ = w.Write(large)
		}
	}), func(r *http.Request) (string, bool) { return r.Header.Get("From"), true })
	ask := func(from, key string) bool {
		r, w := httptest.NewRequest("POST", "/v1/reload", nil), httptest.NewRecorder()
		r.Header.Set("From", from)
		r.Header.Set("Idempotency-Key", key)
		h.ServeHTTP(w, r)
		return w.Header().Get("Idempotency-Replayed") == "true"
	}
	ask("small", "first")
	for i := range 40 {
		for n := range 5 {
			ask(strconv.Itoa(i), strconv.Itoa(n))
		}
		if !ask(strconv.Itoa(i), "4") {
			t.Fatalf("the newest answer of %d: got it done again, want it kept", i)
		}
	}
	sum := 0
	for name, k := range o.of {
		if k.bytes > onceBytes {
			t.Errorf("%s: got %d bytes kept, want %d at most", name, k.bytes, onceBytes)
		}
		sum += k.bytes
	}
	if sum != o.bytes || sum > allBytes {
		t.Errorf("of all: got %d bytes, counted %d, want %d at most", sum, o.bytes, allBytes)
	}
	if !ask("small", "first") {
		t.Error("who has little: got it done again, want it kept")
	}
	o.clear()
	if o.bytes != 0 || ask("small", "first") {
		t.Errorf("cleared: got %d bytes left, want nothing", o.bytes)
	}
}
