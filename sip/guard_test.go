package sip

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/raced"
	"trunkline/internal/simphone"
)

// options is a request that a stranger gets no answer to.
func options(i int) string {
	return fmt.Sprintf("OPTIONS sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKo%d;rport\r\nFrom: <sip:a@b>;tag=%[1]d\r\nTo: <sip:x@10.0.0.1>\r\nCall-ID: o%[1]d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", i)
}

func stranger(method string, i int) string {
	return strings.ReplaceAll(options(i), "OPTIONS", method)
}

func TestStrangersFloodIsBannedForAWhileAndNobodyElseIs(t *testing.T) {
	inBubble(t, func(r *rig) {
		from, to := netip.MustParseAddrPort("203.0.113.7:5060"), netip.MustParseAddrPort(rigSwitch)
		for i := range 3000 {
			r.net.Send(from, to, []byte(stranger("INVITE", i)))
			r.net.Send(netip.MustParseAddrPort(rigTrunk), to, []byte(options(i)))
			if i%100 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		bans := r.e.Bans()
		if len(bans) != 1 || bans[0].Source.String() != "203.0.113.7/32" || bans[0].Rule != "requests" || bans[0].Until.Sub(bans[0].Since) != banFor || bans[0].Dropped == 0 {
			t.Fatalf("bans: got %+v, want the stranger's", bans)
		}
		if log := r.log.String(); !strings.Contains(log, `"source banned" addr=203.0.113.7/32 rule=requests until=`) {
			t.Errorf("log: got %q, want the ban with its rule", log)
		}
		s := r.e.Stats()
		if s.Challenged > strangerBurst+strangerRate || s.Rejections["requests"] < 2700 {
			t.Errorf("got %d challenged, %d dropped, want the burst, and all else", s.Challenged, s.Rejections["requests"])
		}
		p, q := r.peer("203.0.113.7:5060"), r.peer("203.0.113.8:5060")
		p.call("banned").invite()
		p.nothing(time.Second)
		q.call("other").invite()
		q.expect("SIP/2.0 401")
		trunk := r.peer(rigTrunk)
		trunk.send(options(5000)) // 3,000 at once were a stranger's end
		trunk.expect("SIP/2.0 200")
		time.Sleep(banFor)
		p.call("later").invite()
		p.expect("SIP/2.0 401")
		if got := r.e.Bans(); len(got) != 0 {
			t.Errorf("bans afterwards: got %+v, want none", got)
		}
	})
}

func TestPardonEndsABan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var count ruleCounts
		g := newGuard(newGrumbler(slog.New(slog.DiscardHandler)), &count)
		a := netip.MustParseAddr("2001:db8::1")
		for range 5000 {
			g.heard(a, false, time.Now())
		}
		if b := g.list(time.Now()); len(b) != 1 || b[0].Source.String() != "2001:db8::/64" || !g.blocked(netip.MustParseAddr("2001:db8::2"), time.Now()) {
			t.Fatalf("got %+v, want the whole /64 banned", b)
		}
		if !g.pardon(a) || g.pardon(a) || !g.heard(a, false, time.Now()) {
			t.Error("after the pardon: got no hearing, want one")
		}
	})
}

// An office's phones come back at once; a bad neighbour behind the same
// address loses only the user that it guesses.
func TestFriendIsNeverBannedAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var count ruleCounts
		g := newGuard(newGrumbler(slog.New(slog.DiscardHandler)), &count)
		office := netip.MustParseAddr("198.51.100.7")
		for i := range 20000 {
			if ok := g.heard(office, true, time.Now()); ok != (i < friendBurst) {
				t.Fatalf("packet %d: got %v", i, ok)
			}
		}
		for range tooManyFailures {
			g.failed(office, "ann", true, time.Now())
		}
		if !g.guessing(office, "ann", time.Now()) || g.guessing(office, "bob", time.Now()) {
			t.Error("got ann heard, or bob not, want the opposite")
		}
		if b := g.list(time.Now()); len(b) != 1 || b[0].User != "ann" || b[0].Rule != "failures" {
			t.Errorf("bans: got %+v, want ann's of that office alone", b)
		}
		time.Sleep(time.Second)
		if !g.heard(office, true, time.Now()) {
			t.Error("after a second: got no hearing, want one")
		}
		time.Sleep(banFor)
		if g.guessing(office, "ann", time.Now()) {
			t.Error("after the ban: got ann unheard")
		}
	})
}

func TestGuessingPasswordsEndsInABan(t *testing.T) {
	inBubble(t, func(r *rig) {
		thief := r.phone("203.0.113.9:5060", func(c *simphone.Config) { c.Password = "wrong" })
		defer thief.Close()
		tries := 0
		for ; tries < 100 && len(r.e.Bans()) == 0; tries++ {
			_, _ = thief.Register(r.t.Context(), time.Hour)
		}
		if b := r.e.Bans(); len(b) != 1 || b[0].Rule != "failures" || b[0].User != "" {
			r.t.Fatalf("after %d registrations: got %+v, want the source banned", tries, b)
		}
		// Who has the password registers from elsewhere as ever.
		ann := r.phone("10.0.1.1:5060")
		defer ann.Close()
		ann.MustRegister(r.t, time.Hour)
		if s := r.e.Stats(); s.Rejections["credentials"] != tooManyFailures {
			r.t.Errorf("rejections: got %v, want %d of credentials", s.Rejections, tooManyFailures)
		}
	})
}

// The digest's nonce makes sure of the address: nobody can have another banned
// by forging wrong passwords.
func TestForgedFailuresBanNobody(t *testing.T) {
	inBubble(t, func(r *rig) {
		from, to := netip.MustParseAddrPort("203.0.113.7:5060"), netip.MustParseAddrPort(rigSwitch)
		for i := range 10 * tooManyFailures {
			m := strings.Replace(stranger("REGISTER", i), "CSeq:", `Authorization: Digest username="ann", realm="pbx.example.com", nonce="00", uri="sip:x", response="0"`+"\r\nCSeq:", 1)
			r.net.Send(from, to, []byte(m))
			time.Sleep(100 * time.Millisecond)
		}
		if b := r.e.Bans(); len(b) != 0 {
			r.t.Errorf("got %+v, want no ban", b)
		}
	})
}

// sink takes what is written to nobody.
type sink struct{ done chan struct{} }

func (s *sink) ReadFrom([]byte) (int, net.Addr, error) {
	<-s.done
	return 0, nil, net.ErrClosed
}
func (s *sink) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }
func (s *sink) Close() error                              { close(s.done); return nil }
func (s *sink) LocalAddr() net.Addr                       { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060} }
func (s *sink) SetDeadline(time.Time) error               { return nil }
func (s *sink) SetReadDeadline(time.Time) error           { return nil }
func (s *sink) SetWriteDeadline(time.Time) error          { return nil }

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// 300,000 forged sources took sipgo 102 MiB for ever.
func TestMemoryIsFlatUnder300000ForgedSources(t *testing.T) {
	inBubble(t, func(r *rig) {
		e, silent := r.e, []byte(options(0))
		flood := func(n int) {
			for i := range n {
				at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(rand.N(200) + 20), byte(rand.N(256)), byte(rand.N(256)), byte(rand.N(256))}), 5060)
				text := silent
				switch i % 50 {
				case 0:
					text = []byte(stranger("INVITE", i))
				case 1:
					text = []byte(stranger("REGISTER", i))
				}
				e.receive(text, &flow{udp: e.udp[0], remote: at, source: at})
				if i%5000 == 0 {
					time.Sleep(time.Second)
				}
			}
		}
		flood(2 * maxTallies)
		before := live()
		flood(raced.Or(60_000, 300_000))
		if after := live(); after > before+4<<20 {
			t.Errorf("heap: got %d KiB more after 300,000 forged sources, want none", (after-before)>>10)
		}
		if n := len(e.guard.young) + len(e.guard.elder) + len(e.guard.bans); n > 2*maxTallies {
			t.Errorf("entries: got %d, want at most %d", n, 2*maxTallies)
		}
	}, func(c *Config) {
		_ = c.UDP[0].Close()
		c.UDP[0] = &sink{done: make(chan struct{})}
	})
}

// 5,000 requests a second for a minute, half from one source, half from forged
// ones: trunk, phones and newcomers are served all the while.
func TestFloodLeavesBystandersServed(t *testing.T) {
	inBubble(t, func(r *rig) {
		t := r.t
		const settled = 5 // rounds of 3 s, in which every address of the pool is used
		lasts := raced.Or(30*time.Second, time.Minute)
		one := netip.MustParseAddrPort("203.0.113.66:5060")
		silent, loud := []byte(options(0)), []byte(stranger("INVITE", 0))
		ann := r.phone("10.0.1.1:5060")
		defer ann.Close()
		ann.MustRegister(t, time.Hour)
		stop, done := make(chan struct{}), make(chan int)
		go func() {
			sent := 0
			defer func() { done <- sent }()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				for j := range 25 { // 25 each 5 ms
					n := i*25 + j
					// The simulated network remembers each pair of addresses: a pool
					// of them, all used before memory is measured.
					from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)}), 5060)
					text := silent
					switch {
					case j%2 == 0:
						from, text = one, loud
					case j == 1:
						text = []byte(stranger("REGISTER", n))
					}
					r.e.receive(text, &flow{udp: r.e.udp[0], remote: from, source: from})
					sent++
				}
				time.Sleep(5 * time.Millisecond)
			}
		}()
		trunk := r.peer(rigTrunk)
		var early uint64
		began := time.Now()
		for i := 0; time.Since(began) < lasts; i++ {
			start := time.Now()
			c := trunk.call(fmt.Sprintf("by%d", i))
			c.up()
			c.request("BYE", "", "")
			c.expect("SIP/2.0 200")
			want[Ended](r)
			newcomer := r.phone(fmt.Sprintf("10.1.%d.1:5060", i))
			newcomer.MustRegister(t, time.Hour)
			newcomer.Close()
			ann.MustRegister(t, time.Hour)
			if d := time.Since(start); d > 100*time.Millisecond {
				t.Errorf("after %v: a call and two registrations took %v", time.Since(began), d)
			}
			r.net.ClearLadder() // the network's own memory
			if i == settled {
				early = live()
			}
			time.Sleep(3 * time.Second)
		}
		r.net.ClearLadder()
		if late := live(); late > early+6<<20 {
			t.Errorf("heap: got %d KiB more at the end of the flood", (late-early)>>10)
		}
		close(stop)
		if sent := <-done; sent < int(lasts.Seconds())*4800 {
			t.Errorf("sent: got %d, want 5,000 a second", sent)
		}
		if b := r.e.Bans(); len(b) != 1 || b[0].Source.Addr() != one.Addr() {
			t.Errorf("bans: got %+v, want the one source", b)
		}
	})
}

// What a REGISTER may not point at, unless it came from this machine.
func TestContactMustNotPointAtOurselvesOrEverybody(t *testing.T) {
	for _, c := range []struct {
		host string
		code int
	}{
		{"127.0.0.1", 403}, {"127.9.9.9", 403}, {"[::1]", 403}, {"localhost", 403}, {"[::ffff:127.0.0.1]", 403},
		{"169.254.1.1", 403}, {"[fe80::1]", 403}, {"224.0.0.1", 403}, {"[ff02::1]", 403}, {"255.255.255.255", 403},
		{"0.0.0.0", 403}, {"[::]", 403}, {"10.0.0.1", 403}, {"10.0.0.1:5070", 403}, {"203.0.113.200", 403},
		{"192.168.1.5", 200}, {"10.0.1.9:6000", 200}, {"phone.example.com", 200},
	} {
		o := open(t, nil)
		o.own = func(a netip.Addr) bool { return a.String() == "10.0.0.1" || a.String() == "203.0.113.200" }
		p := o.phone("x")
		p.challenged()
		if res := p.register("Contact: <sip:ann@" + c.host + ">"); res.StatusCode != c.code {
			t.Errorf("%s: got %d %s, want %d", c.host, res.StatusCode, res.Reason, c.code)
		}
		if n := len(o.contacts("ann")); (n == 1) != (c.code == 200) {
			t.Errorf("%s: got %d phones", c.host, n)
		}
		p = o.phone("y")
		p.source = "127.0.0.1:5070"
		p.challenged()
		if res := p.register("Contact: <sip:ann@" + c.host + ">"); res.StatusCode != 200 {
			t.Errorf("%s, from this machine: got %d %s, want 200", c.host, res.StatusCode, res.Reason)
		}
	}
}

// Nothing tells a name that we have from one that we have not: neither what is
// said nor the work behind it.
func TestNamesCannotBeEnumerated(t *testing.T) {
	o := open(t, nil)
	answer := func(user, response string) string {
		p := o.phone("e")
		p.user = user
		req := p.request("Contact: <sip:x@192.0.2.7>", fmt.Sprintf(`Authorization: Digest username=%q, realm=%q, nonce=%q, uri="sip:%[2]s", response=%q, qop=auth, nc=00000001, cnonce="c"`,
			user, testRealm, o.nonces.issue(time.Now()), response))
		v := o.authenticate(req)
		if v.response == nil {
			t.Fatalf("%s: got in", user)
		}
		text := v.response.String()
		for _, own := range []string{user, "nonce=\"", ";tag="} { // differ by nature
			parts := strings.Split(text, own)
			for i := 1; i < len(parts) && own != user; i++ {
				if end := strings.IndexAny(parts[i], "\"\r"); end >= 0 {
					parts[i] = parts[i][end:]
				}
			}
			text = strings.Join(parts, "#")
		}
		return text
	}
	wrong := strings.Repeat("0", 32)
	if a, b := answer("ann", wrong), answer("zoe", wrong); a != b {
		t.Errorf("got\n%s and\n%s, want the same", a, b)
	}
	work := func(user string) func() { return func() { answer(user, wrong) } }
	if a, b := testing.AllocsPerRun(200, work("ann")), testing.AllocsPerRun(200, work("zoe")); a-b > 2 || b-a > 2 { // a line of the log now and then
		t.Errorf("allocations: got %v and %v, want the same", a, b)
	}
	// Medians of runs in turn: what else this machine does falls on both.
	var times [2][]time.Duration
	for range 4000 {
		for i, user := range []string{"ann", "zoe"} {
			begun := time.Now()
			answer(user, wrong)
			times[i] = append(times[i], time.Since(begun))
		}
	}
	slices.Sort(times[0])
	slices.Sort(times[1])
	a, b := times[0][2000], times[1][2000]
	if d := float64(a-b) / float64(b); d > 0.15 || d < -0.15 {
		t.Errorf("time: got %v for a name that we have and %v for another", a, b)
	}
}

// What a stranger writes is escaped in the log, and credentials are not in it.
func TestLogEscapesWhatStrangersWriteAndKeepsSecrets(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer("203.0.113.5:5060")
		m := strings.Replace(stranger("REGISTER", 1), "CSeq:", "User-Agent: x\x1b[31m\x00\r\nAuthorization: Digest username=\"a\x1b[2J\", realm=\"pbx.example.com\", nonce=\"topsecretnonce\", uri=\"sip:x\", response=\"deadbeefdeadbeefdeadbeefdeadbeef\"\r\nCSeq:", 1)
		p.send(m)
		p.expect("SIP/2.0 401")
		q := r.peer(rigTrunk)
		q.send(strings.Replace(options(2), "CSeq: 1", "X\x1b]0;: y\r\nCSeq: z\x1b", 1))
		q.expect("SIP/2.0 400")
		time.Sleep(3 * time.Second)
		log := r.log.String()
		if !strings.Contains(log, "phone refused") || !strings.Contains(log, "not understood") {
			t.Errorf("log: got %q, want both refusals", log)
		}
		for _, bad := range []string{"\x1b", "\x00", "topsecret", "deadbeef"} {
			if strings.Contains(log, bad) {
				t.Errorf("log has %q: %q", bad, log)
			}
		}
	})
}

// A flood of connections is refused like a flood of packets, and a configured
// trunk gets one all the same.
func TestFloodOfConnectionsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		r := newRig(t, func(c *Config) { c.TCP = []net.Listener{l} })
		defer r.close()
		for i := range 2000 {
			_ = l.connect("203.0.113.9", 1000+i).Close()
			synctest.Wait()
		}
		s := r.e.Stats()
		if got := s.Rejections["requests"] + s.Rejections["connections"]; got < 1700 || len(r.e.Bans()) != 1 {
			t.Errorf("got %d refused, bans %+v, want nearly all and one ban", got, r.e.Bans())
		}
		far := l.connect("10.0.0.2", 5060)
		if _, err := io.WriteString(far, options(1)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		if n, err := far.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "SIP/2.0 200") {
			t.Errorf("trunk: got %q, %v, want 200", b[:n], err)
		}
	})
}
