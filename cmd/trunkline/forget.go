package main

import (
	"context"
	"time"

	"trunkline/call"
	"trunkline/recorder"
)

// maxErasures is how many deletions of contacts wait; further ones are done
// after the next start.
const maxErasures = 1024

// erasing is a contact whose deletion is asked for.
type erasing struct {
	call.Erasure
	done chan int // its calls; holds one
}

// erase has everything deleted that is kept of a contact, and waits for it
// until ctx is done; it goes on then, also over a restart.
func (h *house) erase(ctx context.Context, e call.Erasure) (calls int, err error) {
	x := erasing{e, make(chan int, 1)}
	select {
	case h.erasures <- x:
	default:
		h.log.Warn("too many contacts are being deleted: the rest follows after the next start", "count", maxErasures)
		return 0, context.DeadlineExceeded
	}
	select {
	case n := <-x.done:
		return n, nil
	case <-ctx.Done():
		return 0, context.DeadlineExceeded
	}
}

// eraseAll deletes what is kept of contacts, one after the other, until ctx
// is done. First come those that a crash cut short.
func (h *house) eraseAll(ctx context.Context, before []call.Erasure) {
	h.scrub(ctx) // a crash may have come before it
	for _, e := range before {
		e.Again = true
		h.eraseOne(ctx, erasing{e, make(chan int, 1)})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-h.erasures:
			h.eraseOne(ctx, x)
		}
	}
}

// eraseOne tries until it succeeds.
func (h *house) eraseOne(ctx context.Context, x erasing) {
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		n, err := h.store.Erase(ctx, x.Erasure, func(r call.Record) error { return h.eraseCall(ctx, r) })
		if err == nil {
			if h.asker != nil {
				h.asker.Forget(x.Numbers)
			}
			err = h.board.Erased(ctx, x.Erasure, n)
		}
		if err == nil {
			h.scrub(ctx)
			x.done <- n
			return
		}
		if ctx.Err() != nil {
			return
		}
		h.log.Error("a contact is not deleted yet, it is tried again", "reason", "contact "+string(x.Contact), "err", err)
		x.Again = true
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// scrub overwrites what was deleted. The next start tries again.
func (h *house) scrub(ctx context.Context) {
	if err := h.store.Scrub(ctx); err != nil && ctx.Err() == nil {
		h.log.Error("what was deleted of contacts is not overwritten on the disk yet", "err", err)
	}
}

// eraseCall deletes what the card of a call names, and the mails of its messages that are not sent yet.
func (h *house) eraseCall(ctx context.Context, r call.Record) error {
	h.flight.Forget(string(r.ID))
	if err := h.voice.withdraw(ctx, r); err != nil {
		return err
	}
	for _, one := range r.Recordings {
		if err := h.recorder.Remove(recorder.ID(one.ID)); err != nil {
			return err
		}
	}
	return nil
}
