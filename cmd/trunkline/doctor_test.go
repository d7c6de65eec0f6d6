package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/api"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
)

// mirror is a carrier that sends every call back to the switch; the sound goes
// from one end of it to the other.
type mirror struct {
	conn net.PacketConn
	at   string
	vias map[string]string
	drop func(string) bool // messages that it does not pass on
	done chan struct{}
}

func newMirror(s *story, at string) *mirror {
	s.Helper()
	conn, err := s.net.ListenPacket(netip.MustParseAddrPort(at))
	if err != nil {
		s.fatal(err)
	}
	m := &mirror{conn: conn, at: at, vias: map[string]string{}, done: make(chan struct{})}
	go m.run()
	return m
}

func (m *mirror) close() {
	m.conn.Close()
	<-m.done
}

func (m *mirror) run() {
	defer close(m.done)
	b := make([]byte, 65536)
	for {
		n, _, err := m.conn.ReadFrom(b)
		if err != nil {
			return
		}
		text := string(b[:n])
		if m.drop != nil && m.drop(text) {
			continue
		}
		if strings.HasPrefix(text, "OPTIONS ") {
			head, _, _ := strings.Cut(text, "\r\n\r\n")
			lines := strings.Split(head, "\r\n")
			out := []string{"SIP/2.0 200 OK"}
			for _, l := range lines[1:] {
				if name, _, _ := strings.Cut(l, ":"); strings.Contains(" Via From Call-ID CSeq ", " "+name+" ") {
					out = append(out, l)
				} else if name == "To" {
					out = append(out, l+";tag=m")
				}
			}
			m.send(strings.Join(out, "\r\n") + "\r\nAllow: INVITE\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		m.send(m.pass(text))
	}
}

// pass forwards a message with a Via, a Record-Route and a Call-ID of ours in the
// place of theirs: a back-to-back user agent that keeps the tags.
func (m *mirror) pass(text string) string {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	request := !strings.HasPrefix(text, "SIP/2.0")
	out := []string{lines[0]}
	for _, l := range lines[1:] {
		switch {
		case strings.HasPrefix(l, "Via: ") && request:
			_, branch, _ := strings.Cut(l, "branch=")
			branch, _, _ = strings.Cut(branch, ";")
			mine := "z9hG4bK-mirror-" + strings.TrimPrefix(branch, "z9hG4bK")[8:]
			m.vias[mine] = l
			out = append(out, "Via: SIP/2.0/UDP "+m.at+";branch="+mine)
			if strings.HasPrefix(text, "INVITE ") {
				out = append(out, "Record-Route: <sip:"+m.at+";lr>")
			}
		case strings.HasPrefix(l, "Via: "):
			_, branch, _ := strings.Cut(l, "branch=")
			branch, _, _ = strings.Cut(branch, ";")
			out = append(out, m.vias[branch])
		case strings.HasPrefix(l, "Call-ID: "):
			id, mirrored := strings.CutSuffix(l, "-m")
			if !mirrored {
				id += "-m"
			}
			out = append(out, id)
		case request && strings.HasPrefix(l, "Route: "):
		default:
			out = append(out, l)
		}
	}
	return strings.Join(out, "\r\n") + "\r\n\r\n" + body
}

func (m *mirror) send(text string) {
	_, _ = m.conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(switchAddr))
}

// examine examines the trunk spare, and gives the findings by step.
func (s *story) examine(q api.TrunkQuestion) (all []api.TrunkFinding, text string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	q.Trunk = "spare"
	var b strings.Builder
	err := s.house.doctor.examine(ctx, q, func(f api.TrunkFinding) {
		all = append(all, f)
		showFinding(&b, f)
	})
	if err != nil {
		s.fatal(err)
	}
	return all, b.String()
}

func finding(all []api.TrunkFinding, step string) (f api.TrunkFinding) {
	for _, f := range all {
		if f.Step == step {
			return f
		}
	}
	return f
}

func TestDoctorCallsOutAndBackInWithSoundEachWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supportTeam+queueFlow)
		m := newMirror(s, "10.0.0.8:5060")
		defer m.close()
		all, text := s.examine(api.TrunkQuestion{})
		for _, step := range []string{"name", "register", "options", "call", "sound", "keys", "hold", "resume", "sound after the hold", "refresh", "end"} {
			if f := finding(all, step); f.Step == "" || !f.OK {
				t.Errorf("%s: got %+v, want it in order", step, f)
			}
		}
		t.Log("\n" + text)
		if n := len(s.cards()); n != 0 {
			t.Errorf("call cards: got %d, want none of the doctor's", n)
		}
		s.end()
	})
}

func TestDoctorSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(s *story) (end func())
		q     api.TrunkQuestion
		step  string
		ok    bool
		words string // of the finding
		cure  string
	}{
		{"nobody", func(*story) func() { return nil }, api.TrunkQuestion{}, "options", false, "does not answer OPTIONS", "firewall"},
		{"nobody, the call", func(*story) func() { return nil }, api.TrunkQuestion{}, "call", false, "was not answered: 408", "no answer"},
		{"404", func(s *story) func() { s.far(simphone.Decline(404)); return nil }, api.TrunkQuestion{}, "call", false, "404", "format.out"},
		{"answered elsewhere", func(s *story) func() { s.far(simphone.Ring().Answer()); return nil }, api.TrunkQuestion{}, "call", false, "did not come back", "caller_id"},
		{"another number", func(s *story) func() { s.far(simphone.Ring().Answer()); return nil }, api.TrunkQuestion{Number: "+14155550777"}, "sound", true, "heard from the other side: a tone of", ""},
		{"hold refused", func(s *story) func() {
			s.far(simphone.Ring().Answer()).Behave(func(h *simphone.Habits) { h.Reinvite = 488 })
			return nil
		}, api.TrunkQuestion{Number: "+14155550777"}, "hold", false, "refuses the re-INVITE: 488", "session timers"},
		{"one way", func(s *story) func() {
			m := newMirror(s, "10.0.0.8:5060")
			ports := map[uint16]bool{}
			s.net.Drop(func(p simnet.Packet) bool { // what the first end of the call says
				if p.From.Port() < 20000 || len(p.Payload) < 12 || p.Payload[0]>>6 != 2 || p.From.Port()%2 == 1 {
					return false
				}
				if len(ports) == 0 {
					ports[p.From.Port()] = true
				}
				return ports[p.From.Port()]
			})
			return m.close
		}, api.TrunkQuestion{}, "sound", false, "no packets at all", "media.ports"},
		{"not a number", func(*story) func() { return nil }, api.TrunkQuestion{Number: "x"}, "call", false, "no telephone number", "--number"},
		{"no call", func(s *story) func() { s.far(simphone.Ring().Answer()); return nil }, api.TrunkQuestion{NoCall: true}, "options", true, "answers OPTIONS", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, supportTeam+queueFlow)
				end := c.set(s)
				all, text := s.examine(c.q)
				found := false
				for _, f := range all {
					found = found || f.Step == c.step && f.OK == c.ok && strings.Contains(f.Text, c.words) && strings.Contains(f.Cure, c.cure)
					if !f.OK && f.Cure == "" {
						t.Errorf("%+v: nothing is said of what to do", f)
					}
				}
				if !found {
					t.Errorf("got\n%s\nwant %s %v saying %q, cure %q", text, c.step, c.ok, c.words, c.cure)
				}
				if end != nil {
					end()
				}
				s.end()
			})
		})
	}
}

// A customer who calls while the doctor waits for its call is a customer.
func TestDoctorTakesNobodyElsesCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supportTeam+queueFlow)
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: customerTone})
		far.OnCall(simphone.Ring().After(20 * time.Second).Answer())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.examine(api.TrunkQuestion{})
		}()
		time.Sleep(6 * time.Second)
		c := far.Dial("+14155550100", simphone.From(customer))
		a := s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
		<-done
		s.end()
	})
}
