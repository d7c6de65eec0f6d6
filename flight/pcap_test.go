package flight

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dissected is a packet as this test's own reader sees it.
type dissected struct {
	at       time.Time
	src, dst netip.AddrPort
	payload  []byte
}

// dissect reads a pcap file and checks every length and checksum on its way.
func dissect(t *testing.T, b []byte) []dissected {
	t.Helper()
	le, be := binary.LittleEndian, binary.BigEndian
	if le.Uint32(b) != 0xa1b2c3d4 || le.Uint16(b[4:]) != 2 || le.Uint16(b[6:]) != 4 || le.Uint32(b[20:]) != 101 {
		t.Fatalf("the head: got % x, want pcap 2.4 of raw IP", b[:24])
	}
	ones := func(parts ...[]byte) uint16 { // RFC 1071, written apart from the writer's
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		if len(all)%2 == 1 {
			all = append(all, 0)
		}
		var s uint64
		for i := 0; i < len(all); i += 2 {
			s += uint64(be.Uint16(all[i:]))
		}
		for s>>16 > 0 {
			s = s&0xffff + s>>16
		}
		return uint16(s)
	}
	var out []dissected
	for b = b[24:]; len(b) > 0; {
		n := int(le.Uint32(b[8:]))
		d := dissected{at: time.UnixMicro(int64(le.Uint32(b))*1e6 + int64(le.Uint32(b[4:])))}
		if n != int(le.Uint32(b[12:])) {
			t.Fatalf("packet %d: got it cut", len(out))
		}
		p := b[16 : 16+n]
		b = b[16+n:]
		var src, dst, udp []byte
		switch p[0] >> 4 {
		case 4:
			if int(be.Uint16(p[2:])) != n || p[9] != 17 || ones(p[:20]) != 0xffff {
				t.Errorf("packet %d: got a wrong IPv4 head % x", len(out), p[:20])
			}
			src, dst, udp = p[12:16], p[16:20], p[20:]
		case 6:
			if int(be.Uint16(p[4:])) != n-40 || p[6] != 17 {
				t.Errorf("packet %d: got a wrong IPv6 head % x", len(out), p[:40])
			}
			src, dst, udp = p[8:24], p[24:40], p[40:]
		default:
			t.Fatalf("packet %d: got IP version %d", len(out), p[0]>>4)
		}
		if int(be.Uint16(udp[4:])) != len(udp) || ones(src, dst, []byte{0, 17}, udp[4:6], udp) != 0xffff {
			t.Errorf("packet %d: got a wrong UDP head % x", len(out), udp[:8])
		}
		a, _ := netip.AddrFromSlice(src)
		z, _ := netip.AddrFromSlice(dst)
		d.src, d.dst, d.payload = netip.AddrPortFrom(a, be.Uint16(udp)), netip.AddrPortFrom(z, be.Uint16(udp[2:])), udp[8:]
		out = append(out, d)
	}
	return out
}

func TestPcapHasTheMessagesTheirTimesAndAddresses(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 123456000, time.UTC)
	us, them := netip.MustParseAddrPort("10.0.0.1:5060"), netip.MustParseAddrPort("198.51.100.7:5080")
	mapped := netip.AddrPortFrom(netip.AddrFrom16(them.Addr().As16()), them.Port())
	us6, them6 := netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::2]:5061")
	text := []byte(crlf("OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bKx\nFrom: <sip:c@d>;tag=1\nTo: <sip:a@b>\nCall-ID: one\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nContent-Length: 0\n\n"))
	answer := []byte(crlf("SIP/2.0 200 OK\nVia: SIP/2.0/UDP 198.51.100.7:5080;branch=z9hG4bKx\nFrom: <sip:c@d>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: one\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"))
	in := []Message{
		{At: at, In: true, Transport: "udp", Local: us, Remote: mapped, Raw: text},
		{At: at.Add(time.Millisecond), Transport: "tcp", Local: us, Remote: them, Raw: answer},
		{At: at.Add(2 * time.Second), In: true, Transport: "tls", Local: us6, Remote: them6, Raw: append(text, 'x')},
		{At: at.Add(3 * time.Second), Transport: "udp", Local: us6, Remote: them6, Raw: answer},
	}
	var b bytes.Buffer
	if err := WritePcap(&b, in); err != nil {
		t.Fatal(err)
	}
	got := dissect(t, b.Bytes())
	if len(got) != len(in) {
		t.Fatalf("got %d packets, want %d", len(got), len(in))
	}
	for i, want := range []dissected{{in[0].At, them, us, text}, {in[1].At, us, them, answer}, {in[2].At, them6, us6, in[2].Raw}, {in[3].At, us6, them6, answer}} {
		if g := got[i]; !g.at.Equal(want.at) || g.src != want.src || g.dst != want.dst || !bytes.Equal(g.payload, want.payload) {
			t.Errorf("packet %d: got %v %v -> %v %q, want %v %v -> %v", i, g.at, g.src, g.dst, g.payload, want.at, want.src, want.dst)
		}
	}
	var huge bytes.Buffer
	if err := WritePcap(&huge, []Message{{At: at, Local: us, Remote: them, Raw: make([]byte, 70_000)}}); err != nil {
		t.Fatal(err)
	}
	if got := dissect(t, huge.Bytes()); len(got) != 1 || len(got[0].payload) != maxUDP {
		t.Errorf("a message beyond a datagram: got %d, want it cut to %d bytes", len(got), maxUDP)
	}
	tshark(t, b.Bytes())
}

// tshark is asked where there is one: it shows the messages as SIP.
func tshark(t *testing.T, b []byte) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		return // the reader above has checked every field
	}
	file := filepath.Join(t.TempDir(), "call.pcap")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tshark", "-n", "-r", file, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-d", "udp.port==5060,sip",
		"-T", "fields", "-e", "sip.Method", "-e", "sip.Status-Code", "-e", "udp.checksum.status", "-e", "sip.Call-ID").Output()
	want := "OPTIONS\t\t1\tone\n\t200\t1\tone\nOPTIONS\t\t1\tone\n\t200\t1\tone\n"
	if err != nil || strings.ReplaceAll(string(out), "\r", "") != want {
		t.Errorf("tshark: got %q, %v, want %q", out, err, want)
	}
}
