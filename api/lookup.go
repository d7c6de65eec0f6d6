package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/desk"
)

const (
	askers       = 8    // questions at once
	maxAsked     = 256  // questions that wait
	maxKnown     = 8192 // numbers whose last question is remembered
	breakAfter   = 5    // failures in a row, after which nothing is asked for a while
	breakFirst   = 5 * time.Second
	breakMost    = 5 * time.Minute
	maxTogether  = 64 // calls that wait for the answer to one question
	sayFailEvery = time.Minute
)

// Lookup is where it is asked who a number is.
type Lookup struct {
	URL     string
	Secret  string        // of the signature, as a Webhook's
	Timeout time.Duration // of one question
	Cache   time.Duration // how long the same number is not asked for again; 0: it always is
	Private bool          // loopback and private addresses are permitted
}

// Asker asks another system who a number is. It keeps nothing of the answers:
// they go to the book. Numbers that were asked for lately are not asked for
// again, the same number at once is asked for once, and a system that fails
// is left alone for a while: 5 s at first, doubled up to 5 min.
type Asker struct {
	cfg    Lookup
	client *http.Client
	tell   func(call.LookUp, *desk.Contact)
	log    *slog.Logger
	queue  chan desk.Number

	mu      sync.Mutex
	asked   map[desk.Number]time.Time     // answered, when
	pending map[desk.Number][]call.LookUp // in the queue, or being asked for
	failed  int                           // in a row
	until   time.Time                     // nothing is asked until then
	pause   time.Duration
	said    time.Time
}

// NewAsker makes an Asker; tell takes what a question found, nil where that is
// nothing, from any goroutine. Run asks.
func NewAsker(cfg Lookup, tell func(call.LookUp, *desk.Contact), log *slog.Logger) *Asker {
	return &Asker{
		cfg: cfg, client: clientOf(cfg.Private, cfg.Timeout), tell: tell, log: log, queue: make(chan desk.Number, maxAsked),
		asked: map[desk.Number]time.Time{}, pending: map[desk.Number][]call.LookUp{},
	}
}

// Ask begins a question and never blocks. False: it was answered lately, or
// cannot be asked now; nothing will be told.
func (a *Asker) Ask(q call.LookUp) bool {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, known := a.asked[q.Number]; known && now.Sub(at) < a.cfg.Cache || now.Before(a.until) {
		return false
	}
	others, under := a.pending[q.Number]
	if under {
		if len(others) >= maxTogether {
			return false
		}
		a.pending[q.Number] = append(others, q)
		return true
	}
	select {
	case a.queue <- q.Number:
		a.pending[q.Number] = []call.LookUp{q}
		return true
	default:
		return false
	}
}

// Forget forgets that numbers were asked for.
func (a *Asker) Forget(numbers []desk.Number) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range numbers {
		delete(a.asked, n)
	}
}

// Run asks until ctx is done.
func (a *Asker) Run(ctx context.Context) {
	defer a.client.CloseIdleConnections()
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case n := <-a.queue:
					a.answer(ctx, n)
				}
			}
		})
	}
	all.Wait()
}

// answer asks for one number and tells who waits for it.
func (a *Asker) answer(ctx context.Context, n desk.Number) {
	a.mu.Lock()
	first := a.pending[n][0]
	open := time.Now().Before(a.until) // it failed while this one waited
	a.mu.Unlock()
	var said *desk.Contact
	var err error
	if !open {
		said, err = a.ask(ctx, first)
		a.count(n, err)
	}
	a.mu.Lock()
	waiting := a.pending[n]
	delete(a.pending, n)
	a.mu.Unlock()
	for _, q := range waiting {
		a.tell(q, said)
	}
}

// count remembers an answer, or a failure.
func (a *Asker) count(n desk.Number, err error) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.failed, a.pause = 0, 0
		if len(a.asked) >= maxKnown {
			clear(a.asked)
		}
		a.asked[n] = now
		return
	}
	if a.failed++; a.failed >= breakAfter { // one more try after the pause, and the next failure doubles it
		a.pause = min(max(2*a.pause, breakFirst), breakMost)
		a.until = now.Add(a.pause)
	}
	if now.Sub(a.said) >= sayFailEvery {
		a.said = now
		a.log.Warn("a look-up of who calls failed, the call goes on without it", "count", a.failed, "err", err)
	}
}

// question is what is posted.
type question struct {
	Number  string `json:"number"`
	Call    string `json:"call"`
	Contact string `json:"contact"`
	Dialled string `json:"dialled"`
}

// known is what is answered.
type known struct {
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	ExternalID string         `json:"external_id"`
	Attributes map[string]any `json:"attributes"`
	Tags       []string       `json:"tags"`
}

// ask posts one question. 404 and 204 mean that nothing is known.
func (a *Asker) ask(ctx context.Context, q call.LookUp) (*desk.Contact, error) {
	body, err := json.Marshal(question{string(q.Number), string(q.Call), string(q.Contact), q.Dialled})
	if err != nil {
		return nil, err
	}
	status, text, err := post(ctx, a.client, a.cfg.URL, a.cfg.Secret, body)
	switch {
	case err != nil:
		return nil, errors.New(strings.ReplaceAll(err.Error(), string(q.Number), q.Number.Masked()))
	case status == http.StatusNotFound, status == http.StatusNoContent, status == http.StatusOK && len(text) == 0:
		return nil, nil
	case status != http.StatusOK:
		return nil, fmt.Errorf("it answered %d", status)
	}
	var k known
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("its answer is not what is understood: %w", err)
	}
	return k.contact(), nil
}

// contact is what is said of a contact; what cannot be kept is left out.
func (k *known) contact() *desk.Contact {
	c := desk.Contact{Name: k.Name, External: k.ExternalID}
	if k.Kind == string(desk.User) || k.Kind == string(desk.Lead) {
		c.Kind = desk.Kind(k.Kind)
	}
	for key, v := range k.Attributes {
		switch v := v.(type) {
		case string:
			c.Attributes = c.Attributes.With(key, v)
		case bool, float64:
			c.Attributes = c.Attributes.With(key, fmt.Sprint(v))
		}
	}
	for _, t := range k.Tags {
		if tags, err := desk.AddTags(c.Tags, t); err == nil {
			c.Tags = tags
		}
	}
	return &c
}
