package media

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/internal/simbrowser"
)

const (
	benchCalls  = 100
	benchLasts  = 4 * time.Second
	benchFrames = uint64(benchCalls * benchLasts / (20 * time.Millisecond)) // of one side of all calls
)

var benchIP = netip.MustParseAddr("127.0.0.1")

// BenchmarkBrowserCall compares what a call between a browser and a phone costs us with one between two
// phones: the CPU of our whole process, on the kernel's sockets, while both sides talk. In both cases as
// many packets come and go, at the same moments: the peers, whether phones or browsers (pion), are in a
// process of their own, and one pacer sends for all of them. Who is cheaper to wake is not measured by
// that; with a few calls, each on its own clock, little else was. Bar: 3 times the plain call. What it
// costs to connect a browser (ICE, DTLS) is told apart, once a call.
func BenchmarkBrowserCall(b *testing.B) {
	const bar, rounds = 3.0, 3
	var plain, browser spent
	for range rounds { // the least: what the machine's other work did not disturb
		plain, browser = plain.or(callCost(b, "phone")), browser.or(callCost(b, "browser"))
	}
	ratio := float64(browser.call) / float64(plain.call)
	b.ReportMetric(float64(plain.call.Microseconds()), "phone-µs/call-s")
	b.ReportMetric(float64(browser.call.Microseconds()), "browser-µs/call-s")
	b.ReportMetric(plain.wakes, "phone-wakes/call-s")
	b.ReportMetric(browser.wakes, "browser-wakes/call-s")
	b.ReportMetric(float64(browser.setUp.Microseconds()), "set-up-µs/browser")
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(0, "ns/op")
	if ratio > bar {
		b.Errorf("got %.2f times the call of two phones, want at most %.1f", ratio, bar)
	}
}

// spent is what calls have cost our process.
type spent struct {
	call  time.Duration // of a second of one
	wakes float64       // how often a thread of ours waited and was woken, likewise
	setUp time.Duration // of one, until both hear each other
}

// or is the cheaper one.
func (s spent) or(o spent) spent {
	if s.call != 0 && s.call < o.call {
		return s
	}
	return o
}

// callCost is what calls whose second leg is of a kind cost.
func callCost(b *testing.B, kind string) (out spent) {
	b.Helper()
	up := make(chan struct{}, benchCalls)
	e, err := New(Config{PortMin: 30000, PortMax: 39999, Shards: 1, WebRTC: &WebRTC{Bind: []netip.Addr{benchIP}}, Emit: func(ev Event) {
		if _, ok := ev.(Connected); ok {
			up <- struct{}{}
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	child := exec.Command(os.Args[0], "-test.run", "^TestPeersOfTheBrowserBenchmark$")
	child.Env = append(os.Environ(), "PEERS_OF="+kind)
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	pipe, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() { in.Close(); _ = child.Wait() }()
	began := usage()
	var sessions []*Session
	for lines := bufio.NewScanner(pipe); len(sessions) < 2*benchCalls && lines.Scan(); {
		which, text, _ := strings.Cut(lines.Text(), " ")
		offer, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue // of the test's own output
		}
		s, answer := benchSession(b, e, len(sessions), which, offer)
		sessions = append(sessions, s)
		fmt.Fprintln(in, base64.StdEncoding.EncodeToString(answer))
	}
	for i := 0; i < len(sessions); i += 2 {
		if kind == "browser" {
			<-up
		}
		sessions[i].bridge.Load().Join(sessions[i], sessions[i+1])
	}
	out.setUp = usage().cpu(began) / benchCalls
	fmt.Fprintln(in, "talk")
	<-time.After(time.Second)
	was, wasIn, wasOut := usage(), counted(sessions).Received, counted(sessions).Sent
	start := time.Now()
	<-time.After(benchLasts)
	now, lasted := usage(), time.Since(start)
	got := counted(sessions)
	for what, n := range map[string]uint64{"from": got.Received - wasIn, "to": got.Sent - wasOut} {
		if want := 2 * benchFrames; n < want*97/100 || n > want*105/100 {
			b.Fatalf("%s: got %d packets %s the peers, want %d: they, or we, were too slow", kind, n, what, want)
		}
	}
	for i, s := range sessions { // the work is really done: a browser's sound was decrypted, and ours is encrypted
		if p, _ := s.neg.Params(); (p.Keying.Suite != suiteNone) != (kind == "browser" && i%2 == 1) || s.Stats().Forged > 0 {
			b.Fatalf("%s, session %d: got suite %v, %d forged", kind, i, p.Keying.Suite, s.Stats().Forged)
		}
	}
	out.call = time.Duration(float64(now.cpu(was)) / benchCalls / lasted.Seconds())
	out.wakes = float64(now.Nvcsw-was.Nvcsw) / benchCalls / lasted.Seconds()
	return out
}

// counted are the packets of all sessions.
func counted(all []*Session) (sum Stats) {
	for _, s := range all {
		sum.Received += s.Stats().Received
		sum.Sent += s.Stats().Sent
	}
	return sum
}

func benchSession(b *testing.B, e *Engine, n int, which string, offer []byte) (s *Session, answer []byte) {
	b.Helper()
	bridge := e.NewBridge(BridgeID(strconv.Itoa(n)))
	s, err := bridge.NewSession(SessionConfig{ID: SessionID(strconv.Itoa(n)), Bind: benchIP, Browser: which == "browser"})
	if err == nil && which == "browser" {
		answer, err = s.AnswerBrowser(offer, benchIP)
	} else if err == nil {
		answer, err = s.Answer(offer)
	}
	if err != nil {
		b.Fatal(err)
	}
	return s, answer
}

// used is what the process has used so far.
type used struct{ syscall.Rusage }

func usage() (u used) {
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u.Rusage)
	return u
}

// cpu is what it used since.
func (u used) cpu(since used) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano() - since.Utime.Nano() - since.Stime.Nano())
}

// TestPeersOfTheBrowserBenchmark is the benchmark's other process: for each call a phone and another
// peer, whose descriptions it writes and whose answers it reads, and who talk from when they are told
// until its input ends.
func TestPeersOfTheBrowserBenchmark(t *testing.T) {
	kind := os.Getenv("PEERS_OF")
	if kind == "" {
		return
	}
	answers := bufio.NewScanner(os.Stdin)
	answers.Buffer(nil, 1<<16)
	ask := func(which string, offer []byte) []byte {
		fmt.Println(which, base64.StdEncoding.EncodeToString(offer))
		answers.Scan()
		answer, _ := base64.StdEncoding.DecodeString(answers.Text())
		return answer
	}
	var peers []func() // each says its next packet
	for range benchCalls {
		for _, which := range []string{"phone", kind} {
			conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(benchIP, 0)))
			if err != nil {
				t.Fatal(err)
			}
			if which == "phone" {
				at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
				peers = append(peers, plainPeer(t, conn, ask(which, fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %v\r\ns=-\r\nc=IN IP4 %v\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", at.Addr(), at.Addr(), at.Port()))))
				continue
			}
			page, err := simbrowser.New(simbrowser.Config{Conn: conn, Codec: "PCMU"})
			if err != nil {
				t.Fatal(err)
			}
			offer, err := page.Offer()
			if err == nil {
				err = page.Answer(ask(which, offer))
			}
			if err != nil {
				t.Fatal(err)
			}
			frame := make([]byte, FrameSamples)
			peers = append(peers, func() {
				page.Heard()
				_ = page.Say(frame)
			})
		}
	}
	if answers.Scan() {
		go pace(peers)
	}
	for answers.Scan() { // until the benchmark has measured
	}
}

// pace has each peer speak 50 times a second, a twentieth of them in each millisecond.
func pace(peers []func()) {
	start := time.Now()
	for ms := 0; ; ms++ {
		<-time.After(time.Until(start.Add(time.Duration(ms) * time.Millisecond)))
		for i := ms % 20; i < len(peers); i += 20 {
			peers[i]()
		}
	}
}

// plainPeer is a phone that reads what comes; it says its next packet to where an answer says.
func plainPeer(t *testing.T, conn *net.UDPConn, answer []byte) func() {
	t.Helper()
	d, err := parseDescription(answer)
	if err != nil || len(d.sections) == 0 {
		t.Fatalf("an answer: got %q", answer)
	}
	to := netip.AddrPortFrom(benchIP, d.sections[0].port)
	go func() {
		var b [2048]byte
		for {
			if _, _, err := conn.ReadFromUDPAddrPort(b[:]); err != nil {
				return
			}
		}
	}()
	b, i := make([]byte, headerSize+FrameSamples), uint32(0)
	return func() {
		outHeader{seq: uint16(i), ts: i * FrameSamples, ssrc: 7}.write(b)
		_, _ = conn.WriteToUDPAddrPort(b, to)
		i++
	}
}
