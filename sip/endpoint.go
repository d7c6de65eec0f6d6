package sip

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// serveGrace bounds how long Serve waits, after its context is done, for legs
// to finish on the wire (the answer to a BYE).
const serveGrace = 4 * time.Second

// Endpoint is our SIP user agent: every socket, trunk, registration and leg.
// Its methods may be called from any goroutine.
type Endpoint struct {
	cfg     Config
	log     *slog.Logger
	parser  *sip.Parser
	token   string // in every tag and branch of ours: tells our dialogs' packets from strangers'
	udp     []*udpSocket
	conns   *connections
	grumble *grumbler
	count   counters

	phones    *registrar
	carriers  *carriers
	errands   *errands
	clients   *clientTxs
	servers   *serverTxs
	memory    *memory
	legs      *legTable
	friends   *friends
	guard     *guard
	watchers  *watchers
	draining  atomic.Bool
	serving   atomic.Bool
	keepAlive time.Duration // between two on a connection that we opened

	mu        sync.Mutex
	down      bool // Serve waits for the goroutines, or has
	goroutine sync.WaitGroup
}

// counters are Stats in the making.
type counters struct {
	received, sent, strangers, malformed, refused, challenged, wrongPassword,
	retransmitted, repeated, stray, tcpRefused, handshakes, writeErrors, panics atomic.Uint64
	rules ruleCounts
}

// New takes over the sockets of the Config; nothing is read before Serve. The
// Devices of restored and static phones are emitted before it returns. It
// fails only on a Config that cannot work.
func New(c Config) (*Endpoint, error) {
	if c.Emit == nil {
		return nil, errors.New("sip: Config.Emit is nil")
	}
	if len(c.UDP)+len(c.TCP)+len(c.TLS) == 0 {
		return nil, errors.New("sip: no sockets to listen on")
	}
	setKnobs()
	if c.Log == nil {
		c.Log = slog.New(mute{})
	}
	e := &Endpoint{cfg: c, log: c.Log, parser: sip.NewParser(sip.WithHeadersParsers(headerParsers())), token: random(8), grumble: newGrumbler(c.Log)}
	e.conns = newConnections(e)
	e.clients = newClientTxs(e)
	e.servers = newServerTxs()
	e.memory = newMemory(giveUp)
	e.keepAlive = keepAliveEvery
	e.legs = newLegTable()
	e.friends = newFriends()
	e.watchers = newWatchers(e)
	e.guard = newGuard(e.grumble, &e.count.rules)
	for _, pc := range c.UDP {
		s, err := newUDPSocket(e, pc)
		if err != nil {
			return nil, err
		}
		e.udp = append(e.udp, s)
	}
	e.carriers = newCarriers(c)
	e.carriers.six = e.reaches(netip.IPv6Loopback(), onTLS) || e.reaches(netip.IPv6Loopback(), onTCP)
	e.errands = newErrands(e)
	e.errands.update(c.Trunks)
	e.phones = newRegistrar(c, e.ping)
	e.phones.guard, e.phones.own, e.phones.known, e.phones.rules = e.guard, e.own, e.known, &e.count.rules
	for _, b := range c.Bindings {
		e.friends.add(b.Source.Addr(), time.Now())
	}
	e.phones.announce()
	return e, nil
}

// Serve reads the sockets until ctx is done. It then waits a bounded time for
// the legs, which should have been hung up before, ends those that are left,
// closes the sockets and returns when every goroutine has ended. It is called
// once.
func (e *Endpoint) Serve(ctx context.Context) error {
	if e.serving.Swap(true) {
		return errors.New("sip: Serve called twice")
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	for _, s := range e.udp {
		e.spawn(func() { s.serve(inner.Done()) })
	}
	for _, l := range e.cfg.TCP {
		e.spawn(func() { e.conns.accept(l, onTCP, inner.Done()) })
	}
	for _, l := range e.cfg.TLS {
		e.spawn(func() { e.conns.accept(l, onTLS, inner.Done()) })
	}
	e.spawn(func() { e.carriers.run(inner) })
	e.spawn(func() { e.phones.run(inner) })
	watching := make(chan struct{})
	e.spawn(func() {
		defer close(watching)
		e.watchers.run(ctx)
	})

	e.errands.run()

	<-ctx.Done()
	e.draining.Store(true)
	goodbye := make(chan struct{})
	go func() {
		defer close(goodbye)
		e.errands.stop()
	}()
	e.legs.wait(serveGrace)
	e.legs.close()
	e.legs.each(func(l *Leg) { l.post(l.abandon) })
	e.legs.wait(serveGrace)
	<-goodbye
	<-watching
	cancel()
	for _, l := range slices.Concat(e.cfg.TCP, e.cfg.TLS) {
		_ = l.Close()
	}
	e.conns.closeAll()
	for _, s := range e.udp {
		_ = s.conn.Close()
	}
	e.clients.stop()
	e.servers.stop()
	e.mu.Lock()
	e.down = true
	e.mu.Unlock()
	e.goroutine.Wait()
	return nil
}

// spawn runs f on a goroutine that Serve waits for. A panic in f is logged and
// counted, and costs what f was doing.
func (e *Endpoint) spawn(f func()) {
	e.mu.Lock()
	counted := !e.down // a Dial after Serve: nobody waits for its Ended
	if counted {
		e.goroutine.Add(1)
	}
	e.mu.Unlock()
	go func() {
		if counted {
			defer e.goroutine.Done()
		}
		defer e.rescue("goroutine")
		f()
	}()
}

// rescue is deferred wherever a goroutine of ours begins and around each
// packet: sipgo has no recover, one nil dereference would end every call.
func (e *Endpoint) rescue(what string) {
	if r := recover(); r != nil {
		e.panicked(what, r)
	}
}

func (e *Endpoint) panicked(what string, r any) {
	e.count.panics.Add(1)
	e.log.Error("panic in SIP "+what, "err", r, "stack", string(debug.Stack()))
}

// Update takes a reloaded configuration. Legs are untouched; bindings of
// removed accounts are dropped.
func (e *Endpoint) Update(trunks []Trunk, accounts []Account) {
	e.carriers.update(trunks, accounts)
	e.errands.update(trunks)
	e.phones.update(accounts)
	e.watchers.drop("noresource", func(s *subscription) bool { return !e.phones.has(s.owner) || !e.phones.has(s.watched) })
}

// Drain refuses new out-of-dialog INVITEs and OPTIONS with 503 and
// Retry-After, or stops refusing them.
func (e *Endpoint) Drain(on bool) { e.draining.Store(on) }

// AdmitOnce lets one INVITE with this digest user in, from a loopback source,
// until the time given: Invited.Once tells the user.
func (e *Endpoint) AdmitOnce(user, password string, until time.Time) {
	e.phones.admitOnce(user, password, until)
}

// Contacts returns the account's live phones now.
func (e *Endpoint) Contacts(a AccountID) []Contact { return e.phones.contacts(a) }

// Bans are the sources that are not heard now, the longest first. Configured
// trunks are never among them.
func (e *Endpoint) Bans() []Ban { return e.guard.list(time.Now()) }

// Pardon ends an address's bans; false: it had none.
func (e *Endpoint) Pardon(a netip.Addr) bool { return e.guard.pardon(a.Unmap().WithZone("")) }

// Stats returns a copy of the counters.
func (e *Endpoint) Stats() Stats {
	c := &e.count
	return Stats{
		Legs: e.legs.len(), Transactions: e.clients.len() + e.servers.len(), Received: c.received.Load(), Sent: c.sent.Load(),
		Strangers: c.strangers.Load(), Malformed: c.malformed.Load(), Refused: c.refused.Load(),
		Challenged: c.challenged.Load(), WrongPassword: c.wrongPassword.Load(),
		Retransmitted: c.retransmitted.Load(), Repeated: c.repeated.Load(), Stray: c.stray.Load(),
		TCPRefused: c.tcpRefused.Load(), Handshakes: c.handshakes.Load(), WriteErrors: c.writeErrors.Load(), Panics: c.panics.Load(),
		Rejections: c.rules.byName(),
	}
}

// wrote counts what left by a socket.
func (e *Endpoint) wrote(err error) {
	if err != nil {
		e.count.writeErrors.Add(1)
		return
	}
	e.count.sent.Add(1)
}

// trace tells of a message that came, or that is about to leave: after the
// write, the peer's reaction could be told first.
func (e *Endpoint) trace(in bool, transport string, local, remote netip.AddrPort, b []byte) {
	if e.cfg.Trace == nil {
		return
	}
	defer e.rescue("trace")
	e.cfg.Trace(Message{At: time.Now(), In: in, Transport: transport, Local: local, Remote: remote, Raw: append([]byte(nil), b...)})
}
