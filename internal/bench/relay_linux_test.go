package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/internal/barerelay"
	"trunkline/media"
)

// relayAs names what a child of this test binary relays with; without it the
// binary runs its tests.
const relayAs = "TRUNKLINE_BENCH_RELAY"

func TestMain(m *testing.M) {
	if spec := os.Getenv(bareSwitch); spec != "" {
		if err := serveBare(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	how := os.Getenv(relayAs)
	if how == "" {
		os.Exit(m.Run())
	}
	if err := serveRelay(how); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveRelay reads the parties' ports from its input, a line of them, writes
// its own, and relays until its input ends.
func serveRelay(how string) error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	var parties []netip.AddrPort
	for _, f := range strings.Fields(line) {
		port, err := strconv.ParseUint(f, 10, 16)
		if err != nil {
			return err
		}
		parties = append(parties, netip.AddrPortFrom(loopbackIP, uint16(port)))
	}
	var ports []uint16
	if how == "bare" {
		r, err := barerelay.Open(loopbackIP, parties)
		if err != nil {
			return err
		}
		go r.Serve()
		ports = r.Ports()
	} else {
		e, own, err := openEngine(parties)
		if err != nil {
			return err
		}
		defer e.Close()
		ports = own
	}
	if file := os.Getenv("TRUNKLINE_BENCH_PROFILE"); file != "" && how != "bare" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if how == "media-busy" {
		over := make(chan struct{})
		defer close(over)
		go setUpCalls(over)
	}
	fmt.Println(strings.Trim(fmt.Sprint(ports), "[]"))
	_, _ = in.ReadString('\n') // the parent closes our input
	return nil
}

var loopbackIP = netip.MustParseAddr("127.0.0.1")

// openEngine makes a bridge with two seats for each pair of parties.
func openEngine(parties []netip.AddrPort) (*media.Engine, []uint16, error) {
	e, err := media.New(media.Config{PortMin: 10000, PortMax: 30000, Emit: func(media.Event) {}})
	if err != nil {
		return nil, nil, err
	}
	var ports []uint16
	for i := 0; i < len(parties); i += 2 {
		bridge := e.NewBridge(media.BridgeID(strconv.Itoa(i)))
		for _, p := range parties[i : i+2] {
			s, err := bridge.NewSession(media.SessionConfig{ID: media.SessionID(strconv.Itoa(len(ports))), Bind: loopbackIP,
				Timeout: time.Minute, HeldTimeout: time.Minute})
			if err != nil {
				return e, nil, err
			}
			if _, err := s.Answer(fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", p.Port())); err != nil {
				return e, nil, err
			}
			bridge.Join(s)
			ports = append(ports, s.Stats().Local.Port())
		}
	}
	return e, ports, nil
}

// busyRate is how many calls a second are set up and ended while others talk.
const busyRate = 200

// setUpCalls opens, agrees on and closes two sessions a call on an engine of
// its own, and leaves the garbage that a call's set-up leaves.
func setUpCalls(over chan struct{}) {
	e, _, err := openEngine(nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer e.Close()
	tick := time.NewTicker(time.Second / busyRate)
	defer tick.Stop()
	var garbage [][]byte
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		bridge := e.NewBridge("busy")
		for range 2 {
			s, err := bridge.NewSession(media.SessionConfig{ID: "busy", Bind: loopbackIP})
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			for range 20 { // about as much text as a call's messages
				garbage = append(garbage, s.Offer())
			}
			bridge.Join(s)
		}
		bridge.Close()
		if len(garbage) > 20000 {
			garbage = nil
		}
	}
}

// relayed is what one run over one relay has shown.
type relayed struct {
	*streams
	cpu float64 // of one core
}

// relay runs calls over a relay in a process of its own.
func relay(b *testing.B, how string, calls int, lasts time.Duration, env ...string) relayed {
	b.Helper()
	s := openStreams(b, 2*calls)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), relayAs+"="+how), env...)
	log := &bytes.Buffer{}
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	child := &process{tb: b, cmd: cmd, log: log}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("%s relay: %v\n%s", how, err, log)
		}
	}()
	var line strings.Builder
	for _, a := range s.addrs {
		fmt.Fprintf(&line, "%d ", a.Port())
	}
	fmt.Fprintln(in, line.String())
	answer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("%s relay: %v\n%s", how, err, log)
	}
	var ports []uint16
	for _, f := range strings.Fields(answer) {
		p, _ := strconv.ParseUint(f, 10, 16)
		ports = append(ports, uint16(p))
	}
	if len(ports) != 2*calls {
		b.Fatalf("got %d ports of the %s relay, want %d", len(ports), how, 2*calls)
	}
	s.sendTo(ports)
	cpu0, began, r := child.cpu(), time.Now(), relayed{streams: s}
	s.run(lasts, func() { r.cpu = (child.cpu() - cpu0).Seconds() / time.Since(began).Seconds() })
	b.Logf("%-5s %d calls: %.1f%% of a core, %v", how, calls, 100*r.cpu, s)
	return r
}

// pair is the two relays, one after the other.
type pair struct{ bare, ours relayed }

// late is how many moments of sending the machine missed by more than 5 ms: it
// had other things to do, and what was measured is not the relay alone.
func (p pair) late() int { return p.bare.late + p.ours.late }

// quiet is how many of a pair's moments may be late.
const quiet = 200

// measurePairs runs pairs until so many have been quiet, at most three times
// as many, and returns that many of the quietest.
func measurePairs(b *testing.B, calls, want int, lasts time.Duration) []pair {
	b.Helper()
	var pairs []pair
	for found := 0; found < want && len(pairs) < 3*want; {
		p := pair{relay(b, "bare", calls, lasts), relay(b, "media", calls, lasts)}
		pairs = append(pairs, p)
		if p.late() <= quiet {
			found++
		}
	}
	slices.SortFunc(pairs, func(x, y pair) int { return x.late() - y.late() })
	return pairs[:want]
}

// BenchmarkRelay500Calls relays 500 calls (1,000 streams of 50 packets a
// second) over the bare relay and the media engine in turn, and compares their
// CPU: the median of the quietest pairs.
func BenchmarkRelay500Calls(b *testing.B) {
	const calls, rounds, lasts, bar = 500, 3, 10 * time.Second, 2.0
	pairs := measurePairs(b, calls, rounds, lasts)
	ratio := func(p pair) float64 { return p.ours.cpu / p.bare.cpu }
	slices.SortFunc(pairs, func(x, y pair) int { return int(1e6 * (ratio(x) - ratio(y))) })
	lost, late := 0, 0
	for _, p := range pairs {
		lost += p.ours.sent - p.ours.received
		late += p.late()
	}
	middle := pairs[rounds/2]
	b.ReportMetric(100*middle.bare.cpu, "bare-%core")
	b.ReportMetric(100*middle.ours.cpu, "media-%core")
	b.ReportMetric(ratio(middle), "ratio")
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(middle.bare.quantile(.5).Microseconds()), "bare-p50-us")
	b.ReportMetric(float64(middle.bare.quantile(.99).Microseconds()), "bare-p99-us")
	b.ReportMetric(float64(middle.ours.quantile(.5).Microseconds()), "media-p50-us")
	b.ReportMetric(float64(middle.ours.quantile(.99).Microseconds()), "media-p99-us")
	b.ReportMetric(float64(late), "late-slots")
	b.ReportMetric(0, "ns/op")
	if late > rounds*quiet {
		b.Logf("the machine was busy: %d of %d moments of sending were late; run it again for a figure", late, rounds*20000)
	}
	if ratio(middle) > bar || lost > 0 {
		b.Errorf("got %.2f times the bare relay's CPU and %d lost, want at most %.1f and none", ratio(middle), lost, bar)
	}
}

// BenchmarkRelayWhileCallsAreSetUp asks what GOMAXPROCS should be: as many as
// CPUs, or as many more as there are shards, each of which has a thread.
func BenchmarkRelayWhileCallsAreSetUp(b *testing.B) {
	const calls, rounds, lasts = 300, 3, 10 * time.Second
	cpus := runtime.NumCPU()
	runs := map[int][]relayed{}
	for range rounds {
		for _, procs := range []int{cpus, 2 * cpus} {
			r := relay(b, "media-busy", calls, lasts, "GOMAXPROCS="+strconv.Itoa(procs))
			runs[procs] = append(runs[procs], r)
		}
	}
	for _, procs := range []int{cpus, 2 * cpus} {
		all := runs[procs]
		slices.SortFunc(all, func(x, y relayed) int { return int(x.quantile(.99) - y.quantile(.99)) })
		unit := fmt.Sprintf("-at-%d-procs", procs)
		b.ReportMetric(float64(all[rounds/2].quantile(.99).Microseconds()), "p99-us"+unit)
		b.ReportMetric(100*all[rounds/2].cpu, "%core"+unit)
	}
	b.ReportMetric(0, "ns/op")
}
