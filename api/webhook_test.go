package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"trunkline/call"
)

var hush = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestAWebhookGetsEveryFactOnceMoreThanNever(t *testing.T) {
	j := &shelf{}
	s := NewStream(0, j.read, j.sync)
	var mu sync.Mutex
	var got []uint64
	calls, all := 0, make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at, sum, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Trunkline-Signature"), "t="), ",v1=")
		if sum != Signature("hush-hush", at, body) {
			t.Errorf("signature: got %s", r.Header.Get("Trunkline-Signature"))
		}
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == 2 { // one failure on the way
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var b struct{ Facts []call.Fact }
		if err := json.Unmarshal(body, &b); err != nil {
			t.Errorf("body: %v", err)
		}
		for _, f := range b.Facts {
			got = append(got, f.Seq)
		}
		if len(got) == 250 {
			close(all)
		}
	}))
	defer srv.Close()
	dir := t.TempDir()
	hook := []Webhook{{Name: "crm", URL: srv.URL, Secret: "hush-hush", Kinds: []call.FactKind{call.FactArrived}, Private: true}}
	h, err := NewHooks(dir, hook, s, hush)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { s.Run(ctx) })
	tasks.Go(func() { h.Run(ctx) })
	j.append(s, 250)
	<-all
	cancel()
	tasks.Wait()
	for i, seq := range got {
		if seq != uint64(i+1) {
			t.Fatalf("got %d at place %d, want all in order", seq, i)
		}
	}
	again, err := NewHooks(dir, hook, s, hush)
	if pos := again.position("crm"); err != nil || pos < 200 || pos > 250 {
		t.Errorf("after a restart: got the position %d, %v, want where it was", pos, err)
	}
	if err := os.WriteFile(filepath.Join(dir, positionsName), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewHooks(dir, hook, s, hush); err == nil {
		t.Error("a damaged file: got nil, want its name")
	}
}

func TestAWebhookNeverReachesAPrivateAddress(t *testing.T) {
	reached := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer srv.Close()
	// localhost is a name that leads to loopback: as after a rebinding.
	for _, url := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)} {
		if err := send(t.Context(), clientOf(false, webhookTimeout), Webhook{URL: url}, nil); err == nil || !strings.Contains(err.Error(), "no public address") {
			t.Errorf("%s: got %v, want it refused", url, err)
		}
	}
	if reached {
		t.Error("the private address was reached")
	}
	elsewhere := httptest.NewServer(http.RedirectHandler(srv.URL, http.StatusTemporaryRedirect))
	defer elsewhere.Close()
	if err := send(t.Context(), clientOf(true, webhookTimeout), Webhook{URL: elsewhere.URL}, nil); err == nil || reached {
		t.Errorf("a redirect: got %v, want it not followed", err)
	}
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "10.1.2.3": false, "127.0.0.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"192.168.1.1": false, "172.16.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "::1": false, "fe80::1": false,
		"fd00::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "198.18.0.1": false, "::": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: got public %v, want %v", text, got, want)
		}
	}
}
