package media

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// cut is what one session is sent of what another says.
type cut struct {
	t    *testing.T
	sh   *shard
	a, b *Session
	w    *keepingWaiter
	now  int64
	seq  uint16
	ts   uint32

	base  uint32 // timestamp of the first packet that was sent
	based bool
}

// keepingWaiter keeps what is sent.
type keepingWaiter struct {
	deafWaiter
	all [][]byte
}

func (w *keepingWaiter) send(_ *socket, b []byte, _ netip.AddrPort) {
	w.all = append(w.all, slices.Clone(b))
}

func newCut(t *testing.T, from, to time.Duration, codecs ...Codec) *cut {
	e, _, _ := stillEngine(t)
	c := &cut{t: t, w: &keepingWaiter{}, seq: 65530, ts: 1<<32 - 1000}
	c.sh = newShard(e, c.w)
	tab := &table{}
	of := func(d time.Duration, codec Codec) *Session {
		s := loneSession(e, c.sh, func(p *Params) {
			p.Ptime, p.Codec, p.SendPT, p.RecvPT = d, codec, codec.PayloadType(), codec.PayloadType()
		})
		s.sit(tab, 0)
		return s
	}
	codecs = append(codecs, PCMU, PCMU)
	c.a, c.b = of(from, codecs[0]), of(to, codecs[1])
	c.at(10 * time.Millisecond)
	return c
}

// at moves the time on and fires what is due, in steps of a slot.
func (c *cut) at(to time.Duration) {
	for c.now < int64(to) {
		c.now += slot
		for tm := c.sh.wheel.pop(c.now); tm != nil; tm = c.sh.wheel.pop(c.now) {
			if tm != &c.a.pace { // what the speaker is sent is of no interest
				tm.fire(tm.due, c.now)
			}
		}
	}
}

// say has the source send a packet of so many bytes, which count up through the stream.
func (c *cut) say(n int) {
	b := c.sh.in.buf[:headerSize+n]
	outHeader{pt: c.a.terms.RecvPT, seq: c.seq, ts: c.ts, ssrc: 9}.write(b)
	for i := range n {
		b[headerSize+i] = byte(c.ts+uint32(i)) | 1
	}
	c.skip(n)
	c.a.receive(c.a.rtp, told, len(b), c.now)
}

// skip loses one.
func (c *cut) skip(n int) { c.seq, c.ts = c.seq+1, c.ts+uint32(n) }

// got tells of what was sent: the place in the stream, the length, the step of the number.
func (c *cut) got() string {
	var out []string
	var last uint16
	var first uint32
	for i, b := range c.w.all {
		var p packet
		copy(p.buf[:], b)
		if !p.parse(len(b)) {
			c.t.Fatalf("got %x, want RTP", b)
		}
		if i == 0 {
			first, last = p.ts, p.seq-1
		}
		if !c.based {
			c.base, c.based = p.ts, true
		}
		for j, v := range p.payload() {
			if want := byte(uint32(1<<32-1000)+p.ts-c.base+uint32(j)) | 1; v != want && c.b.terms.Codec == PCMU {
				c.t.Fatalf("packet %d: got byte %d %d, want %d", i, j, v, want)
			}
		}
		out = append(out, fmt.Sprintf("%d+%d/%d", p.ts-first, len(p.payload()), p.seq-last))
		last = p.seq
	}
	c.w.all = nil
	return strings.Join(out, " ")
}

func TestRepackingIsExactToTheSample(t *testing.T) {
	for _, one := range []struct {
		from, to int // ms
		want     string
	}{
		{10, 20, "0+160/1 160+160/1 320+160/1 480+160/1 640+160/1 800+160/1"},
		{20, 10, "0+80/1 80+80/1 160+80/1 240+80/1 320+80/1 400+80/1 480+80/1 560+80/1 640+80/1 720+80/1 800+80/1 880+80/1"},
		{20, 30, "0+240/1 240+240/1 480+240/1 720+240/1"},
		{30, 20, "0+160/1 160+160/1 320+160/1 480+160/1 640+160/1 800+160/1"},
		{20, 60, "0+480/1 480+480/1"},
		{60, 20, "0+160/1 160+160/1 320+160/1 480+160/1 640+160/1 800+160/1"},
		{40, 30, "0+240/1 240+240/1 480+240/1 720+240/1"},
		{60, 50, "0+400/1 400+400/1"},
	} {
		t.Run(fmt.Sprintf("%d to %d", one.from, one.to), func(t *testing.T) {
			from := time.Duration(one.from) * time.Millisecond
			c := newCut(t, from, time.Duration(one.to)*time.Millisecond)
			for sent := time.Duration(0); sent < 120*time.Millisecond; sent += from {
				c.say(one.from * 8)
				c.at(time.Duration(c.now) + from)
			}
			if got := c.got(); got != one.want {
				t.Errorf("got %s, want %s", got, one.want)
			}
		})
	}
}

func TestRepackingKeepsHoles(t *testing.T) {
	c := newCut(t, 20*ms, 60*ms)
	step := func(n int) {
		for range n {
			c.say(160)
			c.at(time.Duration(c.now) + 20*ms)
		}
	}
	step(4)
	c.skip(160) // lost: the second 60 ms end early
	c.at(time.Duration(c.now) + 20*ms)
	step(3)
	c.at(time.Duration(c.now) + 100*ms)
	if got, want := c.got(), "0+480/1 480+160/1 800+480/2"; got != want {
		t.Errorf("a loss: got %s, want %s", got, want)
	}
	for range 9 { // 180 ms are lost
		c.skip(160)
	}
	step(3)
	c.at(time.Duration(c.now) + 100*ms)
	if got, want := c.got(), "0+480/1"; got != want {
		t.Errorf("a long loss: got %s, want %s", got, want)
	}
	step(1)
	c.at(time.Duration(c.now) + 200*ms) // a pause of the source's: what is left does not wait for ever
	c.ts += 1600
	step(3)
	if got, want := c.got(), "0+160/1 1760+480/1"; got != want {
		t.Errorf("a pause: got %s, want %s, no number left out", got, want)
	}
}

func TestLongLossLeavesItsHoleInTheNumbers(t *testing.T) {
	c := newCut(t, 20*ms, 60*ms)
	for i := range 15 {
		if i >= 3 && i < 12 {
			c.skip(160)
		} else {
			c.say(160)
		}
		c.at(time.Duration(c.now) + 20*ms)
	}
	c.at(time.Duration(c.now) + 100*ms)
	if got, want := c.got(), "0+480/1 1920+480/4"; got != want {
		t.Errorf("got %s, want %s: nine of 20 ms are three of 60", got, want)
	}
}

func TestRepackedPacketsLeaveAtTheirOwnPace(t *testing.T) {
	c := newCut(t, 60*ms, 20*ms)
	c.say(480)
	if n := len(c.w.all); n != 1 {
		t.Errorf("got %d packets at once, want 1", n)
	}
	c.at(time.Duration(c.now) + 21*ms)
	if n := len(c.w.all); n != 2 {
		t.Errorf("got %d packets after 21 ms, want 2", n)
	}
	c.say(480) // early: what came before it does not wait
	if got := len(c.w.all); got != 3 {
		t.Errorf("got %d packets when the next came early, want the third", got)
	}
	c.at(time.Duration(c.now) + 65*ms)
	if got := len(c.w.all); got != 6 {
		t.Errorf("got %d packets, want all 6", got)
	}
}

func TestStallLeavesNoLastingDelay(t *testing.T) {
	c := newCut(t, 20*ms, 30*ms)
	for range 10 {
		c.say(160)
		c.at(time.Duration(c.now) + 20*ms)
	}
	c.at(time.Duration(c.now) + 140*ms)
	for range 8 { // all at once
		c.say(160)
	}
	if left := c.b.pack.n; left > 240 {
		t.Errorf("got %d bytes waiting after a stall, want less than a packet and a frame", left)
	}
}

func TestEventGoesBetweenRepackedPackets(t *testing.T) {
	c := newCut(t, 20*ms, 60*ms)
	c.say(160)
	for range 3 {
		b := c.sh.in.buf[:headerSize+4]
		outHeader{pt: 96, seq: c.seq, ts: c.ts, ssrc: 9, marker: true}.write(b)
		copy(b[headerSize:], []byte{5, 0x8a, 1, 0x40})
		c.seq++
		c.a.receive(c.a.rtp, told, len(b), c.now)
	}
	c.ts += 320
	for range 3 {
		c.say(160)
	}
	var got []string
	for _, b := range c.w.all {
		var p packet
		copy(p.buf[:], b)
		p.parse(len(b))
		got = append(got, fmt.Sprintf("%d:%d", p.pt, len(p.payload())))
	}
	if want := "[0:160 101:4 101:4 101:4 0:480]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
