package media

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkLocks has calls converted and mixed while somebody opens and closes sessions, negotiates
// and asks for figures without a pause, and counts in the profiles of mutexes and of what blocks,
// every event of which is taken, those of a shard between receive and send. Orders, which are
// obeyed between packets, and chores, ten times a second, may allocate, and so meet the runtime's
// locks.
func BenchmarkLocks(b *testing.B) {
	fraction := runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	defer func() { runtime.SetMutexProfileFraction(fraction); runtime.SetBlockProfileRate(0) }()
	meddle := func(bridge *Bridge, all []*Session) {
		s, err := bridge.NewSession(SessionConfig{ID: "meddler", Bind: netip.MustParseAddr("127.0.0.1")})
		if err != nil {
			b.Error(err)
			return
		}
		bridge.Join(s)
		for _, one := range all {
			one.Stats()
			one.Offer()
			one.Held()
		}
		s.Close()
	}
	for _, seats := range []int{2, 3} {
		talkCost(b, seats, 0, []Codec{PCMU, PCMA}, meddle)
	}
	locks, events := 0, 0
	for _, profile := range []func([]runtime.BlockProfileRecord) (int, bool){runtime.MutexProfile, runtime.BlockProfile} {
		records := make([]runtime.BlockProfileRecord, 4096)
		n, ok := profile(records)
		if !ok {
			b.Fatalf("got %d records, want room for them", n)
		}
		for _, r := range records[:n] {
			events++
			text := stackOf(r.Stack())
			if in := func(f string) bool { return strings.Contains(text, f) }; in("(*shard).turn") && !in("(*shard).obey") && !in("(*Session).chore") {
				locks++
				b.Errorf("a packet waits for a lock, or somebody for one of its:\n%s", text)
			}
		}
	}
	b.ReportMetric(float64(locks), "locks")
	b.ReportMetric(float64(events), "stacks-elsewhere")
	b.ReportMetric(0, "ns/op")
}

// stackOf names the functions of a stack.
func stackOf(pcs []uintptr) string {
	var text strings.Builder
	for frames := runtime.CallersFrames(pcs); ; {
		f, more := frames.Next()
		text.WriteString(f.Function + "\n")
		if !more {
			return text.String()
		}
	}
}
