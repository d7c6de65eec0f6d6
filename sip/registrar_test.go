package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

const contactA, contactB = "Contact: <sip:ann@198.51.100.7:5060>", "Contact: <sip:ann@198.51.100.7:5070>"

// registers is what one step of a story does and what must be true after it.
type registers struct {
	callID  string
	from    string // source; the phone's own if empty
	cseq    int    // sets the CSeq if not 0
	after   time.Duration
	headers []string
	code    int    // want; 200 if 0
	reason  string // want in the reason phrase
	alive   string // want: URIs without "sip:"
	cause   string // want of the last event; "" none at all
	fresh   bool   // want
}

func TestBindingsFollowTheRulesOfTheRegistrar(t *testing.T) {
	const (
		instA  = `Contact: <sip:ann@198.51.100.7:5060>;+sip.instance="<urn:uuid:1>"`
		instA2 = `Contact: <sip:ann@198.51.100.7:6000>;+sip.instance="<urn:uuid:1>"`
		instB  = `Contact: <sip:ann@198.51.100.7:7000>;+sip.instance="<urn:uuid:2>"`
	)
	for name, story := range map[string][]registers{
		"a new contact is fresh, a refresh is not": {
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "refreshed"},
		},
		"a query changes nothing": {
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "b", alive: "ann@198.51.100.7:5060"},
		},
		"Expires 0 removes one": {
			{callID: "a", headers: []string{contactA + ", <sip:ann@198.51.100.7:5070>"}, alive: "ann@198.51.100.7:5060 ann@198.51.100.7:5070", cause: "registered", fresh: true},
			{callID: "a", headers: []string{contactA, "Expires: 0"}, alive: "ann@198.51.100.7:5070", cause: "unregistered"},
			{callID: "a", headers: []string{contactB + ";expires=0", "Expires: 600"}, alive: "", cause: "unregistered"},
			{callID: "a", headers: []string{contactB + ";expires=0"}, alive: ""},
		},
		"* removes all": {
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "b", headers: []string{contactB}, alive: "ann@198.51.100.7:5060 ann@198.51.100.7:5070", cause: "registered", fresh: true},
			{callID: "b", headers: []string{"Contact: *"}, code: 400, reason: "Expires: 0", alive: "ann@198.51.100.7:5060 ann@198.51.100.7:5070"},
			{callID: "b", headers: []string{"Contact: *", "Expires: 60"}, code: 400, reason: "Expires: 0", alive: "ann@198.51.100.7:5060 ann@198.51.100.7:5070"},
			{callID: "b", headers: []string{"Contact: *", contactA, "Expires: 0"}, code: 400, reason: "* beside", alive: "ann@198.51.100.7:5060 ann@198.51.100.7:5070"},
			{callID: "b", headers: []string{"Contact: *", "Expires: 0"}, alive: "", cause: "unregistered"},
		},
		"too brief is refused whole, with what would do": {
			{callID: "a", headers: []string{contactA + ";expires=300, <sip:ann@198.51.100.7:5070>;expires=29"}, code: 423, reason: "Interval Too Brief", alive: ""},
			{callID: "a", headers: []string{contactA, "Expires: 30"}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
		},
		"the contact's expires goes before the header": {
			{callID: "a", headers: []string{contactA + ";expires=60", "Expires: 0"}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", after: 61 * time.Second, alive: "", cause: "registration expired"},
		},
		"without a wish it is 300 s": {
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "b", after: 299 * time.Second, alive: "ann@198.51.100.7:5060"},
			{callID: "b", after: 2 * time.Second, alive: "", cause: "registration expired"},
		},
		"an hour is the most, and what cannot be read counts as it": {
			{callID: "a", headers: []string{contactA + ";expires=99999999999"}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "b", headers: []string{contactB, "Expires: soon"}, alive: "ann@198.51.100.7:5060 ann@198.51.100.7:5070", cause: "registered", fresh: true},
			{callID: "c", after: 3599 * time.Second, alive: "ann@198.51.100.7:5060 ann@198.51.100.7:5070"},
			{callID: "c", after: 2 * time.Second, alive: "", cause: "registration expired"},
		},
		"after its end a contact is fresh again": {
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", after: 301 * time.Second, headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
		},
		"an overtaken request changes nothing": {
			{callID: "a", cseq: 10, headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", cseq: 9, headers: []string{contactA, "Expires: 0"}, code: 400, reason: "CSeq 9 is not above 10", alive: "ann@198.51.100.7:5060"},
			{callID: "a", cseq: 8, headers: []string{"Contact: *", "Expires: 0"}, code: 400, reason: "CSeq", alive: "ann@198.51.100.7:5060"},
			{callID: "a", cseq: 9, headers: []string{contactB}, code: 400, reason: "CSeq", alive: "ann@198.51.100.7:5060"},
			{callID: "b", cseq: 1, headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "refreshed"},
		},
		"a phone that kept its Call-ID over a reboot is let in": {
			{callID: "a", cseq: 70, headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", cseq: 1, after: 33 * time.Second, headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "refreshed"},
		},
		"a rebooted phone on another port replaces itself: Call-ID": {
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", from: "198.51.100.7:5070", headers: []string{contactB}, alive: "ann@198.51.100.7:5070", cause: "registered again from 198.51.100.7:5070", fresh: true},
		},
		"a rebooted phone on another port replaces itself: instance": {
			{callID: "a", headers: []string{instA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "b", headers: []string{instB}, alive: "ann@198.51.100.7:5060 ann@198.51.100.7:7000", cause: "registered", fresh: true},
			{callID: "c", headers: []string{instA2}, alive: "ann@198.51.100.7:7000 ann@198.51.100.7:6000", cause: "registered again from 198.51.100.7:5060", fresh: true},
		},
		"two instances under one Call-ID are two phones": {
			{callID: "a", headers: []string{instA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", headers: []string{instB}, alive: "ann@198.51.100.7:5060 ann@198.51.100.7:7000", cause: "registered", fresh: true},
		},
		"two flows of one instance are two": {
			{callID: "a", headers: []string{instA + ";reg-id=1"}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", headers: []string{instA2 + ";reg-id=2"}, alive: "ann@198.51.100.7:5060 ann@198.51.100.7:6000", cause: "registered", fresh: true},
		},
		"an old contact given up in the same request": { // linphone after learning its public address
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", headers: []string{contactA + ";expires=0, <sip:ann@203.0.113.9:4711>"}, alive: "ann@203.0.113.9:4711", cause: "registered", fresh: true},
		},
		"the same contact from elsewhere moves": {
			{callID: "a", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "a", from: "203.0.113.9:1024", headers: []string{contactA}, alive: "ann@198.51.100.7:5060", cause: "moved to 203.0.113.9:1024"},
		},
		"the user part is not the account": { // baresip
			{callID: "a", headers: []string{"Contact: <sip:ann-0x55fac9351be0@198.51.100.7:5060>;expires=60"}, alive: "ann-0x55fac9351be0@198.51.100.7:5060", cause: "registered", fresh: true},
			{callID: "b", headers: []string{"Contact: <sip:ann-0x5644c384dbe0@198.51.100.7:5060>;expires=60"}, alive: "ann-0x55fac9351be0@198.51.100.7:5060 ann-0x5644c384dbe0@198.51.100.7:5060", cause: "registered", fresh: true},
		},
		"case, order and escapes do not make another contact": {
			{callID: "a", headers: []string{"Contact: <sip:ann@Phone.example.com;transport=udp;ob>"}, alive: "ann@Phone.example.com;transport=udp;ob", cause: "registered", fresh: true},
			{callID: "b", headers: []string{"Contact: <SIP:%61nn@phone.EXAMPLE.com;ob;Transport=UDP>"}, alive: "%61nn@phone.EXAMPLE.com;ob;Transport=UDP", cause: "refreshed"},
		},
		"a contact that cannot be read is named": {
			{callID: "a", headers: []string{"Contact: <tel:+14155550100>"}, code: 400, reason: `we cannot call the scheme tel in "<tel:+14155550100>"`, alive: ""},
			{callID: "a", headers: []string{"Contact: <sips:ann@192.0.2.7>"}, code: 400, reason: "sips", alive: ""},
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { tell(t, story) }) })
	}
}

// tell plays a story against a registrar that pings nobody.
func tell(t *testing.T, story []registers) {
	o := open(t, nil)
	defer o.start()()
	phones := map[string]*phone{}
	for i, s := range story {
		p := phones[s.callID]
		if p == nil {
			p = o.phone(s.callID)
			phones[s.callID] = p
		}
		p.source = "198.51.100.7:5060"
		if s.from != "" {
			p.source = s.from
		}
		if time.Sleep(s.after); s.after > 0 {
			p.nonce = ""
		}
		if p.nonce == "" {
			p.challenged()
		}
		if s.cseq > 0 {
			p.cseq = s.cseq - 1
		}
		res := p.register(s.headers...)
		synctest.Wait()
		if want := max(s.code, 200); s.code == 0 && res.StatusCode != 200 || s.code != 0 && res.StatusCode != want {
			t.Fatalf("step %d: got %d %s, want %d", i, res.StatusCode, res.Reason, want)
		}
		if !strings.Contains(res.Reason, s.reason) {
			t.Errorf("step %d: got reason %q, want %q in it", i, res.Reason, s.reason)
		}
		if got := strings.ReplaceAll(o.alive(), "sip:", ""); !strings.EqualFold(strings.ReplaceAll(got, "SIP:", ""), s.alive) {
			t.Errorf("step %d: got phones %q, want %q", i, got, s.alive)
		}
		var cause string
		var fresh bool
		if ev := o.events(); len(ev) > 0 {
			cause, fresh = ev[len(ev)-1].Cause, ev[len(ev)-1].Fresh
		}
		if cause != s.cause || fresh != s.fresh {
			t.Errorf("step %d: got event %q, fresh %v, want %q, fresh %v", i, cause, fresh, s.cause, s.fresh)
		}
	}
}

func TestAnswerListsAllContactsAsTheyWereSentWithTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, nil)
		o.phone("a").mustRegister(`Contact: "Ann" <sip:ann-0x1@198.51.100.7;transport=UDP>;expires=60;+sip.instance="<urn:uuid:1>";reg-id=1`)
		time.Sleep(10*time.Second + 400*time.Millisecond)
		res := o.phone("b").mustRegister("m: <sip:b@198.51.100.7:5070>", "Expires: 100")
		var got []string
		for _, h := range res.GetHeaders("Contact") {
			got = append(got, h.Value())
		}
		want := []string{
			`<sip:ann-0x1@198.51.100.7;transport=UDP>;expires=50;+sip.instance="<urn:uuid:1>";reg-id=1`,
			`<sip:b@198.51.100.7:5070>;expires=100`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if h := res.GetHeader("Date"); h == nil || h.Value() != time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") {
			t.Errorf("got Date %v, want now in GMT", h)
		}
		if h := o.phone("c").register(contactA, "Expires: 5").GetHeader("Min-Expires"); h == nil || h.Value() != "30" {
			t.Errorf("got Min-Expires %v, want 30", h)
		}
	})
}

func TestSixthPhoneReplacesTheOneNotHeardOfLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, nil)
		uri := func(i int) string { return fmt.Sprintf("sip:p%d@198.51.100.7", i) }
		for i := range 5 {
			o.phone(fmt.Sprint(i)).mustRegister("Contact: <" + uri(i) + ">")
			time.Sleep(time.Second)
		}
		o.phone("again").mustRegister("Contact: <" + uri(0) + ">") // the first is heard of again
		time.Sleep(time.Second)
		o.events()
		o.phone("sixth").mustRegister("Contact: <" + uri(5) + ">")
		if want := strings.Join([]string{uri(0), uri(2), uri(3), uri(4), uri(5)}, " "); o.alive() != want {
			t.Errorf("got %s, want %s", o.alive(), want)
		}
		ev := o.events()
		if len(ev) != 1 || len(ev[0].Bindings) != 5 || !ev[0].Fresh || ev[0].Cause != "registered; the oldest phone was replaced" {
			t.Errorf("got %+v, want one fresh event that tells of the replacement", ev)
		}
	})
}

func TestNATedPhoneIsReachedWhereItSendsFrom(t *testing.T) {
	for _, c := range []struct{ name, contact, via, source, want string }{
		{"private address behind NAT", "sip:ann@10.0.0.5:5060", ";rport", "203.0.113.9:40001", "203.0.113.9:40001"},
		{"public phone with rport", "sip:ann@203.0.113.9:5060", ";rport", "203.0.113.9:40001", "203.0.113.9:40001"},
		{"phone that listens elsewhere, without rport", "sip:ann@203.0.113.9:5070", ";x=y", "203.0.113.9:40001", "203.0.113.9:5070"},
		{"private address without rport", "sip:ann@10.0.0.5:5070", ";x=y", "203.0.113.9:40001", "203.0.113.9:40001"},
		{"name without rport", "sip:ann@phone.lan", ";x=y", "203.0.113.9:40001", "203.0.113.9:40001"},
	} {
		o := open(t, nil)
		p := o.phone("a")
		p.via, p.source = c.via, c.source
		p.mustRegister("Contact: <" + c.contact + ">")
		ph := o.contacts("ann")
		if len(ph) != 1 {
			t.Fatalf("%s: got %d phones, want 1", c.name, len(ph))
		}
		b, ok := o.binding(ph[0].ID)
		if !ok || b.Source.String() != c.want || ph[0].Source != b.Source {
			t.Errorf("%s: got %v, want %s", c.name, b.Source, c.want)
		}
		if b.Local != testLocal || b.Transport != "udp" || b.URI != c.contact || b.CallID != "a" || b.CSeq != uint32(p.cseq) {
			t.Errorf("%s: got %+v, want all that a Dial needs", c.name, b)
		}
	}
}

func TestEventsOfAnAccountComeInOrderFromManyGoroutines(t *testing.T) {
	o := open(t, nil)
	done := make(chan bool)
	for g := range 4 {
		go func() {
			p := o.phone(fmt.Sprint("c", g))
			for range 50 {
				p.mustRegister(fmt.Sprintf("Contact: <sip:p%d@198.51.100.7>", g))
				p.mustRegister("Contact: *", "Expires: 0")
			}
			done <- true
		}()
	}
	for range 4 {
		<-done
	}
	o.flush()
	ev := o.events()
	if last := ev[len(ev)-1]; len(last.Contacts) != len(o.contacts("ann")) || len(last.Bindings) != 0 {
		t.Errorf("got %+v last, want what is true now", last)
	}
	for i := 1; i < len(ev); i++ { // each follows from the one before: one registers or all go
		if n, m := len(ev[i-1].Contacts), len(ev[i].Contacts); m != 0 && m != n+1 && m != n {
			t.Fatalf("event %d: got %d phones after %d, want one step", i, m, n)
		}
	}
}

// A registrar under any sequence of requests keeps its promises.
func TestRegistrarInvariants(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		o := open(tt, nil)
		cseq := uint32(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "wait")) * time.Second)
			k := rapid.IntRange(0, 7).Draw(t, "phone")
			cseq++
			reg := &registration{
				callID: fmt.Sprint(k), cseq: cseq - uint32(rapid.IntRange(0, 1).Draw(t, "overtaken")), transport: "udp",
				source: source(fmt.Sprintf("198.51.100.%d:5060", k)),
			}
			var headers []string
			for range rapid.IntRange(0, 3).Draw(t, "contacts") {
				headers = append(headers, fmt.Sprintf(`<sip:u%d@198.51.100.7>;expires=%d;+sip.instance="%d"`,
					rapid.IntRange(0, 9).Draw(t, "uri"), rapid.SampledFrom([]int{0, 20, 30, 60, 300, 9999}).Draw(t, "expires"), k%3))
			}
			if len(headers) == 0 && rapid.Bool().Draw(t, "star") {
				headers, reg.expires, reg.timed = []string{"*"}, "0", true
			}
			var err error
			if reg.contacts, reg.star, err = parseContacts(headers); err != nil {
				t.Fatal(err)
			}
			o.turn(now)
			before := o.accounts["ann"].kept()
			_, no := o.enroll("ann", reg, now)
			o.flush()
			checkInvariants(t, o, now)
			if after := o.accounts["ann"].kept(); no != nil && !slices.Equal(before, after) {
				t.Fatalf("got %+v after a refusal, want %+v", after, before)
			}
		}
	})
}

func checkInvariants(t *rapid.T, o *office, now time.Time) {
	acc := o.accounts["ann"]
	seen := map[string]bool{}
	for _, b := range acc.bindings {
		switch {
		case seen[b.key]:
			t.Fatalf("got %s twice, want each contact once", b.key)
		case !now.Before(b.Expires):
			t.Fatalf("got %s after its end, want it gone", b.key)
		case o.phones[b.Contact] != b || b.index < 0 || o.queue[b.index] != b:
			t.Fatalf("got %s outside the index or the queue, want it in both", b.key)
		case b.Contact != contactID("ann", b.key) || b.Contact.account() != "ann":
			t.Fatalf("got id %s for %s, want the stable one", b.Contact, b.key)
		}
		seen[b.key] = true
	}
	if len(acc.bindings) > maxPhones || len(o.phones) != len(acc.bindings) || len(o.queue) != len(acc.bindings) {
		t.Fatalf("got %d bindings, %d phones, %d queued, want the same number, at most %d",
			len(acc.bindings), len(o.phones), len(o.queue), maxPhones)
	}
	if ev := o.events(); len(ev) > 0 && !slices.Equal(ev[len(ev)-1].Bindings, acc.kept()) {
		t.Fatalf("got event %+v last, want what is true", ev[len(ev)-1])
	}
}
