package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// invalid is a request with something wrong; the defaults are right.
type invalid struct {
	method, uri, version, via, from, to, callID, cseq, more string
}

func (v invalid) text(i int) string {
	def := func(s, d string) string {
		if s == "" {
			return d
		}
		if s == "-" {
			return ""
		}
		return s
	}
	v.method = def(v.method, "INVITE")
	head := fmt.Sprintf("%s %s %s\r\n", v.method, def(v.uri, "sip:+14155550100@10.0.0.1"), def(v.version, "SIP/2.0"))
	head += def(v.via, fmt.Sprintf("Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKv%d;rport\r\n", i))
	head += def(v.from, "From: <sip:a@10.0.0.2>;tag=1\r\n")
	head += def(v.to, "To: <sip:b@10.0.0.1>\r\n")
	head += def(v.callID, fmt.Sprintf("Call-ID: v%d\r\n", i))
	head += def(v.cseq, "CSeq: 1 "+v.method+"\r\n")
	head += "Contact: <sip:a@10.0.0.2>\r\n"
	if !strings.Contains(v.more, "Max-Forwards") {
		head += "Max-Forwards: 70\r\n"
	}
	return head + v.more + "Content-Length: 0\r\n\r\n"
}

var invalids = []struct {
	name string
	msg  invalid
	want string // "" is silence
}{
	{"CSeq of another method", invalid{cseq: "CSeq: 1 BYE\r\n"}, "400"},
	{"unknown version", invalid{version: "SIP/7.0"}, "505"},
	{"unknown scheme", invalid{uri: "nobodyKnowsThisScheme:totallyopaquecontent"}, "416"},
	{"sips without TLS", invalid{uri: "sips:b@10.0.0.1"}, "416"},
	{"required extension", invalid{more: "Require: nothingSupportsThis, nor-this\r\n"}, "420"},
	{"two Content-Lengths", invalid{more: "Content-Length: 1\r\n"}, "400"},
	{"no From", invalid{from: "-"}, "400"},
	{"two From", invalid{more: "f: <sip:a@10.0.0.2>;tag=1\r\n"}, "400"},
	{"two hop counts", invalid{more: "Max-Forwards: 70\r\nMax-Forwards: 70\r\n"}, "400"},
	{"no To", invalid{to: "-"}, "400"},
	{"no Call-ID", invalid{callID: "-"}, "400"},
	{"no CSeq", invalid{cseq: "-"}, "400"},
	{"method in lower case", invalid{method: "options"}, "501"},
	{"our own Via come back", invalid{more: "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKTOKENxyz\r\n"}, "482"},
	{"no hops left for another's", invalid{method: "OPTIONS", uri: "sip:a@elsewhere.example", more: "Max-Forwards: 0\r\n"}, "483"},
	{"no hops left for us", invalid{method: "OPTIONS", uri: "sip:10.0.0.1", more: "Max-Forwards: 0\r\n"}, "200"},
	{"answer of a kind that we have not", invalid{more: "Accept: text/plain, image/*;q=1\r\n"}, "406"},
	{"REGISTER with a Contact that is none", invalid{method: "REGISTER", more: "m: sip:a@b?x=y\r\n"}, "400"},
	{"URI with headers", invalid{uri: "sip:a@b?Route=x"}, "400"},
	{"IPv6 without brackets", invalid{uri: "sip:a@2001:db8::1"}, "400"},
	{"port too great", invalid{uri: "sip:a@b:70000"}, "400"},
	{"half a quote", invalid{from: "From: \"a <sip:a@b>;tag=1\r\n"}, "400"},
	{"a quote for an address", invalid{from: "From: \"sip:a@b\";tag=1\r\n"}, "400"},
	{"a list for a From", invalid{from: "From: <sip:a@b>;tag=1, <sip:c@d>\r\n"}, "400"},
	{"a Date of New York", invalid{more: "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n"}, "400"},
	{"no Via", invalid{via: "-"}, ""},
	{"no hops left", invalid{more: "Max-Forwards: 0\r\n"}, "483"},
	{"no hop left behind us", invalid{more: "Max-Forwards: 1\r\n"}, "483"},
	{"unknown method", invalid{method: "FOO"}, "501"},
	{"method we do not take", invalid{method: "SUBSCRIBE"}, "405"},
	{"BYE without a tag", invalid{method: "BYE"}, "481"},
	{"OPTIONS", invalid{method: "OPTIONS"}, "200"},
	{"blank before the Via's parameters", invalid{method: "OPTIONS", via: "Via: SIP/2.0/UDP 10.0.0.2:5060 ;branch=z9hG4bKb1;rport\r\n"}, "200"},
	{"blanks all over the Via", invalid{method: "OPTIONS", via: "v: SIP / 2.0 /\tUDP  10.0.0.2 : 5060 ; branch = z9hG4bKb2 ;\r\n rport\r\n"}, "200"},
	{"blanks in a list of Vias", invalid{method: "OPTIONS", via: "Via: SIP/2.0/UDP 10.0.0.2 ;branch=z9hG4bKb3;rport , SIP/2.0/UDP  [2001:db8::1] : 5070 ;branch=z9hG4bKx\r\n"}, "200"},
	{"two blanks in the CSeq", invalid{method: "OPTIONS", cseq: "CSeq: 1  OPTIONS\r\n"}, "200"},
	{"tab in the CSeq", invalid{method: "OPTIONS", cseq: "CSeq: 1 \t OPTIONS\r\n"}, "200"},
	{"CSeq too great", invalid{cseq: "CSeq: 36893488147419103232 INVITE\r\n"}, "400"},
	{"CSeq without a number", invalid{cseq: "CSeq: INVITE\r\n"}, "400"},
	{"From that is none", invalid{from: "From: <sip:a@10.0.0.2;tag=1\r\n"}, "400"},
	{"To that is none", invalid{to: "To: \"Bob <sip:b@10.0.0.1>\r\n"}, "400"},
	{"empty Call-ID", invalid{callID: "Call-ID: \r\n"}, "400"},
	{"Max-Forwards that is no number", invalid{more: "Max-Forwards: many\r\n"}, "400"},
	{"Content-Length that is no number", invalid{more: "Content-Length: -1\r\n"}, "400"},
	{"body shorter than it says", invalid{more: "Content-Length: 100\r\n"}, "400"},
	{"Record-Route that is none", invalid{more: "Record-Route: nonsense\r\n"}, "400"},
	{"second Via that is none", invalid{method: "OPTIONS", more: "Via: garbage\r\n"}, "400"},
	{"first Via that is none", invalid{method: "OPTIONS", via: "Via: garbage\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKb4;rport\r\n"}, ""},
	{"Referred-By that is none", invalid{method: "OPTIONS", more: "Referred-By: nonsense\r\n"}, "200"},
	{"line without a colon", invalid{method: "OPTIONS", more: "nonsense\r\n"}, "400"},
	{"ACK with a bad CSeq", invalid{method: "ACK", cseq: "CSeq: x\r\n"}, ""},
	{"ACK of another method", invalid{method: "ACK", cseq: "CSeq: 1 INVITE\r\n"}, ""},
	{"ACK without From", invalid{method: "ACK", from: "-"}, ""},
	{"ACK with Require", invalid{method: "ACK", more: "Require: x\r\n"}, ""},
	{"ACK of version 7", invalid{method: "ACK", version: "SIP/7.0"}, ""},
}

// What was wrong reached the handlers, missing headers as nil pointers.
func TestEveryRequestIsValidatedAndNoAckIsAnswered(t *testing.T) {
	for i, c := range invalids {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				p := r.peer(rigTrunk)
				p.send(strings.ReplaceAll(c.msg.text(i), "TOKEN", r.e.token))
				if c.want == "" {
					p.nothing(time.Minute)
				} else if m := p.expect("SIP/2.0 "); !strings.HasPrefix(m.text, "SIP/2.0 "+c.want) {
					t.Errorf("got %q, want %s", m.text, c.want)
				} else if c.want == "420" && m.hdr("Unsupported") != "nothingSupportsThis, nor-this" {
					t.Errorf("Unsupported: got %q", m.hdr("Unsupported"))
				} else if (c.want == "405" || c.want == "501") && m.hdr("Allow") != widest.allow() {
					t.Errorf("Allow: got %q, want %q", m.hdr("Allow"), widest.allow())
				}
				r.silent(time.Second)
				if n := r.e.Stats().Panics; n != 0 {
					t.Errorf("panics: got %d, want 0", n)
				}
			})
		})
	}
}

// What is unusual and legal is a call like any other, and its dialog works.
func TestUnusualInvitesAreCalls(t *testing.T) {
	for i, c := range []struct {
		name string
		msg  invalid
	}{
		{"no tag in From, as in RFC 2543", invalid{from: "From: <sip:a@10.0.0.2>\r\n"}},
		{"no branch, as in RFC 2543", invalid{via: "Via: SIP/2.0/UDP 10.0.0.2:5060;rport\r\n"}},
		{"the cookie alone for a branch", invalid{via: "Via: SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK\r\n"}},
		{"blanks around the tag", invalid{from: "From: A B\t<sip:a@10.0.0.2>\r\n ; tag\t= 1\r\n"}},
		{"compact, folded, in capitals", invalid{from: "F:\r\n <sip:a@10.0.0.2>;TAG=1\r\n", to: "t : sip:b@10.0.0.1\r\n"}},
		{"quotes in a name", invalid{from: "From: \"a \\\" <b>, c;\" <sip:a@10.0.0.2>;tag=1\r\n"}},
		{"UTF-8 without quotes", invalid{from: "From: J\u00fcrgen (Sales) <sip:a@10.0.0.2>;tag=1\r\n"}},
		{"parameters without a value", invalid{from: "From: <sip:a@10.0.0.2;x;y=>;tag=1;z=;z\r\n"}},
		{"everything in Accept", invalid{more: "Accept: application/sdp;level=1, text/plain\r\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				p := r.peer(rigTrunk)
				p.send(c.msg.text(i))
				p.expect("SIP/2.0 100")
				ev := want[Invited](r)
				if ev.From.User != "a" {
					t.Errorf("From: got %q, want a", ev.From.User)
				}
				ev.Leg.Answer([]byte(rigSDP))
				ok := p.expect("SIP/2.0 200")
				ack := c.msg
				ack.method, ack.to = "ACK", "To: "+ok.hdr("To")+"\r\n"
				p.send(ack.text(i))
				want[Confirmed](r)
				ev.Leg.Hangup(0, Reason{})
				bye := p.expect("BYE ")
				if bye.hdr("Call-ID") != ok.hdr("Call-ID") || !strings.HasSuffix(bye.hdr("From"), ";tag="+ok.tag("To")) {
					t.Errorf("got %q, want a BYE of the dialog", bye.text)
				}
				p.respond(bye, 200, "", "", "")
				want[Ended](r)
			})
		})
	}
}

func TestBodyOfAnotherTypeIs415(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("body")
		c.send(strings.Replace(c.message("INVITE", c.branch, 1, "", rigSDP), "application/sdp", "application/strange", 1))
		if m := c.expect("SIP/2.0 415"); m.hdr("Accept") != "application/sdp" {
			t.Errorf("Accept: got %q, want application/sdp", m.hdr("Accept"))
		}
	})
}

func TestOfferIsFoundInAMultipartBody(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("multi")
		body := "--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--x\r\nContent-Type: application/sdp\r\n\r\n" + rigSDP + "\r\n--x--\r\n"
		c.send(strings.Replace(c.message("INVITE", c.branch, 1, "", body), "application/sdp\r\nContent-Length", "multipart/mixed;boundary=x\r\nContent-Length", 1))
		if ev := want[Invited](r); string(ev.Offer) != rigSDP {
			t.Errorf("got %q, want %q", ev.Offer, rigSDP)
		}
	})
}

// «;tag = x» is legal and lost its tag.
func TestWhiteSpaceAroundTheTagIsNoMatter(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("ws")
		l := c.up()
		c.seq++
		m := c.message("BYE", "z9hG4bK-ws-bye", c.seq, "", "")
		m = strings.Replace(m, ";tag=ft-ws", " ;  tag =   ft-ws", 1)
		m = strings.Replace(m, ";tag="+c.toTag, ";tag = "+c.toTag, 1)
		c.send(m)
		c.expect("SIP/2.0 200")
		if ev := want[Ended](r); ev.Leg != l.ID() {
			t.Errorf("got %+v, want the end of %v", ev, l.ID())
		}
	})
}

func TestStrangersGetSilenceExceptForInviteAndRegister(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer("10.9.9.9:5060")
		for i, c := range invalids {
			m := c.msg
			if m.method == "" || m.method == "REGISTER" {
				m.method = "OPTIONS"
			}
			p.send(m.text(i))
			if strings.HasPrefix(c.want, "4") && lint([]byte(c.msg.text(i))).code != 0 {
				p.send(c.msg.text(i)) // malformed: nobody is challenged either
			}
		}
		for _, junk := range []string{"", "\r\n\r\n", "\x00", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01", strings.Repeat("A", 60000), "SIP/2.0 200 OK\r\n\r\n"} {
			p.send(junk)
		}
		p.nothing(time.Minute)
		a, b := p.call("s1"), p.call("s2")
		b.user = "ann"
		a.invite()
		m1 := p.expect("SIP/2.0 401")
		q := r.peer("10.9.9.8:5060")
		b.wirePeer = q
		b.invite()
		m2 := q.expect("SIP/2.0 401")
		for i, m := range []invalid{{more: "Require: x\r\n"}, {uri: "sips:ann@10.0.0.1"}, {more: "Accept: x/y\r\n"}, {method: "REGISTER", more: "Require: x\r\n"}} {
			p.send(m.text(1000 + i))
			p.expect("SIP/2.0 401") // what is wrong is for those who prove who they are
		}
		if len(m1.all("WWW-Authenticate")) == 0 || len(m1.all("WWW-Authenticate")) != len(m2.all("WWW-Authenticate")) {
			t.Errorf("challenges differ: got %q and %q", m1.text, m2.text)
		}
		// The challenge is not repeated: it could be aimed at somebody else.
		a.toTag = m1.tag("To")
		a.send(a.message("ACK", a.branch, 1, "", ""))
		p.nothing(time.Minute)
	})
}

func TestDrainRefusesNewCallsAndLetsOldOnesBe(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		c := p.call("old")
		l := c.up()
		r.e.Drain(true)
		n := p.call("new")
		n.invite()
		if m := p.expect("SIP/2.0 503"); m.hdr("Retry-After") != "30" {
			t.Errorf("Retry-After: got %q, want 30", m.hdr("Retry-After"))
		}
		p.send(invalid{method: "OPTIONS"}.text(1))
		p.expect("SIP/2.0 503")
		c.request("INFO", "Content-Type: application/dtmf-relay\r\n", "")
		p.expect("SIP/2.0 200")
		if ev := want[Info](r); ev.Leg != l.ID() || ev.ContentType != "application/dtmf-relay" {
			t.Errorf("got %+v, want the INFO", ev)
		}
		r.e.Drain(false)
		p.call("new2").ring()
	})
}

func TestMergedRequestIs482(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("merge")
		c.ring()
		c.toTag = ""
		c.send(c.message("INVITE", "z9hG4bK-other-way", 1, "", rigSDP))
		c.expect("SIP/2.0 482")
		r.silent(time.Second)
	})
}

// The caller's Call-ID and tag alone do not make a request the same.
func TestANewInviteOfTheSameCallIDAndTagIsANewCall(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("again")
		first := c.up()
		d := c.wirePeer.call("again")
		d.branch, d.seq = "z9hG4bK-again-2", 2
		if second := d.ring(); second.ID() == first.ID() {
			t.Errorf("got leg %v again, want a new one", second.ID())
		}
		d.toTag = ""
		d.send(d.message("INVITE", "z9hG4bK-again-3", 2, "", rigSDP))
		d.expect("SIP/2.0 482")
	})
}

func TestDialledNumberIsFoundWhereTheTrunkSays(t *testing.T) {
	for _, c := range []struct {
		where      []string
		uri, more  string
		to, dialed string
	}{
		{nil, "sip:+14155550100@x", "", "<sip:x@y>", "+14155550100"},
		{nil, "sip:10.0.0.1", "", "<sip:+1415@y>", "+1415"},
		{[]string{"to"}, "sip:reg@x", "", "<tel:+1-415-555-0100;phone-context=x>", "+14155550100"},
		{[]string{"p-called-party-id", "uri"}, "sip:reg@x", "P-Called-Party-ID: \"A\" <sip:%2B44@x;user=phone>\r\n", "<sip:x@y>", "+44"},
		{[]string{"p-called-party-id", "uri"}, "sip:+1415;npdi;rn=2@x", "", "<sip:x@y>", "+1415"},
		{[]string{"uri"}, "tel:+1(415)555.0100;ext=2", "", "<sip:x@y>", "+14155550100"},
		{[]string{"uri"}, "sip:%2A67%23@x", "", "<sip:x@y>", "*67#"},
	} {
		t.Run(c.uri, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				p := r.peer(rigTrunk)
				p.send(invalid{uri: c.uri, to: "To: " + c.to + "\r\n", more: c.more}.text(1))
				if ev := want[Invited](r); ev.Dialled != c.dialed {
					t.Errorf("got %q, want %q", ev.Dialled, c.dialed)
				}
			}, func(cfg *Config) {
				cfg.Trunks = []Trunk{{ID: "acme", Host: rigTrunk, AcceptFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/32")}, CalledFrom: c.where}}
			})
		})
	}
}

// OPTIONS tell whether a call would be taken now.
func TestOptionsTellTheLoad(t *testing.T) {
	var busy atomic.Bool
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		ask := func(i int) wireMsg {
			p.send(options(i))
			return p.expect("SIP/2.0 ")
		}
		if m := ask(1); !strings.HasPrefix(m.text, "SIP/2.0 200") || m.hdr("Accept") != sdpType || m.hdr("Allow") != widest.allow() || m.hdr("Supported") != widest.supported() {
			t.Errorf("ready: got %q, want 200 with what we can", m.text)
		}
		busy.Store(true)
		if m := ask(2); !strings.HasPrefix(m.text, "SIP/2.0 503") || m.hdr("Retry-After") == "" {
			t.Errorf("overloaded: got %q, want 503 with Retry-After", m.text)
		}
		busy.Store(false)
		r.e.Drain(true)
		if m := ask(3); !strings.HasPrefix(m.text, "SIP/2.0 503") || m.hdr("Retry-After") == "" {
			t.Errorf("draining: got %q, want 503 with Retry-After", m.text)
		}
		r.e.Drain(false)
		ask(4)
	}, func(c *Config) { c.Busy = busy.Load })
}
