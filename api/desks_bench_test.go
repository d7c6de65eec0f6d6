package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"trunkline/call"
)

// deskClients says in the environment of this test binary that it is 500 pages.
const deskClients = "TRUNKLINE_DESK_CLIENTS"

// TestMain lets the benchmark's other process be this binary.
func TestMain(m *testing.M) {
	if at := os.Getenv(deskClients); at != "" {
		openPages(at)
		return
	}
	os.Exit(m.Run())
}

// openPages opens a page for each cookie that comes on standard input, answers
// their heartbeats, and says when all are open.
func openPages(at string) {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		c, _, err := websocket.Dial(context.Background(), at+"/desk/socket?tab=a", &websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {in.Text()}, "Origin": {at}}})
		if err != nil {
			fmt.Println(err)
			return
		}
		c.SetReadLimit(1 << 20)
		go func() {
			for {
				_, text, err := c.Read(context.Background())
				if err != nil {
					return
				}
				if strings.Contains(string(text), `"beat"`) {
					_ = c.Write(context.Background(), websocket.MessageText, []byte(`{"type":"beat"}`))
				}
			}
		}()
	}
	fmt.Println("open")
	select {}
}

// BenchmarkFiveHundredOpenHelpDesks tells what idle pages cost the switch:
// memory of each, and the share of a core that their heartbeats take. The pages
// are another process.
func BenchmarkFiveHundredOpenHelpDesks(b *testing.B) {
	const pages = 500
	signed, err := OpenSessions(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	ins := signIns()
	ins.Account = func(id string) (Account, bool) {
		return Account{ID: id, Name: id, Scope: ScopeAgent, Agent: id, Login: "x"}, true
	}
	board := call.New(call.Config{})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { _ = board.Run(ctx, call.Hands{Append: func(...call.Entry) {}}) }()
	stream := NewStream(0, func(uint64, int) ([]call.Fact, error) { return nil, nil }, nil)
	go stream.Run(ctx)
	s := New(Config{Board: board, Stream: stream, Sessions: signed, SignIns: ins, Desks: NewDesks(board, stream)})
	go s.cfg.Desks.Run(ctx)
	srv := httptest.NewServer(s.public())
	defer srv.Close()
	var cookies strings.Builder
	for i := range pages {
		a, _ := ins.Account(fmt.Sprintf("a%d", i))
		text, _, err := signed.open(time.Now(), time.Hour, Session{Account: a.ID}, a.mark())
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&cookies, "%s=%s\n", cookieName, text)
	}
	before := resident()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), deskClients+"="+srv.URL)
	other.Stdin = strings.NewReader(cookies.String())
	out, err := other.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := other.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		b.Fatalf("the pages: got %q, %v", line, err)
	}
	if n := s.cfg.Desks.Open(); n != pages {
		b.Fatalf("open: got %d, want %d", n, pages)
	}
	cpu, began := used(), time.Now()
	timer := time.NewTimer(3 * beatEvery)
	<-timer.C
	share := 100 * (used() - cpu).Seconds() / time.Since(began).Seconds()
	if n := s.cfg.Desks.Open(); n != pages {
		b.Fatalf("open after %v: got %d, want %d", time.Since(began), n, pages)
	}
	b.ReportMetric(float64(resident()-before)/pages/1024, "KiB/page")
	b.ReportMetric(share, "%core")
	b.ReportMetric(0, "ns/op")
}

// resident is the memory that this process has of the system, less what it could give back.
func resident() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// used is the processor's time of this process.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
