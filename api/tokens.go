package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Scope is what a token is good for.
type Scope string

// The scopes, each of which includes the ones before it.
const (
	ScopeWall       Scope = "wall"       // the wallboard's figures, and nothing else
	ScopeAgent      Scope = "agent"      // one agent: their status, the calls they are in
	ScopeSupervisor Scope = "supervisor" // sees everything, gives every order on calls and agents
	ScopeAdmin      Scope = "admin"      // recordings' deletion, messages, reload, tokens
)

// scopes are in order.
var scopes = []Scope{ScopeWall, ScopeAgent, ScopeSupervisor, ScopeAdmin}

// covers says that s is good for what wants need.
func (s Scope) covers(need Scope) bool {
	return slices.Index(scopes, s) >= slices.Index(scopes, need)
}

// tokensName is the file of the tokens in the data folder.
const tokensName = "tokens.json"

// maxTokens bounds the table.
const maxTokens = 10_000

// Token is what is known of one token: never its text.
type Token struct {
	ID    string    `json:"id"`
	Name  string    `json:"name" doc:"what it is for"`
	Scope Scope     `json:"scope" enum:"wall,agent,supervisor,admin"`
	Agent string    `json:"agent,omitempty" doc:"whose it is, in the scope agent"`
	Made  time.Time `json:"made"`
}

// kept is a Token with the hash of its text.
type keptToken struct {
	Token
	Hash string `json:"sha256"`
}

// Tokens are the bearer tokens of one switch, in a file of mode 0600. A token
// has 256 random bits, so that a plain hash of it tells nothing.
type Tokens struct {
	path string

	mu     sync.RWMutex
	byHash map[string]Token
}

// OpenTokens reads the tokens of a data folder; there may be none yet.
func OpenTokens(dir string) (*Tokens, error) {
	t := &Tokens{path: filepath.Join(dir, tokensName), byHash: map[string]Token{}}
	text, err := os.ReadFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	var all []keptToken
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("tokens: %s: %w: restore it, or remove it and make new tokens", t.path, err)
	}
	for _, k := range all {
		t.byHash[k.Hash] = k.Token
	}
	return t, nil
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Make makes a token and gives its text, which nobody can read again.
func (t *Tokens) Make(name string, scope Scope, agent string, now time.Time) (string, Token, error) {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", Token{}, err
	}
	text := "tl_" + base64.RawURLEncoding.EncodeToString(b[:])
	made := Token{ID: hashOf(text)[:12], Name: name, Scope: scope, Agent: agent, Made: now.UTC().Truncate(time.Second)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byHash) >= maxTokens {
		return "", Token{}, &Error{Status: 409, What: "there are too many tokens", Cure: "revoke some: trunkline token list, trunkline token revoke"}
	}
	t.byHash[hashOf(text)] = made
	if err := t.write(); err != nil {
		delete(t.byHash, hashOf(text))
		return "", Token{}, err
	}
	return text, made, nil
}

// Revoke ends a token at once; false: there is none of that ID.
func (t *Tokens) Revoke(id string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hash, k := range t.byHash {
		if k.ID == id {
			delete(t.byHash, hash)
			if err := t.write(); err != nil {
				t.byHash[hash] = k
				return true, err
			}
			return true, nil
		}
	}
	return false, nil
}

// List gives all tokens, oldest first.
func (t *Tokens) List() []Token {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := []Token{}
	for _, k := range t.byHash {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Token) int {
		if c := a.Made.Compare(b.Made); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all
}

// find gives the token of a text. A look-up by hash takes as long for every
// text that is wrong.
func (t *Tokens) find(text string) (Token, bool) {
	hash := hashOf(text)
	t.mu.RLock()
	defer t.mu.RUnlock()
	k, there := t.byHash[hash]
	return k, there
}

// write replaces the file; the lock is held.
func (t *Tokens) write() error {
	all := []keptToken{}
	for hash, k := range t.byHash {
		all = append(all, keptToken{k, hash})
	}
	slices.SortFunc(all, func(a, b keptToken) int { return a.Made.Compare(b.Made) })
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(t.path, text)
}

// replaceFile writes a file of mode 0600 whole, or leaves it as it was.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)) // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
