package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/config"
	"trunkline/flight"
	"trunkline/media"
	"trunkline/metrics"
	"trunkline/recorder"
	"trunkline/sip"
	"trunkline/store"
)

// world is where a house gets its sockets from: the kernel, or a simulated network.
type world struct {
	listen  func(urls []string) (sip.Sockets, error)                     // nil: sip.Listen
	network media.Network                                                // nil: the kernel
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error) // nil: the system's resolver
	hep     func(ctx context.Context, to string) (net.Conn, error)       // nil: UDP of the kernel
	trace   func(sip.Message)                                            // nil: off
	lookUp  func(call.LookUp) bool                                       // nil: whom the configuration names, if anybody
	shards  int                                                          // 0: one a CPU
}

// house is one running switch: every room, wired.
type house struct {
	log *slog.Logger

	reloading sync.Mutex // one reload at a time

	mu     sync.Mutex // guards cfg
	cfg    *config.Config
	booted *config.Config // what needs a restart is in force as it was at start

	trust    *trust
	flight   *flight.Box
	meter    *metrics.Meter
	serving  atomic.Bool     // SIP's sockets are read
	hep      *flight.Sender  // nil: no collector
	told     func(call.Fact) // of every fact; nil: nobody. Set before start
	lastFact uint64          // the journal's last, at start
	store    *store.Store
	recorder *recorder.Recorder
	voice    *voice
	repaired []recorder.Repaired
	media    *media.Engine
	sip      *sip.Endpoint
	addrs    []netip.AddrPort // where SIP is served over UDP
	board    *call.Switchboard
	asker    *api.Asker             // nil: nobody is asked who calls
	lookUp   func(call.LookUp) bool // likewise
	erasures chan erasing
	unerased []call.Erasure // at start
	doctor   *doctor

	tasks   sync.WaitGroup
	atOnce  chan struct{}      // closed when stopping must not wait any more
	loop    context.CancelFunc // ends the switchboard's loop
	edge    context.CancelFunc // ends the SIP endpoint
	looped  chan struct{}      // closed when the switchboard's loop has ended
	cleanup []func()           // run in reverse
}

// openHouse makes the data folder and opens every room, sockets last. What
// was opened before an error is closed again.
func openHouse(cfg *config.Config, w world, log *slog.Logger) (_ *house, err error) {
	h := &house{log: log, cfg: cfg, booted: cfg, looped: make(chan struct{}), atOnce: make(chan struct{}), erasures: make(chan erasing, maxErasures)}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	set, err := setup(cfg, speakerOf(context.Background(), cfg))
	if err != nil {
		return nil, err
	}
	h.trust = &trust{log: log}
	trusted, err := h.trust.prepare(cfg)
	if err != nil {
		return nil, err
	}
	trusted()
	if err := os.MkdirAll(cfg.Data(), 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	boot, err := h.openStore()
	if err != nil {
		return nil, err
	}
	h.lastFact = boot.FactSeq
	h.openWatchers(w)
	if err := h.openVoice(); err != nil {
		return nil, err
	}
	h.doctor = newDoctor(h)
	h.board = call.New(call.Config{Setup: set, Boot: boot, Log: log})
	h.unerased = boot.Erasing
	if l := cfg.Contacts.Lookup; l.URL != "" {
		h.asker = api.NewAsker(api.Lookup{URL: l.URL, Secret: l.Secret.Reveal(), Timeout: l.Timeout, Cache: l.Cache, Private: l.Private}, h.board.LookedUp, log)
		h.lookUp = h.asker.Ask
	}
	if w.lookUp != nil {
		h.lookUp = w.lookUp
	}
	if err := h.openSound(w); err != nil {
		return nil, err
	}
	return h, h.openSip(w, boot)
}

func (h *house) openStore() (call.Boot, error) {
	c := h.cfg
	s, err := store.Open(c.Data(), store.Options{Records: c.Retention.Records, Facts: c.Retention.Facts, Log: h.log})
	if err != nil {
		return call.Boot{}, err
	}
	h.store = s
	h.onClose(func() {
		if err := s.Close(); err != nil {
			h.log.Error("the store did not close in order", "err", err)
		}
	})
	return s.Load()
}

func (h *house) openSound(w world) error {
	c := h.cfg
	rec, repaired, err := recorder.Open(recorder.Config{
		Dir: filepath.Join(c.Data(), "recordings"), Keep: c.Retention.Recordings,
		Transcribing: transcribing(c), Emit: h.board.FromRecorder, Log: h.log,
	})
	if err != nil {
		return err
	}
	h.recorder, h.repaired = rec, repaired
	h.onClose(func() { _ = rec.Close() })
	for _, r := range repaired {
		h.log.Warn("a recording that a crash left open was repaired", "file", r.Path)
	}
	codecs, err := codecs(c)
	if err != nil {
		return err
	}
	h.media, err = media.New(media.Config{
		PortMin: c.Media.Ports.Min, PortMax: c.Media.Ports.Max, Codecs: codecs,
		JitterMin: c.Media.JitterBuffer.Min, JitterMax: c.Media.JitterBuffer.Max,
		Shards: w.shards, Calls: c.Calls.Max, Network: w.network, WebRTC: browsers(c), Emit: h.doctor.fromMedia, Log: h.log,
	})
	if err != nil {
		return err
	}
	h.onClose(func() {
		if err := h.media.Close(); err != nil {
			h.log.Error("the sound engine did not close in order", "err", err)
		}
	})
	return nil
}

func (h *house) openSip(w world, boot call.Boot) error {
	c := h.cfg
	listen := w.listen
	if listen == nil {
		listen = sip.Listen
	}
	sockets, err := listen(c.Listen.SIP)
	if err != nil {
		return err
	}
	for _, conn := range sockets.UDP {
		if a, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
			h.addrs = append(h.addrs, a)
		}
	}
	h.sip, err = sip.New(sip.Config{
		Domain: c.Domain, UDP: sockets.UDP, TCP: sockets.TCP, TLS: sockets.TLS, External: c.NAT.External, Local: c.NAT.Local,
		Busy: h.board.Overloaded, Certificate: h.trust.certificate, Authorities: h.trust.authorities,
		Trunks: h.trunks(c), Accounts: sipAccounts(c), Timers: timers(c.SessionTimers), Bindings: boot.Bindings,
		Emit: h.doctor.fromSip, Trace: h.tracer(w.trace), NameServers: nameServers(c), Lookup: w.lookup, Log: h.log,
	})
	return err
}

// start runs the rooms' goroutines.
func (h *house) start() {
	loop, endLoop := context.WithCancel(context.Background())
	edge, endEdge := context.WithCancel(context.Background())
	h.loop, h.edge = endLoop, endEdge
	h.tasks.Go(func() {
		defer close(h.looped)
		_ = h.board.Run(loop, call.Hands{
			Sip: h.sip, Media: h.media, Recorder: h.recorder,
			Append: h.append, Watch: h.watch(), Sync: h.store.Sync, Repaired: h.repaired, LookUp: h.lookUp,
			Voice: h.voice.hands(),
		})
	})
	h.tasks.Go(func() { h.eraseAll(edge, h.unerased) })
	h.tasks.Go(func() { h.voice.run(h.looped) })
	h.tasks.Go(func() { h.voice.mails.Run(edge) })
	if h.asker != nil {
		h.tasks.Go(func() { h.asker.Run(edge) })
	}
	h.tasks.Go(func() { h.flight.Run(edge) })
	if h.hep != nil {
		h.tasks.Go(func() { h.hep.Run(edge) })
	}
	h.tasks.Go(func() {
		h.serving.Store(true)
		defer h.serving.Store(false)
		if err := h.sip.Serve(edge); err != nil && !errors.Is(err, context.Canceled) {
			h.log.Error("SIP ended", "err", err)
		}
	})
}

// stopGrace bounds the wait for the BYEs' answers.
const stopGrace = 5 * time.Second

// lastWords is how long what is on the wire may take when stopping at once.
const lastWords = 500 * time.Millisecond

// stop refuses new calls, waits for the calls in progress until ctx is done,
// hangs up the rest, seals the recordings and closes every room.
func (h *house) stop(ctx context.Context) {
	h.sip.Drain(true)
	if err := h.board.Drain(ctx, stopGrace); err != nil {
		h.log.Warn("stopping", "err", err)
	}
	if err := h.recorder.Close(); err != nil { // its last events still reach the call cards
		h.log.Error("a recording was not sealed", "err", err)
	}
	bounded, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	_, _ = h.board.Status(bounded) // the loop has handled all that came before
	h.edge()
	h.loop()
	<-h.looped
	h.rest()
	h.close()
}

// rest waits for the rooms' goroutines: SIP repeats the last BYEs to phones
// that do not answer, unless there is no time.
func (h *house) rest() {
	ended := make(chan struct{})
	go func() {
		h.tasks.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-h.atOnce:
		select {
		case <-ended:
		case <-time.After(lastWords):
		}
	}
}

// reload swaps in a new configuration, for who asked: calls in progress are not touched.
func (h *house) reload(ctx context.Context, next *config.Config, by string) (config.Changes, error) {
	h.reloading.Lock()
	defer h.reloading.Unlock()
	changes := config.Diff(h.config(), next)
	changes.NeedsRestart = config.Diff(h.booted, next).NeedsRestart
	set, err := setup(next, speakerOf(ctx, next))
	if err != nil {
		return config.Changes{}, err
	}
	trusted, err := h.trust.prepare(next)
	if err != nil {
		return config.Changes{}, err
	}
	set.Domain = h.booted.Domain // the realm is the endpoint's until a restart
	// From here on it is all or nothing, whoever asked and left.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err := h.board.Reload(whole, set, by); err != nil {
		return config.Changes{}, err
	}
	trusted()
	h.sip.Update(h.trunks(next), sipAccounts(next))
	h.recorder.SetTranscribing(transcribing(next))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg = next
	return changes, nil
}

// written waits until a call that has just ended can be read; a disk that
// fails is not waited for.
func (h *house) written() {
	bounded, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = h.store.Sync(bounded)
}

// config is the configuration in force.
func (h *house) config() *config.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg
}

func (h *house) onClose(f func()) { h.cleanup = append(h.cleanup, f) }

func (h *house) close() {
	for i := len(h.cleanup) - 1; i >= 0; i-- {
		h.cleanup[i]()
	}
	h.cleanup = nil
}
