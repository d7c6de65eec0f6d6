package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is who is given the mails.
type Server struct {
	Addr     string // host:port
	From     string // an address
	Username string
	Password string
	Roots    *x509.CertPool // nil: the system's
	Plain    bool           // without TLS where the server has none; never with a Username
}

// Mail is one mail.
type Mail struct {
	ID      string    `json:"id,omitempty"`
	To      []string  `json:"to"`
	Done    []string  `json:"done,omitempty"` // of To: who has it, or was refused for good
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Sound   string    `json:"sound,omitempty"` // a WAV file; empty: none
	Name    string    `json:"name,omitempty"`  // of the attachment
	At      time.Time `json:"at"`
	Tries   int       `json:"tries,omitempty"`
	Next    time.Time `json:"next,omitzero"`
}

// How long a mail is tried.
const (
	giveUpAfter = 72 * time.Hour
	mostQueued  = 10_000
)

var errNoServer = errors.New("no mail server is configured")

// pauses are between two tries; the last one goes on.
var pauses = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// Queue is the mails that are to be sent. Its methods may be called from any goroutine.
type Queue struct {
	dir    string
	server func() Server // as configured now; without Addr nothing is sent
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	log    *slog.Logger
	wake   chan struct{} // holds one
	counts struct{ sent, failed, again atomic.Uint64 }

	mu sync.Mutex // of the folder: a mail that is withdrawn is not written again
}

// Stats counts since the start: recipients a server took a mail for, those who get none any more, and tries that are to be
// made again; and the mails that wait now.
type Stats struct {
	Sent, Failed, Again uint64
	Queued              int
}

// Stats counts. It reads the folder.
func (q *Queue) Stats() Stats {
	c := &q.counts
	return Stats{Sent: c.sent.Load(), Failed: c.failed.Load(), Again: c.again.Load(), Queued: q.Waiting()}
}

// Open makes the folder, and removes what a crash left half written in it: such a mail was never promised. server is asked before each mail; dial nil is the kernel's.
func Open(dir string, server func() Server, dial func(ctx context.Context, network, addr string) (net.Conn, error), log *slog.Logger) (*Queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	all, err := os.ReadDir(dir) // not Glob: the folder's name is no pattern
	for _, e := range all {
		if strings.HasPrefix(e.Name(), partPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("mail folder: %w", err)
	}
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return &Queue{dir: dir, server: server, dial: dial, log: log, wake: make(chan struct{}, 1)}, nil
}

// Send puts a mail into the queue. It writes a file and waits for it.
func (q *Queue) Send(m Mail) error {
	if names, err := q.names(); err != nil || len(names) >= mostQueued {
		return errors.Join(err, fmt.Errorf("the mail queue has %d mails", len(names)))
	}
	var id [8]byte
	_, _ = rand.Read(id[:])
	m.ID = m.At.UTC().Format("20060102T150405") + "-" + hex.EncodeToString(id[:])
	if err := q.write(m); err != nil {
		return err
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// partPrefix begins the name of a mail that is being written.
const partPrefix = ".part-"

func (q *Queue) path(id string) string { return filepath.Join(q.dir, id+".json") }

func (q *Queue) write(m Mail) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(q.dir, partPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), q.path(m.ID))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// names are the mails in the queue, oldest first.
func (q *Queue) names() ([]string, error) {
	all, err := os.ReadDir(q.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && !strings.HasPrefix(id, ".") {
			names = append(names, id)
		}
	}
	sort.Strings(names)
	return names, nil
}

// Run sends what is due until ctx is done.
func (q *Queue) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-timer.C:
		}
		next := q.turn(ctx)
		timer.Reset(next)
	}
}

// turn tries what is due, and says how long nothing will be.
func (q *Queue) turn(ctx context.Context) time.Duration {
	next := time.Hour
	names, err := q.names()
	if err != nil {
		q.log.Error("the mail queue cannot be read", "err", err)
		return time.Minute
	}
	for _, id := range names {
		if ctx.Err() != nil {
			return next
		}
		m, err := q.read(id)
		if err != nil {
			q.log.Error("a mail in the queue cannot be read, it is put aside", "file", q.path(id), "err", err)
			_ = os.Rename(q.path(id), q.path(id)+".bad")
			continue
		}
		if wait := time.Until(m.Next); wait > 0 {
			next = min(next, wait)
			continue
		}
		if wait := q.try(ctx, m); wait > 0 {
			next = min(next, wait)
		}
	}
	return next
}

func (q *Queue) read(id string) (m Mail, err error) {
	text, err := os.ReadFile(q.path(id))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	m.ID = id
	return m, err
}

// try sends a mail; a wait of 0 says that it has left the queue.
func (q *Queue) try(ctx context.Context, m Mail) time.Duration {
	server := q.server()
	old := time.Since(m.At) > giveUpAfter
	if server.Addr == "" && !old {
		return time.Hour
	}
	var done delivered
	err := errNoServer
	if server.Addr != "" {
		done, err = q.deliver(ctx, server, m)
	}
	q.counts.sent.Add(uint64(len(done.sent)))
	q.counts.failed.Add(uint64(len(done.refused)))
	m.Done = append(m.Done, append(done.sent, done.refused...)...)
	waiting := m.open()
	if ctx.Err() != nil && len(waiting) > 0 && len(done.sent)+len(done.refused) == 0 {
		return time.Minute // a stop is no try
	}
	var said *textproto.Error
	final := errors.Is(err, fs.ErrNotExist) || errors.As(err, &said) && said.Code >= 500 || old
	switch {
	case len(waiting) == 0 && len(done.sent) == 0: // each refusal was said
	case len(waiting) == 0:
		q.log.Info("a message was mailed", "count", len(done.sent))
	case final:
		q.counts.failed.Add(uint64(len(waiting)))
		q.log.Error("a message is not mailed, it is given up", "addr", server.Addr, "count", m.Tries+1, "reason", told(m, waiting), "err", err)
	default:
		q.counts.again.Add(1)
		pause := pauses[min(m.Tries, len(pauses)-1)]
		m.Tries++
		m.Next = time.Now().Add(pause)
		q.log.Warn("a message is not mailed yet, it is tried again", "addr", server.Addr, "count", m.Tries, "reason", told(m, waiting), "err", err)
		if err := q.rewrite(m); err != nil {
			q.log.Error("the mail queue cannot be written", "err", err)
		}
		return pause
	}
	if err := os.Remove(q.path(m.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.log.Error("a mail that is done stays in the queue", "err", err)
	}
	return 0
}

// told says who waits for a mail, and who is done with.
func told(m Mail, waiting []string) string {
	text := "for " + strings.Join(waiting, ", ")
	if len(m.Done) > 0 {
		text += "; done: " + strings.Join(m.Done, ", ")
	}
	return text
}

// rewrite writes a mail again, unless it was withdrawn meanwhile.
func (q *Queue) rewrite(m Mail) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, err := os.Stat(q.path(m.ID)); err != nil {
		return nil
	}
	return q.write(m)
}

// Withdraw removes the mails with these sounds from the queue, also those put aside; one that is just being sent is sent.
// An empty sound is that of no mail. It waits for the disk.
func (q *Queue) Withdraw(sounds ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, err := os.ReadDir(q.dir)
	for _, e := range all {
		if !strings.Contains(e.Name(), ".json") {
			continue
		}
		path := filepath.Join(q.dir, e.Name())
		text, failed := os.ReadFile(path)
		of := func(sound string) bool { // by its name: also in one that is not readable as a mail
			return sound != "" && bytes.Contains(text, []byte(filepath.Base(sound)))
		}
		if failed == nil && slices.ContainsFunc(sounds, of) {
			failed = os.Remove(path)
		}
		if !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// Waiting are how many mails are in the queue.
func (q *Queue) Waiting() int {
	names, _ := q.names()
	return len(names)
}

// addresses are those of a mail, without repeats.
func (m Mail) addresses() []string {
	to := slices.Clone(m.To)
	slices.Sort(to)
	return slices.Compact(to)
}

// open are the addresses that are not done with.
func (m Mail) open() []string {
	return slices.DeleteFunc(m.addresses(), func(a string) bool { return slices.Contains(m.Done, a) })
}
