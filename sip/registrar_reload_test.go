package sip

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBindingsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, nil)
		o.phone("a").mustRegister(`Contact: <sip:ann@198.51.100.7:5060>;+sip.instance="<urn:uuid:1>"`)
		o.phone("b").mustRegister("Contact: <sip:ann@198.51.100.7:5070>;expires=60")
		ev := o.events()
		kept := ev[len(ev)-1].Bindings
		time.Sleep(61 * time.Second)

		again := open(t, nil, func(c *Config) {
			c.Bindings = append(slices.Clone(kept), Binding{Account: "gone", URI: "sip:x@192.0.2.3", Expires: soon(time.Hour)},
				Binding{Account: "ann", URI: "bad", Expires: soon(time.Hour)}, kept[0])
		})
		if again.alive() != "sip:ann@198.51.100.7:5060" {
			t.Fatalf("got %q, want the one that has not expired", again.alive())
		}
		if b, ok := again.binding(kept[0].Contact); !ok || b != kept[0] {
			t.Errorf("got %+v, want %+v", b, kept[0])
		}
		defer again.start()()
		synctest.Wait()
		if ev := again.events(); len(ev) != 1 || len(ev[0].Contacts) != 1 || len(ev[0].Bindings) != 1 || ev[0].Fresh || ev[0].Cause != "start" {
			t.Errorf("got %+v, want ann's phones told at the start", ev)
		}
		// The phone's next REGISTER, with a nonce of the earlier process, works
		// at the second try; on a new port it replaces its old binding.
		p := again.phone("c")
		p.nonce, p.nc = strings.Repeat("ab", 28), 5
		p.mustRegister(`Contact: <sip:ann@198.51.100.7:6000>;+sip.instance="<urn:uuid:1>"`)
		if again.alive() != "sip:ann@198.51.100.7:6000" {
			t.Errorf("got %q, want the phone once", again.alive())
		}
	})
}

func TestStaticPhonesAreAlwaysThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := 0
		o := open(t, silent(&never), func(c *Config) {
			c.Accounts[0].Static = []string{"sip:desk@192.0.2.7:5062;transport=tcp", "sip:door@door.example.com", "mailto:x", "sip:desk@192.0.2.7:5062;Transport=tcp"}
		})
		defer o.start()()
		time.Sleep(time.Hour)
		list := o.contacts("ann")
		if len(list) != 2 || !list[0].Static || list[0].URI != "sip:desk@192.0.2.7:5062;transport=tcp" || never != 0 {
			t.Fatalf("got %+v and %d pings, want two static phones and none", list, never)
		}
		b, ok := o.binding(list[0].ID)
		if !ok || b.Source != source("192.0.2.7:5062") || b.Transport != "tcp" || b.URI != list[0].URI || b.Account != "ann" {
			t.Errorf("got %+v, want the address of its URI over tcp", b)
		}
		if b, ok = o.binding(list[1].ID); !ok || b.Source.IsValid() || b.Transport != "udp" {
			t.Errorf("got %+v, want no source for a name", b)
		}
		if ev := o.events(); len(ev) != 1 || len(ev[0].Contacts) != 2 || len(ev[0].Bindings) != 0 {
			t.Errorf("got %+v, want one event with two contacts at the start", ev)
		}
		if !strings.Contains(o.log.String(), "mailto:x") {
			t.Errorf("got log %q, want the phone that cannot be called", o.log)
		}
		// It may register too: then calls go where it registered from.
		o.phone("a").mustRegister("Contact: <sip:desk@192.0.2.7:5062;transport=tcp>")
		if b, _ = o.binding(list[0].ID); b.Source != source("198.51.100.7:5060") || len(o.contacts("ann")) != 2 {
			t.Errorf("got %+v and %d contacts, want its registration and 2", b, len(o.contacts("ann")))
		}
	})
}

func TestReloadKeepsPhonesOfAgentsThatStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, bob := Account{ID: "ann", Password: annPass}, Account{ID: "bob", Password: annPass}
		o := open(t, nil, func(c *Config) { c.Accounts = []Account{ann, bob} })
		defer o.start()()
		o.phone("a").mustRegister(contactA)
		b := o.phone("b")
		b.user = "bob"
		b.mustRegister(contactB)
		synctest.Wait()
		id := o.contacts("bob")[0].ID
		o.events()

		o.update([]Account{ann, bob})
		if ev := o.events(); len(ev) != 0 {
			t.Errorf("the same again: got %+v, want no event", ev)
		}
		ann.Static, ann.Name = []string{"sip:carol@192.0.2.7"}, "Ann L."
		o.update([]Account{ann})
		synctest.Wait() // who emits already takes these too
		ev := o.events()
		if len(ev) != 2 || ev[0].Account != "ann" || len(ev[0].Contacts) != 2 || len(ev[0].Bindings) != 1 || ev[0].Fresh {
			t.Fatalf("got %+v, want ann's new phone told", ev)
		}
		if ev[1].Account != "bob" || ev[1].Contacts != nil || ev[1].Bindings != nil || ev[1].Cause != "removed from the configuration" {
			t.Errorf("got %+v, want nothing left of bob", ev[1])
		}
		if _, ok := o.binding(id); ok || o.contacts("bob") != nil {
			t.Error("got bob's phone, want none")
		}
		if res := b.register(contactB); res.StatusCode != 401 {
			t.Errorf("bob's next REGISTER: got %d, want 401", res.StatusCode)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if ev := o.events(); len(ev) != 1 || ev[0].Account != "ann" || len(ev[0].Contacts) != 1 {
			t.Errorf("got %+v, want only ann's phone to expire", ev)
		}
	})
}
