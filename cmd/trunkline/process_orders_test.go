package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// bearer is somebody with a bearer token at the HTTP listener of a site.
type bearer struct {
	*site
	token string
}

// bearer makes a token: of an agent, or with a scope.
func (s *site) bearer(scope api.Scope, agent string) bearer {
	s.Helper()
	made, err := s.client().MakeToken(s.within(5*time.Second), "test "+agent, scope, agent)
	if err != nil {
		s.Fatal(err)
	}
	return bearer{s, made.Text}
}

// request asks over TCP, as curl would.
func (d bearer) request(method, path, body string, headers ...string) (int, string) {
	d.Helper()
	r, err := http.NewRequestWithContext(d.within(10*time.Second), method, "http://"+d.http+path, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// order gives an order on a call that must be answered with a status.
func (d bearer) order(id, order, body string, want int) {
	d.Helper()
	if code, text := d.request("POST", "/v1/calls/"+id+"/"+order, body); code != want {
		d.Fatalf("%s %s: got %d %s, want %d", order, body, code, text, want)
	}
}

// hears waits until a call hears these tones alone; none: something else, such as music.
func (s *site) hears(who string, c *simphone.Call, tones ...float64) {
	s.Helper()
	cast := []float64{customerTone, annTone, bobTone, farTone}
	s.eventually(fmt.Sprintf("%s hears %v", who, tones), func() bool {
		sound := c.Last(400 * time.Millisecond)
		n := 0
		for _, hz := range cast {
			if sound.Has(hz) {
				n++
			}
		}
		for _, hz := range tones {
			if !sound.Has(hz) {
				return false
			}
		}
		return n == len(tones) && !sound.Silent()
	})
}

// live is the call in progress.
func (s *site) live() api.Call {
	s.Helper()
	var calls []api.Call
	s.eventually("one call is up", func() bool { calls = s.status().Calls; return len(calls) == 1 })
	return calls[0]
}

// siteFar is a second carrier, host 6, over which agents dial.
func (s *site) siteFar(scripts ...simphone.Script) *simphone.Phone {
	s.Helper()
	far := s.phone(6, simphone.Config{User: "far", Tone: farTone})
	far.OnCall(scripts...)
	s.write("trunkline.yaml", strings.Replace(string(s.text()), "trunks:\n",
		fmt.Sprintf("dial: {trunks: [beta]}\ntrunks:\n  beta: {host: %q, options: 0s, accept_from: [%s/32], caller_id: \"+14155550177\"}\n", far.Addr(), far.Addr().Addr()), 1))
	return far
}

// Every control of a call in progress, as a program gives it: over TCP, with a
// token of the agent who is in the call.
func TestBinaryOrdersOverHTTP(t *testing.T) {
	s := newSite(t, siteTeam+siteFlow)
	far := s.siteFar(simphone.Ring().After(200 * time.Millisecond).Answer())
	s.serve()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(s.carrier(), ann, annTone)
	bob := s.agent(4, "bob", bobTone, simphone.Ring().After(300*time.Millisecond).Answer())
	id := s.live().ID
	anns, bobs := s.bearer(api.ScopeAgent, "ann"), s.bearer(api.ScopeAgent, "bob")
	reader := s.bearer(api.ScopeSupervisor, "")
	facts := reader.follow("0")

	anns.order(id, "hold", "", 204)
	s.hears("the customer, on hold,", c)
	anns.order(id, "hold", "", 204)
	anns.order(id, "resume", "", 204)
	s.hears("the customer", c, annTone)
	anns.order(id, "mute", "", 204)
	s.eventually("the customer hears silence", func() bool { return c.Last(300 * time.Millisecond).Silent() })
	s.hears("ann, who is muted,", a, customerTone)
	anns.order(id, "unmute", "", 204)
	s.hears("the customer", c, annTone)
	anns.order(id, "keypad", `{"digits": "12#"}`, 204)
	s.eventually("the keys arrive", func() bool { return c.Heard().Digits == "12#" })
	anns.order(id, "keypad", `{"digits": "12x"}`, 422)
	anns.order(id, "pause-recording", `{"reason": "card number"}`, 204)
	anns.order(id, "resume-recording", "", 204)
	if p := s.card().Recordings[0].Pauses; len(p) != 1 || p[0].By != "ann" || p[0].Why != "card number" || p[0].To.IsZero() {
		t.Errorf("pauses on the card: got %+v, want one of ann's, with its reason, over", p)
	}

	bobs.order(id, "hold", "", 403) // not bob's yet
	anns.order(id, "transfer", `{"to": {"agent": "ann"}}`, 422)
	anns.order(id, "transfer", `{"to": {"number": "+19005550177"}}`, 403)
	anns.order(id, "complete", "", 409)
	anns.order(id, "transfer", `{"to": {"agent": "bob"}}`, 204)
	b := bob.MustCall(s)
	s.hears("the customer", c, bobTone)
	s.hears("bob", b, customerTone)
	a.MustEnd(s, simphone.Theirs, 0)
	s.eventually("ann is in wrap-up", func() bool { return s.agentIs("ann").Reason == "Call wrap up" })
	anns.order(id, "hold", "", 403) // no more ann's

	bobs.order(id, "transfer", `{"to": {"number": "+14155550199"}, "ask": true}`, 204)
	s.hears("the customer, while bob asks,", c)
	f := far.MustCall(s)
	s.hears("bob", b, farTone)
	s.hears("who is asked", f, bobTone)
	bobs.order(id, "swap", "", 204)
	s.hears("the customer", c, bobTone)
	bobs.order(id, "merge", "", 204)
	s.hears("the customer, of three,", c, bobTone, farTone)
	s.hears("bob, of three,", b, customerTone, farTone)
	bobs.order(id, "cancel", "", 204)
	f.MustEnd(s, simphone.Theirs, 0)
	s.hears("the customer", c, bobTone)
	bobs.order(id, "transfer", `{"to": {"number": "+14155550199"}, "ask": true}`, 204)
	f = far.MustCall(s)
	s.hears("bob", b, farTone)
	bobs.order(id, "complete", "", 204)
	b.MustEnd(s, simphone.Theirs, 0)
	s.hears("the customer", c, farTone)
	bobs.order(id, "hangup", "", 403)
	s.bearer(api.ScopeSupervisor, "").order(id, "hangup", "", 204)
	c.MustEnd(s, simphone.Theirs, 0)
	f.MustEnd(s, simphone.Theirs, 0)
	s.sealed()
	s.wantReceipts(id)
	s.wantFacts(facts, id)
}

// agentIs is an agent's line of the status.
func (s *site) agentIs(name string) api.Agent {
	s.Helper()
	for _, a := range s.status().Agents {
		if a.ID == name {
			return a
		}
	}
	s.Fatalf("agent %s: got none", name)
	return api.Agent{}
}

// wantReceipts wants the three transfers of TestBinaryOrdersOverHTTP on the card.
func (s *site) wantReceipts(id string) {
	s.Helper()
	card := s.card()
	var got []string
	for _, r := range card.Transfers {
		got = append(got, fmt.Sprintf("%s %s %v %d %v", r.By, r.Outcome, r.Ask, r.SIP, r.RecordingStopped.IsZero()))
	}
	want := []string{"ann accepted false 200 true", "bob cancelled true 0 true", "bob accepted true 200 false"}
	if string(card.ID) != id || fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("receipts: got %q, want %q", got, want)
	}
	if card.Ending != (call.Ending{By: call.BySystem, Cause: call.CauseOrdered}) {
		s.Errorf("ending: got %v, want it ordered", card.Ending)
	}
}

// wantFacts wants the facts of a call that a reader has got: one number after the other, none twice.
func (s *site) wantFacts(f *follower, id string) {
	s.Helper()
	want := []call.FactKind{call.FactHeld, call.FactResumed, call.FactRecordingPaused, call.FactRecordingResumed, call.FactTransferring,
		call.FactTransferred, call.FactConsulting, call.FactTransferFailed, call.FactEnded}
	s.eventually("the reader has the end of the call", func() bool {
		for _, kind := range want {
			if !f.has(id, kind) {
				return false
			}
		}
		return true
	})
	f.wantNoGap(1)
}

// follower reads /v1/facts along.
type follower struct {
	*site
	mu    sync.Mutex
	facts []call.Fact
	raw   []string
	stop  func()
	done  chan struct{}
}

// follow reads the facts after a number until the follower is stopped or the switch goes.
func (d bearer) follow(after string) *follower {
	d.Helper()
	ctx, cancel := context.WithCancel(d.Context())
	f := &follower{site: d.site, stop: cancel, done: make(chan struct{})}
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+d.http+"/v1/facts", nil)
	if err != nil {
		d.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	if after == "0" {
		r.URL.RawQuery = "after=0"
	} else {
		r.Header.Set("Last-Event-ID", after)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		d.Fatalf("facts: got %+v, %v, want a stream of events", res, err)
	}
	go func() {
		defer close(f.done)
		defer res.Body.Close()
		f.read(res.Body)
	}()
	d.Cleanup(func() { cancel(); <-f.done })
	return f
}

func (f *follower) read(body io.Reader) {
	lines := bufio.NewScanner(body)
	id := ""
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = text
		} else if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var one call.Fact
			if err := json.Unmarshal([]byte(text), &one); err != nil || fmt.Sprint(one.Seq) != id {
				f.Errorf("event %s: got %s, %v, want a fact of that number", id, text, err)
			}
			f.mu.Lock()
			f.facts, f.raw = append(f.facts, one), append(f.raw, text)
			f.mu.Unlock()
		}
	}
}

func (f *follower) all() ([]call.Fact, []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.facts[:len(f.facts):len(f.facts)], f.raw[:len(f.raw):len(f.raw)]
}

func (f *follower) has(id string, kind call.FactKind) bool {
	facts, _ := f.all()
	for _, one := range facts {
		if string(one.Call) == id && one.Kind == kind {
			return true
		}
	}
	return false
}

// last is the number of the last fact that was read.
func (f *follower) last() uint64 {
	facts, _ := f.all()
	if len(facts) == 0 {
		return 0
	}
	return facts[len(facts)-1].Seq
}

func (f *follower) wantNoGap(first uint64) {
	f.Helper()
	facts, _ := f.all()
	for i, one := range facts {
		if one.Seq != first+uint64(i) {
			f.Errorf("fact %d of the stream: got number %d, want %d", i, one.Seq, first+uint64(i))
			return
		}
	}
}

// Click to dial, the agent's status and channel, and hanging up what rings.
func TestBinaryAgentsOrdersOverHTTP(t *testing.T) {
	s := newSite(t, strings.Replace(siteTeam, "wrap_up: 45s", "wrap_up: 1s", 1)+"  sales: {agents: [ann], caller_id: \"+14155550188\"}\n"+siteFlow)
	far := s.siteFar(simphone.Ring())
	s.serve()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	anns := s.bearer(api.ScopeAgent, "ann")
	post := func(path, body string, want int, headers ...string) string {
		t.Helper()
		code, text := anns.request("POST", "/v1/agents/ann/"+path, body, headers...)
		if code != want {
			t.Fatalf("%s %s: got %d %s, want %d", path, body, code, text, want)
		}
		return text
	}
	post("status", `{"active": false, "reason": "lunch"}`, 200)
	if a := s.agentIs("ann"); a.Status != "away" || a.Reason != "lunch" {
		t.Errorf("ann: got %+v, want away, at lunch", a)
	}
	post("status", `{"active": true}`, 200)
	post("channel", `{"channel": "conversations"}`, 200)
	if a := s.agentIs("ann"); a.Available {
		t.Errorf("ann who takes no calls: got %+v, want not available", a)
	}
	post("channel", `{"channel": "phone"}`, 200)
	post("dial", `{"number": "+19005550177"}`, 403)
	post("dial", `{"number": "12"}`, 422)

	first := post("dial", `{"number": "415 555 0199"}`, 200, "Idempotency-Key", "k1")
	if again := post("dial", `{"number": "415 555 0199"}`, 200, "Idempotency-Key", "k1"); again != first {
		t.Errorf("the same order again: got %s, want the answer of before: %s", again, first)
	}
	a := ann.MustCall(s)
	a.MustAnswer(s)
	f := far.MustCall(s)
	if f.Invite().User() != "+14155550199" || f.Caller() != "+14155550177" {
		t.Errorf("the number is called as %s from %s, want E.164 and the trunk's number", f.Invite().User(), f.Caller())
	}
	id := s.live().ID
	anns.order(id, "hangup", "", 204)
	a.MustEnd(s, simphone.Theirs, 0)
	f.MustEnd(s, simphone.Theirs, 487)
	far.OnCall(simphone.Ring().Answer())
	post("dial", `{"number": "+14155550199", "from": "+14155550166"}`, 403) // nobody's
	if got := s.agentIs("ann").CallerIDs; len(got) != 1 || got[0] != (api.CallerID{Number: "+14155550188", Team: "sales"}) {
		t.Errorf("what ann may show: got %+v, want sales' number, not by itself", got)
	}
	post("dial", `{"number": "+14155550199", "from": "(415) 555-0188"}`, 200)
	a, f = ann.MustCall(s), far.MustCall(s)
	if f.Caller() != "+14155550188" {
		t.Errorf("the number chosen: got %s shown, want sales'", f.Caller())
	}
	s.hears("ann", a, farTone)
	s.hears("the number", f, annTone)
	post("status", `{"active": false, "reason": "home"}`, 200) // takes effect after the call
	s.hears("ann", a, farTone)
	f.MustBye(s)
	a.MustEnd(s, simphone.Theirs, 0)
	s.eventually("ann is away after the call", func() bool { got := s.agentIs("ann"); return got.Status == "away" && got.Reason == "home" })
	if card := s.sealed(); card.Direction != call.Outbound || card.Agent != routing.AgentID("ann") {
		t.Errorf("card: got %+v, want ann's outbound call, recorded", card.Record)
	}
}

// Whoever reads along and comes back after a crash of the switch gets every
// fact that was acknowledged, and none twice; what was shown stays true.
func TestBinaryFactsResumeAcrossACrash(t *testing.T) {
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	root := s.bearer(api.ScopeAdmin, "")
	before := root.follow("0")
	c, a := s.talk(carrier, ann, annTone)
	first := s.live().ID
	s.eventually("the reader has seen the call begin", func() bool { return before.has(first, call.FactConnected) })
	s.kill()
	<-before.done
	_ = c.Hangup(s.within(time.Second))
	_ = a.Hangup(s.within(time.Second))

	s.serve()
	after := root.follow(fmt.Sprint(before.last()))
	s.eventually("the call that the crash ended is told", func() bool { return after.has(first, call.FactEnded) })
	after.wantNoGap(before.last() + 1)
	whole := root.follow("0")
	s.eventually("the whole journal is read", func() bool { return whole.last() >= after.last() })
	whole.wantNoGap(1)
	_, was := before.all()
	_, is := whole.all()
	for i := range was {
		if was[i] != is[i] {
			t.Errorf("fact %d: got %s, which before the crash was %s", i+1, is[i], was[i])
		}
	}
}

// hook is a receiver of webhooks.
type hook struct {
	*site
	mu      sync.Mutex
	refuses bool
	refused int
	seqs    []uint64
	served  string // its URL
}

func (s *site) hook(host byte) *hook {
	s.Helper()
	h := &hook{site: s}
	l, err := net.Listen("tcp4", netip.AddrPortFrom(s.host(host), 0).String())
	if err != nil {
		s.Fatal(err)
	}
	h.served = "http://" + l.Addr().String() + "/facts"
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	s.Cleanup(func() { _ = srv.Close() })
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	at, sum, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Trunkline-Signature"), "t="), ",v1=")
	if sum == "" || sum != api.Signature("a-secret-of-32-characters-or-more", at, body) {
		h.Errorf("signature: got %q, want that of the body", r.Header.Get("Trunkline-Signature"))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuses {
		h.refused++
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var b struct{ Facts []call.Fact }
	if err := json.Unmarshal(body, &b); err != nil {
		h.Error(err)
	}
	for _, f := range b.Facts {
		h.seqs = append(h.seqs, f.Seq)
	}
}

// A receiver that is down, then refuses, while the switch crashes between: in
// the end it has every fact, in order; the one without private: true none.
func TestBinaryWebhooksOutliveACrash(t *testing.T) {
	s := newSite(t, siteTeam+siteFlow)
	good, closed := s.hook(7), s.hook(8)
	good.refuses = true
	s.write("trunkline.yaml", string(s.text())+fmt.Sprintf(
		"webhooks:\n  good: {url: %q, secret: a-secret-of-32-characters-or-more, private: true}\n  closed: {url: %q, secret: a-secret-of-32-characters-or-more}\n", good.served, closed.served))
	s.serve()
	root := s.bearer(api.ScopeAdmin, "")
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(carrier, ann, annTone)
	s.eventually("the receiver has refused twice", func() bool { good.mu.Lock(); defer good.mu.Unlock(); return good.refused >= 2 })
	s.kill()
	_ = c.Hangup(s.within(time.Second))
	_ = a.Hangup(s.within(time.Second))
	good.mu.Lock()
	good.refuses = false
	good.mu.Unlock()
	s.serve()
	f := root.follow("0")
	s.eventually("the receiver has every fact", func() bool {
		good.mu.Lock()
		defer good.mu.Unlock()
		return len(good.seqs) > 0 && f.last() > 5 && good.seqs[len(good.seqs)-1] >= f.last()
	})
	good.mu.Lock()
	defer good.mu.Unlock()
	next := good.seqs[0]
	if next > 2 {
		t.Errorf("the first fact: got %d, want the first of this journal", next)
	}
	for _, seq := range good.seqs {
		if seq > next {
			t.Fatalf("facts at the receiver: got %v, want none left out", good.seqs)
		}
		next = max(next, seq+1)
	}
	s.logged("is no public address")
	closed.mu.Lock()
	defer closed.mu.Unlock()
	if len(closed.seqs)+closed.refused > 0 {
		t.Errorf("the receiver at a private address: got %d facts, want none", len(closed.seqs))
	}
}
