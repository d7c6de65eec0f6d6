package sip

import (
	"errors"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestContactIsReadAsPhonesWriteIt(t *testing.T) {
	for _, c := range []struct {
		in   string
		want contact // key and uri as below if empty
	}{
		{`<sip:ann@192.0.2.7:5062;transport=udp>;+sip.instance="<urn:uuid:1>"`,
			contact{uri: "sip:ann@192.0.2.7:5062;transport=udp", host: "192.0.2.7", addr: source("192.0.2.7:5062"), transport: "udp", instance: "<urn:uuid:1>"}},
		{`sip:ann@192.0.2.7;expires=60`, contact{uri: "sip:ann@192.0.2.7", host: "192.0.2.7", addr: source("192.0.2.7:5060"), expires: "60", timed: true}},
		{`"Lee, \"Ann\" <x>" <sip:ann@[2001:db8::1]:5070> ; Expires = "60" ; q=0.5`,
			contact{uri: "sip:ann@[2001:db8::1]:5070", host: "2001:db8::1", addr: source("[2001:db8::1]:5070"), expires: "60", timed: true}},
		{`Ann Lee <sip:ann@Phone.lan>;x="a;b,c=\"d"`, contact{uri: "sip:ann@Phone.lan", host: "phone.lan"}},
		{`<sip:192.0.2.7>;expires`, contact{uri: "sip:192.0.2.7", host: "192.0.2.7", addr: source("192.0.2.7:5060"), timed: true}},
		{`<sip:ann@192.0.2.7?Route=%3Csip:evil%3E>`, contact{uri: "sip:ann@192.0.2.7", host: "192.0.2.7", addr: source("192.0.2.7:5060")}},
		{`<sip:ann@192.0.2.7>;reg-id=2;+sip.instance="i"`, contact{uri: "sip:ann@192.0.2.7", host: "192.0.2.7", addr: source("192.0.2.7:5060"), instance: "i;reg-id=2"}},
		{`<sip:ann@[::ffff:192.0.2.7]>`, contact{uri: "sip:ann@[::ffff:192.0.2.7]", host: "::ffff:192.0.2.7", addr: source("192.0.2.7:5060")}},
		{`<sip:ann:pw@192.0.2.7;lr;maddr=10.0.0.1>`, contact{uri: "sip:ann:pw@192.0.2.7;lr;maddr=10.0.0.1", host: "192.0.2.7", addr: source("192.0.2.7:5060")}},
	} {
		list, star, err := parseContacts([]string{c.in})
		if err != nil || star || len(list) != 1 {
			t.Errorf("%s: got %+v, %v, %v, want one contact", c.in, list, star, err)
			continue
		}
		got := list[0]
		if got.key == "" {
			t.Errorf("%s: got no key, want one", c.in)
		}
		if got.key = ""; got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.in, got, c.want)
		}
	}
	list, _, err := parseContacts([]string{`<sip:a@h>;expires=1 ,"x,y" <sip:b@h>`, "sip:c@h, sip:d@h;q=1"})
	if err != nil || len(list) != 4 || list[3].uri != "sip:d@h" || list[0].expires != "1" {
		t.Errorf("got %+v, %v, want four contacts of two headers", list, err)
	}
}

func TestContactThatCannotBeCalledIsRefusedAndNamed(t *testing.T) {
	for _, in := range []string{
		"", "ann", "<sip:ann@>", "<sip:>", "<sip:ann@192.0.2.7", `"Ann <sip:ann@192.0.2.7>`, `"Ann" sip:ann@192.0.2.7`,
		"<sip:ann@192.0.2.7> expires=5", "<sip:ann@192.0.2.7>,", "<sip:ann@h:99999>", "<sip:ann@h:-5>", "<sip:ann@h:x>", "<sip://ann@h>",
		"<tel:+14155550100>", "<sips:ann@h;transport=ws>", "<mailto:ann@h>", "<sip:ann@h;transport=ws>", "<sip:a b@h>", "<sip:a\tb@h>", "<sip:\"@h>",
		"<sip:a\x00@h>", "<sip:\xffa@h>", "<sip:*>", "* , <sip:ann@h>", "*x", "<sip:ann@" + strings.Repeat("h", 600) + ">",
		`<sip:ann@h>;x="`, `<sip:ann@h>;x="\`, strings.Repeat("<sip:ann@h>,", 10) + "<sip:ann@h>", "<sip:ann@h\r\nVia: x>",
	} {
		_, _, err := parseContacts([]string{in})
		if !errors.Is(err, errContact) {
			t.Errorf("%.80q: got %v, want %v", in, err, errContact)
			continue
		}
		if text := err.Error(); len(text) > 400 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%.80q: got %q, want a short line of printable ASCII", in, text)
		}
	}
	if _, _, err := parseContacts([]string{"*", "*"}); !errors.Is(err, errContact) {
		t.Errorf("* twice: got %v, want %v", err, errContact)
	}
	if list, star, err := parseContacts([]string{" * "}); err != nil || !star || list != nil {
		t.Errorf("*: got %v, %v, %v, want a star", list, star, err)
	}
}

func TestUnreadableContactGets400WhenTheParserLetsItThrough(t *testing.T) {
	o := open(t, nil)
	p := o.phone("a")
	p.challenged()
	req := p.request()
	req.AppendHeader(sip.NewHeader("Contact", "<sip:ann@198.51.100.7"))
	p.sign(req)
	if res := o.register(req, testLocal); res.StatusCode != 400 || res.Reason != `bad Contact: no closing > in "<sip:ann@198.51.100.7"` {
		t.Errorf("got %d %s, want 400 that names the contact", res.StatusCode, res.Reason)
	}
	if o.alive() != "" {
		t.Errorf("got %s, want nobody", o.alive())
	}
}

func FuzzContact(f *testing.F) {
	f.Add(`"Ann \"x\"" <sip:ann@192.0.2.7:5062;transport=udp>;+sip.instance="<urn:uuid:1>";expires=60, sip:b@[::1];q=0.1`)
	f.Add("*")
	f.Add(`<sip:%61nn@H;A=b;c>;reg-id=1`)
	f.Add("<sip:a@h?x=y>;;=;x==")
	f.Fuzz(func(t *testing.T, in string) {
		list, star, err := parseContacts([]string{in})
		if err != nil {
			if !errors.Is(err, errContact) || list != nil || star {
				t.Fatalf("got %v, %v, %v, want a bad Contact", list, star, err)
			}
			return
		}
		if star == (len(list) > 0) || len(list) > maxContactList {
			t.Fatalf("got %v, %v, want a star or contacts", star, list)
		}
		for _, c := range list {
			// What is kept can be called, and is no way to smuggle a header in.
			var u sip.Uri
			if err := sip.ParseUri(c.uri, &u); err != nil || strings.ContainsAny(u.String(), "\r\n <>\"?") {
				t.Fatalf("got %q, %v, want a Request-URI", u.String(), err)
			}
			again, _, err := parseContacts([]string{"<" + c.uri + ">"})
			if err != nil || len(again) != 1 || again[0].key != c.key || again[0].uri != c.uri {
				t.Fatalf("got %+v, %v from our own answer, want %+v", again, err, c)
			}
			if len(c.uri) > maxContactURI || len(c.instance) > maxInstance+20 {
				t.Fatalf("got %d and %d bytes, want them bounded", len(c.uri), len(c.instance))
			}
		}
	})
}
