package sip

import (
	"net/netip"
	"time"
)

// Event is what became of a leg, a registration or a trunk. The set is
// sealed: the types of this room that say whose they are.
type Event interface{ of() LegID }

// LegOf is the leg whose event it is; empty: it is of none, or of one that
// nobody knew before (Invited).
func LegOf(e Event) LegID { return e.of() }

// Invited is the first event of an inbound leg: somebody calls. 100 is out
// already; the leg waits for Progress, Answer, Reject or Hangup.
type Invited struct {
	Leg     *Leg
	Trunk   TrunkID   // the trunk it came from, or
	Account AccountID // the account that proved itself by digest, or
	Once    string    // the user of the one-time credential

	// Dialled is the user part from where Trunk.CalledFrom says (accounts:
	// the Request-URI), unescaped, without tel: and ;params.
	Dialled   string
	From      NameAddr
	PAI       NameAddr // P-Asserted-Identity as received; whether to trust it is the trunk's business
	PPI       NameAddr // P-Preferred-Identity, likewise
	RPID      NameAddr // Remote-Party-ID of the caller, likewise
	Anonymous bool     // Privacy: id (or user, header), RPID's privacy, or an anonymous From
	Diversion []string // as received, the last diversion first (RFC 5806)
	History   []string // History-Info as received, oldest first (RFC 7044)
	Replaces  LegID    // an account's: the leg whose place it takes (RFC 3891); empty: none

	// MaxForwards is how many hops the caller leaves us, as received (2…255);
	// 70 if it says nothing. What is dialled for this call gets one less.
	MaxForwards int

	// Reliable says that the caller requires reliable provisional responses:
	// with no offer in the INVITE the first of them must carry ours.
	Reliable bool

	Source    netip.AddrPort
	Private   bool // it came over TLS
	CallID    string
	Bind      netip.Addr // our media address for this leg
	Advertise netip.Addr // what the peer is told of it
	Offer     []byte     // nil: offerless
	At        time.Time
}

// Progressed is a provisional response to our INVITE. 100 comes at most once,
// and only as the first: it says that somebody is there, not that it rings.
type Progressed struct {
	Leg  LegID
	Code int
	SDP  []byte
	At   time.Time

	// Fork is the To tag: which of the phones behind a forking proxy speaks.
	Fork string
	// Talks says that the phone can be asked to answer by itself, see Leg.Talk.
	Talks bool
	// Offered says that SDP is an offer, to an INVITE that had none, in a
	// reliable response: AnswerReoffer puts our answer into its PRACK.
	Offered bool
}

// Pracked is the PRACK of a reliable provisional response that carried our
// offer, with the peer's answer. The 2xx then carries none.
type Pracked struct {
	Leg LegID
	SDP []byte
}

// Refreshed is a refresh of the session by us, to which the peer answered with
// a description other than its last.
type Refreshed struct {
	Leg LegID
	SDP []byte
}

// Answered is the first 2xx to our INVITE, already ACKed. It also comes after
// a Hangup when the 2xx crossed our CANCEL: that leg is being hung up already.
//
// A 2xx without a description has that of a 18x of the same phone, if there
// was one.
type Answered struct {
	Leg LegID
	SDP []byte
	At  time.Time
}

// Confirmed is the ACK for our 2xx, with its SDP if it carried the answer.
type Confirmed struct {
	Leg LegID
	SDP []byte
}

// Reoffered is the peer's re-INVITE or UPDATE. A nil Offer asks for an offer
// in the answer. AnswerReoffer or RejectReoffer must follow.
type Reoffered struct {
	Leg   LegID
	Offer []byte
}

// Reconfirmed is the ACK of the peer's re-INVITE, with its SDP if we offered.
type Reconfirmed struct {
	Leg LegID
	SDP []byte
}

// ReofferDone is the final response to our Reoffer, already ACKed. Code 0:
// it was never sent because the leg ended up in another state.
type ReofferDone struct {
	Leg  LegID
	Code int
	SDP  []byte
}

// Info is an INFO inside the dialog; 200 is out already.
type Info struct {
	Leg         LegID
	ContentType string
	Body        []byte
}

// Ended comes exactly once for every leg, as its last event. What is left to
// do on the wire (a BYE's answer, a late 2xx) goes on without events.
type Ended struct {
	Leg   LegID
	By    Side
	Code  int    // final SIP code; 0: BYE
	Text  string // reason phrase, or what failed
	Cause Reason // peer's Reason header
	Err   error
	At    time.Time
}

// Devices tells the phones of an account, whenever they change.
type Devices struct {
	Account  AccountID
	Contacts []Contact // all live now
	Fresh    bool      // caused by a new REGISTER
	Bindings []Binding // all, to persist
	Cause    string
}

// TrunkCondition is what is true of a trunk.
type TrunkCondition string

// The conditions of a trunk. In the first three calls go out over it and come
// in; the others are why not.
const (
	TrunkKnown        TrunkCondition = "known"        // its address is; nobody has asked whether somebody is there
	TrunkAlive        TrunkCondition = "alive"        // it answers OPTIONS
	TrunkRegistered   TrunkCondition = "registered"   // until Until
	TrunkRegistering  TrunkCondition = "registering"  // the first REGISTER is out
	TrunkUnregistered TrunkCondition = "unregistered" // the last REGISTER failed; it is tried again by itself
	TrunkRefused      TrunkCondition = "refused"      // wrong credentials: not tried again before a reload
	TrunkUnreachable  TrunkCondition = "unreachable"  // does not answer OPTIONS
	TrunkUnresolved   TrunkCondition = "unresolved"   // its name leads to no address
	TrunkGone         TrunkCondition = "gone"         // out of the configuration
)

// TrunkState tells how a trunk is, whenever that changes.
type TrunkState struct {
	Trunk  TrunkID
	Up     bool
	State  TrunkCondition
	Why    string    // in a line
	Target string    // where its calls go first, as "udp:192.0.2.1:5060"; empty: nowhere
	Until  time.Time // when registered: the end of it
}

func (Invited) of() LegID       { return "" }
func (e Progressed) of() LegID  { return e.Leg }
func (e Pracked) of() LegID     { return e.Leg }
func (e Refreshed) of() LegID   { return e.Leg }
func (e Answered) of() LegID    { return e.Leg }
func (e Confirmed) of() LegID   { return e.Leg }
func (e Reoffered) of() LegID   { return e.Leg }
func (e Reconfirmed) of() LegID { return e.Leg }
func (e ReofferDone) of() LegID { return e.Leg }
func (e Info) of() LegID        { return e.Leg }
func (e Ended) of() LegID       { return e.Leg }
func (Devices) of() LegID       { return "" }
func (TrunkState) of() LegID    { return "" }
