package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// promises are the callbacks in a state, in the order in which they are to be served: by priority, then by their place in
// line, in whichever queue they stand.
func (d bearer) promises(state string) (all []api.Callback) {
	d.Helper()
	code, text := d.request("GET", "/v1/callbacks?limit=1000&state="+state, "")
	if err := json.Unmarshal([]byte(text), &all); code != 200 || err != nil {
		d.Fatalf("GET /v1/callbacks: got %d, %v, %s", code, err, text)
	}
	slices.SortFunc(all, func(a, b api.Callback) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// promise asks for a callback as a program does whose switch may die meanwhile; false: it was not promised.
func (d bearer) promise(body string) (cb api.Callback, ok bool) {
	r, err := http.NewRequestWithContext(d.Context(), "POST", "http://"+d.http+"/v1/callbacks", strings.NewReader(body))
	if err != nil {
		return cb, false
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return cb, false
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return cb, err == nil && res.StatusCode == http.StatusOK && json.Unmarshal(text, &cb) == nil
}

// Programs ask for callbacks in two queues while the switch is killed at any moment, again and again, at last while an agent
// of both serves them: what was answered is there to the second, nobody is overtaken, in whichever queue they stand, and
// everybody is called back.
func TestBinaryPromisesAndTheirOrderOutliveKillsAtAnyMoment(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := newSite(t, "teams:\n  support: {agents: [ann], wrap_up: 0s}\n  sales: {agents: [ann, bob], wrap_up: 0s}\n"+siteFlow)
	far := s.siteFar(simphone.Ring().Answer().After(20 * time.Millisecond).Bye())
	s.serve()
	sup := s.bearer(api.ScopeSupervisor, "")
	promised := map[routing.CallbackID]api.Callback{}
	for round := range 3 {
		var mu sync.Mutex
		var programs sync.WaitGroup
		for program := range 3 {
			places := random.Perm(3600)
			programs.Go(func() {
				for i := range 4 {
					since := time.Now().Add(-time.Duration(places[i]) * time.Second).UTC().Format(time.RFC3339Nano)
					body := fmt.Sprintf(`{"number": "+1415555%d%d%02d", "team": %q, "priority": %d, "since": %q}`,
						1+round, program, i, []string{"support", "sales"}[(program+i)%2], places[i]%3, since)
					if cb, ok := sup.promise(body); ok {
						mu.Lock()
						promised[cb.ID] = cb
						mu.Unlock()
					}
				}
			})
		}
		for range random.IntN(30) {
			s.beat()
		}
		s.kill()
		programs.Wait()
		s.serve()
		for _, is := range sup.promises("pending") {
			was, there := promised[is.ID]
			if there && (is.Number != was.Number || is.Team != was.Team || is.Priority != was.Priority || !is.Since.Equal(was.Since) ||
				!is.First.Equal(was.First) || !is.Until.Equal(was.Until) || is.Stage != "waits") {
				t.Errorf("after kill %d: got %+v, want %+v", round, is, was)
			}
			promised[is.ID] = is // on disk, though its answer was cut off
		}
		if n := len(sup.promises("pending")); n != len(promised) {
			t.Errorf("after kill %d: got %d callbacks, want %d", round, n, len(promised))
		}
	}
	if len(promised) == 0 {
		t.Fatal("promised: got nothing, want something to serve")
	}

	want := sup.promises("pending")
	s.agent(3, "ann", annTone, simphone.Ring().Answer())
	served := random.IntN(len(want)) + 1
	for _, cb := range want[:served] {
		if got := far.MustCall(s).Invite().User(); got != cb.Number {
			t.Fatalf("dialled: got %s, want %+v next", got, cb)
		}
	}
	s.kill() // while somebody is called back, or between two
	s.serve()
	var again []string
	place := map[string]int{}
	for i, cb := range want {
		place[cb.Number] = i
	}
	s.eventually("everybody is called back", func() bool { return len(sup.promises("pending")) == 0 })
	for _, m := range far.Received() {
		if m.Method == "INVITE" && m.Get("To") != "" && !strings.Contains(m.Get("To"), "tag=") && !slices.Contains(again, m.User()) {
			again = append(again, m.User())
		}
	}
	if len(again) != len(want) || !slices.IsSortedFunc(again, func(a, b string) int { return place[a] - place[b] }) {
		t.Errorf("dialled for the first time: got %v, want %d in their order", again, len(want))
	}
	for _, cb := range sup.promises("answered") {
		if n := len(cb.Attempts); n == 0 || cb.Attempts[n-1].Outcome != "answered" {
			t.Errorf("%s: got %+v, want its last call answered", cb.Number, cb.Attempts)
		}
	}
}
