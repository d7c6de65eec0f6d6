package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/config"
	"trunkline/desk"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
	"trunkline/store"
)

// switchProcess is a house with its doors: what `trunkline serve` runs.
type switchProcess struct {
	house  *house
	door   *api.Door
	tokens *api.Tokens
	stream *api.Stream
	signed *api.Sessions
	desks  *api.Desks
	hooks  *api.Hooks
	health []api.Listener
	log    *slog.Logger
}

// openSwitch claims the data folder and opens the house.
func openSwitch(cfg *config.Config, w world, log *slog.Logger) (_ *switchProcess, err error) {
	p := &switchProcess{log: log}
	if p.door, err = api.Open(cfg.Data()); err != nil {
		if errors.Is(err, api.ErrRunning) {
			return nil, err
		}
		return nil, config.Problems{cfg.Problem("data_dir", strings.TrimPrefix(err.Error(), "data_dir: "))}
	}
	defer func() {
		if err != nil {
			_ = p.door.Close()
			for _, l := range p.health {
				_ = l.Close()
			}
		}
	}()
	if p.health, err = api.ListenTCP(cfg.Listen.HTTP); err != nil {
		return nil, err
	}
	if p.tokens, err = api.OpenTokens(cfg.Data()); err != nil {
		return nil, err
	}
	if p.signed, err = api.OpenSessions(cfg.Data()); err != nil {
		return nil, err
	}
	if p.house, err = openHouse(cfg, w, log); err != nil {
		return nil, err
	}
	p.stream = api.NewStream(p.house.lastFact, p.house.store.Facts, p.house.store.Sync)
	p.desks = api.NewDesks(p.house.board, p.stream)
	p.house.told = func(f call.Fact) {
		p.stream.Publish(f)
		p.desks.Publish(f)
	}
	if p.hooks, err = api.NewHooks(cfg.Data(), webhooks(cfg), p.stream, log); err != nil {
		p.house.close()
		return nil, err
	}
	return p, nil
}

// serve runs the switch until ctx is done. Then it drains: new calls get 503,
// calls in progress may go on until hurry is done, the rest is hung up.
func (p *switchProcess) serve(ctx, hurry context.Context) error {
	p.house.start()
	doors, closeDoors := context.WithCancel(context.Background())
	defer closeDoors()
	var doorErr error
	var answered sync.WaitGroup
	answered.Go(func() { p.stream.Run(doors) })
	answered.Go(func() { p.hooks.Run(doors) })
	answered.Go(func() { p.desks.Run(doors) })
	p.recheck() // before a door is open: the file may have changed while nobody ran
	answered.Go(func() { doorErr = p.server().Serve(doors, p.door, p.health) })
	p.log.Info("serving", "addr", p.house.addrs, "file", p.house.config().File)
	<-ctx.Done()
	p.log.Info("stopping: new calls are refused, calls in progress may end")
	p.house.stop(hurry)
	closeDoors()
	answered.Wait()
	if err := p.signed.Close(); err != nil {
		p.log.Warn("when sessions were last used is not kept", "err", err)
	}
	p.log.Info("stopped")
	return doorErr
}

// recheck ends the sign-ins whose password or account the configuration in force has changed.
func (p *switchProcess) recheck() {
	if err := p.signed.Recheck(p.house.signIns().Account); err != nil {
		p.log.Warn("sign-ins that are over are still in their file", "err", err)
	}
}

func (p *switchProcess) server() *api.Server {
	h := p.house
	return api.New(api.Config{
		Board: h.board,
		Cards: func(most int) ([]call.Record, error) {
			h.written()
			return h.store.Records(store.Filter{Limit: most})
		},
		Card: func(id call.ID) (call.Record, bool, error) {
			h.written()
			r, err := h.store.Record(id)
			if errors.Is(err, store.ErrNotFound) {
				return r, false, nil
			}
			return r, err == nil, err
		},
		Records: func(f store.Filter) ([]call.Record, call.ID, error) {
			h.written()
			return h.store.Search(f)
		},
		Erase:   h.erase,
		Country: func() string { return h.config().Country },
		FactsBetween: func(from, to time.Time, take func(call.Fact) error) error {
			h.written()
			return h.store.FactsBetween(from, to, take)
		},
		Callbacks: func(f store.CallbackFilter) ([]routing.Callback, error) {
			h.written()
			return h.store.Callbacks(f)
		},
		Callback: func(id routing.CallbackID) (routing.Callback, error) {
			h.written()
			c, err := h.store.Callback(id)
			if errors.Is(err, store.ErrNotFound) {
				err = call.ErrNoCallback
			}
			return c, err
		},
		Zone:            func() *time.Location { return h.config().Location() },
		Goals:           func(id routing.TeamID) api.Goals { return goals(h.config().Team(string(id))) },
		Peaks:           recorder.Peaks,
		RemoveRecording: func(id string) error { return h.recorder.Remove(recorder.ID(id)) },
		Transcripts:     h.recorder,
		Tokens:          p.tokens, Stream: p.stream,
		Sessions: p.signed, SignIns: h.signIns(), Desks: p.desks,
		Ladder:    h.flight.Call,
		Metrics:   h.meter.Handler(),
		Ready:     h.ready,
		Edge:      h.edgeView,
		Unban:     h.sip.Pardon,
		Reload:    p.reload,
		TestCall:  p.admit,
		Examine:   h.doctor.examine,
		CheckFile: p.checkFile,
		Storage:   h.storage,
		Explain: func(ctx context.Context, q api.Question) (api.Explanation, error) {
			return explainLive(ctx, h.config(), h.board, q)
		},
		Certificate: h.trust.web, OwnCertificate: h.trust.ours,
		Version: version(),
		Log:     p.log,
	})
}

// reload reads the configuration file again, for who asked. A bad file changes
// nothing.
func (p *switchProcess) reload(ctx context.Context, by string) (api.Changes, error) {
	next, err := config.Read(p.house.config().File, checks())
	if err != nil {
		return api.Changes{}, notReloaded(err)
	}
	changes, err := p.house.reload(ctx, next, by)
	if err == nil {
		p.recheck()
	}
	if err != nil {
		return api.Changes{}, err
	}
	out := api.Changes{Applied: changes.Applied, NeedsRestart: changes.NeedsRestart}
	for _, w := range next.Warnings {
		p.log.Warn(w.Error())
		out.Warnings = append(out.Warnings, w.Error())
	}
	p.log.Info("configuration reloaded", "file", next.File, "count", len(changes.Applied), "reason", "by "+by)
	for _, c := range changes.NeedsRestart {
		p.log.Warn("this change waits for a restart", "reason", c)
	}
	return out, nil
}

// notReloaded says what is wrong with a file, a line for each problem.
func notReloaded(err error) *api.Error {
	refused := &api.Error{Status: http.StatusUnprocessableEntity, What: "not reloaded", Cure: "correct the file; the old configuration goes on"}
	var problems config.Problems
	if !errors.As(err, &problems) {
		refused.Details = []string{err.Error()}
		return refused
	}
	for _, p := range problems {
		refused.Details = append(refused.Details, p.Error())
	}
	return refused
}

// testCallFor is how long a test call's credential is good.
const testCallFor = time.Minute

// admit lets one test call in.
func (p *switchProcess) admit(_ context.Context, number string) (api.TestCall, error) {
	cfg := p.house.config()
	if number == "" && len(cfg.Numbers) > 0 {
		number = cfg.Numbers[0].Number
	}
	n, err := desk.Parse(number, cfg.Country, desk.FormatAuto)
	if err != nil {
		return api.TestCall{}, &api.Error{Status: 400, What: fmt.Sprintf("%q is no telephone number", number), Cure: "give one of the configuration's numbers, as +14155550100"}
	}
	addr, ok := nearest(p.house.addrs)
	if !ok {
		return api.TestCall{}, &api.Error{Status: 409, What: "the switch has no UDP listener", Cure: "add udp://… to listen.sip"}
	}
	t := api.TestCall{
		User: "test-" + randomText(8), Password: randomText(24), Domain: p.house.booted.Domain,
		Address: addr.String(), Number: string(n), Until: time.Now().Add(testCallFor),
	}
	p.house.sip.AdmitOnce(t.User, t.Password, t.Until)
	return t, nil
}

// nearest prefers a listener on loopback: the caller is on this machine.
func nearest(addrs []netip.AddrPort) (netip.AddrPort, bool) {
	for _, a := range addrs {
		if a.Addr().IsLoopback() {
			return a, true
		}
	}
	if len(addrs) == 0 {
		return netip.AddrPort{}, false
	}
	return addrs[0], true
}

// Run is `trunkline serve`: SIGHUP reloads, the first SIGTERM or SIGINT
// drains, the second ends at once.
func (c *serveCmd) Run(t *terminal) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	log, closeLog := logger(t.err, c.Log)
	defer closeLog()
	slog.SetDefault(log)
	for _, w := range cfg.Warnings {
		log.Warn(w.Error())
	}
	tune()
	// A file at its size limit fails its write (EFBIG), as on a full disk;
	// without this the signal would end the process.
	signal.Ignore(syscall.SIGXFSZ)
	var w world
	if c.Trace {
		w.trace = func(m sip.Message) {
			log.Info("SIP", "addr", m.Remote, "in", m.In, "message", string(m.Raw))
		}
	}
	p, err := openSwitch(cfg, w, log)
	if err != nil {
		if !errors.Is(err, api.ErrRunning) {
			if place := probe(cfg); place != nil { // a listener: with its line of the file
				return place
			}
		}
		return err
	}
	ctx, stop := context.WithCancel(t.ctx)
	hurry, hurryUp := context.WithCancel(context.WithoutCancel(t.ctx))
	defer stop()
	defer hurryUp()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	go p.obeySignals(signals, stop, hurryUp, c.Drain)
	go spare(ctx)
	return p.serve(ctx, hurry)
}

// hup is what SIGHUP asks for.
func (p *switchProcess) hup(ctx context.Context) {
	_, err := p.reload(ctx, "signal")
	var refused *api.Error
	if errors.As(err, &refused) && len(refused.Details) > 0 {
		for _, line := range refused.Details {
			p.log.Error("not reloaded, the old configuration goes on", "err", line)
		}
		return
	}
	if err != nil {
		p.log.Error("not reloaded, the old configuration goes on", "err", err)
	}
}

// obeySignals lives as long as the process: it must act while everything else ends.
func (p *switchProcess) obeySignals(signals <-chan os.Signal, stop, hurryUp func(), wait time.Duration) {
	asked := 0
	for sig := range signals {
		if sig == syscall.SIGHUP {
			bounded, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			p.hup(bounded)
			cancel()
			continue
		}
		switch asked++; asked {
		case 1:
			time.AfterFunc(wait, hurryUp)
			stop()
		case 2:
			p.log.Warn("stopping at once: calls in progress are hung up")
			hurryUp()
			close(p.house.atOnce)
			time.AfterFunc(2*time.Second, func() { os.Exit(exitFailed) })
		default:
			os.Exit(exitFailed)
		}
	}
}
