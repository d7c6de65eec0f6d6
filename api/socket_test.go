package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"trunkline/call"
	"trunkline/store"
)

// deskHouse serves the Help Desk over TCP, with a journal in memory.
type deskHouse struct {
	*testing.T
	server  *Server
	journal *shelf
	stream  *Stream
	url     string
	stop    func() // the server's stopping begins
}

func newDeskHouse(t *testing.T) *deskHouse {
	t.Helper()
	d := &deskHouse{T: t, journal: &shelf{}}
	signed, err := OpenSessions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := board(t)
	d.stream = NewStream(0, d.journal.read, d.journal.sync)
	desks := NewDesks(b, d.stream)
	d.server = New(Config{
		Board: b, Version: "v1", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Stream: d.stream,
		Sessions: signed, SignIns: signIns(), Desks: desks,
		Card:    func(call.ID) (call.Record, bool, error) { return call.Record{}, false, nil },
		Records: func(store.Filter) ([]call.Record, call.ID, error) { return nil, "", nil },
	})
	srv := httptest.NewServer(d.server.public())
	d.url = srv.URL
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.stream.Run(ctx) }()
	go desks.Run(ctx)
	d.stop = sync.OnceFunc(func() { close(d.server.stopping) })
	t.Cleanup(func() { stop(); d.stop(); srv.Close(); <-ended })
	return d
}

// deskTab is one page's socket.
type deskTab struct {
	*deskHouse
	conn *websocket.Conn
	seq  uint64
	seen []uint64 // numbers of the facts
}

type fromDesk struct {
	Type  string
	Seq   uint64
	Upto  uint64
	Facts []call.Fact
	Rows  map[string]json.RawMessage
	Me    Me
}

func (d *deskHouse) cookie(account string) string {
	d.Helper()
	a, _ := d.server.cfg.SignIns.Account(account)
	text, _, err := d.server.cfg.Sessions.open(time.Now(), time.Hour, Session{Account: a.ID}, a.mark())
	if err != nil {
		d.Fatal(err)
	}
	return cookieName + "=" + text
}

func (d *deskHouse) dial(cookie, query string, headers ...string) (*deskTab, *http.Response, error) {
	h := http.Header{"Cookie": {cookie}, "Origin": {d.url}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	c, resp, err := websocket.Dial(d.Context(), d.url+"/desk/socket?"+query, &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		return nil, resp, err
	}
	c.SetReadLimit(16 << 20)
	d.Cleanup(func() { _ = c.CloseNow() })
	return &deskTab{deskHouse: d, conn: c}, resp, nil
}

func (d *deskHouse) tab(account, query string) *deskTab {
	d.Helper()
	p, _, err := d.dial(d.cookie(account), query)
	if err != nil {
		d.Fatal(err)
	}
	return p
}

// next gives the next message of a type; beats are answered.
func (p *deskTab) next(kinds ...string) fromDesk {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
	defer cancel()
	for {
		_, text, err := p.conn.Read(ctx)
		if err != nil {
			p.Fatalf("waiting for %v: %v", kinds, err)
		}
		var m fromDesk
		if err := json.Unmarshal(text, &m); err != nil {
			p.Fatal(err)
		}
		switch m.Type {
		case "beat":
			p.say(`{"type":"beat"}`)
		case "facts":
			for _, f := range m.Facts {
				p.seen = append(p.seen, f.Seq)
			}
			p.seq = m.Upto
		case "hello":
			p.seq = max(p.seq, m.Seq)
		}
		if slices.Contains(kinds, m.Type) {
			return m
		}
	}
}

func (p *deskTab) say(text string) {
	p.Helper()
	if err := p.conn.Write(p.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.Fatal(err)
	}
}

// A page that lost the network while 1,000 facts happened gets each of them,
// once and in order, whether they are in memory or on disk alone.
func TestAPageThatMissesAThousandFactsCatchesUpExactly(t *testing.T) {
	for _, missed := range []int{1000, streamRing + 1000} {
		d := newDeskHouse(t)
		p := d.tab("sue", "tab=a")
		p.next("hello")
		d.journal.append(d.stream, 10)
		for len(p.seen) < 10 {
			p.next("facts")
		}
		_ = p.conn.CloseNow()
		d.journal.append(d.stream, missed)
		for d.stream.last() < uint64(10+missed) {
			if _, more, _ := d.stream.after(uint64(10 + missed)); d.stream.last() < uint64(10+missed) {
				<-more
			}
		}
		again := d.tab("sue", "tab=a&after="+strings.TrimSpace(string(mustJSON(p.seq))))
		for again.seq < uint64(10+missed) {
			again.next("facts", "hello")
		}
		d.journal.append(d.stream, 5)
		for again.seq < uint64(15+missed) {
			again.next("facts")
		}
		all := append(p.seen, again.seen...)
		for i, seq := range all {
			if seq != uint64(i+1) {
				t.Fatalf("missed %d: fact %d of what was seen: got number %d, want %d", missed, i, seq, i+1)
			}
		}
		if len(all) != 15+missed {
			t.Errorf("missed %d: got %d facts, want %d", missed, len(all), 15+missed)
		}
	}
}

func mustJSON(v any) []byte { text, _ := json.Marshal(v); return text }

func TestAnAgentsPageSeesItsOwnCallsAlone(t *testing.T) {
	d := newDeskHouse(t)
	p := d.tab("ann", "tab=a")
	p.next("hello")
	for _, f := range []call.Fact{
		{Kind: call.FactArrived, Call: "A"}, {Kind: call.FactOfferMade, Call: "A", Agent: "bob"}, {Kind: call.FactOfferMade, Call: "A", Agent: "ann"},
		{Kind: call.FactHeld, Call: "A"}, {Kind: call.FactArrived, Call: "B"}, {Kind: call.FactConnected, Call: "B", Agent: "bob"},
		{Kind: call.FactAgentStatus, Agent: "bob"}, {Kind: call.FactTrunk, Trunk: "acme"}, {Kind: call.FactEnded, Call: "A"},
		{Kind: call.FactVoicemailLeft, Call: "V", Team: "support"}, {Kind: call.FactVoicemailLeft, Call: "W", Agent: "bob"},
		{Kind: call.FactVoicemailHeard, Call: "X", Agent: "ann"}, {Kind: call.FactEnded, Call: "V"}, {Kind: call.FactReloaded},
		{Kind: call.FactTranscript, Call: "V", Team: "support"}, {Kind: call.FactTranscript, Call: "A", Agent: "bob"}, // of messages
		{Kind: call.FactTranscript, Call: "X", Agent: "ann"}, {Kind: call.FactTagged, Call: "X"}, // a message makes no call theirs
		{Kind: call.FactTranscript, Call: "A"}, {Kind: call.FactTranscript, Call: "B"}, {Kind: call.FactAgentStatus, Agent: "bob"},
	} {
		d.journal.mu.Lock()
		f.Seq = uint64(len(d.journal.facts) + 1)
		d.journal.facts = append(d.journal.facts, f)
		d.journal.mu.Unlock()
		d.stream.Publish(f)
	}
	for !slices.Contains(p.seen, 21) {
		p.next("facts")
	}
	if want := []uint64{3, 4, 7, 9, 10, 12, 14, 15, 17, 19, 21}; !slices.Equal(p.seen, want) {
		t.Errorf("ann sees: got %v, want %v", p.seen, want)
	}
}

func TestOneTabOfAnAgentIsInUseAndAnotherTakesOver(t *testing.T) {
	d := newDeskHouse(t)
	first := d.tab("ann", "tab=a")
	first.next("staff")
	second := d.tab("ann", "tab=b")
	second.next("elsewhere")
	second.say(`{"type":"take"}`)
	second.next("staff")
	first.next("elsewhere")
	again := d.tab("ann", "tab=b") // reloaded: it is the same tab
	again.next("staff")
	other := d.tab("bob", "tab=a")
	other.next("staff")
}

func TestASocketIsForWhoIsSignedInAtOurOwnPage(t *testing.T) {
	d := newDeskHouse(t)
	for _, x := range []struct {
		cookie, header, value string
		want                  int
	}{
		{"trunkline=wrong", "X-Nothing", "", 401},
		{d.cookie("ann"), "Origin", "http://evil.example", 403},
		{d.cookie("ann"), "Sec-Fetch-Site", "cross-site", 403},
		{d.cookie("ann"), "Origin", "null", 403},
	} {
		if _, resp, err := d.dial(x.cookie, "tab=a", x.header, x.value); err == nil || resp == nil || resp.StatusCode != x.want {
			t.Errorf("%s %s: got %v, want %d", x.header, x.value, resp, x.want)
		}
	}
}

func TestASessionThatIsEndedClosesItsPages(t *testing.T) {
	d := newDeskHouse(t)
	p := d.tab("ann", "tab=a")
	p.next("staff")
	if err := d.server.cfg.Sessions.EndAll("ann"); err != nil {
		t.Fatal(err)
	}
	p.next("signed-out")
}

func TestAPageThatSaysNonsenseCostsItself(t *testing.T) {
	d := newDeskHouse(t)
	good := d.tab("bob", "tab=a")
	good.next("staff")
	for _, text := range []string{"{", `{"type":"shown","offer":-1}`, strings.Repeat("x", 2*maxPageMessage)} {
		p := d.tab("ann", "tab=a")
		p.next("hello")
		_ = p.conn.Write(d.Context(), websocket.MessageText, []byte(text)) // of the last, it may take no more than the beginning
		for {
			if _, _, err := p.conn.Read(d.Context()); err != nil {
				break
			}
		}
	}
	d.journal.append(d.stream, 1)
	if d.server.cfg.Desks.Open() == 0 {
		t.Error("bob's page: got it closed, want it open")
	}
}

// Whoever does not read is dropped; Publish waits for nobody.
func TestAPageThatDoesNotReadHoldsNothingUp(t *testing.T) {
	d := newDeskHouse(t)
	d.tab("sue", "tab=a") // reads nothing
	good := d.tab("root", "tab=b")
	good.next("hello")
	began := time.Now()
	d.journal.append(d.stream, 20_000)
	for range 20_000 {
		d.server.cfg.Desks.Publish(call.Fact{Kind: call.FactHeld, Call: "A", Agent: "ann"})
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("publishing: got %v, want it to wait for nobody", took)
	}
	for good.seq < 20_000 {
		good.next("facts")
	}
}

// A stop says so to every page (1001), waits until they have answered, and for one that does not answer not for ever.
func TestAStopSaysGoodbyeToPages(t *testing.T) {
	d := newDeskHouse(t)
	good := d.tab("root", "tab=a")
	good.next("hello")
	d.tab("sue", "tab=b") // reads nothing, so it never answers
	bounded, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	hung := &tab{} // goes when it is hung up on, and else never
	d.server.sockets.enter(hung, func() { go d.server.sockets.leave(hung) })
	ended := make(chan struct{})
	d.stop()
	go func() { defer close(ended); d.server.sockets.end(bounded) }()
	for {
		_, _, err := good.conn.Read(t.Context())
		if err == nil {
			continue
		}
		if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
			t.Errorf("the page: got %v, want 1001", err)
		}
		break
	}
	select {
	case <-ended:
		if bounded.Err() == nil {
			t.Error("the end: got it while a page had not answered, want it waited for")
		}
	case <-bounded.Done():
	}
	<-ended
	if n := len(d.server.sockets.all); n != 0 {
		t.Errorf("sockets: got %d open, want none", n)
	}
	late := d.tab("root", "tab=c")
	if _, _, err := late.conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("one that comes then: got %v, want 1001", err)
	}
}
