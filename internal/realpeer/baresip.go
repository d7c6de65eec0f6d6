//go:build linux

package realpeer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// PhoneConfig is an account on a phone, baresip's or linphone's.
type PhoneConfig struct {
	Dir       string     // its folder: configuration, log, recordings; made if missing
	IP        netip.Addr // loopback address it lives on; zero: 127.0.0.1
	User      string
	Password  string
	Registrar string  // host:port of the switch
	Register  bool    // false: it only calls and is called directly
	Transport string  // "udp" or "tcp"; empty: udp. linphone: udp only
	MediaEnc  string  // baresip's mediaenc: "srtp" (RTP/AVP with keys), "srtp-mand" (RTP/SAVP); empty: plain RTP
	Hz        float64 // the tone it says
	Wide      bool    // baresip: it speaks G.722 alone, and its tone has 16 kHz
	Says      string  // a WAV file, mono of 8 kHz, that it says instead
}

// rate is that of what it says and hears, in Hz.
func (c *PhoneConfig) rate() int {
	if c.Wide {
		return 16000
	}
	return 8000
}

// toneSeconds is how long a phone can say its tone.
const toneSeconds = 120

func (c *PhoneConfig) prepare() error {
	if !c.IP.IsValid() {
		c.IP = netip.MustParseAddr("127.0.0.1")
	}
	if c.Transport == "" {
		c.Transport = "udp"
	}
	if c.Password == "" {
		c.Password = "none" // without one baresip asks for it on its standard input, and waits
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	said := filepath.Join(c.Dir, "tone.wav")
	if c.Says == "" {
		return writeTone(said, c.rate(), c.Hz, toneSeconds)
	}
	speech, err := os.ReadFile(c.Says)
	if err != nil {
		return err
	}
	return os.WriteFile(said, speech, 0o644)
}

// Event is what baresip reported on its control connection: CALL_INCOMING,
// CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED, REGISTER_OK, …
type Event struct {
	Type    string `json:"type"`
	Class   string `json:"class"`
	Param   string `json:"param"`
	PeerURI string `json:"peeruri"`
	ID      string `json:"id"`
}

// Baresip is a running baresip.
type Baresip struct {
	*process
	cfg  PhoneConfig
	addr netip.AddrPort
	ctrl net.Conn
	wg   sync.WaitGroup

	write   sync.Mutex // one command at a time
	mu      sync.Mutex
	events  []Event
	taken   map[string]int // next event to hand out, by type
	replies map[string]reply
	token   int
}

type reply struct {
	OK   bool   `json:"ok"`
	Data string `json:"data"`
}

// StartBaresip starts a phone and waits until it can be commanded.
func StartBaresip(ctx context.Context, cfg PhoneConfig) (*Baresip, error) {
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	var last error
	for range 3 { // a port may be taken between finding and binding it
		b, err := startBaresip(ctx, cfg)
		if err == nil {
			return b, nil
		}
		last = err
	}
	return nil, last
}

func startBaresip(ctx context.Context, cfg PhoneConfig) (*Baresip, error) {
	sip, err := freePorts(cfg.IP, 2) // and the next one for TLS
	if err != nil {
		return nil, err
	}
	ctrl, err := freePorts(cfg.IP, 1)
	if err != nil {
		return nil, err
	}
	if err := writeBaresip(cfg, sip, ctrl); err != nil {
		return nil, err
	}
	b := &Baresip{cfg: cfg, addr: netip.AddrPortFrom(cfg.IP, sip), taken: map[string]int{}, replies: map[string]reply{}}
	if b.process, err = start(cfg.Dir, "baresip", nil, "-s", "-f", cfg.Dir); err != nil {
		return nil, err
	}
	err = b.poll(ctx, "opened its control port", func() bool {
		c, err := net.Dial("tcp", netip.AddrPortFrom(cfg.IP, ctrl).String())
		if err == nil {
			b.ctrl = c
		}
		return err == nil
	})
	if err != nil {
		b.Kill()
		return nil, err
	}
	b.wg.Go(b.read)
	if _, err := b.Command(ctx, "listcalls", ""); err != nil { // from here on no event is lost
		b.Kill()
		return nil, err
	}
	return b, nil
}

// writeBaresip writes its configuration. Of a wide range of RTP ports it finds a
// free one itself when a call comes; a narrow one may be taken by then.
func writeBaresip(cfg PhoneConfig, sip, ctrl uint16) error {
	conf := fmt.Sprintf(`poll_method epoll
sip_listen %[1]s:%[2]d
sip_trans_def %[7]s
net_interface %[1]s
call_local_timeout 120
call_max_calls 4
audio_player aubridge,sink
audio_source aufile,%[5]s/tone.wav
audio_alert aubridge,alert
ausrc_srate %[8]d
auplay_srate %[8]d
ausrc_channels 1
auplay_channels 1
audio_txmode thread
audio_buffer 20-160
rtp_ports %[4]d-%[6]d
rtcp_mux no
jitter_buffer_delay 2-5
rtp_timeout 0
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module srtp.so
module aubridge.so
module aufile.so
module sndfile.so
module uuid.so
module account.so
module_app menu.so
statmode_default off
ringback_disabled yes
module_app ctrl_tcp.so
ctrl_tcp_listen %[1]s:%[3]d
snd_path %[5]s
`, cfg.IP, sip, ctrl, firstPort, cfg.Dir, lastPort, cfg.Transport, cfg.rate())
	interval := 0
	if cfg.Register {
		interval = 60
	}
	codecs := "pcmu/8000/1,pcma/8000/1"
	if cfg.Wide {
		codecs = "g722/16000/1"
	}
	account := fmt.Sprintf("<sip:%s@%s;transport=%s>;auth_user=%s;auth_pass=%s;answermode=manual;regint=%d;"+
		"audio_codecs=%s;dtmfmode=rtpevent;sipnat=none\n", cfg.User, cfg.Registrar, cfg.Transport, cfg.User, cfg.Password, interval, codecs)
	if cfg.MediaEnc != "" {
		account = strings.TrimSuffix(account, "\n") + ";mediaenc=" + cfg.MediaEnc + "\n"
	}
	for name, text := range map[string]string{"config": conf, "accounts": account, "contacts": "\n"} {
		if err := os.WriteFile(filepath.Join(cfg.Dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// read takes netstrings of JSON from the control connection until it closes.
func (b *Baresip) read() {
	r := bufio.NewReader(b.ctrl)
	for {
		size, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
		if err != nil || n < 0 || n > 1<<20 {
			return
		}
		buf := make([]byte, n+1) // and the comma
		if _, err := io.ReadFull(r, buf); err != nil {
			return
		}
		var m struct {
			Response bool   `json:"response"`
			Token    string `json:"token"`
			reply
			Event
		}
		if json.Unmarshal(buf[:n], &m) != nil {
			continue
		}
		b.mu.Lock()
		if m.Response {
			b.replies[m.Token] = m.reply
		} else {
			b.events = append(b.events, m.Event)
		}
		b.mu.Unlock()
	}
}

// Addr is its SIP address; URI calls it directly.
func (b *Baresip) Addr() netip.AddrPort { return b.addr }

// URI is its address for a direct call.
func (b *Baresip) URI() string { return "sip:" + b.cfg.User + "@" + b.addr.String() }

// Command runs a command of baresip's menu ("dial", "accept", "hangup", "hold",
// "resume", "sndcode", "listcalls", "reginfo") and returns what it printed.
func (b *Baresip) Command(ctx context.Context, command, params string) (string, error) {
	b.write.Lock()
	defer b.write.Unlock()
	b.mu.Lock()
	b.token++
	token := strconv.Itoa(b.token)
	b.mu.Unlock()
	msg, err := json.Marshal(map[string]string{"command": command, "params": params, "token": token})
	if err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(b.ctrl, "%d:%s,", len(msg), msg); err != nil {
		return "", fmt.Errorf("baresip %s: %w", command, err)
	}
	var r reply
	err = b.poll(ctx, "answered to "+command, func() (ok bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		r, ok = b.replies[token]
		return ok
	})
	if err == nil && !r.OK {
		err = fmt.Errorf("baresip %s %s: %s", command, params, r.Data)
	}
	return r.Data, err
}

// WaitEvent blocks for the next event of a type; each is handed out once, and
// those that came before the call count.
func (b *Baresip) WaitEvent(ctx context.Context, kind string) (Event, error) {
	var found Event
	err := b.poll(ctx, "reported "+kind, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		for i := b.taken[kind]; i < len(b.events); i++ {
			b.taken[kind] = i + 1
			if b.events[i].Type == kind {
				found = b.events[i]
				return true
			}
		}
		return false
	})
	return found, err
}

// Events are all events so far.
func (b *Baresip) Events() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// Dial calls a URI, or a number at its registrar.
func (b *Baresip) Dial(ctx context.Context, target string) error {
	if !strings.HasPrefix(target, "sip:") {
		target = "sip:" + target + "@" + b.cfg.Registrar
	}
	_, err := b.Command(ctx, "dial", target)
	return err
}

// WaitCall blocks until a call rings. It asks for the state: the event of a call
// that came before StartBaresip was done is lost.
func (b *Baresip) WaitCall(ctx context.Context) error {
	var asked error
	err := b.poll(ctx, "an incoming call", func() bool {
		var calls string
		calls, asked = b.Command(ctx, "listcalls", "")
		return asked != nil || strings.Contains(calls, "INCOMING")
	})
	return errors.Join(err, asked)
}

// Accept answers the ringing call once it is there, and waits until it is
// established.
func (b *Baresip) Accept(ctx context.Context) error {
	if err := b.WaitCall(ctx); err != nil {
		return err
	}
	if _, err := b.Command(ctx, "accept", ""); err != nil {
		return err
	}
	_, err := b.WaitEvent(ctx, "CALL_ESTABLISHED")
	return err
}

// Reject refuses the ringing call once it is there, as its user would.
func (b *Baresip) Reject(ctx context.Context) error {
	if err := b.WaitCall(ctx); err != nil {
		return err
	}
	return b.Hangup(ctx)
}

// Hangup ends the current call, and waits until it is closed.
func (b *Baresip) Hangup(ctx context.Context) error {
	if _, err := b.Command(ctx, "hangup", ""); err != nil {
		return err
	}
	_, err := b.WaitEvent(ctx, "CALL_CLOSED")
	return err
}

// Heard is what the phone heard in its latest call. The file is complete once the
// call has ended; before, the last second or so is missing.
func (b *Baresip) Heard() (Recording, error) {
	files, err := filepath.Glob(filepath.Join(b.cfg.Dir, "dump-*-dec.wav"))
	if err != nil || len(files) == 0 {
		return Recording{}, fmt.Errorf("baresip %s has recorded nothing (%v)", b.cfg.User, err)
	}
	newest := slices.MaxFunc(files, func(x, y string) int { return modTime(x).Compare(modTime(y)) })
	return ReadWAV(newest, 0)
}

func modTime(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Stop lets the phone unregister and ends it.
func (b *Baresip) Stop() {
	b.process.Stop()
	b.ctrl.Close()
	b.wg.Wait()
}

// Kill ends the phone without a word on the wire.
func (b *Baresip) Kill() {
	b.process.Kill()
	if b.ctrl != nil {
		b.ctrl.Close()
	}
	b.wg.Wait()
}
