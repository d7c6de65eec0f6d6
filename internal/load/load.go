package load

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config is one run.
type Config struct {
	Switch  netip.AddrPort // where the switch listens
	Carrier netip.AddrPort // our carrier's socket
	Phones  netip.AddrPort // our phones' socket; agents are told apart by the user part
	Dialled string         // the number that is called

	// Talk is how long an answered call lasts. The carrier hangs up, or with
	// AgentEnds the phone.
	Talk      time.Duration
	AgentEnds bool

	// Sound says where and how the parties of call n receive their sound; nil:
	// at ports that nobody opens, in PCMU.
	Sound func(n int) (carrier, phone Party)
}

// Party is one end of a call's sound: its port, on the address of its
// signalling, and its codec's RTP payload type.
type Party struct {
	Port uint16
	PT   uint8
}

// Result is what a run saw.
type Result struct {
	Begun, Connected, Done, Failed int
	Failures                       map[string]int

	Setup []time.Duration // the carrier's INVITE to the phone's ACK
	Next  []time.Duration // an agent's BYE to the next INVITE at the same phone
	Began []time.Time     // of each call, by number
	Order []int           // calls by their INVITE at a phone
}

// Overtaken counts calls that were offered after a call which had begun more
// than slack later.
func (r *Result) Overtaken(slack time.Duration) int {
	n := 0
	var latest time.Time // begin of the latest-begun call offered so far
	for _, c := range r.Order {
		began := r.Began[c]
		if latest.Sub(began) > slack {
			n++
		}
		if began.After(latest) {
			latest = began
		}
	}
	return n
}

// Load is a carrier and phones on two sockets.
type Load struct {
	cfg     Config
	carrier *net.UDPConn
	phones  *net.UDPConn
	wait    sync.WaitGroup

	// OnDone is told of every call that ended, with the lock not held.
	OnDone func()

	// OnRequest is told of every request that comes to a phone, and when it came
	// by the kernel's clock, so that our own scheduling does not count; nil: nobody is.
	OnRequest func(method string, at time.Time)

	mu      sync.Mutex
	talk    time.Duration
	calls   []*leg          // the carrier's, by number
	rings   map[string]*leg // the phones', by Call-ID
	freed   map[string]time.Time
	result  Result
	stopped bool
}

// leg is one side's view of one call.
type leg struct {
	n         int
	callID    string
	remote    string // the dialog's target
	from, to  string // of requests we send in the dialog
	agent     string
	begun     time.Time
	answered  bool
	connected bool
	leaving   bool // the carrier's BYE is due as soon as its 200 is in
	ended     bool
	ports     [2]uint16 // the switch's, for the carrier's sound and the phone's
}

// firstCaller is the caller's number of call 0: the last seven digits count.
const firstCaller = 14150000000

// Open opens the two sockets and begins to answer.
func Open(cfg Config) (*Load, error) {
	l := &Load{cfg: cfg, talk: cfg.Talk, rings: map[string]*leg{}, freed: map[string]time.Time{}}
	l.result.Failures = map[string]int{}
	var err error
	if l.carrier, err = listen(cfg.Carrier); err != nil {
		return nil, err
	}
	if l.phones, err = listen(cfg.Phones); err != nil {
		l.carrier.Close()
		return nil, err
	}
	l.wait.Go(func() { l.read(l.carrier, l.atCarrier) })
	l.wait.Go(func() { l.read(l.phones, l.atPhone) })
	return l, nil
}

func listen(addr netip.AddrPort) (*net.UDPConn, error) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(4 << 20)
	stamp(c)
	return c, nil
}

// PhonesAddr is where the phones listen.
func (l *Load) PhonesAddr() netip.AddrPort { return l.phones.LocalAddr().(*net.UDPAddr).AddrPort() }

// CarrierAddr is where the carrier listens.
func (l *Load) CarrierAddr() netip.AddrPort { return l.carrier.LocalAddr().(*net.UDPAddr).AddrPort() }

// SetSwitch tells where the switch listens, before the first Begin.
func (l *Load) SetSwitch(a netip.AddrPort) { l.cfg.Switch = a }

// SetTalk has the calls that are answered from now on last so long.
func (l *Load) SetTalk(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.talk = d
}

// Ports gives the switch's ports for the sound of call n's carrier and phone;
// zero: not told yet.
func (l *Load) Ports(n int) (carrier, phone uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.calls[n].ports
	return p[0], p[1]
}

// HangUp has the carrier end every call that is connected.
func (l *Load) HangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		if c.connected && !c.ended && !c.leaving {
			c.leaving = true
			l.bye(c)
		}
	}
}

// Number is the call's number of its caller; false: it is none of ours.
func (l *Load) Number(caller string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(caller, "+"))
	n -= firstCaller
	l.mu.Lock()
	defer l.mu.Unlock()
	return n, err == nil && n >= 0 && n < len(l.calls)
}

// parties are the ends of call n's sound.
func (l *Load) parties(n int) (carrier, phone Party) {
	if l.cfg.Sound != nil {
		return l.cfg.Sound(n)
	}
	nowhere := Party{Port: uint16(40000 + n%10000*2)}
	return nowhere, nowhere
}

// Close ends the run and gives what it saw; calls that have not ended count
// as failed.
func (l *Load) Close() Result {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.carrier.Close()
	l.phones.Close()
	l.wait.Wait()
	for _, c := range l.calls {
		if !c.ended {
			l.result.Failed++
			l.result.Failures[stuck(c)]++
		}
	}
	return l.result
}

func stuck(c *leg) string {
	switch {
	case c.connected:
		return "did not end"
	case c.answered:
		return "no agent's phone answered"
	}
	return "no answer to INVITE"
}

// Open calls that have not ended.
func (l *Load) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.result.Begun - l.result.Done - l.result.Failed
}

// Progress gives counts so far.
func (l *Load) Progress() (begun, connected, done, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.result.Begun, l.result.Connected, l.result.Done, l.result.Failed
}

func (l *Load) read(c *net.UDPConn, handle func(m *message, out []byte)) {
	in, out, control := make([]byte, 8192), make([]byte, 0, 4096), make([]byte, 128)
	for {
		n, told, _, _, err := c.ReadMsgUDPAddrPort(in, control)
		if err != nil {
			return
		}
		if m, ok := parse(in[:n]); ok {
			m.at = stamped(control[:told])
			handle(&m, out)
		}
	}
}
