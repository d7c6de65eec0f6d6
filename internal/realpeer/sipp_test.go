//go:build peers && linux

package realpeer

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/internal/simphone"
)

// phone is our own phone on a kernel socket, as sipp's other side.
func phone(t *testing.T, change func(*simphone.Config)) *simphone.Phone {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 31)})
	check(t, err)
	cfg := simphone.Config{Conn: conn, User: "ann", Tone: 600}
	change(&cfg)
	p, err := simphone.New(cfg)
	check(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

func sipp(t *testing.T, cfg SippConfig) *Sipp {
	t.Helper()
	cfg.Dir = filepath.Join(t.TempDir(), "sipp")
	cfg.IP = netip.MustParseAddr("127.0.0.32")
	s, err := StartSipp(cfg)
	check(t, err)
	t.Cleanup(s.Stop)
	return s
}

func TestPeersSippCallsAndSaysATone(t *testing.T) {
	for _, alaw := range []bool{false, true} {
		ann := phone(t, func(*simphone.Config) {})
		ann.OnCall(simphone.Ring().After(200 * time.Millisecond).Answer())
		s := sipp(t, SippConfig{Switch: ann.Addr(), Number: "+14155550100", Caller: "+14155550123", Hz: 1000, Talk: 2 * time.Second, PCMA: alaw})
		call := ann.MustCall(t)
		call.MustHearOnly(t, 1000)
		if call.Caller() != "+14155550123" || call.Invite().User() != "+14155550100" {
			t.Errorf("got a call from %q to %q, want +14155550123 and +14155550100", call.Caller(), call.Invite().User())
		}
		check(t, s.Wait(within(t)))
		call.MustEnd(t, simphone.Theirs, 0)
		if h := call.Heard(); h.Lost+h.Garbage != 0 || len(h.SSRCs) != 1 {
			t.Errorf("got %+v, want a clean stream", h)
		}
	}
}

func TestPeersSippEchoesWhatItHears(t *testing.T) {
	ann := phone(t, func(*simphone.Config) {})
	ann.OnCall(simphone.Answer())
	s := sipp(t, SippConfig{Switch: ann.Addr(), Number: "1", Caller: "2", Echo: true})
	call := ann.MustCall(t)
	call.MustHearOnly(t, 600) // its own tone
	call.MustBye(t)
	check(t, s.Wait(within(t)))
}

func TestPeersEarHearsAndSaysForSipp(t *testing.T) {
	ann := phone(t, func(*simphone.Config) {})
	ann.OnCall(simphone.Answer())
	ear, err := NewEar(netip.MustParseAddr("127.0.0.32"), 1000)
	check(t, err)
	t.Cleanup(ear.Close)
	s := sipp(t, SippConfig{Switch: ann.Addr(), Number: "1", Caller: "2", Ear: ear})
	call := ann.MustCall(t)
	call.MustHearOnly(t, 1000)
	from := time.Now()
	pause(t, time.Second)
	heard := ear.Since(from)
	if !heard.Hears(600) || heard.HearsOther(600) || !heard.HearsOther(1000) {
		t.Errorf("the ear: got %v, want 600 Hz and nothing else", heard)
	}
	call.MustBye(t)
	check(t, s.Wait(within(t)))
}

func TestPeersSippDoesNotAcknowledge(t *testing.T) {
	ann := phone(t, func(*simphone.Config) {})
	ann.OnCall(simphone.Answer())
	s := sipp(t, SippConfig{Switch: ann.Addr(), Number: "1", Caller: "2", NoACK: true, Hz: 1000})
	call := ann.MustCall(t)
	for range 2 { // the 200 is sent again
		_, err := ann.WaitMessage(within(t), func(m *simphone.Message) bool { return m.Out && m.Code == 200 })
		check(t, err)
	}
	call.MustBye(t)
	check(t, s.Wait(within(t)))
	if strings.Contains(s.Messages(), "\nACK ") {
		t.Errorf("got an ACK, want none:\n%s", s.Messages())
	}
}

func TestPeersSippExpectsARefusal(t *testing.T) {
	ann := phone(t, func(*simphone.Config) {})
	ann.OnCall(simphone.Ring().Decline(486))
	check(t, sipp(t, SippConfig{Switch: ann.Addr(), Number: "1", Caller: "2", Expect: 486}).Wait(within(t)))
	if err := sipp(t, SippConfig{Switch: ann.Addr(), Number: "1", Caller: "2", Expect: 603}).Wait(within(t)); err == nil {
		t.Error("got no error from a call refused with another code")
	}
}

func TestPeersSippGivesUp(t *testing.T) {
	ann := phone(t, func(*simphone.Config) {})
	ann.OnCall(simphone.Ring())
	s := sipp(t, SippConfig{Switch: ann.Addr(), Number: "1", Caller: "2", Cancel: 300 * time.Millisecond})
	ann.MustCall(t).MustEnd(t, simphone.Theirs, 487)
	check(t, s.Wait(within(t)))
}

func TestPeersSippTakesCalls(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  SippConfig
		by   simphone.Side
		code int
	}{
		"answers":    {SippConfig{Hz: 1000}, simphone.Ours, 0},
		"early":      {SippConfig{Hz: 1000, Early: true, Ring: time.Second}, simphone.Ours, 0},
		"hangs up":   {SippConfig{Hz: 1000, Talk: 2 * time.Second}, simphone.Theirs, 0},
		"is refused": {SippConfig{Refuse: 480, Ring: 100 * time.Millisecond}, simphone.Theirs, 480},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Listen, c.cfg.Calls = true, 1
			s := sipp(t, c.cfg)
			lee := phone(t, func(cfg *simphone.Config) { cfg.Peer = s.Addr() })
			call := lee.Dial("+14155550100")
			if c.cfg.Refuse == 0 {
				call.MustHearOnly(t, 1000)
				call.MustAnswer(t)
				if c.by == simphone.Ours {
					call.MustBye(t)
				}
			}
			call.MustEnd(t, c.by, c.code)
			check(t, s.Wait(within(t)))
		})
	}
}
