package simphone

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"
)

// registrar is a tiny one: it challenges each nonce's first use, checks the
// response with the phone's own arithmetic (held to the RFC's example in
// TestDigestMatchesTheExampleOfRFC7616) and refuses a nonce count seen before.
type registrar struct {
	conn      net.PacketConn
	algorithm string
	password  string

	mu      sync.Mutex
	nonce   string
	counts  map[string]bool
	expires []string // of each accepted REGISTER
	refused int
	answers map[string]*Message // by branch: a retransmission is no replay
}

// seen is what was accepted and how often it refused.
func (r *registrar) seen() ([]string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.expires, r.refused
}

func newRegistrar(t *testing.T, n *simnet.Net, algorithm string) *registrar {
	t.Helper()
	conn, err := n.ListenPacket(netip.MustParseAddrPort("10.0.0.9:5060"))
	if err != nil {
		t.Fatal(err)
	}
	r := &registrar{conn: conn, algorithm: algorithm, password: "correct horse", nonce: "n1", counts: map[string]bool{}, answers: map[string]*Message{}}
	go r.serve()
	t.Cleanup(func() { conn.Close() })
	return r
}

func (r *registrar) serve() {
	buf := make([]byte, 65536)
	for {
		n, from, err := r.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		m, err := Parse(buf[:n])
		if err != nil || m.Code != 0 {
			continue
		}
		m.Peer = netip.MustParseAddrPort(from.String())
		r.mu.Lock()
		if r.answers[m.branch()] == nil {
			r.answers[m.branch()] = r.answer(m)
		}
		r.conn.WriteTo(r.answers[m.branch()].Bytes(), from)
		r.mu.Unlock()
	}
}

func (r *registrar) answer(m *Message) *Message {
	refuse := func(stale string) *Message {
		resp := m.reply(401, "", "reg")
		resp.Add("WWW-Authenticate", `Digest realm="other", nonce="x", algorithm=SHA-512-256, qop="auth"`)
		resp.Add("WWW-Authenticate", fmt.Sprintf(`Digest realm="test", nonce="%s", algorithm=%s, qop="auth,auth-int"%s`, r.nonce, r.algorithm, stale))
		return resp
	}
	auth := m.Get("Authorization")
	if auth == "" {
		return refuse("")
	}
	field := func(name string) string {
		for _, p := range splitList(strings.TrimPrefix(auth, "Digest ")) {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return strings.Trim(v, `"`)
			}
		}
		return ""
	}
	if field("nonce") != r.nonce {
		return refuse(", stale=true")
	}
	var count int
	fmt.Sscanf(field("nc"), "%x", &count)
	want := challenge{realm: "test", nonce: r.nonce, algorithm: r.algorithm, qop: "auth"}.
		credentials(login{field("username"), r.password, m.Method, field("uri"), field("cnonce"), count})
	if r.counts[field("nonce")+field("nc")] || !strings.Contains(want, `response="`+field("response")+`"`) {
		r.refused++
		return refuse("")
	}
	r.counts[field("nonce")+field("nc")] = true
	contact := m.Get("Contact")
	expires := param(contact, "expires")
	r.expires = append(r.expires, expires)
	resp := m.reply(200, "", "reg")
	if expires != "0" {
		resp.Add("Contact", fmt.Sprintf("<%s>;expires=60", uriOf(contact)))
	}
	return resp
}

func registering(t *testing.T, algorithm string, story func(t *testing.T, n *simnet.Net, r *registrar, ann *Phone)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		r := newRegistrar(t, n, algorithm)
		conn, err := n.ListenPacket(netip.MustParseAddrPort("10.0.0.2:5060"))
		if err != nil {
			t.Fatal(err)
		}
		ann, err := New(Config{Conn: conn, Peer: netip.MustParseAddrPort("10.0.0.9:5060"), User: "ann", Password: r.password, ListenRTP: n.ListenPacket})
		if err != nil {
			t.Fatal(err)
		}
		defer ann.Close()
		story(t, n, r, ann)
	})
}

func TestRegisterAnswersTheChallengeAndRefreshes(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		t.Run(algorithm, func(t *testing.T) {
			registering(t, algorithm, func(t *testing.T, _ *simnet.Net, r *registrar, ann *Phone) {
				granted, err := ann.Register(t.Context(), time.Hour)
				if err != nil || granted != time.Minute {
					t.Fatalf("got %v, %v; want 1m0s as the registrar grants", granted, err)
				}
				time.Sleep(95 * time.Second) // three refreshes, at half the granted time
				if ok, err := ann.Registered(); !ok || err != nil {
					t.Errorf("got %v, %v; want registered", ok, err)
				}
				ann.MustUnregister(t)
				time.Sleep(5 * time.Minute)
				accepted, _ := r.seen()
				if g, w := fmt.Sprint(accepted), "[3600 3600 3600 3600 0]"; g != w {
					t.Errorf("got REGISTERs with expires %s, want %s", g, w)
				}
				if ok, _ := ann.Registered(); ok {
					t.Error("got registered after Unregister")
				}
			})
		})
	}
}

func TestStaleNonceIsAnsweredAgain(t *testing.T) {
	registering(t, "MD5", func(t *testing.T, _ *simnet.Net, r *registrar, ann *Phone) {
		ann.MustRegister(t, time.Minute)
		r.mu.Lock()
		r.nonce = "n2"
		r.mu.Unlock()
		time.Sleep(40 * time.Second)
		if accepted, refused := r.seen(); len(accepted) != 2 || refused != 0 {
			t.Errorf("got %d accepted, %d refused; want the refresh accepted with the new nonce", len(accepted), refused)
		}
	})
}

func TestWrongPasswordIsRefusedOnce(t *testing.T) {
	registering(t, "MD5", func(t *testing.T, _ *simnet.Net, r *registrar, ann *Phone) {
		ann.Behave(func(h *Habits) { h.WrongPassword = true })
		_, err := ann.Register(t.Context(), time.Minute)
		var se *StatusError
		if _, refused := r.seen(); !errors.As(err, &se) || se.Code != 401 || refused != 1 {
			t.Errorf("got %v and %d refusals, want 401 after one try", err, refused)
		}
	})
}

func TestReplayedCredentialsAreWhatTheHabitSends(t *testing.T) {
	registering(t, "MD5", func(t *testing.T, _ *simnet.Net, r *registrar, ann *Phone) {
		ann.MustRegister(t, time.Minute)
		ann.Behave(func(h *Habits) { h.ReuseNonce = true })
		_, err := ann.Register(t.Context(), time.Minute)
		if _, refused := r.seen(); err == nil || refused == 0 {
			t.Errorf("got %v and %d refusals, want the replay refused", err, refused)
		}
	})
}

func TestRegisterSurvivesLoss(t *testing.T) {
	registering(t, "MD5", func(t *testing.T, n *simnet.Net, r *registrar, ann *Phone) {
		n.SetFault(simnet.Fault{Loss: 0.4})
		ann.MustRegister(t, time.Minute)
	})
}

func TestDigestMatchesTheExampleOfRFC7616(t *testing.T) {
	l := login{"Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1}
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := challenge{realm: "http-auth@example.org", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm: algorithm, qop: "auth"}
		if got := c.credentials(l); !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: got %s, want response %s", algorithm, got, want)
		}
	}
}
