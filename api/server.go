package api

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/call"
	"trunkline/flight"
	"trunkline/routing"
	"trunkline/store"
)

// Limits of what a client may cost.
const (
	maxBody       = 64 << 10
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 60 * time.Second
	stopTimeout   = 2 * time.Second
	maxTCPConns   = 5500 // of each listener: maxStreams, maxPages, and those who ask
)

// askTimeout bounds a question to the switchboard, so that one that hangs is seen.
const askTimeout = 5 * time.Second

// Config is what the door stands on.
type Config struct {
	// Board is the switchboard. Required.
	Board *call.Switchboard
	// Cards gives at most that many records of ended calls, newest first.
	Cards func(most int) ([]call.Record, error)
	// Records gives those that pass a filter, newest first, and where the next
	// page begins.
	Records func(store.Filter) ([]call.Record, call.ID, error)
	// Erase deletes what is kept of a contact whose deletion was begun; it goes
	// on when ctx ends first.
	Erase func(context.Context, call.Erasure) (calls int, err error)
	// FactsBetween hands over the facts of a time, in order, until take's error.
	FactsBetween func(from, to time.Time, take func(call.Fact) error) error
	// Country is that whose numbers are written without a plus.
	Country func() string
	// Callbacks gives those that pass a filter, newest first; Callback one of them, or call.ErrNoCallback.
	Callbacks func(store.CallbackFilter) ([]routing.Callback, error)
	Callback  func(routing.CallbackID) (routing.Callback, error)
	// Zone is where days are counted; nil: UTC.
	Zone func() *time.Location
	// Goals are what a team's figures on the wallboard are held against; nil: nothing.
	Goals func(routing.TeamID) Goals
	// Transcripts are the words of recordings.
	Transcripts Transcripts
	// Peaks reads how loud each side of a recording was; nil: not at all.
	Peaks func(path string) ([2][]byte, error)
	// RemoveRecording deletes a recording's sound, and its words.
	RemoveRecording func(id string) error
	// Tokens are who may ask over TCP; nil: nobody.
	Tokens *Tokens
	// Stream hands out the facts. Required for /v1/facts.
	Stream *Stream
	// Sessions are who is signed in at the Help Desk; nil: there is none.
	Sessions *Sessions
	// SignIns say who may sign in there. Required with Sessions.
	SignIns SignIns
	// Desks are the Help Desks that are open. Required with Sessions.
	Desks *Desks
	// Card gives one of them, and whether it is there.
	Card func(call.ID) (call.Record, bool, error)
	// Ladder gives what is kept of a recent call's messages, and whether any is.
	Ladder func(call string) (flight.Call, bool)
	// Reload reads the configuration again, for who asked; an *Error of it is shown as it is.
	Reload func(ctx context.Context, by string) (Changes, error)
	// CheckFile reads the configuration's file and changes nothing.
	CheckFile func(ctx context.Context) (FileCheck, error)
	// Storage says what recordings take, counted lately.
	Storage func() (Storage, error)
	// TestCall admits one test call to a number; "" is the first configured.
	TestCall func(ctx context.Context, number string) (TestCall, error)
	// Examine tries a trunk and tells each step as it is done; an error where
	// nothing can be tried.
	Examine func(ctx context.Context, q TrunkQuestion, tell func(TrunkFinding)) error
	// Edge gives the bans in force, the longest first, and the refusals by rule.
	Edge func() ([]Ban, map[string]uint64)
	// Unban ends the bans of an address; false: it had none.
	Unban func(netip.Addr) bool
	// Explain says where a call would go now.
	Explain func(ctx context.Context, q Question) (Explanation, error)
	// Metrics answers /metrics.
	Metrics http.Handler
	// Ready says why calls could not be served now, besides what the
	// switchboard says; nil: they can.
	Ready func(ctx context.Context) error
	// Certificate is shown on https listeners. Required with one.
	Certificate func() (*tls.Certificate, error)
	// OwnCertificate says that it is one that browsers trust, not one that the
	// switch signed itself; nil: it is not.
	OwnCertificate func() bool
	// Version is that of the program.
	Version string
	// Log is where failures go; nil: slog.Default.
	Log *slog.Logger
}

// Server answers on the control socket and on the health listeners.
type Server struct {
	cfg     Config
	started time.Time

	healthy, ready checked

	importing sync.Mutex

	once    once
	peaks   drawn
	tries   throttle
	openid  openIDs
	hashers struct {
		waiting atomic.Int32
		slots   chan struct{}
	}
	sockets  sockets
	stopping chan struct{} // closed when streams must end
	https    uint16        // port of https, set by Serve; 0: none

	// The last picture of the switchboard, see picture.
	seen struct {
		mu     sync.Mutex
		at     time.Time
		status call.Status
	}
}

// New makes a server; Serve runs it.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{cfg: cfg, started: time.Now(), stopping: make(chan struct{})}
	s.hashers.slots = make(chan struct{}, maxHashing)
	if cfg.Sessions != nil {
		cfg.Sessions.ended = cfg.Desks.endSession
		cfg.Desks.goals = cfg.Goals
	}
	return s
}

// Serve answers until ctx is done, then tells pages that it goes away (1001, RFC
// 6455 §7.4.1), gives them and requests in progress two seconds, and closes the door and the listeners. It returns nil after ctx, or
// the error of the listener that failed.
func (s *Server) Serve(ctx context.Context, door *Door, health []Listener) error {
	s.https = httpsPort(health)
	control := s.server(s.control())
	public := s.server(s.public())
	failed := make(chan error, len(health)+1)
	var tasks sync.WaitGroup
	run := func(srv *http.Server, l net.Listener) {
		tasks.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	run(control, door.listener)
	for _, l := range health {
		run(public, s.sheltered(l))
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(s.stopping)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, srv := range []*http.Server{control, public} {
		if srv.Shutdown(bounded) != nil {
			_ = srv.Close()
		}
	}
	s.sockets.end(bounded) // Shutdown knows nothing of them
	tasks.Wait()
	return errors.Join(err, door.Close())
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           s.guard(h),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// guard bounds every request, and a panic costs one of them.
func (s *Server) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				s.cfg.Log.Error("a request failed", "err", p, "file", string(debug.Stack()))
				answer(w, nil, &Error{Status: http.StatusInternalServerError, What: "the request met a defect", Cure: "see the log of the switch"})
			}
		}()
		limit := int64(maxBody)
		if r.URL.Path == importPath { // a file, which takes its time
			limit = maxImport
			c := http.NewResponseController(w)
			_ = c.SetReadDeadline(time.Now().Add(importTimeout))
			_ = c.SetWriteDeadline(time.Now().Add(2 * importTimeout))
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		h.ServeHTTP(w, r)
	})
}

// healthFor is how long one answer about the health is given again: strangers
// may ask as often as they like.
const healthFor = time.Second

// checked is the last answer to a question about the health.
type checked struct {
	mu    sync.Mutex
	asked time.Time
	err   error
}

// ask gives the last answer, or asks anew, in at most healthFor.
func (c *checked) ask(ctx context.Context, check func(context.Context) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.asked.IsZero() || now.Sub(c.asked) >= healthFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthFor)
		defer cancel()
		c.err = check(ctx)
		c.asked = now
	}
	return c.err
}

// health says whether calls are taken.
func (s *Server) health(ctx context.Context) error {
	status, err := s.cfg.Board.Status(ctx)
	switch {
	case err != nil:
		return &Error{Status: http.StatusServiceUnavailable, What: "the switchboard does not answer"}
	case status.Draining:
		return &Error{Status: http.StatusServiceUnavailable, What: "the switch is stopping"}
	}
	return nil
}

// readiness is health, with sockets that are read and a disk that takes what
// is written.
func (s *Server) readiness(ctx context.Context) error {
	if err := s.health(ctx); err != nil {
		return err
	}
	if s.cfg.Ready == nil {
		return nil
	}
	if err := s.cfg.Ready(ctx); err != nil {
		return &Error{Status: http.StatusServiceUnavailable, What: err.Error()}
	}
	return nil
}

// limited is a listener with at most n connections at once; further ones wait.
func limited(l net.Listener, n int) net.Listener {
	return &limitedListener{Listener: l, free: make(chan struct{}, n), done: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	free chan struct{}
	once sync.Once
	done chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: c, free: l.free}, nil
}

func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	once sync.Once
	free chan struct{}
}

func (c *limitedConn) Close() error {
	c.once.Do(func() { <-c.free })
	return c.Conn.Close()
}
