package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trunkline/internal/barerelay"
)

// relayFor makes a child of this test binary the bare relay.
const relayFor = "TRUNKLINE_BENCH_RELAY"

func TestMain(m *testing.M) {
	serve, spec := serveBare, os.Getenv(bareSwitch)
	if spec == "" {
		serve, spec = serveRelay, os.Getenv(relayFor)
	}
	if spec == "" {
		os.Exit(m.Run())
	}
	if err := serve(spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var loopbackIP = netip.MustParseAddr("127.0.0.1")

// serveRelay reads the parties' addresses from its input, a line of them, writes
// its own ports, and relays until its input ends.
func serveRelay(string) error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	var parties []netip.AddrPort
	for _, f := range strings.Fields(line) {
		party, err := netip.ParseAddrPort(f)
		if err != nil {
			return err
		}
		parties = append(parties, party)
	}
	r, err := barerelay.Open(loopbackIP, parties)
	if err != nil {
		return err
	}
	go r.Serve()
	fmt.Println(strings.Trim(fmt.Sprint(r.Ports()), "[]"))
	_, _ = in.ReadString('\n') // the parent closes our input
	return nil
}

// bare starts the bare relay in a process of its own.
func (s *streams) bare(b *testing.B) *way {
	b.Helper()
	p := &process{tb: b, cmd: exec.Command(os.Args[0]), log: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), relayFor+"=them")
	p.cmd.Stderr = p.log
	in, err := p.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.stop)
	for _, a := range s.addrs {
		fmt.Fprintf(in, "%s ", a)
	}
	fmt.Fprintln(in)
	answer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("bare relay: %v\n%s", err, p.log)
	}
	var ports []uint16
	for _, f := range strings.Fields(answer) {
		port, _ := strconv.ParseUint(f, 10, 16)
		ports = append(ports, uint16(port))
	}
	if len(ports) != len(s.addrs) {
		b.Fatalf("got %d ports of the bare relay, want %d", len(ports), len(s.addrs))
	}
	return s.through("bare", p, ports)
}

// compare has the streams go through the bare relay and ours in turns, and
// gives what the quieter half of their seconds shows.
func (s *streams) compare(b *testing.B, bare, ours *way, rounds int, lasts time.Duration, how impairment) (figures, figures) {
	b.Helper()
	runs := map[*way][]*run{}
	for range rounds {
		for _, w := range []*way{bare, ours} {
			runs[w] = append(runs[w], s.send(w, lasts, how))
		}
	}
	x, y := summarize(runs[bare]), summarize(runs[ours])
	for i, f := range []figures{x, y} {
		b.Logf("%-5s %.1f%% of a core, %v a packet, latency p50 %v p99 %v (of all seconds p99 %v); sent %d, lost %d, out of order %d; %d ms of %d s late",
			[]string{"bare", "ours"}[i], 100*f.cpu, f.packet, f.p50, f.p99, f.all99, f.sent, f.lost(), f.disordered, f.late, f.seconds)
	}
	return x, y
}

// ratio is what a packet costs ours, against the bare relay.
func ratio(bare, ours figures) float64 { return float64(ours.packet) / float64(bare.packet) }

// report gives a benchmark's figures; what says which of several.
func report(b *testing.B, what string, bare, ours figures) {
	b.ReportMetric(ratio(bare, ours), what+"ratio")
	b.ReportMetric(float64(bare.packet.Nanoseconds())/1000, what+"bare-us/packet")
	b.ReportMetric(float64(ours.packet.Nanoseconds())/1000, what+"us/packet")
	b.ReportMetric(float64(ours.lost()), what+"lost")
	if ours.p99 > 0 {
		b.ReportMetric(float64((ours.p50 - bare.p50).Microseconds()), what+"added-p50-us")
		b.ReportMetric(float64(ours.p99.Microseconds()), what+"p99-us")
	}
}

// noisy is how many ms of a second may be late before a figure of time says
// more about the machine than about us; then it is told, not judged.
const noisy = 50

// judge fails the benchmark for a bar that is missed, and says whether the
// machine let it.
func judge(b *testing.B, what string, bare, ours figures, most float64, p99 time.Duration) bool {
	if ours.disordered > 0 {
		b.Errorf("%s: got %d out of order, want none", what, ours.disordered)
	}
	if late := ours.late + bare.late; late > noisy*(ours.seconds+bare.seconds) {
		b.Logf("%s: the machine was busy (%d ms late): its figures mean little; %d lost", what, late, ours.lost())
		return false
	}
	if ours.lost() > 0 {
		b.Errorf("%s: got %d lost, want none", what, ours.lost())
	}
	if r := ratio(bare, ours); r > most {
		b.Errorf("%s: got %.2f times the bare relay's CPU, want at most %.1f", what, r, most)
	}
	if p99 > 0 && ours.p99 > p99 {
		b.Errorf("%s: got p99 %v, want at most %v", what, ours.p99, p99)
	}
	return true
}

const turn = 4 * time.Second

// BenchmarkRelay500 has 500 calls up in a switch, set up by SIP, and their
// sound relayed: in order, with a bad network at the senders, and while 200
// calls a second come and go. It measures the memory that they take too.
func BenchmarkRelay500(b *testing.B) {
	r := talkingHouse(b, house{calls: 500, others: 100})
	bare := r.bare(b)
	r.warm(r.ours)
	b.ReportMetric(r.kib, "KiB/call")
	b.ReportMetric(0, "ns/op")
	if r.kib > 80 {
		b.Errorf("got %.0f KiB a call, want at most 80", r.kib)
	}

	x, y := r.compare(b, bare, r.ours, 3, turn, impairment{})
	report(b, "", x, y)
	judge(b, "in order", x, y, 1.4, 5*time.Millisecond)

	x, y = r.compare(b, bare, r.ours, 2, turn, impairment{jitter: 20, reorder: .01})
	report(b, "jitter-", x, y)
	judge(b, "jitter", x, y, 1.6, 0)

	churned := r.churn(200)
	_, y = r.compare(b, bare, r.ours, 2, turn, impairment{})
	done, failed := churned()
	b.ReportMetric(float64(y.p99.Microseconds()), "churn-p99-us")
	b.ReportMetric(float64(y.lost()), "churn-lost")
	if quiet := judge(b, "while calls come and go", x, y, 1e9, 5*time.Millisecond); quiet && failed > 0 || done == 0 {
		b.Errorf("got %d calls come and gone and %d failed, want none of them", done, failed)
	}
	b.ReportMetric(float64(done), "churn-calls")
}

// BenchmarkRelay1000 is 1,000 calls: 100,000 packets a second. The load shares the
// two CPUs; what a packet is delayed is from when the kernel has it at the relay's
// port until it has it at the party's, however late the load is.
func BenchmarkRelay1000(b *testing.B) {
	r := talkingHouse(b, house{calls: 1000})
	bare := r.bare(b)
	r.warm(r.ours)
	r.watch(b)
	x, y := r.compare(b, bare, r.ours, 2, turn, impairment{})
	if n := r.tap.missed(b); n > 0 {
		b.Fatalf("the tap missed %d packets: what was lost, and what was late, is not known", n)
	}
	for _, f := range []figures{x, y} {
		if f.timed < f.received*99/100 { // all but what was sent after the last second
			b.Errorf("got the delays of %d of %d packets, want of all", f.timed, f.received)
		}
	}
	report(b, "", x, y)
	b.ReportMetric(r.kib, "KiB/call")
	b.ReportMetric(0, "ns/op")
	judge(b, "1,000 calls", x, y, 1e9, 20*time.Millisecond)
}

// BenchmarkTranscoded250 has callers in PCMU and agents in PCMA; each byte
// that comes is compared.
func BenchmarkTranscoded250(b *testing.B) {
	r := talkingHouse(b, house{calls: 250, phonePT: 8})
	bare := r.bare(b)
	s := r.streams
	s.speak(func(i int) []byte { return frameOf(s.law(i), hz(i)) }, func(i int) []byte {
		out := make([]byte, packetSize-rtpHeader)
		s.law(i^1).Transcode(out, s.law(i), s.payload[i^1])
		return out
	})
	r.warm(r.ours)
	ours := s.expect
	compared := func(w *way) *run { // the bare relay changes nothing
		if s.expect = ours; w == bare {
			s.expect = s.swapped()
		}
		return s.send(w, turn, impairment{})
	}
	var runs [2][]*run
	for range 3 {
		runs[0], runs[1] = append(runs[0], compared(bare)), append(runs[1], compared(r.ours))
	}
	x, y := summarize(runs[0]), summarize(runs[1])
	report(b, "", x, y)
	b.ReportMetric(0, "ns/op")
	judge(b, "transcoded", x, y, 2, 0)
}

// BenchmarkRecorded250 records 250 calls, and looks at every file.
func BenchmarkRecorded250(b *testing.B) {
	const lasts = 3 * turn
	r := talkingHouse(b, house{calls: 250, record: true})
	bare := r.bare(b)
	s := r.streams
	s.speak(func(i int) []byte { return frameOf(s.law(i), hz(i)) }, func(i int) []byte { return frameOf(s.law(i), hz(i^1)) })
	before := s.send(bare, turn, impairment{})
	ours := s.send(r.ours, lasts, impairment{})
	after := s.send(bare, turn, impairment{})
	x, y := summarize([]*run{before, after}), summarize([]*run{ours})
	report(b, "", x, y)
	b.ReportMetric(0, "ns/op")
	judge(b, "recorded", x, y, 2, 0)
	files := r.recordings(b)
	if len(files) != 250 {
		b.Errorf("got %d recordings, want 250", len(files))
	}
	checkRecordings(b, files, lasts)
	b.ReportMetric(float64(len(files)), "files")
}

// BenchmarkRecordedThroughStalls stops the switch three times (SIGSTOP), as a
// machine does that is taken away: nothing is missing in the files, nor on the line.
func BenchmarkRecordedThroughStalls(b *testing.B) {
	const lasts = 3 * turn
	r := talkingHouse(b, house{calls: 50, record: true})
	s := r.streams
	s.speak(func(i int) []byte { return frameOf(s.law(i), hz(i)) }, func(i int) []byte { return frameOf(s.law(i), hz(i^1)) })
	var stalls sync.WaitGroup
	stalls.Go(func() {
		for _, stands := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second} {
			time.Sleep(time.Second)
			_ = r.sw.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(stands)
			_ = r.sw.cmd.Process.Signal(syscall.SIGCONT)
		}
	})
	one := summarize([]*run{s.send(r.ours, lasts, impairment{})})
	stalls.Wait()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(one.lost()), "lost")
	if one.lost() > 0 {
		b.Errorf("got %d lost, want none", one.lost())
	}
	checkRecordings(b, r.recordings(b), lasts)
}

// BenchmarkRelayWhileCallsAreSetUp asks what GOMAXPROCS should be: as many as
// CPUs, or as many more as there are shards, each of which has a thread.
func BenchmarkRelayWhileCallsAreSetUp(b *testing.B) {
	cpus := runtime.NumCPU()
	for _, procs := range []int{cpus, 2 * cpus} {
		b.Run(fmt.Sprintf("procs=%d", procs), func(b *testing.B) {
			r := talkingHouse(b, house{calls: 300, others: 100, env: []string{"GOMAXPROCS=" + strconv.Itoa(procs)}})
			r.warm(r.ours)
			churned := r.churn(200)
			one := summarize([]*run{r.send(r.ours, 3*turn, impairment{})})
			_, failed := churned()
			b.ReportMetric(float64(one.p99.Microseconds()), "p99-us")
			b.ReportMetric(100*one.cpu, "%core")
			b.ReportMetric(float64(one.lost()), "lost")
			b.ReportMetric(float64(failed), "failed")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// swapped is what parties hear when nothing is changed on the way.
func (s *streams) swapped() [][]byte {
	out := slices.Clone(s.payload)
	for i := 0; i < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return out
}
