package sip

import (
	"strings"
	"testing"
	"time"
)

func TestNonceCountsAreUsedOnceEachInAnyOrder(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	n := newNonces(now)
	nonce := n.issue(now)
	for _, step := range []struct {
		count uint32
		want  spending
	}{
		{1, spent}, {1, replays}, {3, spent}, {2, spent}, {2, replays}, {3, replays},
		{100, spent}, {37, spent}, {36, replays}, {37, replays}, {99, spent}, {1 << 31, spent}, {100, replays},
		{0, replays}, {1<<31 + 1, spent},
	} {
		if got := n.spend(nonce, step.count, now); got != step.want {
			t.Errorf("count %d: got %d, want %d", step.count, got, step.want)
		}
	}
}

func TestNonceWithoutCountIsGoodOnce(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	n := newNonces(now)
	nonce := n.issue(now)
	for i, want := range []spending{spent, replays, replays} {
		if got := n.spend(nonce, 0, now); got != want {
			t.Errorf("use %d: got %d, want %d", i+1, got, want)
		}
	}
	if got := n.spend(nonce, 7, now); got != replays {
		t.Errorf("with a count afterwards: got %d, want %d", got, replays)
	}
}

func TestForeignForgedAndOldNoncesAreStale(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	n := newNonces(now)
	nonce := n.issue(now)
	forged := []byte(nonce)
	forged[5] ^= 1
	for name, in := range map[string]string{
		"another process's": newNonces(now).issue(now), "forged": string(forged), "short": nonce[:54], "none": "", "no hex": strings.Repeat("z", 56),
	} {
		if got := n.spend(in, 1, now); got != old {
			t.Errorf("%s: got %d, want %d", name, got, old)
		}
	}
	if got := n.spend(nonce, 1, now.Add(nonceLife)); got != spent {
		t.Errorf("at the end of its life: got %d, want %d", got, spent)
	}
	if got := n.spend(nonce, 2, now.Add(nonceLife+time.Second)); got != old {
		t.Errorf("after its life: got %d, want %d", got, old)
	}
}

func TestNonceMemoryIsBoundedAndNothingForgottenCanBePlayedAgain(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	n := newNonces(now)
	n.max = 100
	var all []string
	for range 1000 {
		nonce := n.issue(now)
		if got := n.spend(nonce, 1, now); got != spent {
			t.Fatalf("fresh nonce: got %d, want %d", got, spent)
		}
		all = append(all, nonce)
		if held := len(n.young) + len(n.elder); held > 2*n.max {
			t.Fatalf("got %d entries, want at most %d", held, 2*n.max)
		}
	}
	for i, nonce := range all {
		if got := n.spend(nonce, 1, now); got == spent {
			t.Fatalf("nonce %d: got accepted twice, want refused", i)
		}
	}
	// Nonces collected in one generation and used in the next are bounded too.
	hoard := make([]string, 500)
	for i := range hoard {
		hoard[i] = n.issue(now)
	}
	for _, nonce := range hoard {
		n.spend(nonce, 1, now)
		if held := len(n.young) + len(n.elder); held > 2*n.max {
			t.Fatalf("got %d entries, want at most %d", held, 2*n.max)
		}
	}
}
