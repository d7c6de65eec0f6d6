package media

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAnswerMirrorsDirection(t *testing.T) {
	for _, c := range []struct {
		name, address, direction string
		want                     string
		send, receive            bool
	}{
		{"none", "192.0.2.50", "", "sendrecv", true, true},
		{"sendrecv", "192.0.2.50", "a=sendrecv", "sendrecv", true, true},
		{"sendonly", "192.0.2.50", "a=sendonly", "recvonly", false, true},
		{"recvonly", "192.0.2.50", "a=recvonly", "sendonly", true, false},
		{"inactive", "192.0.2.50", "a=inactive", "inactive", false, false},
		{"zero address", "0.0.0.0", "", "recvonly", false, true},
		{"zero address sendrecv", "0.0.0.0", "a=sendrecv", "recvonly", false, true},
		{"zero address sendonly", "0.0.0.0", "a=sendonly", "recvonly", false, true},
		{"zero address recvonly", "0.0.0.0", "a=recvonly", "inactive", false, false},
		{"zero address inactive", "0.0.0.0", "a=inactive", "inactive", false, false},
		{"zero IPv6 address", "::", "", "recvonly", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			family := "IP4"
			if strings.Contains(c.address, ":") {
				family = "IP6"
			}
			lines := []string{"c=IN " + family + " " + c.address}
			if c.direction != "" {
				lines = append(lines, c.direction)
			}
			n := negotiation()
			answer, p := mustAnswer(t, n, plain(lines...))
			version(t, answer) // our address, never theirs
			if got := lastLine(answer); got != "a="+c.want {
				t.Errorf("got %s, want a=%s", got, c.want)
			}
			if p.Send != c.send || p.Receive != c.receive || p.Held != !c.send {
				t.Errorf("got send %v, receive %v, held %v, want %v, %v, %v", p.Send, p.Receive, p.Held, c.send, c.receive, !c.send)
			}
			if zero := c.address != "192.0.2.50"; p.Remote.IsValid() == zero || p.RemoteRTCP.IsValid() == zero {
				t.Errorf("got remote %v, %v at %s", p.Remote, p.RemoteRTCP, c.address)
			}
		})
	}
}

func lastLine(body string) string {
	lines := strings.Split(strings.TrimSpace(body), "\r\n")
	return lines[len(lines)-1]
}

func TestDirectionOfTheSessionCountsUnlessTheSectionHasItsOwn(t *testing.T) {
	head := []string{"v=0", "o=- 5 1 IN IP4 192.0.2.50", "s=-", "c=IN IP4 192.0.2.50", "t=0 0", "a=sendonly", "m=audio 4000 RTP/AVP 0"}
	if answer, _ := mustAnswer(t, negotiation(), crlf(head...)); lastLine(answer) != "a=recvonly" {
		t.Errorf("got %s, want a=recvonly", lastLine(answer))
	}
	if answer, _ := mustAnswer(t, negotiation(), crlf(append(head, "a=sendrecv")...)); lastLine(answer) != "a=sendrecv" {
		t.Errorf("got %s, want a=sendrecv", lastLine(answer))
	}
}

// RFC 3264 §6.1 seen from the offerer: our direction is what we offered and the answer leaves.
func TestAnswerToOurOfferSetsDirection(t *testing.T) {
	directions := []string{"sendrecv", "sendonly", "recvonly", "inactive", ""}
	// what the peer's hold made of our direction → the peer's answer to our next offer → ours
	want := map[string][]string{
		"a=sendrecv": {"sendrecv", "recvonly", "sendonly", "inactive", "sendrecv"},
		"a=sendonly": {"recvonly", "recvonly", "inactive", "inactive", "recvonly"},
		"a=recvonly": {"sendonly", "inactive", "sendonly", "inactive", "sendonly"},
		"a=inactive": {"inactive", "inactive", "inactive", "inactive", "inactive"},
	}
	for first, row := range want {
		for i, direction := range directions {
			n := negotiation()
			mustAnswer(t, n, plain(first))
			n.Offer()
			var p Params
			if direction == "" {
				p = mustSetAnswer(t, n, plain())
			} else {
				p = mustSetAnswer(t, n, plain("a="+direction))
			}
			if got := directionOf(p.Send, p.Receive); got != row[i] || p.Held != !p.Send {
				t.Errorf("after %s, answered %q: got %s, held %v, want %s", first, direction, got, p.Held, row[i])
			}
		}
	}
}

func TestOfferlessReinviteDoesNotUnhold(t *testing.T) {
	for hold, carries := range map[string]string{"a=sendonly": "a=recvonly", "a=inactive": "a=inactive", "c=IN IP4 0.0.0.0": "a=recvonly"} {
		n := negotiation()
		mustAnswer(t, n, plain())
		mustAnswer(t, n, plain(hold))
		offer := string(n.Offer())
		if lastLine(offer) != carries || !strings.Contains(offer, "m=audio 20000 RTP/AVP 0 8 101\r\n") {
			t.Errorf("%s: got\n%s\nwant all codecs and %s", hold, offer, carries)
		}
		if p, _ := n.Params(); !p.Held {
			t.Errorf("%s: our offer alone ended the hold", hold)
		}
		if p := mustSetAnswer(t, n, plain(hold)); !p.Held {
			t.Errorf("%s: got not held, want held", hold)
		}
		if p := mustSetAnswer(t, n, plain()); !p.Held { // a peer that forgets to say it
			t.Errorf("%s: got not held after an answer without a direction, want held", hold)
		}
		if answer, p := mustAnswer(t, n, plain()); p.Held || lastLine(answer) != "a=sendrecv" {
			t.Errorf("%s: got held %v, %s after the peer's own re-INVITE, want sendrecv", hold, p.Held, lastLine(answer))
		}
	}
}

func TestVersionGrowsOnlyWithChange(t *testing.T) {
	n := negotiation()
	first := n.Offer()
	v := version(t, string(first))
	if again := n.Offer(); string(again) != string(first) {
		t.Errorf("got\n%s\nwant the same offer\n%s", again, first)
	}
	mustSetAnswer(t, n, plain())
	if again := n.Offer(); string(again) != string(first) {
		t.Errorf("got\n%s\nwant the same offer after the answer", again)
	}
	step := func(what, body string, grow int) {
		t.Helper()
		if got := version(t, body); got != v+grow {
			t.Errorf("%s: got version %d, want %d", what, got, v+grow)
		}
		v += grow
	}
	hold, _ := mustAnswer(t, n, plain("a=sendonly"))
	step("hold", hold, 1)
	again, _ := mustAnswer(t, n, plain("a=sendonly"))
	step("hold repeated", again, 0)
	resumed, _ := mustAnswer(t, n, plain("a=sendrecv"))
	step("resume", resumed, 1)
	refresh, _ := mustAnswer(t, n, plain("a=sendrecv"))
	step("refresh", refresh, 0)
	n.Answer(offerOf("m=video 4000 RTP/AVP 31"))
	step("refresh after a refused offer", string(first2(n.Answer(plain("a=sendrecv")))), 0)
	step("re-offer of all codecs", string(n.Offer()), 1)
	n.Prefer(PCMA)
	step("another order", string(n.Offer()), 1)
}

func first2(b []byte, _ Params, _ error) []byte { return b }

func TestMovedPeerIsSaidOnce(t *testing.T) {
	n := negotiation()
	n.Offer()
	steps := []struct {
		what  string
		lines []string
		moved bool
	}{
		{"183", nil, true},
		{"200 with the same", nil, false},
		{"hold at 0.0.0.0", []string{"c=IN IP4 0.0.0.0"}, false},
		{"resumed", nil, false},
		{"hold by sendonly", []string{"a=sendonly"}, false},
		{"another address", []string{"c=IN IP4 192.0.2.60"}, true},
		{"held", []string{"c=IN IP4 0.0.0.0"}, false},
		{"resumed where it was", []string{"c=IN IP4 192.0.2.60"}, false},
		{"resumed elsewhere", []string{"c=IN IP4 192.0.2.61"}, true},
		{"another RTCP port", []string{"c=IN IP4 192.0.2.61", "a=rtcp:9"}, true},
	}
	for i, s := range steps {
		var p Params
		if i < 2 {
			p = mustSetAnswer(t, n, plain(s.lines...))
		} else {
			_, p = mustAnswer(t, n, plain(s.lines...))
		}
		if p.Moved != s.moved {
			t.Errorf("%s: got moved %v, want %v", s.what, p.Moved, s.moved)
		}
	}
	if _, p := mustAnswer(t, n, offerOf("m=audio 4002 RTP/AVP 0")); !p.Moved || p.Remote.Port() != 4002 {
		t.Errorf("got moved %v to %v, want moved to port 4002", p.Moved, p.Remote)
	}
}

func TestAnyCourseOfNegotiationKeepsTheRules(t *testing.T) {
	bodies := [][]byte{plain(), plain("a=sendonly"), plain("a=inactive"), plain("a=recvonly"), plain("c=IN IP4 0.0.0.0"), plain("a=ptime:30"),
		plain("a=rtcp-mux"), offerOf("m=audio 4002 RTP/AVP 8"), offerOf("m=video 1 RTP/AVP 31"), []byte("junk")}
	for _, b := range samples(t) {
		bodies = append(bodies, b)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := negotiation()
		last, lastVersion := "", 0
		said := func(b []byte) { // RFC 3264 §8: the version grows by one when the content differs, else it stays
			v := version(t, string(b))
			_, rest, _ := strings.Cut(string(b), "\r\ns=")
			want := lastVersion
			if rest != last {
				want++
			}
			if v != want {
				t.Fatalf("got version %d, want %d\n%s", v, want, b)
			}
			last, lastVersion = rest, v
		}
		sections := 0
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			body := rapid.SampledFrom(bodies).Draw(t, "body")
			before, agreed := n.Params()
			var p Params
			var err error
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				b := n.Offer()
				said(b)
				if got := strings.Count(string(b), "\nm="); sections > 0 && got != sections {
					t.Fatalf("got %d m= lines in our offer, want %d as before", got, sections)
				}
				continue
			case 1:
				n.Prefer(rapid.SampledFrom([]Codec{PCMU, PCMA}).Draw(t, "codec"))
				continue
			case 2:
				p, err = n.SetAnswer(body)
			case 3:
				var b []byte
				if b, p, err = n.Answer(body); err == nil {
					said(b)
					sections = strings.Count(string(b), "\nm=")
				}
			}
			now, ok := n.Params()
			if err != nil {
				if now != before || ok != agreed {
					t.Fatalf("%v changed %+v to %+v", err, before, now)
				}
				continue
			}
			if now != p || !ok || p.Held == p.Send || p.Send && !p.Remote.IsValid() || p.Moved && !p.Remote.IsValid() {
				t.Fatalf("got %+v, kept %+v", p, now)
			}
		}
	})
}
