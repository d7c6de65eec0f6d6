package api

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// onceFor is how long the answer to an order with an Idempotency-Key is
	// given again.
	onceFor = time.Hour
	// maxOnce bounds the answers that are kept.
	maxOnce = 10_000
	// maxKey is the longest Idempotency-Key.
	maxKey = 200
)

// once gives the first answer again to an order that is repeated with the same
// Idempotency-Key: whoever lost the answer may ask twice, it is done once.
type once struct {
	mu    sync.Mutex
	kept  map[string]*answered
	order []string // oldest first
}

type answered struct {
	at     time.Time
	what   [32]byte // method, path and body
	done   chan struct{}
	status int // 0: it came to nothing, and may be tried again
	kind   string
	body   []byte
}

// handler is h with keys; who names whose keys they are.
func (o *once) handler(h http.Handler, who func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || strings.HasPrefix(r.URL.Path, "/v1/tokens") || r.URL.Path == importPath { // a token is not kept, nor is a file
			h.ServeHTTP(w, r)
			return
		}
		if len(key) > maxKey {
			problem(w, &Error{Status: http.StatusBadRequest, What: "the Idempotency-Key is too long", Cure: "send at most 200 bytes"})
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			problem(w, &Error{Status: http.StatusRequestEntityTooLarge, What: "the body is too large", Cure: "send at most 64 KiB"})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		what := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "\n" + string(body)))
		name := who(r) + "\n" + key
		for {
			a, mine := o.claim(name, what)
			if mine {
				o.run(h, w, r, name, a)
				return
			}
			if a.what != what {
				problem(w, &Error{Status: http.StatusUnprocessableEntity, What: "this Idempotency-Key was used for another order", Cure: "make a new key for each order"})
				return
			}
			select {
			case <-a.done:
			case <-r.Context().Done():
				return
			}
			if a.status != 0 {
				w.Header().Set("Content-Type", a.kind)
				w.Header().Set("Idempotency-Replayed", "true")
				w.WriteHeader(a.status)
				_, _ = w.Write(a.body)
				return
			}
		}
	})
}

// clear forgets all answers.
func (o *once) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, name := range o.order {
		if a := o.kept[name]; a != nil && a.status != 0 {
			delete(o.kept, name)
		}
	}
}

// claim gives the answer of a name, and whether it is still to be made.
func (o *once) claim(name string, what [32]byte) (*answered, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for len(o.order) > 0 {
		old := o.kept[o.order[0]]
		if old != nil && len(o.order) <= maxOnce && now.Sub(old.at) < onceFor {
			break
		}
		delete(o.kept, o.order[0])
		o.order = o.order[1:]
	}
	if a := o.kept[name]; a != nil {
		return a, false
	}
	if o.kept == nil {
		o.kept = map[string]*answered{}
	}
	a := &answered{at: now, what: what, done: make(chan struct{})}
	o.kept[name] = a
	o.order = append(o.order, name)
	return a, true
}

// run makes an answer. What is the switch's fault, or was not allowed, is not
// kept.
func (o *once) run(h http.Handler, w http.ResponseWriter, r *http.Request, name string, a *answered) {
	rec := &recorded{ResponseWriter: w, status: http.StatusOK}
	good := false
	defer func() {
		o.mu.Lock()
		if good && rec.status < 500 && rec.status != http.StatusUnauthorized && rec.status != http.StatusForbidden {
			a.status, a.kind, a.body = rec.status, w.Header().Get("Content-Type"), rec.body.Bytes()
		} else if o.kept[name] == a {
			delete(o.kept, name)
		}
		o.mu.Unlock()
		close(a.done)
	}()
	h.ServeHTTP(rec, r)
	good = true
}

// recorded is an answer that is kept as it is written.
type recorded struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorded) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorded) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}
