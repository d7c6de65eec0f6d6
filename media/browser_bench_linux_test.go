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
	benchCalls = 20
	benchLasts = 4 * time.Second
)

var benchIP = netip.MustParseAddr("127.0.0.1")

// BenchmarkBrowserCall compares the CPU of a call between a browser and a phone with that of a call
// between two phones, of the whole process, on the kernel's sockets; phones and browsers (pion) are
// in a process of their own. Bar: 3 times the plain call.
func BenchmarkBrowserCall(b *testing.B) {
	const bar, rounds = 3.0, 3
	var plain, browser time.Duration
	for range rounds { // the least: what the machine's other work did not disturb
		if c := callCost(b, "phone"); plain == 0 || c < plain {
			plain = c
		}
		if c := callCost(b, "browser"); browser == 0 || c < browser {
			browser = c
		}
	}
	ratio := float64(browser) / float64(plain)
	b.ReportMetric(float64(plain.Microseconds()), "phone-µs/call-s")
	b.ReportMetric(float64(browser.Microseconds()), "browser-µs/call-s")
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(0, "ns/op")
	if ratio > bar {
		b.Errorf("got %.2f times the call of two phones, want at most %.1f", ratio, bar)
	}
}

// callCost is our CPU for a second of one call of so many, whose second leg is of a kind.
func callCost(b *testing.B, kind string) time.Duration {
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
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() { in.Close(); _ = child.Wait() }()
	var sessions []*Session
	for lines := bufio.NewScanner(out); len(sessions) < 2*benchCalls && lines.Scan(); {
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
	<-time.After(time.Second)
	was, began := cpuTime(), time.Now()
	<-time.After(benchLasts)
	cost, lasted := cpuTime()-was, time.Since(began)
	for _, s := range sessions {
		if got, want := s.Stats().Sent, uint64(benchLasts/(20*time.Millisecond))*9/10; got < want {
			b.Fatalf("%s: got %d packets to a peer, want %d: the peers were too slow", kind, got, want)
		}
	}
	return time.Duration(float64(cost) / benchCalls / lasted.Seconds())
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

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestPeersOfTheBrowserBenchmark is the benchmark's other process: for each call a phone and another
// peer, whose descriptions it writes and whose answers it reads, and who talk until its input ends.
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
	for range benchCalls {
		for _, which := range []string{"phone", kind} {
			conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(benchIP, 0)))
			if err != nil {
				t.Fatal(err)
			}
			if which == "phone" {
				at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
				talkPlain(conn, ask(which, fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %v\r\ns=-\r\nc=IN IP4 %v\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", at.Addr(), at.Addr(), at.Port())))
				continue
			}
			page, err := simbrowser.New(simbrowser.Config{Conn: conn, Codec: "PCMU", Tone: 440})
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
		}
	}
	for answers.Scan() { // until the benchmark has measured
	}
}

// talkPlain has a phone send 50 packets a second to where an answer says, and read what comes.
func talkPlain(conn *net.UDPConn, answer []byte) {
	d, err := parseDescription(answer)
	if err != nil || len(d.sections) == 0 {
		return
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
	go func() {
		b := make([]byte, headerSize+FrameSamples)
		for i := range uint32(1 << 30) {
			outHeader{seq: uint16(i), ts: i * FrameSamples, ssrc: 7}.write(b)
			_, _ = conn.WriteToUDPAddrPort(b, to)
			<-time.After(20 * time.Millisecond)
		}
	}()
}
