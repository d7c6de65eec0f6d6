package load

import (
	"bytes"
	"fmt"
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

// Begin sends one more call.
func (l *Load) Begin() {
	l.mu.Lock()
	n := len(l.calls)
	number := "+" + strconv.Itoa(firstCaller+n)
	c := &leg{n: n, callID: fmt.Sprintf("load-%d@%s", n, l.CarrierAddr().Addr()), begun: time.Now()}
	c.from = fmt.Sprintf("<sip:%s@%s>;tag=c%d", number, l.CarrierAddr().Addr(), n)
	c.to = fmt.Sprintf("<sip:%s@%s>", l.cfg.Dialled, l.cfg.Switch.Addr())
	l.calls = append(l.calls, c)
	l.result.Began = append(l.result.Began, c.begun)
	l.result.Begun++
	l.mu.Unlock()
	uri := fmt.Sprintf("sip:%s@%s", l.cfg.Dialled, l.cfg.Switch)
	out := request(nil, "INVITE", uri, via(l.CarrierAddr(), "i", n), c.from, c.to, c.callID, 1, contact("carrier", l.CarrierAddr()))
	party, _ := l.parties(n)
	l.send(l.carrier, body(out, sdp(l.CarrierAddr().Addr(), party)))
}

func (l *Load) atCarrier(m *message, out []byte) {
	l.mu.Lock()
	c := l.callOf(string(m.callID))
	if c == nil {
		l.mu.Unlock()
		return
	}
	switch {
	case m.method == nil && strings.HasSuffix(string(m.cseq), "INVITE"):
		l.inviteReply(c, m, out)
	case m.method == nil && strings.HasSuffix(string(m.cseq), "BYE"):
		l.over(c, m.code == 200, fmt.Sprintf("BYE got %d", m.code))
	case string(m.method) == "BYE":
		out = m.reply(out, "200 OK", "", "", "")
		l.send(l.carrier, out)
		l.over(c, c.connected, "hung up before an agent answered")
	default:
		l.mu.Unlock()
	}
}

// inviteReply is called with the lock held and releases it.
func (l *Load) inviteReply(c *leg, m *message, out []byte) {
	if m.code < 200 || c.ended {
		l.mu.Unlock()
		return
	}
	first := !c.answered
	c.answered = true
	c.to = string(m.to)
	c.ports[0] = portOf(m.body)
	if m.contact != nil {
		c.remote = string(m.contact)
	}
	target, branch := c.remote, "a"
	if m.code >= 300 {
		target, branch = fmt.Sprintf("sip:%s@%s", l.cfg.Dialled, l.cfg.Switch), "i"
	}
	out = request(out, "ACK", target, via(l.CarrierAddr(), branch, c.n), c.from, c.to, c.callID, 1, "")
	l.send(l.carrier, body(out, ""))
	if m.code >= 300 && first {
		l.over(c, false, fmt.Sprintf("INVITE got %d", m.code))
		return
	}
	if first && c.leaving {
		l.bye(c)
	}
	l.mu.Unlock()
}

// bye is the carrier hanging up.
func (l *Load) bye(c *leg) {
	l.send(l.carrier, body(request(nil, "BYE", c.remote, via(l.CarrierAddr(), "b", c.n), c.from, c.to, c.callID, 2, ""), ""))
}

// over ends a call once. It is called with the lock held and releases it.
func (l *Load) over(c *leg, well bool, why string) {
	if c.ended {
		l.mu.Unlock()
		return
	}
	c.ended = true
	if well {
		l.result.Done++
	} else {
		l.result.Failed++
		l.result.Failures[why]++
	}
	l.mu.Unlock()
	if l.OnDone != nil {
		l.OnDone()
	}
}

func (l *Load) atPhone(m *message, out []byte) {
	at := l.PhonesAddr()
	if l.OnRequest != nil && m.method != nil {
		l.OnRequest(string(m.method), m.at)
	}
	switch string(m.method) {
	case "INVITE":
		agent := user(m.uri)
		n, _ := strconv.Atoi(strings.TrimPrefix(user(m.from), "+"))
		r := &leg{n: n - firstCaller, callID: string(m.callID), remote: string(m.contact), agent: agent}
		tag := "p" + strconv.Itoa(r.n)
		l.send(l.phones, m.reply(out, "180 Ringing", tag, contact(agent, at), ""))
		_, party := l.parties(r.n)
		l.send(l.phones, m.reply(out, "200 OK", tag, contact(agent, at), sdp(at.Addr(), party)))
		r.from, r.to = string(m.to)+";tag="+tag, string(m.from)
		r.ports[1] = portOf(m.body)
		l.mu.Lock()
		l.rings[r.callID] = r
		l.result.Order = append(l.result.Order, r.n)
		if freed, ok := l.freed[agent]; ok {
			l.result.Next = append(l.result.Next, time.Since(freed))
			delete(l.freed, agent)
		}
		l.mu.Unlock()
	case "ACK":
		l.connected(string(m.callID))
	case "BYE", "OPTIONS":
		l.send(l.phones, m.reply(out, "200 OK", "", "", ""))
		l.mu.Lock()
		delete(l.rings, string(m.callID))
		l.mu.Unlock()
	}
}

// connected is the phone's ACK: the call talks, then one side hangs up.
func (l *Load) connected(callID string) {
	l.mu.Lock()
	r := l.rings[callID]
	if r == nil || r.connected || r.n < 0 || r.n >= len(l.calls) {
		l.mu.Unlock()
		return
	}
	r.connected = true
	c := l.calls[r.n]
	c.connected, c.ports[1] = true, r.ports[1]
	l.result.Connected++
	l.result.Setup = append(l.result.Setup, time.Since(c.begun))
	talk := l.talk
	l.mu.Unlock()
	if talk <= 0 {
		l.hangUp(c, r)
		return
	}
	time.AfterFunc(talk, func() { l.hangUp(c, r) })
}

func (l *Load) hangUp(c, r *leg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	if l.cfg.AgentEnds {
		l.freed[r.agent] = time.Now()
		delete(l.rings, r.callID)
		l.send(l.phones, body(request(nil, "BYE", r.remote, via(l.PhonesAddr(), "b", r.n), r.from, r.to, r.callID, 1, ""), ""))
		return
	}
	if c.leaving = true; c.answered {
		l.bye(c)
	}
}

func (l *Load) callOf(id string) *leg {
	num, _, _ := strings.Cut(strings.TrimPrefix(id, "load-"), "@")
	n, err := strconv.Atoi(num)
	if err != nil || n < 0 || n >= len(l.calls) {
		return nil
	}
	return l.calls[n]
}

func (l *Load) send(c *net.UDPConn, b []byte) { _, _ = c.WriteToUDPAddrPort(b, l.cfg.Switch) }

func via(at netip.AddrPort, kind string, n int) string {
	return fmt.Sprintf("%s;branch=z9hG4bK%s%d;rport", at, kind, n)
}

func contact(user string, at netip.AddrPort) string { return fmt.Sprintf("sip:%s@%s", user, at) }

func sdp(at netip.Addr, p Party) string {
	name := "PCMU"
	if p.PT == 8 {
		name = "PCMA"
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP %d 101\r\na=rtpmap:%d %s/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n", at, at, p.Port, p.PT, p.PT, name)
}

// portOf is the port of a session description's sound, 0: there is none.
func portOf(sdp []byte) uint16 {
	_, rest, _ := bytes.Cut(sdp, []byte("m=audio "))
	text, _, _ := bytes.Cut(rest, []byte(" "))
	port, _ := strconv.ParseUint(string(text), 10, 16)
	return uint16(port)
}
