package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// SessionID names a session; its owner chooses it.
type SessionID string

// BridgeID names a bridge; its owner chooses it.
type BridgeID string

// PlayID names one Play of a clip; its owner chooses it.
type PlayID uint64

// Network opens sockets that are not the kernel's.
type Network interface {
	// ListenPacket opens addr. Port 0 picks one.
	ListenPacket(addr netip.AddrPort) (net.PacketConn, error)
}

// Config is what an Engine needs to know. Its zero values are usable save for
// the port range and Emit.
type Config struct {
	PortMin, PortMax uint16        // UDP; RTP takes the even ports, RTCP the odd one above
	Codecs           []Codec       // in order of preference; nil: PCMU, PCMA
	JitterMin        time.Duration // least playout delay of decoded sound; zero: none
	JitterMax        time.Duration // greatest delay; zero: 200 ms
	Shards           int           // zero: one a CPU
	WebRTC           *WebRTC       // browsers as phones; nil: none
	Calls            int           // how many are to be possible at once: New logs what that lacks; zero: not known
	Network          Network       // nil: the kernel, through epoll where there is one
	Emit             func(Event)   // called on a shard's thread (by Play itself once the engine has ended): must not block
	Log              *slog.Logger  // nil: slog.Default()
}

// Engine owns the shards, and through them every session. Its methods may be
// called from any goroutine.
type Engine struct {
	cfg   Config
	log   *slog.Logger
	epoch time.Time // shards count nanoseconds from here

	wide bool // G722 is among the codecs

	shards []*shard // fixed after New
	ports  *portPool

	browsers *iceMux // nil: none are taken

	closed atomic.Bool
	done   chan struct{} // closed when all shards have ended
}

// closeWithin bounds how long Close waits for the shards.
const closeWithin = 5 * time.Second

// New starts the shards. The caller must Close the engine.
func New(cfg Config) (*Engine, error) {
	if cfg.Emit == nil {
		return nil, errors.New("media: Config.Emit is nil")
	}
	ports, err := newPortPool(cfg.PortMin, cfg.PortMax)
	if err != nil {
		return nil, err
	}
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []Codec{PCMU, PCMA}
	}
	if cfg.JitterMax <= 0 {
		cfg.JitterMax = defaultJitterMax
	}
	if cfg.JitterMin > cfg.JitterMax {
		return nil, fmt.Errorf("media: jitter buffer: min %v is above max %v", cfg.JitterMin, cfg.JitterMax)
	}
	if cfg.Shards <= 0 {
		cfg.Shards = runtime.NumCPU()
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	e := &Engine{cfg: cfg, log: cfg.Log, epoch: time.Now(), ports: ports, done: make(chan struct{})}
	e.warn()
	e.wide = slices.Contains(cfg.Codecs, G722)
	if cfg.WebRTC != nil {
		if e.browsers, err = newIceMux(e); err != nil {
			return nil, err
		}
	}
	for i := range cfg.Shards {
		w, err := newWaiter(cfg.Network, cfg.Log)
		if err != nil {
			for _, s := range e.shards {
				s.wait.close()
			}
			if e.browsers != nil {
				e.browsers.close()
			}
			return nil, fmt.Errorf("media: shard %d: %w", i, err)
		}
		e.shards = append(e.shards, newShard(e, w))
	}
	ended := make(chan struct{}, len(e.shards))
	for _, s := range e.shards {
		go func() {
			defer func() { ended <- struct{}{} }()
			s.run()
		}()
	}
	go func() {
		for range e.shards {
			<-ended
		}
		if e.browsers != nil {
			e.browsers.close()
		}
		close(e.done)
	}()
	return e, nil
}

// Close ends every session (with an RTCP BYE) and every goroutine of the
// engine, and waits for them. It may be called again. It fails when a shard
// has not ended after 5 s.
func (e *Engine) Close() error {
	if !e.closed.Swap(true) {
		for _, s := range e.shards {
			s.post(s.stop)
		}
	}
	t := time.NewTimer(closeWithin)
	defer t.Stop()
	select {
	case <-e.done:
		return nil
	case <-t.C:
		return fmt.Errorf("media: a shard has not ended after %v", closeWithin)
	}
}

// Rate is how many samples a second the best of the engine's codecs has: WideRate with G722, else
// SampleRate.
func (e *Engine) Rate() int {
	if e.wide {
		return WideRate
	}
	return SampleRate
}

// NewBridge makes a bridge on the least loaded shard.
func (e *Engine) NewBridge(id BridgeID) *Bridge {
	least := e.shards[0]
	for _, s := range e.shards[1:] {
		if s.load.Load() < least.load.Load() {
			least = s
		}
	}
	least.load.Add(1)
	return &Bridge{id: id, engine: e, shard: least, table: &table{}}
}

// now is the engine's clock: nanoseconds since it was made, monotonic.
func (e *Engine) now() int64 { return int64(time.Since(e.epoch)) }

// unix is the wall clock at now, in Unix nanoseconds.
func (e *Engine) unix(now int64) int64 { return e.epoch.UnixNano() + now }
