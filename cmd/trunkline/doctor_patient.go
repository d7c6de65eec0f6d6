package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"trunkline/internal/simphone"
	"trunkline/media"
	"trunkline/sip"
)

// patient is one leg of the doctor's with its sound.
type patient struct {
	leg     *sip.Leg
	session *media.Session
	bridge  *media.Bridge
	ear     ear

	mu     sync.Mutex
	events []sip.Event
	keys   []rune
	wake   chan struct{} // holds one
}

func newPatient() *patient { return &patient{wake: make(chan struct{}, 1)} }

func (p *patient) tell(ev sip.Event) {
	p.mu.Lock()
	p.events = append(p.events, ev)
	p.mu.Unlock()
	p.nudge()
}

func (p *patient) pressed(key rune) {
	p.mu.Lock()
	p.keys = append(p.keys, key)
	p.mu.Unlock()
	p.nudge()
}

func (p *patient) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// ended is a leg's end as an error.
type ended struct{ sip.Ended }

func (e ended) Error() string {
	if e.Code == 0 {
		return "the other side hung up"
	}
	return fmt.Sprintf("%d %s", e.Code, e.Text)
}

// await returns the leg's next event that match accepts, having dealt with the
// others: the peer's offers are answered. An Ended is an error.
func (p *patient) await(ctx context.Context, match func(sip.Event) bool) (sip.Event, error) {
	for {
		p.mu.Lock()
		var ev sip.Event
		if len(p.events) > 0 {
			ev, p.events = p.events[0], p.events[1:]
		}
		p.mu.Unlock()
		switch e := ev.(type) {
		case nil:
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-p.wake:
			}
			continue
		case sip.Reoffered:
			p.agree(e)
		case sip.Confirmed:
			p.session.Confirm()
		}
		if match(ev) {
			return ev, nil
		}
		if e, ok := ev.(sip.Ended); ok {
			p.tell(e) // whoever asks next is told too
			return nil, ended{e}
		}
	}
}

// agree answers the peer's re-INVITE.
func (p *patient) agree(e sip.Reoffered) {
	if e.Offer == nil {
		p.leg.AnswerReoffer(p.session.Offer())
		return
	}
	answer, err := p.session.Answer(e.Offer)
	if err != nil {
		p.leg.RejectReoffer(488)
		return
	}
	p.leg.AnswerReoffer(answer)
}

// mind deals with what comes, until ctx is done: nobody else waits meanwhile.
func (p *patient) mind(ctx context.Context) {
	_, _ = p.await(ctx, func(sip.Event) bool { return false })
}

// keysPressed are the keys that were heard so far.
func (p *patient) keysPressed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.keys)
}

// hangup ends the leg and gives its sound back.
func (p *patient) hangup(d *doctor) {
	if p.leg != nil {
		p.leg.Hangup(0, sip.Reason{})
	}
	if p.session != nil {
		p.session.Close()
		p.bridge.Close()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.session != nil {
		delete(d.sessions, p.session.ID())
	}
}

// earLength is how much is heard at once: 4 s at 8 kHz.
const earLength = 4 * 8000

// ear keeps what a session says, at 8 kHz. Its buffer is made before: a shard
// has no time.
type ear struct {
	mu      sync.Mutex
	pcm     [earLength]int16
	n       int
	packets int
}

// Sound is media.Tap. A packet that comes while it is read is left out.
func (e *ear) Sound(_ int, _, _ uint32, _ uint16, _ bool, _ int64, rate int, pcm []int16) {
	if !e.mu.TryLock() {
		return
	}
	defer e.mu.Unlock()
	e.packets++
	step := max(rate/media.SampleRate, 1)
	for i := 0; i < len(pcm) && e.n < len(e.pcm); i += step {
		e.pcm[e.n] = pcm[i]
		e.n++
	}
}

// Comfort is media.Tap: what is not sent is not measured.
func (e *ear) Comfort(int, uint32, uint32, uint16, int64, []int16) {}

// Still is media.Tap.
func (e *ear) Still(int, uint32, int64, bool) {}

// listen hears for a while.
func (e *ear) listen(ctx context.Context, d time.Duration) simphone.Sound {
	e.mu.Lock()
	e.n, e.packets = 0, 0
	e.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return simphone.Sound{Samples: slices.Clone(e.pcm[:e.n]), Packets: e.packets}
}
