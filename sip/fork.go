package sip

import "github.com/emiago/sipgo/sip"

// maxForks bounds the early dialogs of one INVITE that are told apart.
const maxForks = 16

// fork is one early dialog of our INVITE (RFC 3261 §12.1.2): behind a proxy
// that forks there is one for each phone, told apart by the To tag.
type fork struct {
	to        *sip.ToHeader
	tag       string
	target    sip.Uri
	routes    []sip.Uri
	remoteSeq uint32

	rseq    uint32 // of its last reliable 18x
	sdp     []byte // of its last 18x that had one
	settled bool   // offer and answer have passed reliably
	owed    bool   // its reliable 18x carries an offer: our answer goes into the PRACK
}

// fork is the early dialog that a 18x belongs to; nil: none, as for a 100.
func (c *dialState) fork(res *sip.Response) *fork {
	tag := tagOf(res.To().Params)
	if res.StatusCode <= 100 || tag == "" {
		return nil
	}
	k := c.forkOf(tag)
	if k == nil {
		if len(c.forks) >= maxForks {
			return nil
		}
		k = &fork{to: res.To(), tag: tag, target: c.to.uri}
		c.forks = append(c.forks, k)
	}
	if rs := routesOf(res); len(rs) > 0 {
		k.routes = reversed(rs)
	}
	k.refresh(res.Contact())
	return k
}

func (c *dialState) forkOf(tag string) *fork {
	for _, k := range c.forks {
		if k.tag == tag {
			return k
		}
	}
	return nil
}

// settledFork is the early dialog in which an UPDATE of ours may make an
// offer: the last that has agreed on one.
func (c *dialState) settledFork() *fork {
	for i := len(c.forks) - 1; i >= 0; i-- {
		if c.forks[i].settled {
			return c.forks[i]
		}
	}
	return nil
}

func (k *fork) refresh(c *sip.ContactHeader) {
	if u, ok := targetOf(c); ok {
		k.target = u
	}
}

// within runs f with the leg in one of its early dialogs. CSeq numbers are the
// leg's: they grow in each.
func (l *Leg) within(k *fork, f func()) {
	if k == nil {
		f()
		return
	}
	target, routes, to := l.target, l.routes, l.to
	l.target, l.routes, l.to = k.target, k.routes, k.to
	defer func() { l.target, l.routes, l.to = target, routes, to }()
	f()
}

// took notes a 18x in its early dialog and acknowledges it; false: it is a
// repetition, or came out of order, and is not looked at (RFC 3262 §4).
func (l *Leg) took(k *fork, res *sip.Response, sdp []byte) bool {
	if k == nil {
		return true
	}
	rseq := rseqOf(res)
	if rseq != 0 && l.policy.prack != ReliableOff {
		if k.rseq != 0 && rseq != k.rseq+1 {
			return false
		}
		k.rseq = rseq
		if l.call.Offer == nil && sdp != nil && !k.settled { // its offer: PRACK waits for our answer
			k.sdp, k.owed = sdp, true
			return true
		}
		k.settled = k.settled || sdp != nil
		l.acknowledgeReliable(k, nil)
	}
	if sdp != nil {
		k.sdp = sdp
	}
	return true
}

// answerFork answers the offer of a reliable 18x, in its PRACK; false: none
// waits for that.
func (l *Leg) answerFork(sdp []byte) bool {
	if l.call == nil {
		return false
	}
	for _, k := range l.call.forks {
		if k.owed {
			k.owed, k.settled = false, true
			l.said = sdp
			l.acknowledgeReliable(k, sdp)
			return true
		}
	}
	return false
}
