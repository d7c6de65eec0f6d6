package sip

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/raced"
)

// silent is a network where no OPTIONS is ever answered; it counts them.
func silent(n *int) pinger {
	var mu sync.Mutex
	return func(ctx context.Context, b Binding) (int, error) {
		mu.Lock()
		*n++
		mu.Unlock()
		<-ctx.Done()
		return 0, ctx.Err()
	}
}

// line is a phone's line that a test cuts and mends.
type line struct {
	code atomic.Int32 // what OPTIONS gets; 0: nothing
	sent atomic.Int32
}

func (l *line) ping(ctx context.Context, b Binding) (int, error) {
	l.sent.Add(1)
	if c := l.code.Load(); c != 0 {
		return int(c), nil
	}
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestPhoneThatMissesTwoPingsIsNotThereUntilItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		l.code.Store(405) // any final answer is life
		o := open(t, l.ping)
		defer o.start()()
		o.phone("a").mustRegister(contactA, "Expires: 3600")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := l.sent.Load(); got < 19 || got > 21 {
			t.Errorf("got %d pings in 10 min, want one each 30 s", got)
		}
		if ev := o.events(); len(ev) != 1 || o.alive() == "" {
			t.Errorf("got %+v, want the registration only", ev)
		}

		l.code.Store(0)
		cut := time.Now()
		for o.alive() != "" {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		if d := time.Since(cut); d < pingEvery || d > 2*pingEvery+pingWait+time.Second {
			t.Errorf("got not there after %v, want after two misses 30 s apart", d)
		}
		ev := o.events()
		if len(ev) != 1 || ev[0].Fresh || len(ev[0].Bindings) != 1 || ev[0].Cause != "phone at 198.51.100.7:5060 does not answer OPTIONS" {
			t.Errorf("got %+v, want one event with the cause and the binding kept", ev)
		}

		time.Sleep(5 * time.Minute)
		l.code.Store(200)
		time.Sleep(pingEvery + time.Second)
		synctest.Wait()
		ev = o.events()
		if len(ev) != 1 || ev[0].Fresh || len(ev[0].Contacts) != 1 || !strings.Contains(ev[0].Cause, "answers OPTIONS again") {
			t.Errorf("got %+v, want one event that it is back", ev)
		}
	})
}

func TestOneMissIsNoDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		o := open(t, func(ctx context.Context, b Binding) (int, error) {
			if n.Add(1)%2 == 0 {
				return 200, nil
			}
			return 0, errors.New("network is unreachable")
		})
		defer o.start()()
		o.phone("a").mustRegister(contactA, "Expires: 3600")
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if ev := o.events(); len(ev) != 1 || n.Load() < 50 {
			t.Errorf("got %+v after %d pings, want no event but the registration", ev, n.Load())
		}
	})
}

func TestDeadPhoneThatRegistersIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		o := open(t, l.ping)
		defer o.start()()
		p := o.phone("a")
		p.mustRegister(contactA, "Expires: 3600")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if o.alive() != "" {
			t.Fatalf("got %s, want nobody", o.alive())
		}
		if _, ok := o.binding(contactID("ann", "sip:ann@198.51.100.7:5060;")); !ok {
			t.Error("got no binding, want it still to be found")
		}
		o.events()
		p.mustRegister(contactA, "Expires: 3600")
		if ev := o.events(); len(ev) != 1 || !ev[0].Fresh || len(ev[0].Contacts) != 1 || ev[0].Cause != "registered again" {
			t.Errorf("got %+v, want a fresh phone", ev)
		}
		p.mustRegister(contactA, "Expires: 3600")
		if ev := o.events(); len(ev) != 1 || ev[0].Fresh {
			t.Errorf("got %+v, want a plain refresh", ev)
		}
	})
}

func TestRegisterDuringAPingOutweighsItsMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		o := open(t, l.ping)
		defer o.start()()
		p := o.phone("a")
		// Each REGISTER falls into the wait for a ping's answer.
		p.mustRegister(contactA, "Expires: 3600")
		for range 20 {
			for n := l.sent.Load(); l.sent.Load() == n; {
				time.Sleep(time.Second)
			}
			p.mustRegister(contactA, "Expires: 3600")
		}
		for _, ev := range o.events() {
			if len(ev.Contacts) != 1 {
				t.Fatalf("got %+v, want the phone always there", ev)
			}
		}
	})
}

func TestNoOptionsMeansAliveUntilExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		o := open(t, silent(&n), func(c *Config) { c.Accounts[0].NoOptions = true })
		defer o.start()()
		o.phone("a").mustRegister(contactA, "Expires: 3600")
		time.Sleep(3599 * time.Second)
		if o.alive() == "" || n != 0 {
			t.Errorf("got %q and %d pings, want the phone and none", o.alive(), n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if o.alive() != "" {
			t.Errorf("got %s after its time, want nobody", o.alive())
		}
		ev := o.events()
		if last := ev[len(ev)-1]; last.Cause != "registration expired" || last.Contacts != nil || last.Bindings != nil {
			t.Errorf("got %+v, want it expired by itself", last)
		}
	})
}

func TestSwitchingOptionsOffBringsADeadPhoneBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		o := open(t, silent(&n))
		defer o.start()()
		o.phone("a").mustRegister(contactA, "Expires: 3600")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		o.events()
		o.update([]Account{{ID: "ann", Password: annPass, NoOptions: true}})
		if ev := o.events(); len(ev) != 1 || len(ev[0].Contacts) != 1 || ev[0].Cause != "configuration" {
			t.Errorf("got %+v, want the phone back", ev)
		}
		before := n
		time.Sleep(5 * time.Minute)
		if n != before {
			t.Errorf("got %d more pings, want none", n-before)
		}
		o.update([]Account{{ID: "ann", Password: annPass}})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if o.alive() != "" {
			t.Errorf("got %s with OPTIONS on again, want nobody", o.alive())
		}
	})
}

func TestPanicInAPingCostsThatPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, func(ctx context.Context, b Binding) (int, error) { panic("boom") })
		defer o.start()()
		o.phone("a").mustRegister(contactA, "Expires: 3600")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if o.alive() != "" || o.stats.panics.Load() < 2 || !strings.Contains(o.log.String(), "boom") {
			t.Errorf("got %q, %d panics, want a phone that does not answer and the panics in the log", o.alive(), o.stats.panics.Load())
		}
		if o.pings != 0 {
			t.Errorf("got %d pings out, want 0", o.pings)
		}
	})
}

func TestTwentyThousandPhonesAreSpreadOutAndCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		phones := raced.Or(4000, 20_000)
		var sent, out, most atomic.Int32
		answer := func(ctx context.Context, b Binding) (int, error) {
			sent.Add(1)
			if n := out.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer out.Add(-1)
			time.Sleep(20 * time.Millisecond)
			return 200, nil
		}
		var heapBefore, heapAfter runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&heapBefore)
		o := open(t, answer, func(c *Config) {
			for i := range phones {
				id := AccountID(fmt.Sprintf("agent%05d", i))
				uri := fmt.Sprintf("sip:%s-0x55fac9351be0@10.%d.%d.%d:5060;transport=udp", id, i>>16, i>>8&255, i&255)
				c.Accounts = append(c.Accounts, Account{ID: id, Password: annPass})
				c.Bindings = append(c.Bindings, Binding{Account: id, URI: uri, Source: source("198.51.100.7:5060"), Expires: soon(time.Hour),
					CallID: fmt.Sprint("call-id-of-some-length-", i), UserAgent: "baresip v1.0.0 (x86_64/linux)"})
			}
		})
		runtime.GC()
		runtime.ReadMemStats(&heapAfter)
		if each := (int64(heapAfter.HeapAlloc) - int64(heapBefore.HeapAlloc)) / int64(phones); each > 10<<10 {
			t.Errorf("got %d bytes a phone, want at most 10 KiB", each)
		}
		stop := o.start()
		defer stop()
		synctest.Wait()
		if got := len(o.events()); got != phones {
			t.Fatalf("got %d events at the start, want %d", got, phones)
		}
		time.Sleep(pingEvery + 50*time.Millisecond)
		if got := int(sent.Load()); got < phones || got > phones+phones/10 {
			t.Errorf("got %d pings in the first 30 s, want each phone once", got)
		}
		// 667 pings a second of 20,000, 20 ms each: 13 at a time if they are spread out.
		if got := int(most.Load()); got > phones/333 {
			t.Errorf("got %d pings at once, want them spread out", got)
		}
	})
}

func TestPingsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, most atomic.Int32
		o := open(t, func(ctx context.Context, b Binding) (int, error) {
			if n := out.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer out.Add(-1)
			<-ctx.Done()
			return 0, ctx.Err()
		}, func(c *Config) {
			for i := range raced.Or(1200, 4000) { // some times maxPings
				id := AccountID(fmt.Sprintf("agent%05d", i))
				c.Accounts = append(c.Accounts, Account{ID: id, Password: annPass})
				c.Bindings = append(c.Bindings, Binding{Account: id, URI: fmt.Sprintf("sip:%s@10.0.0.1", id), Expires: soon(time.Hour)})
			}
		})
		stop := o.start()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := most.Load(); got > maxPings {
			t.Errorf("got %d pings at once, want at most %d", got, maxPings)
		}
		if list := o.contacts("agent00007"); list != nil {
			t.Errorf("got %+v, want all found dead in the end", list)
		}
		stop()
		if got := out.Load(); got != 0 {
			t.Errorf("got %d pings out after the end, want run to have waited", got)
		}
	})
}
