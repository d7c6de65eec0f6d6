package flight

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// unspace joins the words of a dump.
func unspace(t *testing.T, dump string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(dump), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The chunks as the HEP3 draft has them: vendor, type, length with its own six
// bytes, value.
func TestHEPChunksAreExact(t *testing.T) {
	s := NewSender(HEPConfig{ID: 2001, Password: "pw", Node: "tl"})
	m := Message{
		At: time.Unix(1700000000, 123456000), In: true, Transport: "udp",
		Local: netip.MustParseAddrPort("10.0.0.1:5060"), Remote: netip.MustParseAddrPort("198.51.100.7:5080"), Raw: []byte("SIP!"),
	}
	s.Message(m)
	want := unspace(t, `
		48455033 007d
		0000 0001 0007 02
		0000 0002 0007 11
		0000 0003 000a c6336407
		0000 0004 000a 0a000001
		0000 0007 0008 13d8
		0000 0008 0008 13c4
		0000 0009 000a 6553f100
		0000 000a 000a 0001e240
		0000 000b 0007 01
		0000 000c 000a 000007d1
		0000 000e 0008 7077
		0000 0013 0008 746c
		0000 000f 000a 53495021`)
	want[5] = byte(len(want))
	if got := <-s.queue; !bytes.Equal(got, want) {
		t.Errorf("over IPv4, in:\ngot  % x\nwant % x", got, want)
	}
	bare := NewSender(HEPConfig{ID: 1})
	m.In, m.Transport = false, "tls"
	m.Local, m.Remote = netip.MustParseAddrPort("[2001:db8::1]:5061"), netip.MustParseAddrPort("[2001:db8::2]:5060")
	bare.Message(m)
	want = unspace(t, `
		48455033 0000
		0000 0001 0007 0a
		0000 0002 0007 06
		0000 0005 0016 20010db8000000000000000000000001
		0000 0006 0016 20010db8000000000000000000000002
		0000 0007 0008 13c5
		0000 0008 0008 13c4
		0000 0009 000a 6553f100
		0000 000a 000a 0001e240
		0000 000b 0007 01
		0000 000c 000a 00000001
		0000 000f 000a 53495021`)
	want[5] = byte(len(want))
	if got := <-bare.queue; !bytes.Equal(got, want) {
		t.Errorf("over IPv6, out:\ngot  % x\nwant % x", got, want)
	}
	bare.Message(Message{Local: m.Local, Remote: m.Remote, Raw: make([]byte, 66_000)})
	if _, dropped := bare.Counts(); dropped != 1 || len(bare.queue) != 0 {
		t.Errorf("a message beyond a datagram: got %d dropped, want 1", dropped)
	}
}

func TestACollectorReceivesMessagesAndSound(t *testing.T) {
	collector, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer collector.Close()
	s := NewSender(HEPConfig{To: collector.LocalAddr().String(), ID: 7, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	a := netip.MustParseAddrPort("10.0.0.1:5060")
	s.Message(Message{At: time.Now(), Transport: "udp", Local: a, Remote: a, Raw: []byte("INVITE sip:x SIP/2.0\r\n\r\n")})
	s.Sound("c1", Sound{At: time.Now(), Codec: "PCMU", Heard: 250, Lost: 3, Jitter: 2 * time.Millisecond, MOS: 4.1, Local: "10.0.0.1:20000", Remote: "10.0.0.9:30000"})
	s.Sound("c1", Sound{}) // nothing is known
	b := make([]byte, 4096)
	for _, want := range []byte{hepSIP, hepSound} {
		_ = collector.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := collector.ReadFrom(b)
		if err != nil || n < 6 || string(b[:4]) != "HEP3" || int(b[4])<<8|int(b[5]) != n {
			t.Fatalf("got %d bytes, %v, want a HEP3 packet of its own length", n, err)
		}
		chunks := map[int][]byte{}
		for rest := b[6:n]; len(rest) > 0; {
			size := int(rest[4])<<8 | int(rest[5])
			chunks[int(rest[2])<<8|int(rest[3])] = bytes.Clone(rest[6:size])
			rest = rest[size:]
		}
		if chunks[11][0] != want {
			t.Errorf("kind: got %d, want %d", chunks[11][0], want)
		}
		if want == hepSound {
			var report map[string]any
			if err := json.Unmarshal(chunks[15], &report); err != nil || report["MOS"] != 4.1 || report["TOTAL_PK"] != 250.0 || string(chunks[17]) != "c1" {
				t.Errorf("the report: got %s of %s, %v", chunks[15], chunks[17], err)
			}
		}
	}
	stop()
	<-done
	if sent, dropped := s.Counts(); sent != 2 || dropped != 0 {
		t.Errorf("got %d sent, %d dropped, want two", sent, dropped)
	}
}

func TestACollectorThatIsNotThereBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		dials := 0
		s := NewSender(HEPConfig{To: "nowhere:9060", Log: slog.New(slog.NewTextHandler(&log, nil)), Dial: func(context.Context, string) (net.Conn, error) {
			dials++
			return nil, errors.New("no such host")
		}})
		a := netip.MustParseAddrPort("10.0.0.1:5060")
		m := Message{Transport: "udp", Local: a, Remote: a, Raw: []byte("x")}
		for range hepQueue + 100 { // nobody takes them yet
			s.Message(m)
		}
		if _, dropped := s.Counts(); dropped != 100 {
			t.Errorf("beyond the queue: got %d dropped, want 100", dropped)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		for range 60 {
			time.Sleep(time.Second)
			s.Message(m)
		}
		stop()
		<-done
		sent, dropped := s.Counts()
		if sent != 0 || dropped != hepQueue+160 || dials < 10 || dials > 15 || strings.Count(log.String(), "collector") != 1 {
			t.Errorf("in a minute: got %d sent, %d dropped, %d dials, log %q, want a dial each 5 s and one line", sent, dropped, dials, log.String())
		}
	})
}
