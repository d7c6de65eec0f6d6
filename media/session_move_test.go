package media

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"trunkline/internal/simnet"
)

// onManyShards runs a test on both seams with one, two and five shards.
func onManyShards(t *testing.T, test func(*rig)) {
	t.Parallel()
	for _, shards := range []int{1, 2, 5} {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			t.Parallel()
			t.Run("bubble", func(t *testing.T) { inBubbleWith(t, Config{Shards: shards}, test) })
			t.Run("kernel", func(t *testing.T) {
				t.Parallel()
				test(newRig(t, Config{Shards: shards}, loopback{}, nil, netip.MustParseAddr("127.0.0.1")))
			})
		})
	}
}

// counting has a phone send frames that carry their number, until stopped.
func (p *phone) counting() (stop func() int) {
	over, done := make(chan struct{}), make(chan struct{})
	n := 0
	go func() {
		defer close(done)
		tick := time.NewTicker(p.ptime)
		defer tick.Stop()
		for {
			b := make([]byte, p.ptime/perSample)
			copy(b, "frame")
			binary.BigEndian.PutUint32(b[8:], uint32(n))
			p.send(p.codec.PayloadType(), false, p.ts, b)
			p.ts += uint32(len(b))
			n++
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	}()
	return func() int { close(over); <-done; return n }
}

// counted adds the numbers of the frames that a phone has heard.
func (p *phone) counted(all map[uint32]int) {
	for _, h := range p.heard() {
		if b := h.payload(); len(b) > 12 && string(b[:5]) == "frame" {
			all[binary.BigEndian.Uint32(b[8:])]++
		}
	}
}

func TestSessionThatMovesBetweenShardsLosesNoFrame(t *testing.T) {
	onManyShards(t, func(r *rig) {
		a, b, c := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		other := r.engine.NewBridge("other")
		r.bridge.Join(a.s, c.s)
		other.Join(b.s)
		a.next(2)
		b.next(2)
		stop := c.counting()
		a.next(5)
		for i := range 20 {
			<-time.After(time.Duration(7+3*i) * ms)
			if i%2 == 0 {
				other.Join(c.s)
			} else {
				r.bridge.Join(c.s)
			}
		}
		<-time.After(100 * ms)
		sent := stop()
		<-time.After(200 * ms)
		heard := map[uint32]int{}
		a.counted(heard)
		b.counted(heard)
		for i := range uint32(sent) {
			if heard[i] != 1 {
				r.Errorf("frame %d of %d: heard %d times, want once", i, sent, heard[i])
			}
		}
		if s := c.s.Stats(); s.Lost+s.Late+s.Duplicate+s.Strangers != 0 {
			r.Errorf("got %+v, want nothing lost, late or twice", s)
		}
	})
}

func TestMovedSessionHearsOneStream(t *testing.T) {
	onManyShards(t, func(r *rig) {
		a, b, c := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		other := r.engine.NewBridge("other")
		a.say(440)
		b.say(620)
		c.s.Background(Tone(1300, time.Second))
		r.bridge.Join(a.s, c.s)
		other.Join(b.s)
		c.hears(c.next(24)[10:], tones, 440)
		other.Join(c.s)
		c.hears(c.next(30)[15:], tones, 620)
		other.Join(a.s) // now three: mixed
		c.hears(c.next(40)[25:], tones, 440, 620)
		r.bridge.Join(c.s) // alone: its music
		c.hears(c.next(30)[15:], tones, 1300)
		c.oneStream(c.heard(), r.slack())
	})
}

func TestOrdersKeepTheirOrderAcrossAMove(t *testing.T) {
	inBubbleWith(t, Config{Shards: 4}, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		bridges := []*Bridge{r.bridge}
		for i := range 3 {
			bridges = append(bridges, r.engine.NewBridge(BridgeID(fmt.Sprint(i))))
		}
		var got []int
		for i := range 300 {
			bridges[i%4].Join(a.s)
			a.s.post(func(int64) { got = append(got, i) })
		}
		done := make(chan struct{})
		a.s.post(func(int64) { close(done) })
		<-done
		for i := range got {
			if got[i] != i || len(got) != 300 {
				t.Fatalf("got order %d at place %d of %d, want each in its place", got[i], i, len(got))
			}
		}
	})
}

func TestSessionsThatMoveWhileTheEngineClosesAreEnded(t *testing.T) {
	for range 20 {
		n := simnet.New()
		r := newRig(t, Config{Shards: 3}, n, n, netip.MustParseAddr("10.0.0.1"))
		other := r.engine.NewBridge("other")
		var all []*phone
		for range 6 {
			all = append(all, r.phone(PCMU, 20*ms))
		}
		var movers sync.WaitGroup
		movers.Go(func() {
			for i := range 50 {
				for _, p := range all {
					if i%2 == 0 {
						other.Join(p.s)
					} else {
						r.bridge.Join(p.s)
					}
				}
			}
		})
		if err := r.engine.Close(); err != nil {
			t.Fatal(err)
		}
		movers.Wait()
		for _, at := range n.Open() {
			if at.Addr() == r.ours {
				t.Fatalf("got %v still open after Close, want every socket closed", at)
			}
		}
	}
}

func TestShardsAreGivenEqualShares(t *testing.T) {
	inBubbleWith(t, Config{Shards: 4}, func(r *rig) {
		var sessions []*Session
		for i := range 40 {
			b := r.engine.NewBridge(BridgeID(fmt.Sprint(i)))
			for range 2 {
				s, err := b.NewSession(SessionConfig{ID: "x", Bind: r.ours})
				if err != nil {
					t.Fatal(err)
				}
				sessions = append(sessions, s)
			}
			<-time.After(ms)
		}
		for _, s := range sessions { // all at one table
			r.bridge.Join(s)
		}
		<-time.After(ms)
		for i, sh := range r.engine.shards {
			want := int64(10)
			if sh == r.bridge.shard {
				want += 81
			}
			if got := sh.load.Load(); got < want-1 || got > want+1 {
				t.Errorf("shard %d: got a load of %d after all have moved to one, want %d", i, got, want)
			}
		}
	})
}
