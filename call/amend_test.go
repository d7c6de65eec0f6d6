package call

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A read of the store that takes long holds up who amends the same card, for
// no longer than they care to wait, and nobody else.
func TestAmendingWaitsForItsOwnCardAlone(t *testing.T) {
	inBubble(t, 0, func(b *bench) {
		tag := func(name string) func(*Record, time.Time) error {
			return func(r *Record, _ time.Time) error { r.Tags = append(r.Tags, name); return nil }
		}
		slow := make(chan struct{})
		stored := Record{ID: "a"}
		first := make(chan error, 1)
		go func() {
			_, err := b.board.Amend(b.Context(), "a", func(ID) (Record, bool, error) { <-slow; return stored, true, nil }, tag("first"), Fact{Kind: FactTagged})
			first <- err
		}()
		synctest.Wait()
		other, err := b.board.Amend(b.Context(), "b", func(id ID) (Record, bool, error) { return Record{ID: id}, true, nil }, tag("other"), Fact{Kind: FactTagged})
		if err != nil || len(other.Tags) != 1 {
			t.Errorf("another card meanwhile: got %v, %v, want it tagged", other.Tags, err)
		}
		hasty, cancel := context.WithTimeout(b.Context(), time.Second)
		defer cancel()
		if _, err := b.board.Amend(hasty, "a", nil, tag("hasty"), Fact{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who does not wait: got %v, want the deadline", err)
		}
		second := make(chan Record, 1)
		go func() {
			r, _ := b.board.Amend(b.Context(), "a", func(ID) (Record, bool, error) { return b.cards()[1], true, nil }, tag("second"), Fact{Kind: FactTagged})
			second <- r
		}()
		synctest.Wait()
		close(slow)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if r := <-second; len(r.Tags) != 2 {
			t.Errorf("the second: got tags %v, want the first's too", r.Tags)
		}
	})
}
