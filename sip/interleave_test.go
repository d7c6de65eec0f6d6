package sip

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/raced"
	"trunkline/internal/simnet"
)

var (
	interleaveSeed = flag.Uint64("interleave.seed", 1, "the first seed of the random dialogs")
	interleaveRuns = flag.Int("interleave.runs", raced.Or(100, 400), "how many seeds")
)

// Whatever is said in whatever order, by both sides and over a bad network: a
// leg has exactly one Ended and it is its last event; an INVITE has one final
// response; and when all is over nothing is left.
func TestRandomDialogsEndOnceAndLeaveNothing(t *testing.T) {
	for i := range *interleaveRuns {
		seed := *interleaveSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			r := newRig(t, func(c *Config) {
				c.Trunks[0].Prack = []Reliability{ReliableSupported, ReliableRequired, ReliableOff}[rnd.IntN(3)]
				c.Trunks[0].Timers = []Timers{{}, {Expires: 90 * time.Second}, {Off: true}}[rnd.IntN(3)]
			})
			defer r.close()
			x := &interleaving{rig: r, rnd: rnd, told: map[LegID][]string{}, legs: map[LegID]*Leg{}, finals: map[string]string{}}
			x.run()
			if t.Failed() {
				t.Fatalf("seed %d:\n%s", seed, strings.Join(x.story, "\n"))
			}
		})
		if t.Failed() {
			return
		}
	}
}

type interleaving struct {
	*rig
	rnd    *rand.Rand
	p      *wirePeer
	call   *wireCall
	ours   wireMsg // our INVITE, if we called
	rseq   uint32  // of the last reliable 18x, either way
	told   map[LegID][]string
	legs   map[LegID]*Leg
	leg    *Leg
	finals map[string]string // final response by INVITE
	story  []string
}

func (x *interleaving) say(format string, args ...any) {
	x.story = append(x.story, fmt.Sprintf(format, args...))
}

func (x *interleaving) run() {
	x.p = x.peer(rigTrunk)
	if x.rnd.IntN(2) == 0 {
		x.net.SetFault(simnet.Fault{Loss: 0.1, Duplicate: 0.1, Reorder: 0.2, ReorderBy: 20 * time.Millisecond})
	}
	inbound := x.rnd.IntN(2) == 0
	x.call = x.p.call("x")
	if inbound {
		more := []string{"", "Supported: 100rel, timer\r\nAllow: UPDATE\r\n", "Require: 100rel\r\nAllow: INVITE, UPDATE, PRACK\r\n", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n"}[x.rnd.IntN(4)]
		body := []string{rigSDP, rigSDP, ""}[x.rnd.IntN(3)]
		x.call.send(x.call.message("INVITE", x.call.branch, 1, more, body))
	} else {
		offer := [][]byte{[]byte(rigSDP), []byte(rigSDP), nil}[x.rnd.IntN(3)]
		x.leg = x.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: offer, AnswerWithin: time.Minute})
		x.legs[x.leg.ID()] = x.leg
	}
	for range 12 + x.rnd.IntN(25) {
		time.Sleep(time.Duration([]int{0, 0, 0, 1, 10, 40, 300, 700, 3000, 45000}[x.rnd.IntN(10)]) * time.Millisecond)
		x.hear()
		if inbound {
			x.theirMove()
		} else {
			x.answerMove()
		}
		x.ourMove()
	}
	x.end()
}

// hear takes what came: events, and messages of the switch, whose requests are
// answered one way or another, or not at all.
func (x *interleaving) hear() {
	x.mu.Lock()
	evs := x.events
	x.events = nil
	x.mu.Unlock()
	for _, ev := range evs {
		x.event(ev)
	}
	for {
		select {
		case m := <-x.p.in:
			x.message(m)
			continue
		default:
		}
		return
	}
}

func (x *interleaving) event(ev Event) {
	var id LegID
	switch e := ev.(type) {
	case Invited:
		id, x.leg = e.Leg.ID(), e.Leg
		x.legs[id] = e.Leg
	case Progressed:
		id = e.Leg
	case Pracked:
		id = e.Leg
	case Refreshed:
		id = e.Leg
	case Answered:
		id = e.Leg
	case Confirmed:
		id = e.Leg
	case Reoffered:
		id = e.Leg
	case Reconfirmed:
		id = e.Leg
	case ReofferDone:
		id = e.Leg
	case Info:
		id = e.Leg
	case Ended:
		id = e.Leg
	}
	x.say("event %T", ev)
	x.told[id] = append(x.told[id], fmt.Sprintf("%T", ev))
}

func (x *interleaving) message(m wireMsg) {
	first, _, _ := strings.Cut(m.text, "\r\n")
	x.say("switch: %s (%s)", first, m.hdr("CSeq"))
	if code, ok := strings.CutPrefix(first, "SIP/2.0 "); ok {
		if tag := m.tag("To"); tag != "" && strings.HasSuffix(m.hdr("CSeq"), "INVITE") && x.call.toTag == "" {
			x.call.toTag = tag
		}
		if n := m.hdr("RSeq"); n != "" {
			fmt.Sscan(n, &x.rseq)
		}
		if strings.HasSuffix(m.hdr("CSeq"), " INVITE") && code[0] >= '2' {
			if was := x.finals[m.hdr("Via")]; was != "" && was[:3] != code[:3] {
				x.t.Errorf("two final responses to one INVITE: %s, then %s", was, code)
			}
			x.finals[m.hdr("Via")] = code
			if x.rnd.IntN(10) > 0 {
				seq, branch := 0, ""
				fmt.Sscan(m.hdr("CSeq"), &seq)
				if _, b, ok := strings.Cut(m.hdr("Via"), "branch="); ok {
					branch, _, _ = strings.Cut(b, ";")
				}
				if code[0] == '2' {
					branch += "-ack"
				}
				x.call.send(x.call.message("ACK", branch, seq, "", []string{"", rigSDP}[x.rnd.IntN(2)]))
			}
		}
		return
	}
	method, _, _ := strings.Cut(first, " ")
	switch {
	case method == "ACK":
	case method == "INVITE" && x.ours.text == "" && m.tag("To") == "":
		x.ours = m
	case method == "CANCEL":
		x.p.respond(m, 200, "far", "", "")
		if x.rnd.IntN(3) > 0 && x.ours.text != "" {
			x.p.respond(x.ours, 487, "far", "", "")
		}
	case x.rnd.IntN(8) == 0: // no answer
	default:
		code := []int{200, 200, 200, 200, 488, 491, 500, 481, 422}[x.rnd.IntN(9)]
		if method == "BYE" || method == "PRACK" {
			code = 200
		}
		body := ""
		if method != "BYE" && method != "PRACK" && code == 200 {
			body = rigSDP
		}
		x.p.respond(m, code, "far", "Min-SE: 120\r\nAllow: INVITE, UPDATE\r\n", body)
	}
}

// theirMove is the caller's.
func (x *interleaving) theirMove() {
	c := x.call
	body := []string{"", rigSDP}[x.rnd.IntN(2)]
	switch k := x.rnd.IntN(14); {
	case k == 0:
		x.say("peer: CANCEL")
		tag := c.toTag
		c.toTag = ""
		c.send(c.message("CANCEL", c.branch, 1, "", ""))
		c.toTag = tag
	case c.toTag == "":
	case k < 4:
		x.say("peer: PRACK %d", x.rseq)
		c.prack(x.rseq+uint32(x.rnd.IntN(8)/7), body)
	case k < 6:
		x.say("peer: UPDATE %q", body)
		c.request("UPDATE", "", body)
	case k < 8:
		x.say("peer: re-INVITE %q", body)
		c.request("INVITE", "", body)
	case k == 8:
		x.say("peer: INFO")
		c.request("INFO", "", "")
	case k == 9 && x.rnd.IntN(3) == 0:
		x.say("peer: BYE")
		c.request("BYE", "", "")
	case k == 10:
		x.say("peer: an old CSeq")
		c.seq -= 2
		c.request("UPDATE", "", body)
		c.seq++
	}
}

// answerMove is the move of who is called.
func (x *interleaving) answerMove() {
	if x.ours.text == "" {
		return
	}
	tag := []string{"far", "far", "far", "other"}[x.rnd.IntN(4)]
	body := []string{"", rigSDP}[x.rnd.IntN(2)]
	switch k := x.rnd.IntN(12); {
	case k < 2:
		x.say("peer: 180 of %s", tag)
		x.p.respond(x.ours, 180, tag, "", body)
	case k < 5:
		x.rseq += uint32(x.rnd.IntN(5)/4) + 1
		x.say("peer: reliable 183 of %s, %d", tag, x.rseq)
		x.p.respond(x.ours, 183, tag, fmt.Sprintf("Require: 100rel\r\nRSeq: %d\r\nAllow: UPDATE\r\n", x.rseq), body)
	case k < 7:
		x.say("peer: 200 of %s %q", tag, body)
		x.p.respond(x.ours, 200, tag, "Session-Expires: 90;refresher=uas\r\n", body)
	case k == 7 && x.rnd.IntN(3) == 0:
		x.say("peer: 486")
		x.p.respond(x.ours, 486, "far", "", "")
	case k == 8:
		x.say("peer: 422")
		x.p.respond(x.ours, 422, "far", "Min-SE: 120\r\n", "")
	case k < 11: // a request of theirs, before the answer or after
		method := []string{"UPDATE", "INVITE", "BYE", "INFO"}[x.rnd.IntN(4)]
		x.call.seq++
		x.say("peer: %s of %s", method, tag)
		m := x.call.message(method, fmt.Sprintf("z9hG4bK-y%d", x.call.seq), x.call.seq, "", body)
		m = replaceHeader(m, "From", x.ours.hdr("To")+";tag="+tag)
		m = replaceHeader(m, "To", x.ours.hdr("From"))
		x.p.send(replaceHeader(m, "Call-ID", x.ours.hdr("Call-ID")))
	}
}

func replaceHeader(m, name, value string) string {
	lines := strings.Split(m, "\r\n")
	for i, l := range lines {
		if strings.HasPrefix(l, name+": ") {
			lines[i] = name + ": " + value
			break
		}
	}
	return strings.Join(lines, "\r\n")
}

// ourMove is a verb, legal or not.
func (x *interleaving) ourMove() {
	l := x.leg
	if l == nil {
		return
	}
	sdp := [][]byte{nil, []byte(rigSDP)}[x.rnd.IntN(2)]
	k := x.rnd.IntN(16)
	x.say("verb %d", k)
	switch k {
	case 0, 1:
		l.Progress(180, sdp)
	case 2, 3:
		l.Progress(183, []byte(rigSDP))
	case 4, 5:
		l.Answer([]byte(rigSDP))
	case 6:
		if x.rnd.IntN(4) == 0 {
			l.Reject(486, "")
		}
	case 7:
		if x.rnd.IntN(4) == 0 {
			l.Hangup(0, Reason{Cause: 16, Protocol: "Q.850"})
		}
	case 8, 9:
		l.Reoffer([]byte(rigSDP))
	case 10, 11, 12:
		l.AnswerReoffer([]byte(rigSDP))
	case 13:
		l.RejectReoffer(488)
	}
}

// end hangs up what is left and checks what must be true.
func (x *interleaving) end() {
	x.net.SetFault(simnet.Fault{})
	if x.leg != nil {
		x.leg.Hangup(0, Reason{})
	}
	for range 140 {
		time.Sleep(time.Second)
		x.hear()
	}
	for id := range x.legs {
		told := x.told[id]
		n := 0
		for _, s := range told {
			if s == "sip.Ended" {
				n++
			}
		}
		if n != 1 || told[len(told)-1] != "sip.Ended" {
			x.t.Errorf("events: got %v, want one Ended, the last", told)
		}
	}
	if s := x.e.Stats(); s.Legs != 0 || s.Transactions != 0 || s.Panics != 0 {
		x.t.Errorf("left: got %d legs, %d transactions, %d panics, want none", s.Legs, s.Transactions, s.Panics)
	}
}
