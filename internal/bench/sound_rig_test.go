package bench

import (
	encoding "encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/ear"
	"trunkline/internal/simnet"
	"trunkline/media"
	"trunkline/recorder"
)

// lead is what both say before the speech that is measured: the buffers know
// the network by then.
const lead = 2 * time.Second

// spokenAt is when the speech begins.
const spokenAt = lead + 100*time.Millisecond

// passage is what became of one party's speech on its way through the house.
type passage struct {
	heard    []ear.Packet // as it came to the other party
	recorded [2][]int16   // left the speaker, right the other
	marks    []recorder.Mark
	length   time.Duration // of the call
}

// act is what somebody does in a call.
type act struct {
	at time.Duration // from its start
	do func(s *scene)
}

// scene is the call that it is done in.
type scene struct {
	testing.TB
	bridge *media.Bridge
	near   *party // who speaks
	tape   *recorder.Recording
}

// pass has a party say packets to another through a bridge and a recording, in
// virtual time. The packets' times are those of their arrival at the house. The
// other party says back, if anything. Acts happen meanwhile.
func pass(t *testing.T, said, back []ear.Packet, far ear.Law, acts ...act) (got passage) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Latency(0))
		e := openEngine(t, n)
		defer e.Close()
		sealed := make(chan recorder.Sealed, 1)
		tapes, _, err := recorder.Open(recorder.Config{Dir: dir, Log: quiet(), Emit: func(e recorder.Event) { sealed <- e.(recorder.Sealed) }})
		if err != nil {
			t.Fatal(err)
		}
		defer tapes.Close()
		bridge := e.NewBridge("sound")
		near := openParty(t, n, bridge, 1, ear.Mulaw)
		other := openParty(t, n, bridge, 2, far)
		bridge.Join(near.session, other.session)
		began := time.Now()
		tape := tapes.Start(recorder.StartConfig{ID: recorder.NewID(began), At: began})
		near.session.Tap(tape, 0)
		other.session.Tap(tape, 1)
		near.began, other.began = began, began
		var speaking sync.WaitGroup
		speaking.Go(func() { near.say(said) })
		speaking.Go(func() { other.say(back) })
		for _, a := range acts {
			speaking.Go(func() {
				time.Sleep(time.Until(began.Add(a.at)))
				a.do(&scene{t, bridge, near, tape})
			})
		}
		speaking.Wait()
		time.Sleep(time.Second)
		got.length = time.Since(began)
		tape.Close(time.Now())
		s := <-sealed
		near.session.Tap(nil, 0)
		other.session.Tap(nil, 1)
		bridge.Close()
		near.conn.Close()
		other.conn.Close()
		synctest.Wait()
		got.heard, got.marks = other.got, s.Marks
		got.recorded = readStereo(t, s.Path)
	})
	return got
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func openEngine(t *testing.T, n *simnet.Net) *media.Engine {
	t.Helper()
	e, err := media.New(media.Config{PortMin: 20000, PortMax: 20100, Shards: 1, Network: n, Emit: func(media.Event) {}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// party is a phone at the end of one leg.
type party struct {
	conn    net.PacketConn
	session *media.Session
	host    byte
	law     ear.Law
	offers  int
	to      *net.UDPAddr
	began   time.Time
	got     []ear.Packet
	raw     [][]byte // what was no sound
}

func openParty(t *testing.T, n *simnet.Net, b *media.Bridge, host byte, law ear.Law) *party {
	t.Helper()
	conn, err := n.ListenPacket(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, host}), 4000))
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.NewSession(media.SessionConfig{ID: media.SessionID(fmt.Sprint(host)), Bind: netip.AddrFrom4([4]byte{10, 0, 0, 1})})
	if err != nil {
		t.Fatal(err)
	}
	p := &party{conn: conn, session: s, to: net.UDPAddrFromAddrPort(s.Stats().Local), host: host, law: law}
	p.offer(t, "sendrecv")
	go p.listen()
	return p
}

// offer describes the party anew.
func (p *party) offer(t testing.TB, direction string) {
	t.Helper()
	p.offers++
	if _, err := p.session.Answer(fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 10.0.1.%d\r\ns=-\r\nc=IN IP4 10.0.1.%d\r\nt=0 0\r\nm=audio 4000 RTP/AVP %d %d\r\na=rtpmap:%d telephone-event/8000\r\na=%s\r\n",
		p.offers, p.host, p.host, p.law, events, events, direction)); err != nil {
		t.Fatal(err)
	}
}

func (p *party) listen() {
	b := make([]byte, 2048)
	for {
		n, _, err := p.conn.ReadFrom(b)
		if err != nil {
			return
		}
		if q, ok := ear.Parse(b[:n], time.Since(p.began)); ok {
			p.got = append(p.got, q)
		} else {
			p.raw = append(p.raw, slices.Clone(b[:n]))
		}
	}
}

// say sends packets at their times.
func (p *party) say(all []ear.Packet) {
	for _, q := range all {
		time.Sleep(time.Until(p.began.Add(q.At)))
		_, _ = p.conn.WriteTo(q.Bytes(), p.to)
	}
}

func readStereo(t testing.TB, path string) (side [2][]int16) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for b = b[44:]; len(b) >= 4; b = b[4:] {
		for i := range side {
			side[i] = append(side[i], int16(encoding.LittleEndian.Uint16(b[2*i:])))
		}
	}
	return side
}

// readMono reads a WAV file of 16-bit samples at 8 kHz.
func readMono(t testing.TB, path string) (pcm []int16) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), "data")
	if at < 0 || encoding.LittleEndian.Uint16(b[22:]) != 1 || encoding.LittleEndian.Uint32(b[24:]) != 8000 {
		t.Fatalf("%s: want a WAV file of one channel at 8 kHz", path)
	}
	for b = b[at+8:]; len(b) >= 2; b = b[2:] {
		pcm = append(pcm, int16(encoding.LittleEndian.Uint16(b)))
	}
	return pcm
}

func writeMono(t testing.TB, path string, pcm []int16) {
	t.Helper()
	le := encoding.LittleEndian
	b := append([]byte("RIFF"), make([]byte, 40)...)
	le.PutUint32(b[4:], uint32(36+2*len(pcm)))
	copy(b[8:], "WAVEfmt ")
	le.PutUint32(b[16:], 16)
	le.PutUint16(b[20:], 1)
	le.PutUint16(b[22:], 1)
	le.PutUint32(b[24:], 8000)
	le.PutUint32(b[28:], 16000)
	le.PutUint16(b[32:], 2)
	le.PutUint16(b[34:], 16)
	copy(b[36:], "data")
	le.PutUint32(b[40:], uint32(2*len(pcm)))
	for _, v := range pcm {
		b = le.AppendUint16(b, uint16(v))
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// condition is one row of the table of sound.
type condition struct {
	name    string
	ptime   time.Duration
	network ear.Network
}

var conditions = []condition{
	{"clean", 20 * time.Millisecond, nil},
	{"loss-1%", 20 * time.Millisecond, ear.Loss(.01)},
	{"loss-3%", 20 * time.Millisecond, ear.Loss(.03)},
	{"loss-5%", 20 * time.Millisecond, ear.Loss(.05)},
	{"loss-10%", 20 * time.Millisecond, ear.Loss(.10)},
	{"bursts-5%", 20 * time.Millisecond, ear.Bursts(.05, 3)},
	{"jitter-60ms", 20 * time.Millisecond, ear.Jitter(60 * time.Millisecond)},
	{"stalls-150ms", 20 * time.Millisecond, ear.Stalls(150*time.Millisecond, 2*time.Second)},
	{"twice-2%", 20 * time.Millisecond, ear.Twice(.02)},
	{"other-ssrc", 20 * time.Millisecond, ear.OtherSource()},
	{"ptime-60ms", 60 * time.Millisecond, nil},
	{"dtx", 20 * time.Millisecond, ear.Discontinuous(100)},
	{"dtx-described", 20 * time.Millisecond, ear.Described(100)},
}

// spoken is speech with silence before and after, as packets.
func spoken(speech []int16, ptime time.Duration) []ear.Packet {
	whole := make([]int16, int(lead/time.Second)*8000)
	whole = append(append(whole, speech...), make([]int16, 4000)...)
	return ear.Talk(whole, ear.Mulaw, ptime, spokenAt-lead)
}

// playDelay is the buffer of the phone that hears.
const playDelay = 60 * time.Millisecond

// measured cuts what was spoken out of what a phone plays, with 100 ms more.
func measured(arrived []ear.Packet, n int) []int16 {
	pcm, from := ear.Hear(arrived, playDelay)
	return excerpt(pcm, from-playDelay, n)
}

// excerpt cuts what was spoken out of sound that begins at a time of the call.
func excerpt(pcm []int16, from time.Duration, n int) []int16 {
	cut := make([]int16, n+800)
	at := int((spokenAt - from) / (time.Second / 8000))
	for i := range cut {
		if k := at + i; k >= 0 && k < len(pcm) {
			cut[i] = pcm[k]
		}
	}
	return cut
}
