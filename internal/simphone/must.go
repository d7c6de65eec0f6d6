package simphone

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// T is what the Must methods need of a *testing.T.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

// Patience is how long the Must methods wait for what must happen: longer than a
// 30 s ring and than SIP's 32 s timers. In a bubble it costs nothing.
const Patience = 90 * time.Second

// soundPatience is how long a tone may take to be heard.
const soundPatience = 3 * time.Second

func must(t T, d time.Duration, fn func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := fn(ctx); err != nil {
		t.Fatalf("%v", err)
	}
}

// MustRegister registers for that long, and fails t if that is refused.
func (p *Phone) MustRegister(t T, expires time.Duration) {
	t.Helper()
	must(t, Patience, func(ctx context.Context) error {
		_, err := p.Register(ctx, expires)
		return err
	})
}

// MustUnregister removes the binding.
func (p *Phone) MustUnregister(t T) {
	t.Helper()
	must(t, Patience, p.Unregister)
}

// MustCall waits for an inbound call.
func (p *Phone) MustCall(t T) (c *Call) {
	t.Helper()
	must(t, Patience, func(ctx context.Context) (err error) {
		c, err = p.WaitCall(ctx)
		return err
	})
	return c
}

// MustRing waits until the call rings.
func (c *Call) MustRing(t T) {
	t.Helper()
	must(t, Patience, c.WaitRinging)
}

// MustAnswer waits until the call is answered.
func (c *Call) MustAnswer(t T) {
	t.Helper()
	must(t, Patience, c.WaitAnswered)
}

// MustEnd waits for the end and fails t unless it is by that side with that code
// (0: BYE); it returns the End.
func (c *Call) MustEnd(t T, by Side, code int) (e End) {
	t.Helper()
	must(t, Patience, func(ctx context.Context) (err error) {
		e, err = c.WaitEnded(ctx)
		return err
	})
	if e.By != by || e.Code != code {
		t.Fatalf("got a call %v; want it ended by %s with code %d", e, by, code)
	}
	return e
}

// MustBye hangs up.
func (c *Call) MustBye(t T) {
	t.Helper()
	must(t, Patience, func(ctx context.Context) error { return c.Bye(ctx) })
}

// MustCancel gives an unanswered call up.
func (c *Call) MustCancel(t T) {
	t.Helper()
	must(t, Patience, c.Cancel)
}

// MustHold holds the call.
func (c *Call) MustHold(t T, kind HoldKind) {
	t.Helper()
	must(t, Patience, func(ctx context.Context) error { return c.Hold(ctx, kind) })
}

// MustResume ends the hold.
func (c *Call) MustResume(t T) {
	t.Helper()
	must(t, Patience, c.Resume)
}

// MustHear waits up to 3 s for each tone.
func (c *Call) MustHear(t T, hz ...float64) {
	t.Helper()
	for _, f := range hz {
		must(t, soundPatience, func(ctx context.Context) error { return c.Hears(ctx, f) })
	}
}

// MustHearOnly waits up to 3 s for a half second in which exactly these tones are
// heard (to 8 Hz), no others and no silence of 60 ms. Without tones it is silence
// (or no packet at all) that must be heard.
func (c *Call) MustHearOnly(t T, hz ...float64) {
	t.Helper()
	must(t, soundPatience, func(ctx context.Context) error {
		for {
			s, err := c.Listen(ctx, 500*time.Millisecond)
			if err == nil && s.only(hz) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("got %v, want only %v Hz: %w", s, hz, err)
			}
			if ctx.Err() != nil || time.Until(deadline(ctx)) < 500*time.Millisecond {
				return fmt.Errorf("got %v, with %.2f s of silence; want only %v Hz", s, s.LongestSilence(), hz)
			}
		}
	})
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// only reports whether exactly these tones are in s.
func (s Sound) only(hz []float64) bool {
	if len(hz) == 0 {
		return s.Silent()
	}
	tones := s.Tones()
	if len(tones) != len(hz) || len(s.Samples) < 3200 || s.LongestSilence() >= 0.06 {
		return false
	}
	for _, f := range hz {
		near := false
		for _, t := range tones {
			near = near || math.Abs(t.Hz-f) < 8
		}
		if !near {
			return false
		}
	}
	return true
}

// Transcript is the phone's messages as a story, without anything that differs
// from run to run: "< INVITE", "> 180 (INVITE)".
func (p *Phone) Transcript() string {
	var b strings.Builder
	for _, m := range p.Messages() {
		mark := '<'
		if m.Out {
			mark = '>'
		}
		if m.Method != "" {
			fmt.Fprintf(&b, "%c %s\n", mark, m.Method)
			continue
		}
		_, method := m.CSeq()
		fmt.Fprintf(&b, "%c %d (%s)\n", mark, m.Code, method)
	}
	return b.String()
}
