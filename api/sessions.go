package api

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// sessionsName is the file of the sessions in the data folder.
const sessionsName = "sessions.json"

const (
	maxSessions   = 20_000
	maxOwn        = 20              // of one account: the oldest goes
	sessionWrites = 5 * time.Minute // how exact the last use is on disk
)

// Session is one browser that is signed in at the Help Desk.
type Session struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Made    time.Time `json:"made"`
	Seen    time.Time `json:"seen" doc:"last used"`
	Until   time.Time `json:"until" doc:"ends then, whatever happens"`
	From    string    `json:"from" doc:"the address it signed in from"`
	Agent   string    `json:"user_agent,omitempty"`
}

// keptSession is a Session with what is compared.
type keptSession struct {
	Session
	Hash string `json:"sha256"`
	Mark string `json:"mark"` // of the credentials: a changed password ends it
}

// good says that it has neither ended nor been idle for too long.
func (k *keptSession) good(now time.Time, idle time.Duration) bool {
	return k.Until.After(now) && now.Sub(k.Seen) <= idle
}

// Sessions are those of one switch, in a file of mode 0600. As with tokens,
// only hashes are kept.
type Sessions struct {
	path string

	mu      sync.Mutex
	byHash  map[string]*keptSession
	written time.Time
	ended   func(id string) // told of each that ended; nil: nobody
}

// OpenSessions reads the sessions of a data folder; there may be none yet.
func OpenSessions(dir string) (*Sessions, error) {
	s := &Sessions{path: filepath.Join(dir, sessionsName), byHash: map[string]*keptSession{}}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	var all []*keptSession
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("sessions: %s: %w: remove it, and everybody signs in again", s.path, err)
	}
	for _, k := range all {
		s.byHash[k.Hash] = k
	}
	return s, nil
}

// open makes a session and gives the text of its cookie.
func (s *Sessions) open(now time.Time, life time.Duration, one Session, mark string) (string, Session, error) {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", Session{}, err
	}
	text := base64.RawURLEncoding.EncodeToString(b[:])
	hash := hashOf(text)
	now = now.UTC().Truncate(time.Second)
	one.ID, one.Made, one.Seen, one.Until = hash[:12], now, now, now.Add(life)
	one.Agent = strings.ToValidUTF8(one.Agent[:min(len(one.Agent), 200)], "")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(k *keptSession) bool { return !k.Until.After(now) })
	var own []*keptSession
	for _, k := range s.byHash {
		if k.Account == one.Account {
			own = append(own, k)
		}
	}
	if len(own) >= maxOwn {
		oldest := slices.MinFunc(own, func(a, b *keptSession) int { return a.Seen.Compare(b.Seen) })
		s.drop(func(k *keptSession) bool { return k == oldest })
	}
	if len(s.byHash) >= maxSessions {
		return "", Session{}, &Error{Status: 503, What: "too many are signed in", Cure: "end some: DELETE /v1/sessions/{id}"}
	}
	s.byHash[hash] = &keptSession{one, hash, mark}
	if err := s.write(now); err != nil {
		delete(s.byHash, hash)
		return "", Session{}, err
	}
	return text, one, nil
}

// find gives the session of a cookie that is good now, and uses it.
func (s *Sessions) find(now time.Time, idle time.Duration, text string) (Session, string, bool) {
	hash := hashOf(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.byHash[hash]
	if k == nil || !k.good(now, idle) {
		return Session{}, "", false
	}
	k.Seen = now.UTC().Truncate(time.Second)
	if now.Sub(s.written) > sessionWrites {
		_ = s.write(now) // the last use is worth no error; what must be kept has been written
	}
	return k.Session, k.Mark, true
}

// good says whether a session is still good, without using it.
func (s *Sessions) good(now time.Time, idle time.Duration, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.byHash {
		if k.ID == id {
			return k.good(now, idle)
		}
	}
	return false
}

// use notes that somebody is at a session's page.
func (s *Sessions) use(now time.Time, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.byHash {
		if k.ID == id && k.Until.After(now) {
			k.Seen = now.UTC().Truncate(time.Second)
		}
	}
}

// End ends a session at once; false: there is none of that ID.
func (s *Sessions) End(id string) (bool, error) {
	return s.end(func(k *keptSession) bool { return k.ID == id })
}

// EndAll ends every session of an account.
func (s *Sessions) EndAll(account string) error {
	_, err := s.end(func(k *keptSession) bool { return k.Account == account })
	return err
}

// Recheck ends the sessions whose account is gone, or proves itself by something else now: a password or an address that
// was changed. It is for the start, and for each reload.
func (s *Sessions) Recheck(account func(id string) (Account, bool)) error {
	marks := map[string]string{} // "": no such account
	of := func(id string) string {
		if _, asked := marks[id]; !asked {
			marks[id] = ""
			if a, known := account(id); known {
				marks[id] = a.mark()
			}
		}
		return marks[id]
	}
	_, err := s.end(func(k *keptSession) bool { return of(k.Account) != k.Mark })
	return err
}

func (s *Sessions) end(which func(*keptSession) bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drop(which) == 0 {
		return false, nil
	}
	return true, s.write(time.Now())
}

// drop forgets sessions; the lock is held.
func (s *Sessions) drop(which func(*keptSession) bool) int {
	n := 0
	for hash, k := range s.byHash {
		if which(k) {
			n++
			delete(s.byHash, hash)
			if s.ended != nil {
				s.ended(k.ID)
			}
		}
	}
	return n
}

// List gives the sessions that are good now, the latest first.
func (s *Sessions) List(now time.Time, idle time.Duration) []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Session{}
	for _, k := range s.byHash {
		if k.good(now, idle) {
			all = append(all, k.Session)
		}
	}
	slices.SortFunc(all, func(a, b Session) int {
		if c := b.Seen.Compare(a.Seen); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Close writes down when each was last used.
func (s *Sessions) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(time.Now())
}

// write replaces the file; the lock is held.
func (s *Sessions) write(now time.Time) error {
	all := make([]*keptSession, 0, len(s.byHash))
	for _, k := range s.byHash {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *keptSession) int { return a.Made.Compare(b.Made) })
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	s.written = now
	return replaceFile(s.path, text)
}
