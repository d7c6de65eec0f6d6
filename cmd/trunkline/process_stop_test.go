package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

func TestBinaryTermRefusesNewCallsAndLetsTheOthersEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(carrier, ann, annTone)
	s.signal(syscall.SIGTERM)
	s.logged("msg=\"stopping")

	refused := carrier.Dial(ourNumber, simphone.From(customer))
	refused.MustEnd(t, simphone.Theirs, 503)
	m, err := carrier.WaitMessage(s.within(5*time.Second), func(m *simphone.Message) bool { return !m.Out && m.Code == 503 })
	if err != nil || m.Get("Retry-After") == "" {
		t.Errorf("the refusal: got %v, %v, want a Retry-After", m, err)
	}
	sound, err := c.Listen(s.Context(), time.Second)
	if err != nil || !sound.Has(annTone) || sound.LongestSilence() > pause {
		t.Errorf("the call in progress: got %v, %v, want ann's tone without a pause", sound, err)
	}
	if status := s.status(); !status.Draining || len(status.Calls) != 1 {
		t.Errorf("status: got draining %v and %d calls, want true and 1", status.Draining, len(status.Calls))
	}
	c.MustBye(t)
	a.MustEnd(t, simphone.Theirs, 0)
	s.ends(s.child, 3*time.Second, exitOK)
	s.sealedAfterStop(call.CauseHangup)
}

// sealedAfterStop wants the last call of a switch that was stopped closed
// with a cause, and its recording whole.
func (s *site) sealedAfterStop(want call.Cause) {
	s.Helper()
	var ended []call.Fact
	var sealed int
	for _, f := range s.facts() {
		switch f.Kind {
		case call.FactEnded:
			ended = append(ended, f)
		case call.FactRecordingSealed:
			sealed++
		}
	}
	if len(ended) == 0 || ended[len(ended)-1].Ending.Cause != want || sealed != 1 {
		s.Errorf("facts: got ends %v and %d sealed, want %s last and 1", ended, sealed, want)
	}
	card := s.records()[0]
	if len(card.Recordings) != 1 || !card.Recordings[0].Sealed {
		s.Fatalf("recordings on the card: got %+v, want one, sealed", card.Recordings)
	}
	sound := readWAV(s.T, card.Recordings[0].Path)
	sound.wantTones(s.T, annTone)
	if got := card.Recordings[0].Duration; got != sound.length() {
		s.Errorf("recording on the card: got %v, want %v", got, sound.length())
	}
}

func TestBinaryTermHangsUpWhatIsLeftAfterTheDrain(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve("--drain", "1s")
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(carrier, ann, annTone)
	asked := time.Now()
	s.signal(syscall.SIGTERM)
	for name, leg := range map[string]*simphone.Call{"the caller's": c, "the agent's": a} {
		if e := leg.MustEnd(t, simphone.Theirs, 0); e.Reason == "" || e.At.Sub(asked) < 900*time.Millisecond {
			t.Errorf("%s leg: got %v after %v, want a BYE with a Reason after 1 s", name, e, e.At.Sub(asked))
		}
	}
	s.ends(s.child, 3*time.Second, exitOK)
	s.sealedAfterStop(call.CauseStopped)
}

func TestBinarySecondSignalEndsAtOnceEvenWithADeadPhone(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, _ := s.talk(carrier, ann, annTone)
	if _, err := c.Listen(s.Context(), time.Second); err != nil { // something to be recorded
		t.Fatal(err)
	}
	ann.Die()
	s.signal(syscall.SIGTERM)
	s.logged("msg=\"stopping")
	s.signal(syscall.SIGTERM)
	s.ends(s.child, 2*time.Second, exitOK)
	if e := c.MustEnd(t, simphone.Theirs, 0); e.Reason == "" {
		t.Errorf("the caller's leg: got %v, want a BYE with a Reason", e)
	}
	s.sealedAfterStop(call.CauseStopped)
}

func TestBinaryStopWhileACallerWaitsUnanswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+"flows:\n  main: {answer: late, steps: [{queue: support}]}\n")
	s.serve("--drain", "100ms")
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring())
	c := carrier.Dial(ourNumber, simphone.From(customer))
	a := ann.MustCall(t)
	a.MustRing(t)
	s.signal(syscall.SIGTERM)
	c.MustEnd(t, simphone.Theirs, 503)
	if e := a.MustEnd(t, simphone.Theirs, 487); e.Reason == "" {
		t.Errorf("ann's leg: got %v, want a CANCEL with a Reason", e)
	}
	s.ends(s.child, 5*time.Second, exitOK)
}

func TestBinaryReloadChangesNewCallsAndLeavesTheOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, _ := s.talk(carrier, ann, annTone)
	before := s.status().Config

	// A bad file: said with its place, nothing changed.
	s.configure("tems:\n  support: {agents: [ann]}\n" + siteFlow)
	s.signal(syscall.SIGHUP)
	s.logged("not reloaded")
	place := s.file + ":14:1: "
	if line := s.lineWith("not reloaded"); !strings.Contains(line, place) || !strings.Contains(line, "teams") {
		t.Errorf("the log of a bad reload: got %s, want %s and teams", line, place)
	}
	out, code := s.command("reload", "-c", s.file)
	if code != exitUsage || !strings.Contains(out, place) {
		t.Errorf("trunkline reload of a bad file: got exit code %d, want 2, and the place %s\n%s", code, place, out)
	}
	if got := s.status().Config; got != before {
		t.Errorf("configuration in force: got %s, want still %s", got, before)
	}

	// A good one: new calls take it, the one in progress goes on.
	s.configure(siteTeam + "flows:\n  main: [{hangup: 486}]\nmedia: {ports: 20000-20499}\n")
	out, code = s.command("reload", "-c", s.file)
	if code != exitUsage || !strings.Contains(out, "media") { // the key is there twice
		t.Errorf("trunkline reload with a key twice: got exit code %d\n%s", code, out)
	}
	s.configure(siteTeam + "flows:\n  main: [{hangup: 486}]\ndial: {allow: [national]}\nretention: {facts: 100d}\n")
	s.signal(syscall.SIGHUP)
	s.logged(`msg="configuration reloaded"`)
	if line := s.lineWith("waits for a restart"); !strings.Contains(line, "retention") {
		t.Errorf("the log of the reload: got %q, want that retention waits for a restart", line)
	}
	carrier.Dial(ourNumber, simphone.From(customer)).MustEnd(t, simphone.Theirs, 486)
	c.MustHear(t, annTone)
	if got := s.status(); got.Config == before || len(got.Calls) != 1 {
		t.Errorf("after the reload: got configuration %s and %d calls, want another and 1", got.Config, len(got.Calls))
	}
	s.configure(siteTeam + siteFlow)
	if out := s.ask("reload"); !strings.Contains(out, "flows.main") || strings.Contains(out, "restart") {
		t.Errorf("trunkline reload: got %q, want flows.main named, and nothing that waits for a restart any more", out)
	}
	c.MustBye(t)
}

// lineWith is the log's first line with a text.
func (s *site) lineWith(text string) string {
	for line := range strings.Lines(s.child.log.String()) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

func TestBinaryDemoOnceShowsTheCallAndEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	c := s.launch("demo", "--once")
	s.ends(c, 60*time.Second, exitOK)
	wantDemo(t, c.log.String())
}

// wantDemo wants the story that the demonstration tells.
func wantDemo(t *testing.T, out string) {
	t.Helper()
	for _, want := range []string{"carrier hears a tone of 1100 Hz, carol hears a tone of 440 Hz", "ann: declined", "bob: no_answer", "carol: accepted", ".wav"} {
		if !strings.Contains(out, want) {
			t.Errorf("demo: got no %q in\n%s", want, out)
		}
	}
}

// Without a terminal the demonstration waits for its visitor all the same; the
// command that it tells them calls in.
func TestBinaryDemoWaitsForItsVisitor(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.child = s.launch("demo")
	s.logged("Ctrl-C ends it")
	wantDemo(t, s.child.log.String())
	_, line, _ := strings.Cut(s.child.log.String(), " call -c ")
	file, _, _ := strings.Cut(line, "\n")
	if out, code := s.command("call", "-c", strings.TrimSpace(file), "--for", "1s"); code != exitOK || !strings.Contains(out, "in talk with carol") {
		t.Errorf("trunkline call -c %s: got exit code %d, want 0 and carol\n%s", file, code, out)
	}
	s.signal(syscall.SIGINT)
	s.ends(s.child, 10*time.Second, exitOK)
}

func TestBinaryDemoEndsOnInterruptInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.child = s.launch("demo")
	s.logged("INVITE") // its call rings
	s.signal(syscall.SIGINT)
	s.ends(s.child, 10*time.Second, exitOK)
}

// A phone may use the address that a stopped switch had: its sockets are closed.
func TestBinaryStoppedSwitchLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	s.signal(syscall.SIGTERM)
	s.ends(s.child, 5*time.Second, exitOK)
	conn, err := net.ListenPacket("udp4", s.sip.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if out, code := s.command("status", "-c", s.file); code != exitNotRunning {
		t.Errorf("status of a stopped switch: got exit code %d, want 3\n%s", code, out)
	}
	s.serve() // the same folder again
}
