package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// names is a name server that a test changes.
type names struct {
	mu    sync.Mutex
	addrs map[string][]string
	delay time.Duration
	asked atomic.Int32
}

func (n *names) set(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[name] = addrs
}

func (n *names) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	n.mu.Lock()
	n.asked.Add(1)
	list, delay := n.addrs[name], n.delay
	n.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if name == "panic.example" {
		panic("boom")
	}
	if list == nil {
		return nil, fmt.Errorf("no such host %s", name)
	}
	var addrs []netip.Addr
	for _, s := range list {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs, nil
}

// exchange is a carriers with a name server and what it emitted.
type exchange struct {
	*carriers
	*names
	said []TrunkState
	stop func()
}

// connect makes carriers, inside a bubble, and runs them until stop.
func connect(t *testing.T, n *names, trunks ...Trunk) *exchange {
	x := &exchange{names: n}
	x.carriers = newCarriers(Config{Trunks: trunks, Lookup: n.lookup, Emit: func(ev Event) { x.said = append(x.said, ev.(TrunkState)) }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { x.run(ctx); close(done) }()
	x.stop = func() { cancel(); <-done }
	synctest.Wait()
	return x
}

func (x *exchange) told() []TrunkState {
	synctest.Wait()
	said := x.said
	x.said = nil
	return said
}

func (x *exchange) who(ip string) TrunkID {
	t, _ := x.whose(netip.MustParseAddr(ip))
	return t.ID
}

func (x *exchange) goesTo(id TrunkID) string {
	_, to, err := x.target(id)
	if err != nil {
		return err.Error()
	}
	var at []netip.AddrPort
	for _, s := range to {
		at = append(at, s.addr)
	}
	return fmt.Sprint(at)
}

// addrsOf are a named peer's addresses.
func (x *exchange) addrsOf(name string) (ips []netip.Addr, err error) {
	spots, err := x.spotsOf(query{host: name})
	return located{spots: spots}.addrs(), err
}

func TestTrunkIsWhatItsHostResolvesTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"sip.acme.example": {"198.51.100.1", "2001:db8::1"}}}
		x := connect(t, n, Trunk{ID: "acme", Host: "SIP.acme.example:5070"}, Trunk{ID: "fix", Host: "[2001:db8::9]:5080"}, Trunk{ID: "v4", Host: "192.0.2.5"})
		defer x.stop()
		want := []TrunkState{
			{Trunk: "fix", Up: true, State: TrunkKnown, Why: "address 2001:db8::9", Target: "udp:[2001:db8::9]:5080"},
			{Trunk: "v4", Up: true, State: TrunkKnown, Why: "address 192.0.2.5", Target: "udp:192.0.2.5:5060"},
			{Trunk: "acme", Up: true, State: TrunkKnown, Why: "sip.acme.example is 198.51.100.1", Target: "udp:198.51.100.1:5070"},
		}
		if got := x.told(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for ip, want := range map[string]TrunkID{
			"198.51.100.1": "acme", "::ffff:198.51.100.1": "acme", "2001:db8::1": "acme", "2001:db8::9": "fix", "192.0.2.5": "v4", "198.51.100.2": "",
		} {
			if got := x.who(ip); got != want {
				t.Errorf("%s: got %q, want %q", ip, got, want)
			}
		}
		for id, want := range map[TrunkID]string{
			"acme": "[198.51.100.1:5070 [2001:db8::1]:5070]", "fix": "[[2001:db8::9]:5080]", "v4": "[192.0.2.5:5060]", "none": "no such trunk: none",
		} {
			if got := x.goesTo(id); got != want {
				t.Errorf("%s: got %s, want %s", id, got, want)
			}
		}
		// The carrier moves: seen within a minute.
		n.set("sip.acme.example", "198.51.100.2")
		time.Sleep(systemTTL + time.Second)
		synctest.Wait()
		if x.who("198.51.100.1") != "" || x.who("198.51.100.2") != "acme" || x.goesTo("acme") != "[198.51.100.2:5070]" {
			t.Errorf("got %q, %q, %s, want the new address alone", x.who("198.51.100.1"), x.who("198.51.100.2"), x.goesTo("acme"))
		}
		if n.asked.Load() != 2 {
			t.Errorf("got %d look-ups, want 2 in a minute", n.asked.Load())
		}
	})
}

func TestAcceptFromStandsInsteadOfTheHostAndOrderDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := connect(t, &names{}, Trunk{ID: "first", Host: "192.0.2.1", AcceptFrom: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
			Trunk{ID: "second", Host: "198.51.100.7"}, Trunk{ID: "third", Host: "203.0.113.1", AcceptFrom: []netip.Prefix{netip.MustParsePrefix("198.51.0.0/16")}})
		defer x.stop()
		for ip, want := range map[string]TrunkID{"192.0.2.1": "", "198.51.100.7": "first", "198.51.1.1": "third", "203.0.113.1": ""} {
			if got := x.who(ip); got != want {
				t.Errorf("%s: got %q, want %q", ip, got, want)
			}
		}
	})
}

func TestFailedLookupKeepsTheLastAddressAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{}}
		x := connect(t, n, Trunk{ID: "acme", Host: "sip.acme.example"})
		defer x.stop()
		if got := x.told(); len(got) != 1 || got[0].Up || !strings.Contains(got[0].Why, "sip.acme.example: no such host") {
			t.Errorf("got %+v, want down with the reason", got)
		}
		if _, _, err := x.target("acme"); !errors.Is(err, errUnresolved) {
			t.Errorf("got %v, want %v", err, errUnresolved)
		}
		n.set("sip.acme.example", "198.51.100.1")
		time.Sleep(resolveRetry + time.Second)
		if got := x.told(); len(got) != 1 || !got[0].Up {
			t.Errorf("got %+v, want up after %v", got, resolveRetry)
		}
		n.set("sip.acme.example")
		time.Sleep(systemTTL + time.Second)
		got := x.told()
		if len(got) != 1 || !got[0].Up || !strings.Contains(got[0].Why, "the last known address 198.51.100.1 is used") {
			t.Errorf("got %+v, want up with a warning", got)
		}
		if x.who("198.51.100.1") != "acme" || x.goesTo("acme") != "[198.51.100.1:5060]" {
			t.Errorf("got %q, %s, want the last address", x.who("198.51.100.1"), x.goesTo("acme"))
		}
		time.Sleep(time.Hour)
		if n.asked.Load() > 70 {
			t.Errorf("got %d look-ups in an hour, want one a minute", n.asked.Load())
		}
	})
}

func TestNothingWaitsForASlowNameServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{}, delay: time.Hour}
		var trunks []Trunk
		for i := range 50 {
			trunks = append(trunks, Trunk{ID: TrunkID(fmt.Sprint(i)), Host: fmt.Sprintf("t%d.example", i)})
		}
		x := connect(t, n, trunks...)
		defer x.stop()
		start := time.Now()
		if x.goesTo("1") == "" || x.who("192.0.2.1") != "" {
			t.Error("got an address, want none")
		}
		if _, err := x.addrsOf("desk.example"); !errors.Is(err, errUnresolved) {
			t.Errorf("got %v, want %v", err, errUnresolved)
		}
		if time.Since(start) != 0 {
			t.Errorf("got %v, want no waiting", time.Since(start))
		}
		synctest.Wait()
		if n.asked.Load() > maxLookups {
			t.Errorf("got %d look-ups at once, want at most %d", n.asked.Load(), maxLookups)
		}
		time.Sleep(time.Minute)
		if got := x.told(); len(got) != 50 || got[0].Up || !strings.Contains(got[0].Why, "deadline") {
			t.Errorf("got %d states, want all 50 down in the end", len(got))
		}
	})
}

func TestPanickingLookupIsAFailedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := connect(t, &names{}, Trunk{ID: "p", Host: "panic.example"})
		defer x.stop()
		if got := x.told(); len(got) != 1 || got[0].Up || !strings.Contains(got[0].Why, "boom") {
			t.Errorf("got %+v, want down", got)
		}
	})
}

func TestReloadForgetsNamesNobodyUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"a.example": {"192.0.2.1"}, "b.example": {"192.0.2.2"}, "desk.example": {"192.0.2.3"}}}
		x := connect(t, n, Trunk{ID: "a", Host: "a.example"})
		defer x.stop()
		_, _ = x.addrsOf("Desk.example")
		x.carriers.update([]Trunk{{ID: "b", Host: "b.example"}}, nil)
		x.told()
		if x.who("192.0.2.1") != "" || x.who("192.0.2.2") != "b" {
			t.Errorf("got %q, %q, want b alone", x.who("192.0.2.1"), x.who("192.0.2.2"))
		}
		if ips, err := x.addrsOf("desk.example"); err != nil || ips[0].String() != "192.0.2.3" {
			t.Errorf("got %v, %v, want the static phone's address", ips, err)
		}
		before := x.asked.Load()
		time.Sleep(forgetAfter + time.Minute)
		synctest.Wait()
		if got := x.asked.Load() - before; len(x.hosts) != 1 || got > 25 {
			t.Errorf("got %d hosts after %d look-ups, want the trunk's alone", len(x.hosts), got)
		}
		if ips, err := x.addrsOf("[2001:db8::1]"); err != nil || ips[0].String() != "2001:db8::1" {
			t.Errorf("got %v, %v, want the literal", ips, err)
		}
	})
}

func TestRemovedTrunkIsToldAndStaticNamesAreKnownFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"desk.example": {"192.0.2.3"}}}
		var said []TrunkState
		c := newCarriers(Config{Lookup: n.lookup, Trunks: []Trunk{{ID: "x", Host: "192.0.2.1"}},
			Accounts: []Account{{ID: "ann", Static: []string{"sip:ann@Desk.example:5070", "sip:ann@192.0.2.9", "bad"}}},
			Emit:     func(ev Event) { said = append(said, ev.(TrunkState)) }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.run(ctx); close(done) }()
		synctest.Wait()
		if at, err := c.spotsOf(query{host: "desk.example", port: 5070}); err != nil || at[0].addr.String() != "192.0.2.3:5070" {
			t.Errorf("got %v, %v, want the address", at, err)
		}
		c.update(nil, nil)
		synctest.Wait()
		if len(said) != 2 || said[1] != (TrunkState{Trunk: "x", State: TrunkGone, Why: "removed from the configuration"}) {
			t.Errorf("got %+v, want it told", said)
		}
		cancel()
		<-done
	})
}
