package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"trunkline/flight"
)

// ErrNotRunning says that no switch runs on the data folder.
var ErrNotRunning = errors.New("no trunkline is running on this data_dir")

// maxAnswer is the most that a client reads.
const maxAnswer = 64 << 20

// Client asks a running switch over its control socket. Its methods wait for
// the answer and are bounded by their context; a refusal is an *Error, and a
// switch that does not run is ErrNotRunning.
type Client struct {
	path string
	http http.Client
}

// NewClient makes a client of the switch that runs on a data folder.
func NewClient(dir string) *Client {
	c := &Client{path: filepath.Join(dir, Socket)}
	c.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.path)
		},
		MaxIdleConns:    1,
		IdleConnTimeout: time.Second,
	}
	return c
}

// Close gives the connection back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks for a picture of the switch.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodGet, "/status", nil, &s)
}

// Calls asks for the newest call cards.
func (c *Client) Calls(ctx context.Context, most int) (cards []Card, err error) {
	return cards, c.do(ctx, http.MethodGet, "/calls?max="+strconv.Itoa(most), nil, &cards)
}

// Call asks for one call card.
func (c *Client) Call(ctx context.Context, id string) (one Card, err error) {
	return one, c.do(ctx, http.MethodGet, "/calls/"+url.PathEscape(id), nil, &one)
}

// Transcript asks for the words of a recording.
func (c *Client) Transcript(ctx context.Context, call, recording string) (t Transcript, err error) {
	return t, c.do(ctx, http.MethodGet, "/v1/calls/"+url.PathEscape(call)+"/recordings/"+url.PathEscape(recording)+"/transcript", nil, &t)
}

// FindWords looks for words in transcripts.
func (c *Client) FindWords(ctx context.Context, text string, most int) (page FoundPage, err error) {
	q := url.Values{"text": {text}, "limit": {strconv.Itoa(most)}}
	return page, c.do(ctx, http.MethodGet, "/v1/transcripts?"+q.Encode(), nil, &page)
}

// Callbacks asks for the callbacks that pass a query of GET /v1/callbacks.
func (c *Client) Callbacks(ctx context.Context, query url.Values) (all []Callback, err error) {
	return all, c.do(ctx, http.MethodGet, "/v1/callbacks?"+query.Encode(), nil, &all)
}

// CallbackVolumes asks for the volumes by day of the callbacks that pass a query.
func (c *Client) CallbackVolumes(ctx context.Context, query url.Values) (days []CallbackDay, err error) {
	return days, c.do(ctx, http.MethodGet, "/v1/callbacks/volumes?"+query.Encode(), nil, &days)
}

// ExportCallbacks writes the callbacks that pass a query as CSV.
func (c *Client) ExportCallbacks(ctx context.Context, query url.Values, to io.Writer) error {
	return c.copy(ctx, "/v1/callbacks.csv?"+query.Encode(), to)
}

// Callback asks for one.
func (c *Client) Callback(ctx context.Context, id string) (cb Callback, err error) {
	return cb, c.do(ctx, http.MethodGet, "/v1/callbacks/"+url.PathEscape(id), nil, &cb)
}

// RequestCallback promises a call back to a number by a team.
func (c *Client) RequestCallback(ctx context.Context, number, team string) (cb Callback, err error) {
	return cb, c.do(ctx, http.MethodPost, "/v1/callbacks", map[string]string{"number": number, "team": team}, &cb)
}

// ActOnCallback gives an order on one, call, close or assign, and gives it as it is then.
func (c *Client) ActOnCallback(ctx context.Context, id, order string, body map[string]string) (Callback, error) {
	var answer any
	if err := c.do(ctx, http.MethodPost, "/v1/callbacks/"+url.PathEscape(id)+"/"+order, body, &answer); err != nil {
		return Callback{}, err
	}
	return c.Callback(ctx, id)
}

// Ladder asks for what is kept of a recent call's messages.
func (c *Client) Ladder(ctx context.Context, id string) (kept flight.Call, err error) {
	return kept, c.do(ctx, http.MethodGet, "/calls/"+url.PathEscape(id)+"/ladder", nil, &kept)
}

// SetAgent sets an agent active, or away with a reason.
func (c *Client) SetAgent(ctx context.Context, name string, active bool, reason string) (a Agent, err error) {
	return a, c.do(ctx, http.MethodPost, "/agents/"+url.PathEscape(name)+"/status", agentStatus{&active, reason}, &a)
}

// SetQueue closes a team's queue to new callers, or opens it.
func (c *Client) SetQueue(ctx context.Context, team string, closed bool) error {
	verb := "open"
	if closed {
		verb = "close"
	}
	return c.do(ctx, http.MethodPost, "/v1/teams/"+url.PathEscape(team)+"/"+verb, nil, nil)
}

// Unban has the bans of an address ended.
func (c *Client) Unban(ctx context.Context, address string) (u Unbanned, err error) {
	return u, c.do(ctx, http.MethodDelete, "/bans/"+url.PathEscape(address), nil, &u)
}

// MakeToken asks for a token.
func (c *Client) MakeToken(ctx context.Context, name string, scope Scope, agent string) (t NewToken, err error) {
	return t, c.do(ctx, http.MethodPost, "/v1/tokens", tokenIn{name, scope, agent}, &t)
}

// Tokens asks for all tokens, without their texts.
func (c *Client) Tokens(ctx context.Context) (all []Token, err error) {
	return all, c.do(ctx, http.MethodGet, "/v1/tokens", nil, &all)
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(id), nil, nil)
}

// Reload has the configuration read again.
func (c *Client) Reload(ctx context.Context) (changes Changes, err error) {
	return changes, c.do(ctx, http.MethodPost, "/reload", nil, &changes)
}

// TestCall asks for a credential for one call to a number; "" is the first configured.
func (c *Client) TestCall(ctx context.Context, number string) (t TestCall, err error) {
	return t, c.do(ctx, http.MethodPost, "/test-call", testCallBody{number}, &t)
}

// Examine has a trunk examined, and tells each finding as it comes.
func (c *Client) Examine(ctx context.Context, q TrunkQuestion, tell func(TrunkFinding)) error {
	text, err := json.Marshal(trunkTestBody{q.Number, q.NoCall})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control/trunks/"+url.PathEscape(q.Trunk)+"/test", bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		return c.unreached(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		return refusedWith(resp, text)
	}
	for lines := json.NewDecoder(resp.Body); ; {
		var f TrunkFinding
		switch err := lines.Decode(&f); {
		case err != nil:
			return fmt.Errorf("the switch broke off: %w", err)
		case f.Done:
			return nil
		}
		tell(f)
	}
}

// Explain asks where a call would go.
func (c *Client) Explain(ctx context.Context, q Question) (e Explanation, err error) {
	query := url.Values{"to": {q.To}, "from": {q.From}, "press": {q.Press}}
	if !q.At.IsZero() {
		query.Set("at", q.At.Format(time.RFC3339))
	}
	return e, c.do(ctx, http.MethodGet, "/explain?"+query.Encode(), nil, &e)
}

// Version asks what runs.
func (c *Client) Version(ctx context.Context) (v Version, err error) {
	return v, c.do(ctx, http.MethodGet, "/version", nil, &v)
}

func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://control"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return c.unreached(err)
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the switch broke off: %w", err)
	}
	if resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if resp.StatusCode != http.StatusOK {
		return refusedWith(resp, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the switch's answer cannot be read: %w: is it of another version?", err)
	}
	return nil
}

// refusedWith reads a refusal.
func refusedWith(resp *http.Response, text []byte) error {
	refused := &Error{Status: resp.StatusCode}
	var problem struct{ Detail string } // of /v1
	if json.Unmarshal(text, &problem) == nil && problem.Detail != "" {
		refused.What = problem.Detail
		return refused
	}
	if json.Unmarshal(text, refused) != nil || refused.What == "" {
		refused.What = "the switch answered " + resp.Status
	}
	return refused
}

// unreached says why the socket could not be opened.
func (c *Client) unreached(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (%s): start it with trunkline serve, or name the right file with -c", ErrNotRunning, c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied: run this as the user that runs trunkline, or as root", c.path)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("the switch does not answer: %w", err)
}
