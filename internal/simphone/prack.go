package simphone

import (
	"strconv"
	"strings"
	"time"
)

// Reliable provisional responses (RFC 3262). As a caller the phone acknowledges
// each that it is sent, in order (Habits.NoPrack: none). As who is called it sends
// them after Script.Reliably, to who supports them.

// reliable is an 18x of ours that waits for its PRACK.
type reliable struct {
	seq   uint32
	again *alarm
	sdp   bool
}

func listed(m *Message, header, tag string) bool {
	for _, v := range m.All(header) {
		for _, w := range strings.Split(v, ",") {
			if strings.EqualFold(strings.TrimSpace(w), tag) {
				return true
			}
		}
	}
	return false
}

// sendReliably makes r reliable and repeats it until its PRACK.
func (c *Call) sendReliably(r *Message, sdp bool) {
	c.rseq++
	r.Add("Require", "100rel")
	r.Add("RSeq", strconv.FormatUint(uint64(c.rseq), 10))
	c.rel.stop()
	c.rel = &reliable{seq: c.rseq, sdp: sdp}
	c.repeatReliable(c.rel, r, c.p.cfg.T1)
}

func (c *Call) repeatReliable(rel *reliable, r *Message, d time.Duration) {
	rel.again = c.p.after(d, func() {
		if c.rel == rel && c.state < Answered && c.end == nil && d <= 32*c.p.cfg.T1 {
			c.in.respond(r)
			c.repeatReliable(rel, r, 2*d)
		}
	})
}

func (r *reliable) stop() {
	if r != nil {
		r.again.stop()
	}
}

// prackArrived answers the PRACK of our 18x.
func (c *Call) prackArrived(t *serverTx) {
	m := t.req
	w := strings.Fields(m.Get("RAck"))
	if c.rel == nil || len(w) != 3 || w[0] != strconv.FormatUint(uint64(c.rel.seq), 10) {
		t.respond(m.reply(481, "", c.localTag))
		return
	}
	c.rel.stop()
	c.rel = nil
	if c.weOffered && len(m.Body) > 0 && c.sess != nil {
		_ = c.sess.accept(m.Body)
	}
	t.respond(m.reply(200, "", c.localTag))
	if c.answerWant {
		c.answerWant = false
		c.answer()
	}
}

// acknowledged sends the PRACK of a reliable 18x of the peer; false: it is one
// that we had, or out of order.
func (c *Call) acknowledged(m *Message) bool {
	seq, err := strconv.ParseUint(m.Get("RSeq"), 10, 32)
	if err != nil || !listed(m, "Require", "100rel") || c.p.habits.NoPrack {
		return true
	}
	last := c.rseqs[m.ToTag()]
	if last != 0 && uint32(seq) != last+1 {
		return false
	}
	if c.rseqs == nil {
		c.rseqs = map[string]uint32{}
	}
	c.rseqs[m.ToTag()] = uint32(seq)
	early := &Call{p: c.p, id: c.id, local: c.local, remote: c.remote, localTag: c.localTag, target: c.target, peer: c.peer}
	early.enter(m)
	c.cseq++
	r := early.request("PRACK", c.cseq)
	r.Add("RAck", m.Get("RSeq")+" "+cseq(c.out.req)+" INVITE")
	if !c.weOffered && len(m.Body) > 0 {
		if answer, err := c.sess.answer(&c.p.habits, m.Body); err == nil {
			r.setBody("application/sdp", answer)
			c.agreed = true
			c.sess.start()
		}
	}
	c.p.exchange(&exchange{req: r, to: early.next(), call: c, onDone: func(*Message) {}})
	return true
}
