//go:build linux

package realpeer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SippConfig is sipp as a carrier: it places calls (Listen false) or takes them.
type SippConfig struct {
	Dir    string         // its folder; made if missing
	IP     netip.Addr     // loopback address it lives on; zero: 127.0.0.1
	Port   uint16         // its SIP port; 0: any free one
	Switch netip.AddrPort // where it calls; a listening one needs none

	Number string        // dialled
	Caller string        // From user
	Calls  int           // how many, then it ends; 0: 1. A listening one: 0 means until Stop
	Rate   float64       // calls a second; 0: 10
	Talk   time.Duration // how long it talks before its BYE; 0: it waits for the peer's BYE
	Cancel time.Duration // > 0: it gives up that long after the first 18x
	Expect int           // final response that a call must get; 0: 200
	Listen bool
	Ring   time.Duration // listening: how long it rings
	Refuse int           // listening: the code it refuses with; 0: it answers
	Early  bool          // listening: 183 with sound instead of 180
	Rings  bool          // listening: it rings until it is cancelled

	Hz   float64 // tone it says, by rtp_stream; 0 with Echo
	PCMA bool
	Echo bool // sends back what it hears instead of saying a tone
	Ear  *Ear // has the sound; sipp only signals

	Press string // calling: digits it presses, the first after a second (RFC 4733); sipp's own captures, sent by a raw socket

	NoACK bool // calling: it takes the 200, does not acknowledge it, and waits for the BYE

	AuthURI  string // of the digest, without sip:, where it is not the switch's address
	Scenario string // XML of its own instead of all that; see the manual for its keywords
}

// Sipp is a running sipp.
type Sipp struct {
	*process
	cfg  SippConfig
	addr netip.AddrPort
}

// StartSipp starts sipp. One that calls ends by itself, see Wait.
func StartSipp(cfg SippConfig) (*Sipp, error) {
	if !cfg.IP.IsValid() {
		cfg.IP = netip.MustParseAddr("127.0.0.1")
	}
	if cfg.Calls == 0 && !cfg.Listen {
		cfg.Calls = 1
	}
	if cfg.Rate == 0 {
		cfg.Rate = 10
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	if cfg.Port == 0 {
		port, err := freePorts(cfg.IP, 1)
		if err != nil {
			return nil, err
		}
		cfg.Port = port
	}
	rtp, err := freePorts(cfg.IP, 4)
	if err != nil {
		return nil, err
	}
	control, err := freePorts(netip.MustParseAddr("127.0.0.1"), 1)
	if err != nil {
		return nil, err
	}
	if err := cfg.write(); err != nil {
		return nil, err
	}
	s := &Sipp{cfg: cfg, addr: netip.AddrPortFrom(cfg.IP, cfg.Port)}
	if s.process, err = start(cfg.Dir, "sipp", []string{"TERM=dumb"}, cfg.args(rtp, control)...); err != nil {
		return nil, err
	}
	if cfg.Listen {
		return s, s.listening()
	}
	return s, nil
}

func (cfg SippConfig) args(rtp, control uint16) []string {
	args := []string{"-sf", "scenario.xml", "-i", cfg.IP.String(), "-p", fmt.Sprint(cfg.Port), "-mi", cfg.IP.String(),
		"-mp", fmt.Sprint(rtp), "-cp", fmt.Sprint(control),
		"-nostdin", "-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "messages.log",
		"-r", fmt.Sprint(cfg.Rate), "-timeout", "300s"}
	if cfg.Calls > 0 {
		args = append(args, "-m", fmt.Sprint(cfg.Calls))
	}
	if cfg.AuthURI != "" {
		args = append(args, "-auth_uri", cfg.AuthURI)
	}
	if cfg.Echo {
		args = append(args, "-rtp_echo")
	}
	if !cfg.Listen {
		args = append(args, "-s", cfg.Number, cfg.Switch.String())
	}
	return args
}

// listening blocks until the port is bound, which sipp does not say. The kernel is asked: to
// try the port would take it from sipp for that moment.
func (s *Sipp) listening() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ip := s.addr.Addr().As4()
	local := fmt.Appendf(nil, ": %08X:%04X ", binary.NativeEndian.Uint32(ip[:]), s.addr.Port())
	return s.poll(ctx, "bound its port", func() bool {
		all, err := os.ReadFile("/proc/net/udp")
		return err == nil && bytes.Contains(all, local)
	})
}

// Addr is its SIP address.
func (s *Sipp) Addr() netip.AddrPort { return s.addr }

// Wait blocks until all calls are over; an error says which did not go by the
// scenario, with the messages of the wire.
func (s *Sipp) Wait(ctx context.Context) error {
	select {
	case <-s.done:
	case <-ctx.Done():
		s.Kill()
		return fmt.Errorf("sipp was not done: %w\n%s", context.Cause(ctx), s.Trouble())
	}
	if s.err != nil {
		return fmt.Errorf("sipp: %w\n%s", s.err, s.Trouble())
	}
	return nil
}

// Trouble is sipp's own account of what went wrong, and the end of its messages.
func (s *Sipp) Trouble() string {
	errors, _ := os.ReadFile(filepath.Join(s.cfg.Dir, "errors.log")) // none was written if nothing was wrong
	return tail(string(errors)) + "\n" + tail(s.Messages())
}

// Messages are the SIP messages of all calls.
func (s *Sipp) Messages() string {
	b, err := os.ReadFile(filepath.Join(s.cfg.Dir, "messages.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// write puts the scenario and the sound into the folder.
func (cfg SippConfig) write() error {
	text := cfg.Scenario
	if text == "" {
		text = cfg.scenario()
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, "scenario.xml"), []byte(text), 0o644); err != nil {
		return err
	}
	if cfg.Hz == 0 {
		return nil
	}
	b := make([]byte, 8000*2) // two seconds, looped; whole periods for a whole number of Hz
	for i := range b {
		v := 10000 * math.Sin(2*math.Pi*cfg.Hz*float64(i)/8000)
		b[i] = encodeG711(int(v), cfg.PCMA)
	}
	return os.WriteFile(filepath.Join(cfg.Dir, "tone.raw"), b, 0o644)
}

// encodeG711 is ITU-T G.711 by search over its decoder: slow, and as independent as
// can be.
func encodeG711(v int, alaw bool) byte {
	best, code := math.MaxInt, byte(0)
	for c := range 256 {
		if d := v - decodeG711(byte(c), alaw); max(d, -d) < best {
			best, code = max(d, -d), byte(c)
		}
	}
	return code
}

func decodeG711(c byte, alaw bool) int {
	if alaw {
		c ^= 0x55
		v := int(c&0x0f)*16 + 8
		if seg := int(c>>4) & 7; seg > 0 {
			v = (v + 256) << (seg - 1)
		}
		if c&0x80 == 0 {
			return -v
		}
		return v
	}
	c = ^c
	v := ((int(c&0x0f)*8+132)<<(c>>4&7) - 132)
	if c&0x80 != 0 {
		return -v
	}
	return v
}

// sdp is sipp's description; its RTP port is the stream's, or the echo's.
func (cfg SippConfig) sdp() string {
	ip, port, pt := "[media_ip]", "[rtpstream_audio_port]", "0"
	switch {
	case cfg.Ear != nil:
		ip, port = cfg.Ear.Addr().Addr().String(), fmt.Sprint(cfg.Ear.Addr().Port())
	case cfg.Echo, cfg.Hz == 0:
		port = "[media_port]"
	}
	name := "PCMU"
	if cfg.PCMA {
		pt, name = "8", "PCMA"
	}
	return strings.Join([]string{"v=0", "o=sipp 1 1 IN IP4 [media_ip]", "s=-", "c=IN IP4 " + ip, "t=0 0",
		"m=audio " + port + " RTP/AVP " + pt + " 101", "a=rtpmap:" + pt + " " + name + "/8000", "a=rtpmap:101 telephone-event/8000",
		"a=fmtp:101 0-15", "a=ptime:20"}, "\n") + "\n"
}

// captures is where sipp's package has its digits.
const captures = "/usr/share/sip-tester/dtmf_2833_"

// presses are the actions that press the digits; each lasts a moment.
func (cfg SippConfig) presses() string {
	var s strings.Builder
	for _, digit := range cfg.Press {
		name := strings.NewReplacer("*", "star", "#", "pound").Replace(string(digit))
		s.WriteString(pauseFor(time.Second) + fmt.Sprintf("<nop><action><exec play_pcap_audio=\"%s%s.pcap\"/></action></nop>\n", captures, name))
	}
	return s.String()
}

// stream is the action that begins to say the tone.
func (cfg SippConfig) stream() string {
	if cfg.Hz == 0 || cfg.Echo || cfg.Ear != nil {
		return ""
	}
	pt := 0
	if cfg.PCMA {
		pt = 8
	}
	return fmt.Sprintf("<nop><action><exec rtp_stream=\"tone.raw,-1,%d\"/></action></nop>\n", pt)
}
