package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"trunkline/api"
	"trunkline/config"
	"trunkline/internal/simphone"
)

// demo shows a whole call on loopback: a simulated carrier calls, one agent
// declines, the next lets it ring out, the third answers. Then it keeps
// running for the visitor's own softphone until ctx is done.
type demo struct {
	out     io.Writer
	dir     string
	file    string
	port    uint16
	carrier *simphone.Phone
	agents  map[string]*simphone.Phone
	pass    map[string]string
	ladder  *ladder
	p       *switchProcess
}

// The demonstration's agents, the sound they make and what they do first.
var demoAgents = []struct {
	name, says string
	hz         float64
	script     simphone.Script
}{
	{"ann", "declines", 620, simphone.Ring().After(1500 * time.Millisecond).Decline(486)},
	{"bob", "lets it ring", 850, simphone.Ring()},
	{"carol", "answers", 1100, simphone.Ring().After(1500 * time.Millisecond).Answer()},
}

const (
	demoNumber = "+14155550100"
	demoCaller = "+14155550123"
)

// demoConfig is the embedded configuration: %[1]d port, %[2]s ann's, bob's and
// carol's passwords.
const demoConfig = `domain: 127.0.0.1
data_dir: data
country: US
listen: {sip: ["udp://127.0.0.1:%d", "tcp://127.0.0.1:%[1]d"], http: []}
nat: {local: [127.0.0.0/8]}
trunks:
  carrier: {host: 127.0.0.2, register: false, accept_from: [127.0.0.2/32], caller_id: "+14155550100"}
numbers: {"+14155550100": {flow: main}}
agents:
  ann: {name: Ann Lee, password: %q}
  bob: {name: Bob Ray, password: %q}
  carol: {name: Carol Diaz, password: %q}
teams:
  support: {name: Support, agents: [ann, bob, carol], ring: 5s, retry_after: 30s, wrap_up: 2s, recording: true}
flows:
  main:
    - play: welcome
    - queue: support
`

// Run is `trunkline demo`.
func (c *demoCmd) Run(t *terminal) error {
	ctx, stopSignals := signal.NotifyContext(t.ctx, os.Interrupt, syscall.SIGTERM)
	defer stopSignals()
	d := &demo{out: t.out, agents: map[string]*simphone.Phone{}, pass: map[string]string{}}
	if err := d.open(); err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.Background())
	now, cancel := context.WithCancel(context.Background())
	cancel()
	served := make(chan error, 1)
	go func() { served <- d.p.serve(serving, now) }()
	err := d.show(ctx, c.Once)
	stop()
	err = errors.Join(err, <-served)
	d.closePhones()
	return err
}

// show plays the call and, unless it is to end then, waits for the visitor.
// That the visitor stops it is no error.
func (d *demo) show(ctx context.Context, once bool) error {
	if err := d.play(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if once {
		return nil
	}
	d.invite()
	<-ctx.Done()
	fmt.Fprintln(d.out, "\nStopping.")
	return nil
}

// open writes the configuration and opens the switch on a free port, 5060 if
// it can be had.
func (d *demo) open() error {
	dir, err := os.MkdirTemp("", "trunkline-demo-")
	if err != nil {
		return err
	}
	d.dir, d.file = dir, filepath.Join(dir, "trunkline.yaml")
	for _, a := range demoAgents {
		d.pass[a.name] = randomText(16)
	}
	logFile, err := os.OpenFile(filepath.Join(dir, "trunkline.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	d.ladder = newLadder(d.out)
	log := slog.New(slog.NewTextHandler(logFile, nil))
	for _, port := range []uint16{5060, 0, 0} { // whoever takes the port between the look and the use wins
		if d.port, err = freePort(port); err != nil {
			continue
		}
		if err = d.openOn(log); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

// openOn writes the configuration with the port, and opens the switch.
func (d *demo) openOn(log *slog.Logger) error {
	text := fmt.Sprintf(demoConfig, d.port, d.pass["ann"], d.pass["bob"], d.pass["carol"])
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		return err
	}
	cfg, err := config.Read(d.file, checks())
	if err != nil {
		return err
	}
	d.p, err = openSwitch(cfg, world{trace: d.ladder.message}, log)
	return err
}

// freePort looks whether a port of 127.0.0.1 is free for UDP and TCP; 0 asks for any.
func freePort(port uint16) (uint16, error) {
	tcp, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return 0, err
	}
	defer tcp.Close()
	at := tcp.Addr().(*net.TCPAddr)
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: at.IP, Port: at.Port})
	if err != nil {
		return 0, err
	}
	return uint16(at.Port), udp.Close()
}

// play is the call itself.
func (d *demo) play(ctx context.Context) error {
	fmt.Fprintf(d.out, "Trunkline serves SIP on 127.0.0.1:%d (configuration: %s).\n\n", d.port, d.file)
	if err := d.cast(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "A carrier calls %s. Ann declines, Bob lets it ring (5 s here), Carol answers.\n\n", demoNumber)
	d.ladder.begin()
	c := d.carrier.Dial(demoNumber, simphone.From(demoCaller), simphone.Display("Jo Doe"))
	if err := c.WaitAnswered(ctx); err != nil {
		return err
	}
	carol, err := d.answeredBy(ctx, "carol")
	if err != nil {
		return err
	}
	if err := d.talk(ctx, c, carol); err != nil {
		return err
	}
	if err := c.Bye(ctx); err != nil {
		return err
	}
	if _, err := carol.WaitEnded(ctx); err != nil {
		return err
	}
	d.ladder.end()
	return d.card(ctx)
}

// cast puts the carrier and the three phones on loopback.
func (d *demo) cast(ctx context.Context) error {
	var err error
	if d.carrier, err = d.phone("127.0.0.2", simphone.Config{User: "carrier", Tone: 440}); err != nil {
		return err
	}
	d.ladder.name(d.carrier.Addr(), "carrier")
	for i, a := range demoAgents {
		p, err := d.phone(fmt.Sprintf("127.0.0.%d", 3+i), simphone.Config{User: a.name, Password: d.pass[a.name], Domain: "127.0.0.1", Tone: a.hz})
		if err != nil {
			return err
		}
		d.agents[a.name] = p
		d.ladder.name(p.Addr(), a.name)
		p.OnCall(a.script)
		if _, err := p.Register(ctx, time.Hour); err != nil {
			return fmt.Errorf("%s's phone: %w", a.name, err)
		}
	}
	return nil
}

func (d *demo) phone(ip string, cfg simphone.Config) (*simphone.Phone, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		return nil, err
	}
	cfg.Conn, cfg.Peer = conn, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), d.port)
	cfg.Log = slog.New(slog.DiscardHandler)
	return simphone.New(cfg)
}

func (d *demo) answeredBy(ctx context.Context, agent string) (*simphone.Call, error) {
	c, err := d.agents[agent].WaitCall(ctx)
	if err != nil {
		return nil, err
	}
	return c, c.WaitAnswered(ctx)
}

// talk lets both sides listen: each must hear the other's tone.
func (d *demo) talk(ctx context.Context, customer, agent *simphone.Call) error {
	if err := customer.Hears(ctx, 1100); err != nil {
		return err
	}
	if err := agent.Hears(ctx, 440); err != nil {
		return err
	}
	atCustomer, err := customer.Listen(ctx, 2*time.Second)
	if err != nil {
		return err
	}
	d.ladder.say(fmt.Sprintf("carrier hears %s, carol hears %s", describe(atCustomer), describe(agent.Last(2*time.Second))))
	return nil
}

// card prints the call's card as soon as its recording is sealed, asking as
// `trunkline calls` does.
func (d *demo) card(ctx context.Context) error {
	client := api.NewClient(filepath.Join(d.dir, "data"))
	defer client.Close()
	for {
		cards, err := client.Calls(ctx, 1)
		if err != nil {
			return err
		}
		if len(cards) == 1 && len(cards[0].Recordings) == 1 && cards[0].Recordings[0].Sealed {
			fmt.Fprintf(d.out, "\nThe call card:\n\n")
			return showCard(d.out, cards[0], time.Local)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// invite tells how to take part. Ann and Bob leave their accounts to the visitor.
func (d *demo) invite() {
	for _, name := range []string{"ann", "bob"} {
		bounded, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_ = d.agents[name].Unregister(bounded)
		cancel()
	}
	fmt.Fprintf(d.out, `
The switch keeps running. Register your own softphone:

  server    127.0.0.1:%d  (UDP or TCP)
  account   ann   password  %s
  account   bob   password  %s

Then call in from another terminal, and your phone rings (calls take turns
between you and Carol, who is simulated and answers by herself):

  %s call -c %s

See also: status, calls, agent ann away lunch – each with -c %[5]s
Ctrl-C ends it. What was kept is in %[6]s.
`, d.port, d.pass["ann"], d.pass["bob"], program(), d.file, d.dir)
}

func (d *demo) closePhones() {
	if d.carrier != nil {
		_ = d.carrier.Close()
	}
	for _, p := range d.agents {
		_ = p.Close()
	}
}

// program is how this program was called, for commands to copy.
func program() string {
	exe, err := os.Executable()
	if err != nil {
		return "trunkline"
	}
	return exe
}

// randomText gives n letters and digits from the system's randomness.
func randomText(n int) string {
	const alphabet = "abcdefghjkmnpqrstuvwxyz23456789" // without look-alikes
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}
