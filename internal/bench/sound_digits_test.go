package bench

import (
	encoding "encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/ear"
	"trunkline/internal/simnet"
)

const (
	events     = 101 // payload type of telephone-event (RFC 4733)
	digitsSent = 50
	digitLasts = 100 * time.Millisecond
	seedsTried = 10
)

// timed is a packet and when it is sent.
type timed struct {
	at time.Duration
	b  []byte
}

// typed is 50 digits, each of five packets with its end three times, and 100 ms
// of silence between them; loss loses so much of them.
func typed(loss float64, seed uint64) (all []timed) {
	rng := rand.New(rand.NewPCG(seed, 0x64746d66))
	seq, ts, at := uint16(65500), uint32(0xfffff000), 100*time.Millisecond
	put := func(pt byte, stamp uint32, body []byte) {
		b := append([]byte{0x80, pt}, make([]byte, 10)...)
		encoding.BigEndian.PutUint16(b[2:], seq)
		encoding.BigEndian.PutUint32(b[4:], stamp)
		encoding.BigEndian.PutUint32(b[8:], 0x1234)
		if seq++; rng.Float64() >= loss || len(all) == 0 {
			all = append(all, timed{at, append(b, body...)})
		}
	}
	silence := make([]byte, 160)
	for i := range silence {
		silence[i] = 0xff
	}
	for n := range digitsSent {
		for range 5 {
			put(0, ts, silence)
			ts, at = ts+160, at+20*time.Millisecond
		}
		for i := 1; i <= 7; i++ {
			held := min(i, 5) * 160
			body := []byte{byte(n % 12), 10, byte(held >> 8), byte(held)}
			if i >= 5 {
				body[1] |= 0x80
			}
			put(events, ts, body)
			if i < 5 {
				at += 20 * time.Millisecond
			}
		}
		ts, at = ts+800, at+20*time.Millisecond
	}
	return all
}

// press is a digit as it came to the other phone.
type press struct {
	event byte
	lasts time.Duration
}

// presses tells them apart by their timestamps.
func presses(came [][]byte) (all []press) {
	at := map[uint32]int{}
	for _, b := range came {
		if len(b) < 16 || b[1]&0x7f != events {
			continue
		}
		ts := encoding.BigEndian.Uint32(b[4:])
		i, known := at[ts]
		if !known {
			i = len(all)
			at[ts], all = i, append(all, press{event: b[12]})
		}
		all[i].lasts = max(all[i].lasts, time.Duration(encoding.BigEndian.Uint16(b[14:]))*time.Second/8000)
	}
	return all
}

// TestDigitsUnderBadNetworks is the row of digits of the table of sound: 50 of
// them, through loss, to a phone of the same law and of the other.
func TestDigitsUnderBadNetworks(t *testing.T) {
	for _, c := range []struct {
		loss  float64
		least int
	}{{0, 50}, {.05, 50}, {.10, 49}} {
		fewest, shortest, longest := digitsSent, time.Hour, time.Duration(0)
		for seed := range uint64(seedsTried) {
			for _, far := range []ear.Law{ear.Mulaw, ear.Alaw} {
				got := passDigits(t, typed(c.loss, seed), far)
				next := 0
				for _, p := range got {
					for next < digitsSent && byte(next%12) != p.event {
						next++
					}
					if next++; next > digitsSent {
						t.Fatalf("%.0f %%, seed %d: got a digit too many or out of order: %v", 100*c.loss, seed, got)
					}
					shortest, longest = min(shortest, p.lasts), max(longest, p.lasts)
				}
				fewest = min(fewest, len(got))
			}
		}
		t.Logf("%d digits, %.0f %% loss: at least %d once each, none twice, of %v to %v", digitsSent, 100*c.loss, fewest, shortest, longest)
		if fewest < c.least || shortest < digitLasts-20*time.Millisecond || longest > digitLasts+20*time.Millisecond {
			t.Errorf("%.0f %%: got %d of %v to %v, want %d of %v, 20 ms more or less", 100*c.loss, fewest, shortest, longest, c.least, digitLasts)
		}
	}
}

// passDigits sends packets through the house and returns the digits that come out.
func passDigits(t *testing.T, all []timed, far ear.Law) (got []press) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Latency(0))
		e := openEngine(t, n)
		defer e.Close()
		bridge := e.NewBridge("digits")
		near, other := openParty(t, n, bridge, 1, ear.Mulaw), openParty(t, n, bridge, 2, far)
		bridge.Join(near.session, other.session)
		began := time.Now()
		for _, p := range all {
			time.Sleep(time.Until(began.Add(p.at)))
			_, _ = near.conn.WriteTo(p.b, near.to)
		}
		time.Sleep(time.Second)
		bridge.Close()
		near.conn.Close()
		other.conn.Close()
		synctest.Wait()
		got = presses(other.raw)
	})
	return got
}
