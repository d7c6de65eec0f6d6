package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/config"
	"trunkline/internal/golden"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
	"trunkline/sip"
)

// The tones by which a test knows who is heard.
const (
	customerTone = 1500.0
	annTone      = 1850.0
	bobTone      = 2200.0
	carolTone    = 2550.0
	farTone      = 2900.0
)

const (
	ourNumber = "+14155550100"
	customer  = "+14155550123"
)

// story is the whole house on a simulated network, with a carrier and agents'
// phones. What it tells is compared with testdata/calls/<name>.ladder: the SIP
// ladder with virtual time, and the call cards.
type story struct {
	*testing.T
	ctx     context.Context
	net     *simnet.Net
	house   *house
	log     *journal
	carrier *simphone.Phone
	phones  []*simphone.Phone
	hosts   int

	othersTone   float64 // of the customer, where it is not the carrier
	unheard      bool    // its recordings are not compared with its segments
	muteCustomer bool    // no sound of the customer is expected when a talk begins
	stopped      sync.Once
}

// The switch's addresses; the second is listened at by the stories of two families.
var (
	switchAddr  = netip.MustParseAddrPort("10.0.0.1:5060")
	switchAddr6 = netip.MustParseAddrPort("[fd00::1]:5060")
)

// base is the configuration that stories begin with; %s is what a story adds.
const base = `
domain: pbx.example.com
data_dir: %s
country: US
listen: {sip: ["udp://10.0.0.1:5060"], http: []}
media: {ports: 20000-29999}
trunks:
  acme: {host: 10.0.0.9, options: 0s, accept_from: [10.0.0.9/32], caller_id: "+14155550100"}
  spare: {host: 10.0.0.8, options: 0s, accept_from: [10.0.0.8/32], caller_id: "+14155550100"}
numbers: {"+14155550100": {flow: main}}
agents:
  ann: {name: Ann Lee, password: ann-password-1, options: false}
  bob: {name: Bob Ray, password: bob-password-1, options: false, extension: "102"}
  carol: {name: Carol Diaz, password: carol-password-1, options: false}
`

const (
	supportTeam = "teams:\n  support: {name: Support, agents: [ann, bob, carol]}\n"
	queueFlow   = "flows:\n  main: [{queue: support}]\n"
)

// narrate runs a story in a bubble and compares what it told.
func narrate(t *testing.T, name, yaml string, f func(*story)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, yaml)
		f(s)
		told := s.end()
		golden.EqualLines(t, filepath.Join("..", "..", "testdata", "calls", name+".ladder"), told)
	})
}

// live runs a story in a bubble whose times are not those of a golden file:
// what is pressed and what is heard may fall on one instant in either order.
func live(t *testing.T, yaml string, f func(*story)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, yaml)
		f(s)
		s.end()
	})
}

// open starts the house and the carrier. The ladder begins at the first call.
// change may alter the world that it is given.
func open(t *testing.T, yaml string, change ...func(*story, *world)) *story {
	t.Helper()
	s := &story{T: t, ctx: t.Context(), net: simnet.New(), log: &journal{}, hosts: 10}
	s.net.Name(switchAddr.Addr(), "switch")
	text := fmt.Sprintf(base, t.TempDir()) + yaml
	cfg, err := config.Parse("story.yaml", []byte(text), checks())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	w := s.world()
	for _, f := range change {
		f(s, &w)
	}
	s.house, err = openHouse(cfg, w, log)
	if err != nil {
		t.Fatal(err)
	}
	s.house.start()
	t.Cleanup(s.stop) // also of a story that failed
	s.carrier = s.host("carrier", "10.0.0.9:5060", simphone.Config{User: "carrier", Tone: customerTone})
	synctest.Wait()
	return s
}

func (s *story) world() world {
	return world{
		network: s.net, shards: 1,
		listen: func(urls []string) (sip.Sockets, error) {
			conn, err := s.net.ListenPacket(switchAddr)
			return sip.Sockets{UDP: []net.PacketConn{conn}}, err
		},
	}
}

// host puts a phone or a carrier on the network.
func (s *story) host(name, addr string, cfg simphone.Config) *simphone.Phone {
	s.Helper()
	at := netip.MustParseAddrPort(addr)
	s.net.Name(at.Addr(), name)
	conn, err := s.net.ListenPacket(at)
	if err != nil {
		s.Fatal(err)
	}
	cfg.Conn, cfg.Peer, cfg.ListenRTP = conn, switchAddr, s.net.ListenPacket
	if at.Addr().Is6() {
		cfg.Peer = switchAddr6
	}
	p, err := simphone.New(cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.phones = append(s.phones, p)
	return p
}

// agent registers a phone of an agent of base; what it does with calls is in
// scripts, see simphone.Phone.OnCall.
func (s *story) agent(name string, tone float64, scripts ...simphone.Script) *simphone.Phone {
	s.Helper()
	p := s.unregistered(name, tone, scripts...)
	if _, err := p.Register(s.within(5*time.Second), time.Hour); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
	return p
}

func (s *story) unregistered(name string, tone float64, scripts ...simphone.Script) *simphone.Phone {
	s.Helper()
	s.hosts++
	host := name
	for i, p := range s.phones {
		if p.Addr().Addr() != switchAddr.Addr() && s.nameOf(i) == name {
			host = name + "2"
		}
	}
	p := s.host(host, fmt.Sprintf("10.0.0.%d:5060", s.hosts), simphone.Config{
		User: name, Password: name + "-password-1", Domain: "pbx.example.com", Tone: tone,
	})
	p.OnCall(scripts...)
	return p
}

func (s *story) nameOf(i int) string {
	return strings.TrimSuffix(strings.SplitN(userOf(s.phones[i]), "@", 2)[0], "2")
}

// userOf is the user of a phone that has sent something, else nothing.
func userOf(p *simphone.Phone) string {
	for _, m := range p.Messages() {
		if m.Out {
			_, rest, _ := strings.Cut(m.Get("From"), "sip:")
			return rest
		}
	}
	return ""
}

// dial is the customer calling our number; the ladder begins here.
func (s *story) dial(opts ...simphone.Option) *simphone.Call {
	s.net.ClearLadder()
	return s.carrier.Dial(ourNumber, append([]simphone.Option{simphone.From(customer)}, opts...)...)
}

func (s *story) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(s.ctx, d)
	s.Cleanup(cancel)
	return ctx
}

// answered waits for a call to be answered.
func (s *story) answered(c *simphone.Call) {
	s.Helper()
	if err := c.WaitAnswered(s.within(2 * time.Minute)); err != nil {
		s.fatal(err)
	}
}

// gets waits for a phone's next call and for its answer.
func (s *story) gets(p *simphone.Phone) *simphone.Call {
	s.Helper()
	c := s.rings(p)
	s.answered(c)
	return c
}

func (s *story) rings(p *simphone.Phone) *simphone.Call {
	s.Helper()
	c, err := p.WaitCall(s.within(10 * time.Minute))
	if err != nil {
		s.fatal(err)
	}
	return c
}

// ended waits for a call's end.
func (s *story) ended(c *simphone.Call) simphone.End {
	s.Helper()
	e, err := c.WaitEnded(s.within(6 * time.Hour))
	if err != nil {
		s.fatal(err)
	}
	return e
}

// hear wants a call to hear a tone within a second, and takes that second: what
// comes next is at the same time whichever packet was the last to be counted.
func (s *story) hear(c *simphone.Call, hz float64) {
	s.Helper()
	over := time.Now().Add(time.Second)
	if err := c.Hears(s.within(time.Second), hz); err != nil {
		s.fatal(err)
	}
	time.Sleep(time.Until(over))
}

// listens says what a call hears in a second: tones of the cast, "music" for
// other sound, "silence", "nothing" without packets.
func (s *story) listens(c *simphone.Call) string {
	s.Helper()
	sound, err := c.Listen(s.ctx, time.Second)
	if err != nil {
		s.fatal(err)
	}
	var out []string
	for name, hz := range map[string]float64{"customer": customerTone, "ann": annTone, "bob": bobTone, "carol": carolTone, "far": farTone} {
		if sound.Has(hz) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	switch {
	case len(out) > 0:
		return strings.Join(out, "+")
	case len(sound.Samples) == 0:
		return "nothing"
	case !sound.Silent():
		return "music"
	}
	return "silence"
}

func (s *story) wantHears(c *simphone.Call, want string) {
	s.Helper()
	if got := s.listens(c); got != want {
		s.Errorf("heard: got %s, want %s", got, want)
	}
}

func (s *story) bye(c *simphone.Call) {
	s.Helper()
	if err := c.Bye(s.within(10 * time.Second)); err != nil {
		s.fatal(err)
	}
}

func (s *story) fatal(err error) {
	s.Helper()
	s.Logf("the log:\n%s", s.log)
	s.Fatalf("%v\n%s", err, strings.Join(s.net.Ladder(), "\n"))
}

// end stops the house and gives the ladder and the cards as text.
func (s *story) end() []string {
	s.Helper()
	time.Sleep(3 * time.Second) // recordings are sealed beside the loop
	status, err := s.house.board.Status(s.within(time.Second))
	if err != nil {
		s.Fatal(err)
	}
	if n := status.Counts.Mismatches + status.Counts.Faults; n > 0 {
		s.Errorf("mismatches and faults: got %d, want 0\n%s", n, s.log)
	}
	if len(status.Calls) > 0 {
		s.Errorf("calls left: got %+v, want none", status.Calls)
	}
	told := s.net.Ladder()
	for _, r := range s.cards() {
		told = append(told, "", cardText(r))
		if !s.unheard {
			s.wantRecorded(r)
		}
	}
	s.stop()
	if s.Failed() {
		s.Logf("the log:\n%s", s.log)
	}
	return told
}

// stop stops the house and the phones, once.
func (s *story) stop() {
	s.stopped.Do(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		s.house.stop(now)
		for _, p := range s.phones {
			_ = p.Close()
		}
		_ = s.net.Close()
	})
}
