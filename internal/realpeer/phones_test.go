//go:build peers && linux

package realpeer

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"
)

// within is how long a step between real programs may take.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func baresip(t *testing.T, user, ip string, hz float64) *Baresip {
	t.Helper()
	b, err := StartBaresip(within(t), PhoneConfig{Dir: filepath.Join(t.TempDir(), user), IP: netip.MustParseAddr(ip), User: user,
		Registrar: "127.0.0.1:9", Hz: hz})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pause lets real programs talk for a while.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func wantTone(t *testing.T, who string, rec Recording, err error, hz float64) {
	t.Helper()
	if err != nil || !rec.Hears(hz) {
		t.Errorf("%s: got %v (%v), want %.0f Hz", who, rec, err, hz)
	}
}

func TestPeersTwoBaresipsCallEachOther(t *testing.T) {
	alice, bob := baresip(t, "alice", "127.0.0.21", 1000), baresip(t, "bob", "127.0.0.22", 600)
	check(t, alice.Dial(within(t), bob.URI()))
	_, err := alice.WaitEvent(within(t), "CALL_RINGING")
	check(t, err)
	check(t, bob.Accept(within(t)))
	pause(t, 2*time.Second)
	check(t, alice.Hangup(within(t)))
	_, err = bob.WaitEvent(within(t), "CALL_CLOSED")
	check(t, err)
	rec, err := alice.Heard()
	wantTone(t, "alice", rec, err, 600)
	rec, err = bob.Heard()
	wantTone(t, "bob", rec, err, 1000)
}

func TestPeersBaresipRejects(t *testing.T) {
	alice, bob := baresip(t, "alice", "127.0.0.21", 1000), baresip(t, "bob", "127.0.0.22", 600)
	check(t, alice.Dial(within(t), bob.URI()))
	check(t, bob.Reject(within(t)))
	e, err := alice.WaitEvent(within(t), "CALL_CLOSED")
	check(t, err)
	if e.Param != "486 Busy Here" && e.Param != "486 Rejected" {
		t.Errorf("got closed by %q, want 486", e.Param)
	}
}

func TestPeersLinphoneAnswersBaresip(t *testing.T) {
	dave, err := StartLinphone(within(t), PhoneConfig{Dir: filepath.Join(t.TempDir(), "dave"), IP: netip.MustParseAddr("127.0.0.23"),
		User: "dave", Registrar: "127.0.0.1:9", Hz: 600})
	check(t, err)
	t.Cleanup(dave.Stop)
	alice := baresip(t, "alice", "127.0.0.21", 1000)
	check(t, alice.Dial(within(t), dave.URI()))
	check(t, dave.Answer(within(t)))
	pause(t, 2*time.Second)
	check(t, alice.Hangup(within(t)))
	pause(t, time.Second)
	rec, err := alice.Heard()
	wantTone(t, "alice", rec, err, 600)
	rec, err = dave.Heard()
	wantTone(t, "dave", rec, err, 1000)
}
