package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// varying is what must differ between two challenges.
var varying = regexp.MustCompile(`nonce="[^"]*"|tag=[^;\r]*|branch=[^;\r]*|rport=\d+|(?m)^(Call-ID|CSeq): .*\r$`)

// refusedREGISTER is the answer to a REGISTER with a wrong password, or, with
// none, without credentials; what must differ is taken out.
func (s *site) refusedREGISTER(user, password string) string {
	s.Helper()
	p := s.phone(9, simphone.Config{User: user, Password: password, Domain: "pbx.example.com"})
	defer p.Close()
	_, err := p.Register(s.within(10*time.Second), time.Hour)
	var status *simphone.StatusError
	if !errors.As(err, &status) || status.Code != 401 {
		s.Fatalf("REGISTER of %s: got %v, want 401", user, err)
	}
	all := p.Received()
	last := string(all[len(all)-1].Raw)
	last = strings.ReplaceAll(last, user, "USER")
	last = strings.ReplaceAll(last, p.Addr().String(), "PHONE")
	return varying.ReplaceAllString(last, "…")
}

func TestBinaryWhoeverIsRefusedLearnsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	for _, password := range []string{"", "wrong-password-1"} {
		known, unknown := s.refusedREGISTER("ann", password), s.refusedREGISTER("zoe", password)
		if known != unknown || !strings.Contains(known, "401") {
			t.Errorf("answers to a name that is there and one that is not: got\n%s\nand\n%s\nwant the same", known, unknown)
		}
	}
	for range 5 { // a phone that tries again and again
		s.refusedREGISTER("ann", "wrong-password-1")
	}
	s.logged("password")
	log := s.child.log.String()
	if n := strings.Count(log, "agent=ann"); n < 1 || n > 2 {
		t.Errorf("lines on ann's wrong password: got %d, want it said once (and once more with a count)\n%s", n, log)
	}
	for _, secret := range []string{"ann-password-1", "wrong-password-1", "response="} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells a secret: got %q in\n%s", secret, log)
		}
	}
}

func TestBinaryStrangersGetAChallengeOrSilence(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	stranger := s.phone(9, simphone.Config{User: "stranger", Domain: "pbx.example.com"})
	for _, number := range []string{ourNumber, "ann", "nobody"} {
		c := stranger.Dial(number, simphone.From("+14155550166"))
		c.MustEnd(t, simphone.Theirs, 401)
	}
	before := len(stranger.Received())
	for _, method := range []string{"OPTIONS", "BYE", "MESSAGE", "SUBSCRIBE", "CANCEL"} {
		ctx, cancel := context.WithTimeout(s.Context(), 300*time.Millisecond)
		m, err := stranger.Request(ctx, method, ourNumber)
		cancel()
		if m != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s of a stranger: got %v, %v, want silence", method, m, err)
		}
	}
	for _, b := range []string{"", "\x00\x01\x02", "GET / HTTP/1.1\r\n\r\n", "INVITE\r\n\r\n", strings.Repeat("A", 65000)} {
		if err := stranger.SendRaw([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	if got := stranger.Received(); len(got) != before {
		t.Errorf("answers to a stranger: got %v, want none", got[before:])
	}
	if status := s.status(); status.Counts.Calls != 0 {
		t.Errorf("calls: got %d, want none", status.Counts.Calls)
	}
}

// Session descriptions that cannot be: each is answered at once, and the next
// call works.
func TestBinaryMalformedSessionDescriptionsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	for _, c := range []struct {
		sdp  string
		code int
	}{
		{"hello", 400},
		{"v=0\r\n", 400},
		{"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 99999 RTP/AVP 0\r\nc=IN IP4 1.2.3.4\r\n", 400},
		{"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 one.two\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", 488}, // a name is legal, and not for us,
		{"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n", 488},
		{"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=video 4000 RTP/AVP 31\r\n", 488},
		{strings.Repeat("a=x\r\n", 12000), 400},
		{"v=0\r\n" + strings.Repeat("\x00\xff", 500), 400},
	} {
		leg := carrier.Dial(ourNumber, simphone.From(customer), simphone.Body("application/sdp", []byte(c.sdp)))
		ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
		e, err := leg.WaitEnded(ctx)
		cancel()
		if err != nil || e.Code != c.code {
			t.Errorf("offer %.60q: got %v, %v, want %d", c.sdp, e, err, c.code)
		}
	}
	c, _ := s.talk(carrier, ann, annTone)
	c.MustBye(t)
	if status := s.status(); status.Counts.Faults+status.Counts.Mismatches != 0 {
		t.Errorf("counts: got %+v, want no faults", status.Counts)
	}
}

func TestBinarySoundOfStrangersAndGarbageDisturbsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(carrier, ann, annTone)
	port := c.RemoteRTP()
	stranger, err := net.ListenPacket("udp4", netip.AddrPortFrom(s.host(9), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	rtp := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4}, bytes.Repeat([]byte{0x55}, 160)...)
	large := make([]byte, 65507)
	large[0] = 0x80
	listening := make(chan simphone.Sound, 2)
	for _, leg := range []*simphone.Call{c, a} {
		go func() {
			sound, _ := leg.Listen(s.Context(), 1500*time.Millisecond)
			listening <- sound
		}()
	}
	for i := range 200 {
		rtp[3] = byte(i) // in sequence: a stranger who would be latched to
		rtp[6], rtp[7] = byte(i*160>>8), byte(i*160)
		for _, b := range [][]byte{rtp, {}, {0x80}, bytes.Repeat([]byte{0xff}, 100), large} {
			if _, err := stranger.WriteTo(b, net.UDPAddrFromAddrPort(port)); err != nil {
				t.Fatal(err)
			}
		}
		for _, b := range [][]byte{{0x80, 0}, bytes.Repeat([]byte{0xff}, 100), large} { // from the caller's own socket
			if err := c.SendRTP(b, netip.AddrPort{}); err != nil {
				t.Fatal(err)
			}
		}
		if i%20 == 19 {
			s.beat()
		}
	}
	tones := []float64{annTone, customerTone}
	for range 2 {
		sound := <-listening
		i := slices.IndexFunc(tones, sound.Has)
		if i < 0 || sound.LongestSilence() > pause {
			t.Errorf("heard: got %v with a silence of %.2f s, want one of %v without a pause", sound, sound.LongestSilence(), tones)
			continue
		}
		tones = slices.Delete(tones, i, i+1)
	}
	c.MustBye(t)
	card := s.sealed()
	readWAV(t, card.Recordings[0].Path).wantTones(t, annTone)
}

func TestBinaryTestCallIsHeardByTheAgentAndReported(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	type result struct {
		out  string
		code int
	}
	done := make(chan result, 1)
	go func() {
		out, code := s.command("call", "-c", s.file, "--for", "2s", "--from", customer)
		done <- result{out, code}
	}()
	a := ann.MustCall(t)
	a.MustHear(t, testTone)
	calls := s.status().Calls
	if len(calls) != 1 || calls[0].Trunk != string(call.TestTrunk) || calls[0].Agent != "ann" || calls[0].State != "talk" || calls[0].Caller != customer {
		t.Errorf("status: got %+v, want one test call, in talk with ann", calls)
	}
	text := s.ask("status")
	for _, want := range []string{"1 call,", "in 1 call", "talk", customer} {
		if !strings.Contains(text, want) {
			t.Errorf("trunkline status: got no %q in\n%s", want, text)
		}
	}
	r := <-done
	for _, want := range []string{"in talk with ann", fmt.Sprintf("hears a tone of %.0f Hz", annTone), " 0 lost"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("trunkline call: got no %q in\n%s", want, r.out)
		}
	}
	if r.code != exitOK {
		t.Errorf("trunkline call: got exit code %d, want 0\n%s", r.code, r.out)
	}
	a.MustEnd(t, simphone.Theirs, 0)
	card := s.sealed()
	if card.Trunk != call.TestTrunk || card.Ending != (call.Ending{By: call.ByCaller, Cause: call.CauseHangup}) || len(card.Offers) != 1 || card.Offers[0].Outcome != "accepted" {
		t.Errorf("card: got %+v, want a test call that ann accepted and the caller ended", card)
	}
	text = s.ask("calls", string(card.ID[20:]))
	for _, want := range []string{string(card.ID), "ann: accepted", "hangup by caller", card.Recordings[0].Path} {
		if !strings.Contains(text, want) {
			t.Errorf("trunkline calls: got no %q in\n%s", want, text)
		}
	}
	if text = s.ask("calls"); !strings.Contains(text, string(card.ID)) && !strings.Contains(text, string(card.ID[20:])) {
		t.Errorf("trunkline calls: got no %s in\n%s", card.ID, text)
	}
	if text = s.ask("explain", "--live", "--to", ourNumber); !strings.Contains(text, "support") || !strings.Contains(text, "wrapping up") {
		t.Errorf("trunkline explain: got %q, want ann in her wrap-up", text)
	}
}

func TestBinaryTestCallThatNobodyTakesFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+"flows:\n  main: [{hangup: 480}]\n")
	s.serve()
	if out, code := s.command("call", "-c", s.file, "--wait", "3s"); code != exitFailed || !strings.Contains(out, "480") {
		t.Errorf("trunkline call: got exit code %d, want 1 and 480\n%s", code, out)
	}
}

func TestBinaryOneTimeCredentialIsGoodForOneCall(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	pass, err := s.client().TestCall(s.within(5*time.Second), "")
	if err != nil {
		t.Fatal(err)
	}
	p := s.phone(9, simphone.Config{User: pass.User, Password: pass.Password, Domain: pass.Domain})
	c := p.Dial(pass.Number, simphone.From(customer))
	c.MustAnswer(t)
	p.Dial(pass.Number, simphone.From(customer)).MustEnd(t, simphone.Theirs, 401)
	c.MustBye(t)
	p.Dial(pass.Number, simphone.From(customer)).MustEnd(t, simphone.Theirs, 401)
	if strings.Contains(s.child.log.String(), pass.Password) {
		t.Error("the log tells the one-time password")
	}
	s.signal(syscall.SIGTERM)
	s.ends(s.child, 5*time.Second, exitOK)
}
