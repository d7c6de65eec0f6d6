//go:build linux

package realpeer

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Linphone is a running linphonec, commanded on its standard input.
type Linphone struct {
	*process
	cfg  PhoneConfig
	addr netip.AddrPort
}

// StartLinphone starts a phone and waits until it reads commands.
func StartLinphone(ctx context.Context, cfg PhoneConfig) (*Linphone, error) {
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	home := filepath.Join(cfg.Dir, "home")
	for _, d := range []string{".local/share/linphone", ".config/linphone"} {
		if err := os.MkdirAll(filepath.Join(home, d), 0o755); err != nil {
			return nil, err
		}
	}
	sip, err := freePorts(cfg.IP, 1)
	if err != nil {
		return nil, err
	}
	rtp, err := freePorts(cfg.IP, 20)
	if err != nil {
		return nil, err
	}
	rc := filepath.Join(cfg.Dir, "linphonerc")
	if err := os.WriteFile(rc, []byte(linphoneRC(cfg, sip, rtp)), 0o600); err != nil {
		return nil, err
	}
	l := &Linphone{cfg: cfg, addr: netip.AddrPortFrom(cfg.IP, sip)}
	l.process, err = start(cfg.Dir, "linphonec", []string{"HOME=" + home}, "-c", rc, "-d", "5", "-l", filepath.Join(cfg.Dir, "library.log"))
	if err != nil {
		return nil, err
	}
	if err := l.WaitLog(ctx, "linphonec>"); err != nil {
		l.Kill()
		return nil, err
	}
	for _, c := range []string{"soundcard use files", "record " + l.recording(), "play " + filepath.Join(cfg.Dir, "tone.wav")} {
		if err := l.Command(c); err != nil {
			l.Kill()
			return nil, err
		}
	}
	return l, nil
}

func linphoneRC(cfg PhoneConfig, sip, rtp uint16) string {
	rc := fmt.Sprintf(`[sip]
bind_address=%[1]s
sip_port=%[2]d
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
guess_hostname=0
contact="%[3]s" <sip:%[3]s@%[1]s:%[2]d>
media_encryption=none
use_info=0
use_rfc2833=1
keepalive_period=30000
publish_presence=0
default_proxy=%[6]d

[rtp]
audio_rtp_port=%[4]d-%[5]d
video_rtp_port=0
symmetric=1
nortp_timeout=300

[net]
firewall_policy=0
stun_server=
mtu=0

[sound]
echocancellation=0
agc=0
playback_dev_id=
ringer_dev_id=
capture_dev_id=

[video]
enabled=0
display=0
capture=0
automatically_initiate=0
automatically_accept=0

[misc]
log_collection=0
version_check_url_root=

[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=1

[audio_codec_1]
mime=PCMA
rate=8000
channels=1
enabled=1
`, cfg.IP, sip, cfg.User, rtp, rtp+19, map[bool]int{true: 0, false: -1}[cfg.Register])
	if !cfg.Register {
		return rc
	}
	return rc + fmt.Sprintf(`
[proxy_0]
reg_proxy=<sip:%[1]s;transport=udp>
reg_identity=<sip:%[2]s@%[1]s>
reg_expires=60
reg_sendregister=1
publish=0
avpf=0

[auth_info_0]
username=%[2]s
userid=%[2]s
passwd=%[3]s
`, cfg.Registrar, cfg.User, cfg.Password)
}

// Addr is its SIP address; URI calls it directly.
func (l *Linphone) Addr() netip.AddrPort { return l.addr }

// URI is its address for a direct call.
func (l *Linphone) URI() string { return "sip:" + l.cfg.User + "@" + l.addr.String() }

// Command types a line: "answer", "terminate", "call URI", "pause", "resume",
// "transfer …". What it does is told by its log.
func (l *Linphone) Command(line string) error {
	if _, err := fmt.Fprintln(l.stdin, line); err != nil {
		return fmt.Errorf("linphonec %s: %w", line, err)
	}
	return nil
}

// WaitCall blocks until a call rings.
func (l *Linphone) WaitCall(ctx context.Context) error {
	return l.WaitLog(ctx, "Receiving new incoming call")
}

// Answer answers the ringing call once it is there, and waits for the media.
func (l *Linphone) Answer(ctx context.Context) error {
	if err := l.WaitCall(ctx); err != nil {
		return err
	}
	before := strings.Count(l.Log(), "Media streams established")
	if err := l.Command("answer"); err != nil {
		return err
	}
	return l.poll(ctx, "established media", func() bool {
		return strings.Count(l.Log(), "Media streams established") > before
	})
}

// WaitRegistered blocks until the registrar has accepted it.
func (l *Linphone) WaitRegistered(ctx context.Context) error { return l.WaitLog(ctx, "successful") }

// Messages are the SIP messages of all its calls, among other things it has to say.
func (l *Linphone) Messages() string {
	b, err := os.ReadFile(filepath.Join(l.cfg.Dir, "library.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (l *Linphone) recording() string { return filepath.Join(l.cfg.Dir, "heard.wav") }

// Heard is what the phone has heard; the file is complete once the call has ended.
func (l *Linphone) Heard() (Recording, error) { return ReadWAV(l.recording(), 0) }

// Stop lets the phone unregister and ends it.
func (l *Linphone) Stop() {
	if l.Command("quit") == nil {
		l.leave(stopPatience)
		return
	}
	l.process.Stop()
}
