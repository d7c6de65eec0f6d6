package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"trunkline/call"
)

// Webhook is one receiver of facts.
type Webhook struct {
	Name    string
	URL     string
	Secret  string          // of the signature
	Kinds   []call.FactKind // which; none: all
	Private bool            // loopback and private addresses are permitted
}

const (
	webhookBatch   = 100
	webhookTimeout = 10 * time.Second
	webhookFirst   = time.Second // before the second try; doubled each time
	webhookMost    = 5 * time.Minute
	// positionsName is the file with what each webhook has taken.
	positionsName = "webhooks.json"
)

// Hooks send facts to webhooks: in order, at least once, from the position
// that is kept in the data folder. Each has a goroutine of its own, and none
// holds up another.
type Hooks struct {
	stream *Stream
	hooks  []Webhook
	path   string
	log    *slog.Logger

	mu  sync.Mutex
	pos map[string]uint64 // the last fact that was taken, by webhook
}

// NewHooks reads how far the webhooks of a data folder have come. A new one
// begins with the next fact.
func NewHooks(dir string, hooks []Webhook, stream *Stream, log *slog.Logger) (*Hooks, error) {
	h := &Hooks{stream: stream, hooks: hooks, path: filepath.Join(dir, positionsName), log: log, pos: map[string]uint64{}}
	text, err := os.ReadFile(h.path)
	if err == nil {
		err = json.Unmarshal(text, &h.pos)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("webhooks: %s: %w: restore it, or remove it to begin with the next fact", h.path, err)
	}
	fresh := false
	for _, w := range hooks {
		if _, there := h.pos[w.Name]; !there {
			h.pos[w.Name], fresh = stream.last(), true
		}
	}
	if fresh { // before it has taken anything: a crash must not move where it begins
		if err := h.write(); err != nil {
			return nil, fmt.Errorf("webhooks: %w", err)
		}
	}
	return h, nil
}

// write keeps the positions. The lock is held, or nobody else knows h yet.
func (h *Hooks) write() error {
	text, err := json.Marshal(h.pos)
	if err != nil {
		return err
	}
	return replaceFile(h.path, text)
}

// Run sends until ctx is done.
func (h *Hooks) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, w := range h.hooks {
		all.Go(func() { h.run(ctx, w) })
	}
	all.Wait()
}

func (h *Hooks) position(name string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pos[name]
}

// taken writes down how far a webhook has come. When that fails it is sent
// again after a restart: at least once.
func (h *Hooks) taken(name string, seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pos[name] = seq
	if err := h.write(); err != nil {
		h.log.Warn("a webhook's position is not kept", "err", err)
	}
}

func (h *Hooks) run(ctx context.Context, w Webhook) {
	client := clientOf(w.Private, webhookTimeout)
	defer client.CloseIdleConnections()
	wait := time.Duration(0)
	for ctx.Err() == nil {
		seq := h.position(w.Name)
		facts, last, more, err := h.next(seq, w)
		if err == nil && len(facts) == 0 {
			if last > seq {
				h.taken(w.Name, last)
				continue
			}
			select {
			case <-ctx.Done():
			case <-more:
			}
			continue
		}
		if err == nil {
			err = send(ctx, client, w, facts)
		}
		if err == nil {
			wait = 0
			h.taken(w.Name, last)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if wait = min(max(2*wait, webhookFirst), webhookMost); wait == webhookFirst {
			h.log.Warn("a webhook does not take what is sent, it is tried again", "reason", w.Name, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// next gives the facts that a webhook wants after a number, and the number up
// to which there are no others.
func (h *Hooks) next(seq uint64, w Webhook) (facts []json.RawMessage, last uint64, more <-chan struct{}, err error) {
	lines, more, err := h.stream.after(seq)
	last = seq
	for _, l := range lines {
		if len(facts) == webhookBatch {
			break
		}
		last = l.seq
		kind, data := l.parts()
		if len(data) > 0 && (len(w.Kinds) == 0 || slices.Contains(w.Kinds, call.FactKind(kind))) {
			facts = append(facts, data)
		}
	}
	return facts, last, more, err
}

// parts are the kind and the JSON of a line.
func (l line) parts() (kind string, data []byte) {
	for text := range bytes.Lines(l.text) {
		text = bytes.TrimRight(text, "\n")
		if v, ok := bytes.CutPrefix(text, []byte("event: ")); ok {
			kind = string(v)
		} else if v, ok := bytes.CutPrefix(text, []byte("data: ")); ok {
			data = v
		}
	}
	return kind, data
}

// send posts one batch, signed: t is the time in Unix seconds, v1 the
// HMAC-SHA256, in hex, of "t.body".
func send(ctx context.Context, client *http.Client, w Webhook, facts []json.RawMessage) error {
	body, err := json.Marshal(struct {
		Webhook string            `json:"webhook"`
		Facts   []json.RawMessage `json:"facts"`
	}{w.Name, facts})
	if err != nil {
		return err
	}
	status, _, err := post(ctx, client, w.URL, w.Secret, body)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("it answered %d", status)
	}
	return err
}

// post posts JSON, signed, and reads the answer, of which it takes maxBody at most.
func post(ctx context.Context, client *http.Client, url, secret string, body []byte) (status int, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "trunkline")
	r.Header.Set("Trunkline-Signature", "t="+at+",v1="+Signature(secret, at, body))
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(answer) > maxBody {
		err = errors.New("its answer is too long")
	}
	return resp.StatusCode, answer, err
}

// Signature is what a receiver compares.
func Signature(secret, at string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(at + "."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// clientOf is a client that follows no redirect, uses no proxy, and connects
// to no private address unless permitted. The address is looked at when it is
// connected to: what the name led to before does not count.
func clientOf(private bool, timeout time.Duration) *http.Client {
	d := net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if !private && !public(a.Addr()) {
			return fmt.Errorf("%s is no public address: write private: true if it is meant", a.Addr())
		}
		return nil
	}}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: d.DialContext, MaxIdleConns: askers, MaxIdleConnsPerHost: askers, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: timeout},
	}
}

// reserved are networks that are no place for a webhook, besides those that
// netip knows.
var reserved = func() (all []netip.Prefix) {
	for _, p := range strings.Fields("0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 198.18.0.0/15 240.0.0.0/4 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32") {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}()

// public says that an address is on the internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}
