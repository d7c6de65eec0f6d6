package media

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// deafWaiter is a seam at which nothing comes and what is sent is counted.
type deafWaiter struct {
	sent int
	last []byte
}

func (w *deafWaiter) open(a netip.AddrPort) (*socket, error) { return &socket{addr: a}, nil }
func (w *deafWaiter) join(at *iceSocket, _ netip.AddrPort) (*socket, error) {
	return &socket{addr: at.addr}, nil
}
func (w *deafWaiter) discard(*socket)       {}
func (w *deafWaiter) add(*socket) error     { return nil }
func (w *deafWaiter) remove(*socket)        {}
func (w *deafWaiter) yield(*socket, waiter) {}
func (*deafWaiter) blocks() bool            { return false }
func (w *deafWaiter) doze()                 {}
func (w *deafWaiter) wake()                 {}
func (w *deafWaiter) wait(int64)            {}
func (w *deafWaiter) close()                {}
func (w *deafWaiter) receive([]byte) (netip.AddrPort, int, *socket, bool) {
	return netip.AddrPort{}, 0, nil, false
}
func (w *deafWaiter) send(_ *socket, b []byte, _ netip.AddrPort) {
	w.sent++
	w.last = b
}

// nowhereNet has no sockets.
type nowhereNet struct{}

func (nowhereNet) ListenPacket(netip.AddrPort) (net.PacketConn, error) { return nil, net.ErrClosed }

// loneSession is a session with an agreement, driven by a test in the shard's place.
func loneSession(e *Engine, sh *shard, change ...func(*Params)) *Session {
	s := &Session{id: "leg", engine: e, ssrc: 7}
	s.bridge.Store(&Bridge{})
	s.shard, s.homes.last = sh, &stay{shard: sh, here: true}
	s.rtp, s.rtcp = &socket{owner: s}, &socket{owner: s, control: true}
	s.media.init(s)
	s.attach(0)
	p := Params{Remote: told, RemoteRTCP: otherPrt, Events: true, EventRecvPT: 96, EventSendPT: 101,
		Ptime: 20 * ms, Send: true, Receive: true, Moved: true}
	for _, c := range change {
		c(&p)
	}
	s.apply(p, 0)
	return s
}

// stillEngine is an engine whose only shard has ended, so that tests may take
// the shard's place.
func stillEngine(tb testing.TB) (*Engine, *shard, *deafWaiter) {
	tb.Helper()
	e, err := New(Config{PortMin: 2, PortMax: 65000, Network: nowhereNet{}, Emit: func(Event) {}, Shards: 1})
	if err != nil {
		tb.Fatal(err)
	}
	if err := e.Close(); err != nil {
		tb.Fatal(err)
	}
	w := &deafWaiter{}
	return e, newShard(e, w), w
}

func TestLateShardCatchesUpFiveFramesThenSkipsAndCounts(t *testing.T) {
	_, sh, w := stillEngine(t)
	s := loneSession(sh.engine, sh)
	fire := func(now int64) {
		for tm := sh.wheel.pop(now); tm != nil; tm = sh.wheel.pop(now) {
			tm.fire(tm.due, now)
		}
	}
	fire(int64(100 * ms))
	at, sent := s.pace.due, w.sent
	if sent < 4 || sent > 6 {
		t.Fatalf("got %d frames in 100 ms, want 5", sent)
	}
	fire(at + int64(4*20*ms)) // four too late: all are sent
	if got := w.sent - sent; got != 5 || s.counts.skipped.Load() != 0 {
		t.Errorf("got %d frames, %d skipped, want 5 and none", got, s.counts.skipped.Load())
	}
	at, sent = s.pace.due, w.sent
	seq, ts := s.seq, s.ts
	fire(at + int64(time.Second))
	if got := w.sent - sent; got != mostBehind+1 {
		t.Errorf("got %d frames after a second's sleep, want %d: the one due and five to catch up", got, mostBehind+1)
	}
	if got := s.counts.skipped.Load(); got != 45 {
		t.Errorf("got %d skipped, want 45", got)
	}
	if got := s.ts - ts; got != 51*160 || s.seq-seq != mostBehind+1 {
		t.Errorf("got timestamps on by %d, numbers by %d, want elapsed time %d, numbers without a hole", got, s.seq-seq, 51*160)
	}
}

// panickyTap panics on its second frame.
type panickyTap struct {
	soundAlone
	frames int
}

func (p *panickyTap) Sound(int, uint32, uint32, uint16, bool, int64, int, []int16) {
	if p.frames++; p.frames == 2 {
		panic("tap")
	}
}

func TestPanicCostsThePacketAndNotTheShard(t *testing.T) {
	log := &lockedBuffer{}
	inBubbleWith(t, Config{Shards: 1, Log: slog.New(slog.NewTextHandler(log, nil))}, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		tap := &panickyTap{}
		b.s.Tap(tap, 0)
		b.say(620)
		a.say(440)
		r.bridge.Join(a.s, b.s)
		a.hears(a.next(40)[10:], tones, 620)
		b.hears(b.next(20), tones, 440)
		if got := b.s.Stats().Panics; got != 1 {
			t.Errorf("got %d panics counted, want 1", got)
		}
	})
	if !strings.Contains(log.String(), "panickyTap") {
		t.Errorf("got log %q, want the panic with its stack", log.String())
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func TestPanicInAnOrderCostsThatOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		done := make(chan struct{})
		r.bridge.shard.post(func(int64) { panic("order") })
		r.bridge.shard.post(func(int64) { close(done) })
		<-done
	})
}

func TestOrdersComeInTheirOrderAndNoneAfterTheEnd(t *testing.T) {
	var o orders
	var got []int
	for i := range 5 {
		o.push(func(int64) { got = append(got, i) })
	}
	for x := o.take(); x != nil; x = x.next {
		x.do(0)
	}
	if !slices.Equal(got, []int{0, 1, 2, 3, 4}) || !o.empty() {
		t.Errorf("got order %v, empty %v, want as they were given", got, o.empty())
	}
	o.push(func(int64) {})
	if o.end() == nil || o.push(func(int64) {}) {
		t.Error("got the last order lost, or one taken after the end")
	}
}

func TestNoOrderIsLostBetweenManyPosters(t *testing.T) {
	var o orders
	var posters sync.WaitGroup
	const each = 1000
	for range 4 {
		posters.Go(func() {
			for range each {
				o.push(func(int64) {})
			}
		})
	}
	done := make(chan struct{})
	go func() { posters.Wait(); close(done) }()
	n := 0
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		for x := o.take(); x != nil; x = x.next {
			n++
		}
	}
	if n != 4*each {
		t.Errorf("got %d orders, want %d", n, 4*each)
	}
}

func TestWheelFiresInOrderAndNeverEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &wheel{}
		now := rapid.Int64Range(0, 1<<40).Draw(t, "now")
		w.advance(now)
		timers := make([]*timer, 20)
		for i := range timers {
			timers[i] = &timer{}
		}
		for range 100 {
			i := rapid.IntRange(0, len(timers)-1).Draw(t, "timer")
			if rapid.Bool().Draw(t, "arm") {
				w.arm(timers[i], now+rapid.Int64Range(-5, 250).Draw(t, "in")*slot)
			} else {
				w.disarm(timers[i])
			}
			now += rapid.Int64Range(0, 30).Draw(t, "later") * slot
			before := int64(0)
			for tm := w.pop(now); tm != nil; tm = w.pop(now) {
				if tm.due > now || tm.at < before {
					t.Fatalf("got a timer for %d at %d, slot %d after %d", tm.due, now, tm.at, before)
				}
				before = tm.at
			}
			earliest := int64(0)
			for _, tm := range timers {
				if tm.set && tm.at*slot <= now {
					t.Fatalf("got a timer for %d still set at %d", tm.due, now)
				}
				if tm.set && (earliest == 0 || tm.at*slot < earliest) {
					earliest = tm.at * slot
				}
			}
			if at, ok := w.next(); ok != (earliest != 0) || ok && at != earliest {
				t.Fatalf("got next %d %v, want %d", at, ok, earliest)
			}
		}
	})
}
