package simphone

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// State is how far a call is.
type State int

// The states say what is true in them.
const (
	Calling  State = iota // the INVITE is out (or in), nothing but 100 has come back
	Ringing               // a provisional response above 100 was received (or sent)
	Answered              // a 2xx was received and ACKed (or sent)
	Ended                 // End tells why; media is closed
)

func (s State) String() string { return [...]string{"calling", "ringing", "answered", "ended"}[s] }

// Side is who ended a call.
type Side string

// Failed is neither side's wish: a timeout, a bad description.
const (
	Ours   Side = "ours"
	Theirs Side = "theirs"
	Failed Side = "failed"
)

// End is how a call ended.
type End struct {
	By     Side
	Code   int    // final response to the INVITE; 0: BYE
	Reason string // the Reason header of the BYE, CANCEL or response
	Err    error
	At     time.Time
}

func (e End) String() string {
	s := "ended by " + string(e.By)
	if e.Code != 0 {
		s += fmt.Sprintf(", %d %s", e.Code, phraseOf(e.Code))
	}
	if e.Reason != "" {
		s += ", " + e.Reason
	}
	if e.Err != nil {
		s += ", " + e.Err.Error()
	}
	return s
}

// Call is one dialog of a phone, either direction.
type Call struct {
	p       *Phone
	inbound bool
	id      string

	// Owned by the phone's loop.
	state       State
	end         *End
	local       string // From or To value without tag
	remote      string
	localTag    string
	remoteTag   string
	target      string // Request-URI of what we send
	routes      []string
	peer        netip.AddrPort // where it goes if target and routes are names
	cseq        uint32
	remoteCSeq  uint32
	invite      *Message
	progress    []*Message
	sess        *session
	opts        *options
	out         *exchange // our INVITE
	in          *serverTx // theirs
	weOffered   bool      // in our last INVITE or 2xx
	ack         *Message  // our last, sent again for each 2xx
	ackAt       time.Time // not before: Habits.ACKAfter
	ackedSeq    uint32
	confirmed   bool // the 2xx is ACKed
	cancelWant  bool
	cancelled   bool
	crossAnswer bool // answers when the CANCEL comes
	talkAnswer  bool // answers when it is asked to by NOTIFY
	inviting    bool // our re-INVITE is running
	ok2xx       *Message
	repeat      *alarm
	holds       []Direction // what the peer's descriptions said, in order
	forks       int         // further 2xx with other tags
	twin        *Call

	// Reliable provisional responses, see prack.go.
	reliably   bool // send them so
	rel        *reliable
	rseq       uint32
	answerWant bool              // when the PRACK comes
	rseqs      map[string]uint32 // of the peer's, by To tag
	agreed     bool              // offer and answer have passed before the 2xx
}

// Tags returns the tags of the dialog: the phone's own and the peer's.
func (c *Call) Tags() (own, peer string) {
	c.p.do(func() { own, peer = c.localTag, c.remoteTag })
	return own, peer
}

// ID is the Call-ID.
func (c *Call) ID() string { return c.id }

// Inbound reports whether the peer called.
func (c *Call) Inbound() bool { return c.inbound }

// State is where the call is now.
func (c *Call) State() (s State) {
	c.p.do(func() { s = c.state })
	return s
}

// Invite is the INVITE that began the call, ours or theirs.
func (c *Call) Invite() (m *Message) {
	c.p.do(func() { m = c.invite })
	return m
}

// Caller is the user part of the From of the INVITE.
func (c *Call) Caller() string { return userPart(uriOf(c.Invite().Get("From"))) }

// Progress are the provisional responses of an outbound call, 100 left out.
func (c *Call) Progress() (codes []int) {
	c.p.do(func() {
		for _, m := range c.progress {
			codes = append(codes, m.Code)
		}
	})
	return codes
}

// Forks counts 2xx responses of other tags than the first.
func (c *Call) Forks() (n int) {
	c.p.do(func() { n = c.forks })
	return n
}

// Twin is the second dialog of an inbound call answered by Fork; nil otherwise.
func (c *Call) Twin() (t *Call) {
	c.p.do(func() { t = c.twin })
	return t
}

// Confirmed reports whether the 2xx has been ACKed.
func (c *Call) Confirmed() (ok bool) {
	c.p.do(func() { ok = c.confirmed })
	return ok
}

// Directions are the directions of the peer's descriptions in order, from its
// side: sendonly means it holds us.
func (c *Call) Directions() (d []Direction) {
	c.p.do(func() { d = append(d, c.holds...) })
	return d
}

// End tells how the call ended; false: it has not.
func (c *Call) End() (e End, ok bool) {
	c.p.do(func() {
		if c.end != nil {
			e, ok = *c.end, true
		}
	})
	return e, ok
}

// WaitRinging blocks until a provisional response above 100; an error if the call
// ended without one.
func (c *Call) WaitRinging(ctx context.Context) error { return c.reach(ctx, Ringing) }

// WaitAnswered blocks until the call is answered; an error that names the End if
// it ended instead.
func (c *Call) WaitAnswered(ctx context.Context) error { return c.reach(ctx, Answered) }

// WaitConfirmed blocks until an inbound call's 2xx is ACKed.
func (c *Call) WaitConfirmed(ctx context.Context) error {
	return c.until(ctx, "be confirmed", func() bool { return c.confirmed })
}

// WaitDirection blocks until the peer's latest description has that direction.
func (c *Call) WaitDirection(ctx context.Context, d Direction) error {
	return c.until(ctx, "become "+string(d), func() bool { return len(c.holds) > 0 && c.holds[len(c.holds)-1] == d })
}

// WaitEnded blocks until the call has ended, and tells how.
func (c *Call) WaitEnded(ctx context.Context) (End, error) {
	if err := c.p.wait(ctx, func() bool { return c.end != nil }); err != nil {
		return End{}, fmt.Errorf("simphone: the call did not end, it is %v: %w", c.State(), err)
	}
	e, _ := c.End()
	return e, nil
}

func (c *Call) reach(ctx context.Context, s State) error {
	return c.until(ctx, "be "+s.String(), func() bool { return c.state >= s && c.state != Ended || c.passed(s) })
}

// passed reports whether an ended call had been in s.
func (c *Call) passed(s State) bool {
	return c.state == Ended && (s == Ringing && len(c.progress) > 0 || s == Answered && (c.ok2xx != nil || c.ack != nil))
}

func (c *Call) until(ctx context.Context, what string, pred func() bool) error {
	ended := false
	err := c.p.wait(ctx, func() bool {
		ended = c.end != nil && !pred()
		return ended || pred()
	})
	if err != nil {
		return fmt.Errorf("simphone: the call did not %s, it is %v: %w", what, c.State(), err)
	}
	if ended {
		e, _ := c.End()
		return fmt.Errorf("simphone: the call did not %s: %v", what, e)
	}
	return nil
}

// finish ends the call, once.
func (c *Call) finish(e End) {
	if c.end != nil {
		return
	}
	e.At = time.Now()
	c.end, c.state = &e, Ended
	c.sess.close()
}

// request builds a request in the dialog.
func (c *Call) request(method string, num uint32) *Message {
	m := &Message{Method: method, URI: c.target}
	m.Add("Via", c.p.via())
	for _, r := range c.routes {
		m.Add("Route", r)
	}
	m.Add("Max-Forwards", "70")
	m.Add("From", c.local+";tag="+c.localTag)
	to := c.remote
	if c.remoteTag != "" {
		to += ";tag=" + c.remoteTag
	}
	m.Add("To", to)
	m.Add("Call-ID", c.id)
	m.Add("CSeq", strconv.FormatUint(uint64(num), 10)+" "+method)
	if method == "INVITE" || method == "UPDATE" || method == "REFER" {
		m.Add("Contact", "<"+c.p.cfg.Contact+">")
		m.Add("Allow", allow)
	}
	m.Add("User-Agent", c.p.cfg.Agent)
	return m
}

const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, MESSAGE, NOTIFY"

// next is the next hop: RFC 3261 §12.2.1.1, loose routes.
func (c *Call) next() netip.AddrPort {
	hop := c.target
	if len(c.routes) > 0 {
		hop = uriOf(c.routes[0])
	}
	if ap, ok := hostPort(hop); ok {
		return ap
	}
	return c.peer
}

// Request sends a request in the dialog and blocks for its final response, as
// Phone.Request does. INVITE and BYE go this way too, without their effects.
func (c *Call) Request(ctx context.Context, method string, opts ...Option) (*Message, error) {
	e := &exchange{call: c}
	c.p.do(func() {
		c.cseq++
		e.req, e.to = c.request(method, c.cseq), c.next()
		collect(opts).apply(e.req)
	})
	return c.p.ask(ctx, e)
}
