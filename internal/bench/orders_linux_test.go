package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/load"
)

// door is the HTTP listener of a running switch.
type door struct {
	b     *testing.B
	addr  string
	token string
}

// setUpHTTP is setUp with the HTTP listener and a token for everything.
func setUpHTTP(b *testing.B, agents int, cfg load.Config) (rig, door) {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	d := door{b: b, addr: l.Addr().String()}
	l.Close()
	r, dir := setUpIn(b, agents, cfg, "{queue: all}", false, nil, "http: []", fmt.Sprintf("http: [\"http://%s\"]", d.addr),
		"numbers:", "dial: {trunks: [out]}\nnumbers:")
	client := api.NewClient(filepath.Join(dir, "data"))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	made, err := client.MakeToken(ctx, "bench", api.ScopeAdmin, "")
	if err != nil {
		b.Fatal(err)
	}
	d.token = made.Text
	return r, d
}

// ask asks and gives the answer's body.
func (d door) ask(method, path, body string) []byte {
	r, err := http.NewRequest(method, "http://"+d.addr+path, strings.NewReader(body))
	if err != nil {
		d.b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.b.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode/100 != 2 {
		d.b.Fatalf("%s %s: got %d %s", method, path, res.StatusCode, text)
	}
	return text
}

// calls are the calls in progress by their numbers.
func (d door) calls(r rig) map[int]string {
	var all []api.Call
	if err := json.Unmarshal(d.ask("GET", "/v1/calls", ""), &all); err != nil {
		d.b.Fatal(err)
	}
	ids := map[int]string{}
	for _, c := range all {
		if n, ok := r.Number(c.Caller); ok {
			ids[n] = c.ID
		}
	}
	return ids
}

// BenchmarkOrders gives orders over HTTP while 500 calls talk, 1,000 streams of 50 packets a
// second. It measures from the request to the first SIP message (a transfer's INVITE, a hangup's
// BYE), and how long after the request the sound that a mute ends still leaves the switch.
func BenchmarkOrders(b *testing.B) {
	const calls, bar = 500, 5.0
	s := openStreams(b, 2*calls, [2]netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")})
	r, d := setUpHTTP(b, calls, load.Config{Talk: time.Hour, Sound: func(n int) (carrier, phone load.Party) {
		if i := 2 * n; i >= 0 && i+1 < len(s.addrs) {
			return load.Party{Port: s.addrs[i].Port()}, load.Party{Port: s.addrs[i+1].Port()}
		}
		return load.Party{Port: 9}, load.Party{Port: 9} // of who is transferred to: nobody listens
	}})
	requests := make(chan request, 1024)
	r.OnRequest = func(method string, at time.Time) {
		select {
		case requests <- request{method, at}:
		default:
		}
	}
	ids := upAll(b, r, d, calls)
	var ports []uint16
	for n := range calls {
		carrier, phone := r.Ports(n)
		ports = append(ports, carrier, phone)
	}
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		s.send(s.through("switch", r.sw, ports), 50*time.Second, impairment{})
	}()
	time.Sleep(2 * time.Second)

	var mute, transfer, hangup []time.Duration
	for n := range calls {
		mute = append(mute, s.silenced(d, ids[n], 2*n))
	}
	for n := range calls {
		transfer = append(transfer, first(requests, "INVITE", func() {
			d.ask("POST", "/v1/calls/"+ids[n]+"/transfer", `{"to": {"number": "+14155550199"}}`)
		}))
		time.Sleep(5 * time.Millisecond)
	}
	for n := range calls {
		hangup = append(hangup, first(requests, "BYE", func() { d.ask("POST", "/v1/calls/"+ids[n]+"/hangup", "") }))
		time.Sleep(5 * time.Millisecond)
	}
	<-sending
	for name, all := range map[string][]time.Duration{"mute": mute, "transfer": transfer, "hangup": hangup} {
		slices.Sort(all)
		b.ReportMetric(quantile(all, .5), name+"-p50-ms")
		b.ReportMetric(quantile(all, .99), name+"-p99-ms")
		if p99 := quantile(all, .99); p99 > bar {
			b.Errorf("%s: got p99 %.2f ms, want at most %.0f", name, p99, bar)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// request is one as it came to a phone.
type request struct {
	method string
	at     time.Time
}

// upAll sets up so many calls and gives their names.
func upAll(b *testing.B, r rig, d door, calls int) map[int]string {
	b.Helper()
	for range calls {
		r.Begin()
		time.Sleep(4 * time.Millisecond)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(300 * time.Millisecond) {
		if _, connected, _, _ := r.Progress(); connected == calls {
			if ids := d.calls(r); len(ids) == calls {
				return ids
			}
		}
		if time.Now().After(deadline) {
			b.Fatal("the calls are not up within 20 s")
		}
	}
}

// first is how long after an order the first request of a method comes; an hour: none did.
func first(requests chan request, method string, order func()) time.Duration {
	for len(requests) > 0 {
		<-requests
	}
	began := time.Now()
	order()
	give := time.After(time.Second)
	for {
		select {
		case q := <-requests:
			if q.method == method {
				return q.at.Sub(began)
			}
		case <-give:
			return time.Hour
		}
	}
}

// silenced mutes a call's agent and says how long the customer's side still got sound.
func (s *streams) silenced(d door, id string, party int) time.Duration {
	began := time.Now()
	d.ask("POST", "/v1/calls/"+id+"/mute", "")
	for time.Since(began) < 50*time.Millisecond {
		time.Sleep(5 * time.Millisecond)
	}
	last := time.Unix(0, s.heard[party].Load())
	if time.Since(last) < 25*time.Millisecond {
		return time.Hour // it goes on
	}
	return max(last.Sub(began), 0)
}

// BenchmarkReaders asks the switchboard, over HTTP, for an agent's state while two calls a second
// come and go, with nobody and with 2,000 readers of /v1/facts: what these cost it. Every reader
// must get every fact.
func BenchmarkReaders(b *testing.B) {
	const readers = 2000
	without, with := watched(b, 0), watched(b, readers)
	for name, w := range map[string]watching{"alone": without, "read": with} {
		b.ReportMetric(quantile(w.asks, .5), name+"-ask-p50-ms")
		b.ReportMetric(quantile(w.asks, .99), name+"-ask-p99-ms")
		b.ReportMetric(quantile(w.setup, .5), name+"-setup-p50-ms")
		b.ReportMetric(100*w.cpu, name+"-%core")
	}
	b.ReportMetric((with.peak-without.peak)*1024/readers, "KiB/reader")
	b.ReportMetric(float64(with.events), "events")
	b.ReportMetric(float64(with.short), "readers-short")
	b.ReportMetric(0, "ns/op")
	if with.short > 0 {
		b.Errorf("got %d readers who missed something, want none", with.short)
	}
}

// watching is what one run of BenchmarkReaders showed.
type watching struct {
	asks, setup   []time.Duration
	cpu, peak     float64
	events, short int
}

func watched(b *testing.B, readers int) (w watching) {
	b.Helper()
	const lasts = 30 * time.Second
	r, d := setUpHTTP(b, 20, load.Config{Talk: time.Second})
	got := make([]atomic.Int64, readers)
	for i := range readers {
		conn, err := net.Dial("tcp4", d.addr)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /v1/facts?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", d.token)
		go func() {
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "id: ") {
					got[i].Add(1)
				}
			}
		}()
	}
	time.Sleep(2 * time.Second)
	cpu0, began := r.sw.cpu(), time.Now()
	for n := 0; time.Since(began) < lasts; n++ {
		if n%25 == 0 {
			r.Begin()
		}
		due := began.Add(time.Duration(n) * 20 * time.Millisecond)
		time.Sleep(time.Until(due))
		asked := time.Now()
		d.ask("GET", "/v1/agents/a000", "")
		w.asks = append(w.asks, time.Since(asked))
	}
	w.cpu = (r.sw.cpu() - cpu0).Seconds() / time.Since(began).Seconds()
	settle(&r)
	time.Sleep(2 * time.Second)
	w.peak = r.sw.peakMiB()
	most := int64(0)
	for i := range got {
		most = max(most, got[i].Load())
		w.events += int(got[i].Load())
	}
	for i := range got {
		if got[i].Load() != most {
			w.short++
		}
	}
	w.setup = r.Close().Setup
	slices.Sort(w.setup)
	slices.Sort(w.asks)
	return w
}
