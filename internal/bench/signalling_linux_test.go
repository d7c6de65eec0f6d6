package bench

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/internal/load"
)

const dialled = "+14155550100"

// rig is a running switch with a load in front of it.
type rig struct {
	*load.Load
	sw   *process
	peak float64 // MiB, after flood
}

// bareSwitch makes a child of this test binary serve load.Bare: "switch phones agents".
const bareSwitch = "TRUNKLINE_BENCH_BARE"

func serveBare(spec string) error {
	f := strings.Fields(spec)
	if len(f) != 3 {
		return fmt.Errorf("%s=%q: want switch, phones and agents", bareSwitch, spec)
	}
	at, err := netip.ParseAddrPort(f[0])
	if err != nil {
		return err
	}
	phones, err := netip.ParseAddrPort(f[1])
	if err != nil {
		return err
	}
	agents, err := strconv.Atoi(f[2])
	if err != nil {
		return err
	}
	bare, err := load.OpenBare(at, phones, agents)
	if err != nil {
		return err
	}
	return bare.Serve()
}

// setUpBare starts the comparator with a load.
func setUpBare(b *testing.B, agents int, cfg load.Config) rig {
	b.Helper()
	l, cfg := openLoad(b, cfg)
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv(bareSwitch, fmt.Sprintf("%s %s %d", cfg.Switch, l.PhonesAddr(), agents))
	sw := start(b, self)
	os.Unsetenv(bareSwitch)
	waitUntilServed(b, cfg.Switch)
	return rig{Load: l, sw: sw}
}

func openLoad(b *testing.B, cfg load.Config) (*load.Load, load.Config) {
	b.Helper()
	cfg.Carrier = netip.MustParseAddrPort("127.0.0.2:0")
	cfg.Phones = netip.MustParseAddrPort("127.0.0.3:0")
	cfg.Dialled = dialled
	cfg.Switch = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), freePort(b))
	l, err := load.Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return l, cfg
}

// setUp starts a switch with so many agents on static phones, and a load.
func setUp(b *testing.B, agents int, cfg load.Config, flow string) rig {
	b.Helper()
	r, _ := setUpIn(b, agents, cfg, flow, false, nil)
	return r
}

// setUpIn is setUp with recordings or without, and an environment; it tells
// the folder; edit replaces text of the configuration, in pairs.
func setUpIn(b *testing.B, agents int, cfg load.Config, flow string, record bool, env []string, edit ...string) (rig, string) {
	b.Helper()
	l, cfg := openLoad(b, cfg)
	dir := b.TempDir()
	file := filepath.Join(dir, "trunkline.yaml")
	text := strings.NewReplacer(edit...).Replace(yaml(cfg, l, agents, flow, record))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, one := range env {
		name, value, _ := strings.Cut(one, "=")
		b.Setenv(name, value)
	}
	sw := start(b, binary(b), "serve", "-c", file)
	waitUntilServed(b, cfg.Switch)
	return rig{Load: l, sw: sw}, dir
}

func yaml(cfg load.Config, l *load.Load, agents int, flow string, record bool) string {
	var y strings.Builder
	fmt.Fprintf(&y, "domain: bench.example\ndata_dir: data\ncountry: US\nlisten: {sip: [\"udp://%s\"], http: []}\n", cfg.Switch)
	fmt.Fprintf(&y, "media: {ports: 10000-29999, rtp_timeout: 1h}\ncalls: {max: 2000}\n")
	fmt.Fprintf(&y, "trunks:\n  acme: {host: %s, options: 0s, accept_from: [127.0.0.2/32], max_calls: 2000, caller_id: %q}\n", cfg.Carrier.Addr(), dialled)
	fmt.Fprintf(&y, "  out: {host: %q, register: false, accept_from: [127.0.0.3/32], max_calls: 2000, caller_id: %q}\n", l.PhonesAddr().String(), dialled)
	fmt.Fprintf(&y, "numbers: {%q: {flow: main}}\nagents:\n", dialled)
	var names []string
	for i := range agents {
		names = append(names, fmt.Sprintf("a%03d", i))
		fmt.Fprintf(&y, "  a%03d: {phones: [\"sip:a%03d@%s\"]}\n", i, i, l.PhonesAddr())
	}
	fmt.Fprintf(&y, "teams:\n  all: {agents: [%s], wrap_up: 0s, recording: %v}\n", strings.Join(names, ", "), record)
	fmt.Fprintf(&y, "flows:\n  main: [%s]\n", flow)
	return y.String()
}

func freePort(b *testing.B) uint16 {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// waitUntilServed asks OPTIONS from the carrier's address until it is answered.
func waitUntilServed(b *testing.B, sw netip.AddrPort) {
	b.Helper()
	c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, net.UDPAddrFromAddrPort(sw))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 2000)
	for i := range 200 {
		fmt.Fprintf(c, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKo%d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:x@127.0.0.2>;tag=o\r\nTo: <sip:%s>\r\nCall-ID: o%d@127.0.0.2\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", sw, c.LocalAddr(), i, sw, i)
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := c.Read(buf); err == nil && strings.HasPrefix(string(buf[:n]), "SIP/2.0 200") {
			return
		}
		time.Sleep(50 * time.Millisecond) // the socket is not there yet: refused at once
	}
	b.Fatal("the switch did not answer OPTIONS within 10 s")
}

// BenchmarkSignallingAgent sets up and ends 500 calls a second for 60 s:
// trunk in, queue, an agent's phone out, answered, BYE.
func BenchmarkSignallingAgent(b *testing.B) {
	signalling(b, setUp(b, 200, load.Config{}, "{queue: all}"))
}

// BenchmarkSignallingForward is the same with a trunk out instead of an agent.
func BenchmarkSignallingForward(b *testing.B) {
	signalling(b, setUp(b, 1, load.Config{}, `{forward: "+14155550199", trunks: [out], caller_id: caller}`))
}

// rate is the calls a second of the signalling benchmarks.
const rate = 500

func signalling(b *testing.B, r rig) {
	bare := setUpBare(b, 200, load.Config{})
	cpuBare, _ := flood(&bare, 20*time.Second)
	const lasts = 60 * time.Second
	cpu, res := flood(&r, lasts)
	slices.Sort(res.Setup)
	b.ReportMetric(float64(res.Begun)/lasts.Seconds(), "calls/s")
	b.ReportMetric(float64(res.Failed), "failed")
	b.ReportMetric(cpu, "cpu-ms/call")
	b.ReportMetric(cpuBare, "bare-cpu-ms/call")
	b.ReportMetric(r.peak, "peak-MiB")
	b.ReportMetric(quantile(res.Setup, .5), "setup-p50-ms")
	b.ReportMetric(quantile(res.Setup, .99), "setup-p99-ms")
	b.ReportMetric(0, "ns/op")
	for why, n := range res.Failures {
		b.Logf("%d calls failed: %s", n, why)
	}
}

// flood sets up calls at the rate and ends them; it gives the CPU of the switch
// in ms a call.
func flood(r *rig, lasts time.Duration) (float64, load.Result) {
	cpu0, began := r.sw.cpu(), time.Now()
	for n := 0; time.Since(began) < lasts; {
		for due := int(time.Since(began).Seconds() * rate); n < due; n++ {
			r.Begin()
		}
		time.Sleep(time.Millisecond)
	}
	settle(r)
	cpu := r.sw.cpu() - cpu0
	r.peak = r.sw.peakMiB()
	res := r.Close()
	return float64(cpu.Microseconds()) / 1000 / float64(max(1, res.Done)), res
}

// settle waits up to 5 s for the calls in progress.
func settle(r *rig) {
	for i := 0; i < 500 && r.Load.Open() > 0; i++ {
		time.Sleep(10 * time.Millisecond)
	}
}

// BenchmarkDispatch keeps 200 callers waiting for 50 agents who talk 0.2 s:
// the ideal is 250 calls/s. It measures from an agent's BYE to the next INVITE
// at the same phone, and that nobody is overtaken.
func BenchmarkDispatch(b *testing.B) {
	const agents, waiting, lasts = 50, 200, 30 * time.Second
	r := setUp(b, agents, load.Config{Talk: 200 * time.Millisecond, AgentEnds: true}, "{queue: all}")
	more := make(chan struct{}, 4096)
	r.OnDone = func() { more <- struct{}{} }
	for range agents + waiting {
		r.Begin()
	}
	cpu0 := r.sw.cpu()
	began := time.Now()
	for time.Since(began) < lasts {
		select {
		case <-more:
			r.Begin()
		case <-time.After(100 * time.Millisecond):
		}
	}
	_, connected, _, failed := r.Progress()
	elapsed, cpu := time.Since(began), r.sw.cpu()-cpu0
	res := r.Close()
	slices.Sort(res.Next)
	b.ReportMetric(float64(connected)/elapsed.Seconds(), "calls/s")
	b.ReportMetric(float64(failed), "failed")
	b.ReportMetric(quantile(res.Next, .5), "free-to-invite-p50-ms")
	b.ReportMetric(quantile(res.Next, .99), "free-to-invite-p99-ms")
	b.ReportMetric(float64(res.Overtaken(0)), "overtaken")
	b.ReportMetric(float64(res.Overtaken(10*time.Millisecond)), "overtaken-10ms")
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(max(1, connected)), "cpu-ms/call")
	b.ReportMetric(0, "ns/op")
	if failed > 0 {
		b.Logf("%d calls failed: %v", failed, res.Failures)
	}
}

func quantile(d []time.Duration, q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	return float64(d[int(float64(len(d)-1)*q)].Microseconds()) / 1000
}
