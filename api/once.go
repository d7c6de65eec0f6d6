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
	// onceSweep is how often what is older is forgotten.
	onceSweep = time.Minute
	// maxOnce bounds the answers that are kept for one asker, onceBytes their
	// size together, and allBytes that of everybody's: who has most loses the
	// oldest then.
	maxOnce   = 10_000
	onceBytes = 4 << 20
	allBytes  = 64 << 20
	// maxKey is the longest Idempotency-Key.
	maxKey = 200
)

// once gives the first answer again to an order that is repeated with the same
// Idempotency-Key: whoever lost the answer may ask twice, it is done once.
//
// Each asker has a memory of their own; who is not known has none.
type once struct {
	mu    sync.Mutex
	of    map[string]*keyring // by asker
	bytes int                 // of all
	swept time.Time
}

// keyring is one asker's memory.
type keyring struct {
	kept  map[string]*answered // by key; those in flight too
	order []string             // of those with an answer, oldest first
	bytes int                  // of these
}

// forget drops an asker's answers that are old, too many or too large; never one in flight.
func (o *once) forget(k *keyring, now time.Time) {
	for len(k.order) > 0 && (len(k.order) > maxOnce || k.bytes > onceBytes || now.Sub(k.kept[k.order[0]].at) >= onceFor) {
		o.drop(k)
	}
}

// drop forgets an asker's oldest answer.
func (o *once) drop(k *keyring) {
	size := k.kept[k.order[0]].size()
	k.bytes, o.bytes = k.bytes-size, o.bytes-size
	delete(k.kept, k.order[0])
	k.order = k.order[1:]
}

// keep puts an answer that was made into its asker's memory, for which others may not lose theirs while they have less.
func (o *once) keep(k *keyring, key string, a *answered) {
	k.order = append(k.order, key)
	k.bytes, o.bytes = k.bytes+a.size(), o.bytes+a.size()
	o.forget(k, a.at)
	for o.bytes > allBytes {
		most := k
		for _, other := range o.of {
			if other.bytes > most.bytes {
				most = other
			}
		}
		o.drop(most)
	}
}

type answered struct {
	at     time.Time // of the answer
	what   [32]byte  // method, path and body
	done   chan struct{}
	status int // 0: it came to nothing, and may be tried again
	kind   string
	body   []byte
}

// size is about what it takes in memory, with its key.
func (a *answered) size() int { return len(a.body) + maxKey + 200 }

// handler is h with keys; who names whose keys they are, false: nobody's that
// is known, whom h refuses.
func (o *once) handler(h http.Handler, who func(*http.Request) (string, bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || strings.HasPrefix(r.URL.Path, "/v1/tokens") || r.URL.Path == importPath { // a token is not kept, nor is a file
			h.ServeHTTP(w, r)
			return
		}
		name, known := who(r)
		if !known {
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
		for {
			a, mine := o.claim(name, key, what)
			if mine {
				o.run(h, w, r, name, key, a)
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
	for _, k := range o.of {
		for len(k.order) > 0 {
			o.drop(k)
		}
	}
}

// claim gives the answer to an asker's key, and whether it is still to be made.
func (o *once) claim(name, key string, what [32]byte) (*answered, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if now.Sub(o.swept) >= onceSweep {
		o.swept = now
		for name, k := range o.of {
			if o.forget(k, now); len(k.kept) == 0 {
				delete(o.of, name)
			}
		}
	}
	k := o.of[name]
	if k == nil {
		k = &keyring{kept: map[string]*answered{}}
		if o.of == nil {
			o.of = map[string]*keyring{}
		}
		o.of[name] = k
	}
	o.forget(k, now)
	if a := k.kept[key]; a != nil {
		return a, false
	}
	a := &answered{what: what, done: make(chan struct{})}
	k.kept[key] = a
	return a, true
}

// run makes an answer. What is the switch's fault, or was not allowed, is not
// kept.
func (o *once) run(h http.Handler, w http.ResponseWriter, r *http.Request, name, key string, a *answered) {
	rec := &recorded{ResponseWriter: w, status: http.StatusOK}
	good := false
	defer func() {
		o.mu.Lock()
		k := o.of[name] // still there: what is in flight is never dropped
		if good && rec.status < 500 && rec.status != http.StatusUnauthorized && rec.status != http.StatusForbidden {
			a.at, a.status, a.kind, a.body = time.Now(), rec.status, w.Header().Get("Content-Type"), bytes.Clone(rec.body.Bytes())
			o.keep(k, key, a)
		} else {
			delete(k.kept, key)
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
