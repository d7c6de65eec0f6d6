package flight

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Config bounds a Box. Its zero values are the defaults.
type Config struct {
	Keep    time.Duration // how long a call is kept after its end; 0: an hour
	Calls   int           // ended calls; 0: 5000
	Bytes   int           // of everything; 0: 64 MiB
	PerCall int           // bytes of one call's messages and decisions; 0: 256 KiB
	Every   time.Duration // between looks at the sound; 0: 5 s
}

const (
	// strayCalls and strayBytes bound the messages of nobody's call.
	strayCalls = 500
	strayBytes = 2 << 20
	// firsts is how many of a call's messages are kept whatever comes: those
	// that set it up.
	firsts = 12
	// soundsKept bounds the looks at one leg's sound; of the older half every
	// second goes when there are more.
	soundsKept = 240
	// cost is what a message or decision is counted beside its text.
	cost = 160
)

// Stats are what a Box holds.
type Stats struct {
	Calls   int    // that are kept, live ones included
	Strays  int    // nobody's
	Bytes   int    // of all
	Dropped uint64 // messages and decisions that had no room, since the start
}

// Box keeps recent calls.
type Box struct {
	cfg Config

	mu      sync.Mutex
	calls   map[string]*kept // by our id
	dialogs map[string]*kept // by SIP's Call-ID, strays too
	ended   []*kept          // oldest first
	strays  []*kept          // oldest first
	bytes   int              // of all
	stray   int              // of them the strays'
	dropped uint64
}

// kept is a Call in the making. One without an id is a stray.
type kept struct {
	Call
	dialogs []string
	legs    []*seated
	bytes   int
	gone    bool // a stray that is a call's by now, or was forgotten
}

// seated is a leg with the way to ask for its sound; nil after its end.
type seated struct {
	Leg
	ask func() Sound
}

// NewBox makes an empty Box; Run looks at the sound.
func NewBox(c Config) *Box {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	or(&c.Calls, 5000)
	or(&c.Bytes, 64<<20)
	or(&c.PerCall, 256<<10)
	if c.Keep == 0 {
		c.Keep = time.Hour
	}
	if c.Every == 0 {
		c.Every = 5 * time.Second
	}
	return &Box{cfg: c, calls: map[string]*kept{}, dialogs: map[string]*kept{}}
}

// Message takes a message; Raw must be redacted and not change afterwards.
// What belongs to no call and begins none is not kept.
func (b *Box) Message(m Message) {
	id := CallID(m.Raw)
	if len(id) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.dialogs[string(id)]
	if k == nil {
		if len(m.Raw) < 7 || string(m.Raw[:7]) != "INVITE " {
			return
		}
		k = b.newStray(string(id))
	}
	b.add(k, len(m.Raw)+cost, func() { k.Messages = append(k.Messages, m) })
}

// newStray makes room for messages of a call that nobody claims yet.
func (b *Box) newStray(id string) *kept {
	k := &kept{dialogs: []string{id}}
	b.dialogs[id] = k
	b.strays = append(b.strays, k)
	for len(b.strays) > strayCalls || b.stray > strayBytes && len(b.strays) > 1 {
		old := b.strays[0]
		b.strays[0] = nil
		b.strays = b.strays[1:]
		if !old.gone {
			b.forget(old)
		}
	}
	return k
}

// add puts something of a size into a call, after room was made for it.
func (b *Box) add(k *kept, size int, put func()) {
	limit := b.cfg.PerCall
	if k.ID == "" {
		limit /= 8
	}
	for k.bytes+size > limit && b.drop(k) {
	}
	for b.bytes+size > b.cfg.Bytes {
		if len(b.ended) > 0 && b.ended[0] != k {
			b.forgetOldest()
		} else if !b.drop(k) {
			break
		}
	}
	if k.bytes+size > limit || b.bytes+size > b.cfg.Bytes {
		k.Dropped++
		b.dropped++
		return
	}
	put()
	b.count(k, size)
}

func (b *Box) count(k *kept, size int) {
	k.bytes += size
	b.bytes += size
	if k.ID == "" {
		b.stray += size
	}
}

// dropped at once: what is behind must move up.
const dropTogether = 8

// drop forgets the oldest messages or decisions after the first ones; false:
// there are none left.
func (b *Box) drop(k *kept) bool {
	messages, notes := len(k.Messages) > firsts, len(k.Notes) > firsts
	n := 0
	switch {
	case messages && (!notes || !k.Notes[firsts].At.Before(k.Messages[firsts].At)):
		n = min(dropTogether, len(k.Messages)-firsts)
		for _, m := range k.Messages[firsts : firsts+n] {
			b.count(k, -len(m.Raw)-cost)
		}
		k.Messages = slices.Delete(k.Messages, firsts, firsts+n)
	case notes:
		n = min(dropTogether, len(k.Notes)-firsts)
		for _, x := range k.Notes[firsts : firsts+n] {
			b.count(k, -len(x.Text)-cost)
		}
		k.Notes = slices.Delete(k.Notes, firsts, firsts+n)
	default:
		return false
	}
	k.Dropped += n
	b.dropped += uint64(n)
	return true
}

// Seat says that a call has a leg, by SIP's Call-ID: its messages so far and
// from now on are the call's. name says who is there. ask tells of its sound;
// it is called from other goroutines, until Leave.
func (b *Box) Seat(call, callID, name string, ask func() Sound) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.calls[call]
	if k == nil {
		k = &kept{Call: Call{ID: call}}
		b.calls[call] = k
	}
	if len(k.legs) >= 64 { // a call that rings on for hours: its oldest legs have nothing to say any more
		k.legs = slices.Delete(k.legs, firsts, firsts+1)
	}
	k.legs = append(k.legs, &seated{Leg: Leg{CallID: callID, Name: name}, ask: ask})
	if callID == "" {
		return
	}
	was := b.dialogs[callID]
	if was == k {
		return
	}
	b.dialogs[callID] = k
	k.dialogs = append(k.dialogs, callID)
	if was == nil || was.ID != "" {
		return
	}
	was.gone = true
	b.bytes -= was.bytes
	b.stray -= was.bytes
	k.bytes += was.bytes
	b.bytes += was.bytes
	k.Messages = append(k.Messages, was.Messages...)
	slices.SortStableFunc(k.Messages, func(x, y Message) int { return x.At.Compare(y.At) })
	k.Dropped += was.Dropped
	was.Call = Call{}
}

// Leave says that a leg has ended, with its last word on the sound.
func (b *Box) Leave(call, callID string, last Sound) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.calls[call]
	if k == nil {
		return
	}
	for _, l := range k.legs {
		if l.CallID == callID && l.ask != nil {
			l.ask = nil
			b.sound(k, l, last)
		}
	}
}

// sound keeps one look at a leg's sound; the lock is held.
func (b *Box) sound(k *kept, l *seated, s Sound) {
	if s.Codec == "" {
		return // nothing was agreed on
	}
	if len(l.Sounds) >= soundsKept {
		half := l.Sounds[:0]
		for i, x := range l.Sounds {
			if i >= soundsKept/2 || i%2 == 0 {
				half = append(half, x)
			}
		}
		b.count(k, -(len(l.Sounds)-len(half))*cost)
		clear(l.Sounds[len(half):])
		l.Sounds = half
	}
	b.add(k, cost, func() { l.Sounds = append(l.Sounds, s) })
}

// Note takes a decision about a call that has a leg.
func (b *Box) Note(call string, at time.Time, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.calls[call]; k != nil {
		b.add(k, len(text)+cost, func() { k.Notes = append(k.Notes, Note{at, text}) })
	}
}

// End says that a call has ended: it is kept for a while.
func (b *Box) End(call string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.calls[call]
	if k == nil || !k.Ended.IsZero() {
		return
	}
	k.Ended = at
	b.ended = append(b.ended, k)
	b.expire(at)
}

// expire forgets what is too old or too much; the lock is held.
func (b *Box) expire(now time.Time) {
	for len(b.ended) > 0 && (len(b.ended) > b.cfg.Calls || now.Sub(b.ended[0].Ended) > b.cfg.Keep) {
		b.forgetOldest()
	}
}

func (b *Box) forgetOldest() {
	k := b.ended[0]
	b.ended[0] = nil
	b.ended = b.ended[1:]
	b.forget(k)
}

func (b *Box) forget(k *kept) {
	k.gone = true
	b.bytes -= k.bytes
	if k.ID == "" {
		b.stray -= k.bytes
	}
	for _, id := range k.dialogs {
		if b.dialogs[id] == k {
			delete(b.dialogs, id)
		}
	}
	if k.ID != "" {
		delete(b.calls, k.ID)
	}
}

// Forget forgets an ended call at once; there need not be one.
func (b *Box) Forget(call string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.calls[call]
	if k == nil || k.Ended.IsZero() {
		return
	}
	b.ended = slices.DeleteFunc(b.ended, func(x *kept) bool { return x == k })
	b.forget(k)
}

// Call gives what is kept of a call, or false.
func (b *Box) Call(id string) (Call, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.calls[id]
	if k == nil {
		return Call{}, false
	}
	c := k.Call
	c.Messages, c.Notes, c.Legs = append([]Message{}, c.Messages...), append([]Note{}, c.Notes...), []Leg{}
	for _, l := range k.legs {
		l := l.Leg
		l.Sounds = append([]Sound{}, l.Sounds...)
		c.Legs = append(c.Legs, l)
	}
	return c, true
}

// Stats says how much is kept.
func (b *Box) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := Stats{Calls: len(b.calls), Bytes: b.bytes, Dropped: b.dropped}
	for _, k := range b.strays {
		if !k.gone {
			st.Strays++
		}
	}
	return st
}

// Run looks at the legs' sound every few seconds, and forgets what has grown
// too old, until ctx is done.
func (b *Box) Run(ctx context.Context) {
	tick := time.NewTicker(b.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			b.look(now)
		}
	}
}

// look asks the live legs for their sound, without the lock: what is asked may
// take its time.
func (b *Box) look(now time.Time) {
	type one struct {
		k   *kept
		l   *seated
		ask func() Sound
		s   Sound
	}
	var all []one
	b.mu.Lock()
	b.expire(now)
	for _, k := range b.calls {
		for _, l := range k.legs {
			if l.ask != nil {
				all = append(all, one{k: k, l: l, ask: l.ask})
			}
		}
	}
	b.mu.Unlock()
	for i := range all {
		all[i].s = all[i].ask()
		all[i].s.At = now
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range all {
		if x.l.ask != nil && !x.k.gone {
			b.sound(x.k, x.l, x.s)
		}
	}
}
