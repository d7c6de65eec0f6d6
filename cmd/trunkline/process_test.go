package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/simphone"
)

// The tests of the files process_*_test.go run the binary as it is shipped:
// built once, started as a child on a loopback network of its own, with
// simulated phones and a simulated carrier around it on the kernel's sockets.

// built is the program's path, built by the first test that asks.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(builtDir(), "trunkline")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// builtDir is made once and removed by TestMain.
var builtDir = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "trunkline-binary-")
	if err != nil {
		panic(err)
	}
	return dir
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(builtDir())
	os.Exit(code)
}

// networks counts the loopback networks given out: each test has 127.P.N.0/24
// to itself, so that no test can take another's ports.
var networks atomic.Uint32

// site is one place where the switch runs: its network, folder, configuration,
// and the process if one runs.
type site struct {
	*testing.T
	net  [3]byte
	dir  string
	file string
	sip  netip.AddrPort
	http string

	child *child
}

// siteConfig is the configuration of a site, before what a test adds: the
// switch is host 1 of the network, the carrier host 2.
const siteConfig = `domain: pbx.example.com
data_dir: data
country: US
listen: {sip: ["udp://%[1]s", "tcp://%[1]s"], http: ["http://%[2]s"]}
nat: {local: [127.0.0.0/8]}
media: {ports: 20000-20399}
calls: {max: 50}
trunks:
  acme: {host: %[3]s, options: 0s, accept_from: [%[3]s/32], caller_id: "+14155550100"}
numbers: {"+14155550100": {flow: main}}
agents:
  ann: {name: Ann Lee, password: ann-password-1}
  bob: {name: Bob Ray, password: bob-password-1}
`

const (
	siteTeam = "teams:\n  support: {name: Support, agents: [ann, bob], wrap_up: 45s}\n"
	siteFlow = "flows:\n  main: [{queue: support}]\n"
)

// newSite makes a folder with a configuration; nothing runs yet.
func newSite(t *testing.T, yaml string) *site {
	t.Helper()
	// A socket's path has at most 107 bytes, which t.TempDir can exceed.
	dir, err := os.MkdirTemp("", "trunkline-site-")
	if err != nil {
		t.Fatal(err)
	}
	n := networks.Add(1)
	s := &site{T: t, dir: dir, net: [3]byte{127, byte(64 + os.Getpid()%128), byte(n)}, file: filepath.Join(dir, "trunkline.yaml")}
	s.sip = netip.AddrPortFrom(s.host(1), s.freePort("udp"))
	s.http = netip.AddrPortFrom(s.host(1), s.freePort("tcp")).String()
	s.configure(yaml)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() && s.child != nil {
			t.Logf("the switch's log:\n%s", s.child.log)
		}
		_ = os.RemoveAll(dir)
	})
	return s
}

// host is an address of the site's network.
func (s *site) host(n byte) netip.Addr {
	return netip.AddrFrom4([4]byte{s.net[0], s.net[1], s.net[2], n})
}

// freePort asks the kernel for a port that nobody on the site's network has.
func (s *site) freePort(network string) uint16 {
	s.Helper()
	at := netip.AddrPortFrom(s.host(1), 0).String()
	if network == "udp" {
		c, err := net.ListenPacket("udp4", at)
		if err != nil {
			s.Fatal(err)
		}
		defer c.Close()
		return netip.MustParseAddrPort(c.LocalAddr().String()).Port()
	}
	l, err := net.Listen("tcp4", at)
	if err != nil {
		s.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// configure writes the configuration.
func (s *site) configure(yaml string) {
	s.Helper()
	s.write("trunkline.yaml", fmt.Sprintf(siteConfig, s.sip, s.http, s.host(2))+yaml)
}

// text is the configuration as it is.
func (s *site) text() []byte {
	s.Helper()
	text, err := os.ReadFile(s.file)
	if err != nil {
		s.Fatal(err)
	}
	return text
}

func (s *site) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// child is the process while it runs, and what it said.
type child struct {
	cmd  *exec.Cmd
	log  *journal
	done chan struct{} // closed when it has ended
	code int           // its exit code; -1: a signal killed it
}

// journal collects what a process writes, or a house in this one.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// launch starts the binary in the site's folder.
func (s *site) launch(args ...string) *child {
	s.Helper()
	path, err := built()
	if err != nil {
		s.Fatal(err)
	}
	c := &child{cmd: exec.Command(path, args...), log: &journal{}, done: make(chan struct{})}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = s.dir, c.log, c.log // stdin is /dev/null
	c.cmd.Env = append(os.Environ(), "TMPDIR="+s.dir)           // the demonstration's folder
	if err := c.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		err := c.cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			c.code = exit.ExitCode()
		} else if err != nil {
			c.code = -2
		}
		close(c.done)
	}()
	s.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
	})
	return c
}

// serve starts the switch and waits until it serves.
func (s *site) serve(args ...string) *child {
	s.Helper()
	c := s.launch(append([]string{"serve", "-c", s.file}, args...)...)
	s.child = c
	s.logged(`msg=serving`)
	return c
}

// logged waits until the switch has logged something.
func (s *site) logged(text string) {
	s.Helper()
	s.eventually("the log says "+text, func() bool { return strings.Contains(s.child.log.String(), text) })
}

// patience bounds what a test waits for: far more than it takes on a busy machine.
const patience = 40 * time.Second

// pause is the longest silence, in seconds, that a busy machine may cut into
// sound which nothing else disturbs.
const pause = 0.2

// eventually polls until f is true, for as long as patience lasts.
func (s *site) eventually(what string, f func() bool) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for !f() {
		if time.Now().After(deadline) {
			s.Fatalf("not within %v: %s", patience, what)
		}
		s.beat()
	}
}

// beat is the pace of polling.
func (s *site) beat() {
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.Context().Done():
	}
}

// signal sends the switch a signal.
func (s *site) signal(sig syscall.Signal) {
	s.Helper()
	if err := s.child.cmd.Process.Signal(sig); err != nil {
		s.Fatal(err)
	}
}

// ends waits for a process's end, at most d, and wants its exit code.
func (s *site) ends(c *child, d time.Duration, code int) {
	s.Helper()
	select {
	case <-c.done:
	case <-time.After(d):
		s.Fatalf("the process has not ended within %v\n%s", d, c.log)
	}
	if c.code != code {
		s.Errorf("exit code: got %d, want %d\n%s", c.code, code, c.log)
	}
}

// kill ends the switch as a crash does.
func (s *site) kill() {
	if s.child != nil {
		_ = s.child.cmd.Process.Kill()
		<-s.child.done
	}
}

// command runs one command of the binary in the site's folder.
func (s *site) command(args ...string) (out string, code int) {
	s.Helper()
	c := s.launch(args...)
	select {
	case <-c.done:
	case <-time.After(30 * time.Second):
		s.Fatalf("trunkline %s has not ended within 30 s\n%s", strings.Join(args, " "), c.log)
	}
	return c.log.String(), c.code
}

// ask runs a command of the running switch that must work.
func (s *site) ask(args ...string) string {
	s.Helper()
	out, code := s.command(append(args, "-c", s.file)...)
	if code != exitOK {
		s.Fatalf("trunkline %s: got exit code %d, want 0\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// client speaks to the running switch.
func (s *site) client() *api.Client {
	c := api.NewClient(filepath.Join(s.dir, "data"))
	s.Cleanup(c.Close)
	return c
}

func (s *site) status() api.Status {
	s.Helper()
	status, err := s.client().Status(s.within(5 * time.Second))
	if err != nil {
		s.Fatal(err)
	}
	return status
}

// card is the newest call's card.
func (s *site) card() api.Card {
	s.Helper()
	cards, err := s.client().Calls(s.within(5*time.Second), 1)
	if err != nil || len(cards) != 1 {
		s.Fatalf("cards: got %d, %v, want the newest", len(cards), err)
	}
	return cards[0]
}

// sealed waits until the newest call has ended and its recording is sealed.
func (s *site) sealed() api.Card {
	s.Helper()
	var card api.Card
	s.eventually("the recording is sealed", func() bool {
		card = s.card()
		return !card.InProgress && len(card.Recordings) == 1 && card.Recordings[0].Sealed
	})
	return card
}

func (s *site) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), d)
	s.Cleanup(cancel)
	return ctx
}

// phone puts a simulated phone on a host of the site's network.
func (s *site) phone(host byte, cfg simphone.Config) *simphone.Phone {
	s.Helper()
	conn, err := net.ListenPacket("udp4", netip.AddrPortFrom(s.host(host), 0).String())
	if err != nil {
		s.Fatal(err)
	}
	cfg.Conn, cfg.Peer, cfg.Log = conn, s.sip, slog.New(slog.DiscardHandler)
	p, err := simphone.New(cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = p.Close() })
	return p
}

// carrier is the site's trunk.
func (s *site) carrier() *simphone.Phone {
	s.Helper()
	return s.phone(2, simphone.Config{User: "carrier", Tone: customerTone})
}

// agent registers an agent's phone.
func (s *site) agent(host byte, name string, tone float64, script simphone.Script) *simphone.Phone {
	s.Helper()
	p := s.phone(host, simphone.Config{User: name, Password: name + "-password-1", Domain: "pbx.example.com", Tone: tone})
	p.OnCall(script)
	p.MustRegister(s, time.Hour)
	return p
}

// talk connects the carrier with an agent who answers: both hear each other.
func (s *site) talk(carrier, agent *simphone.Phone, tone float64) (customerLeg, agentLeg *simphone.Call) {
	s.Helper()
	c := carrier.Dial(ourNumber, simphone.From(customer))
	a := agent.MustCall(s)
	a.MustAnswer(s)
	c.MustHear(s, tone)
	a.MustHear(s, customerTone)
	return c, a
}
