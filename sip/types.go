package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// LegID names one leg for ever: ours, unique, ULID text.
type LegID string

// TrunkID is the trunk's key under trunks: in the configuration.
type TrunkID string

// AccountID is the agent's key under agents: in the configuration.
type AccountID string

// ContactID names one phone of an account. It is stable for the same account
// and contact URI; static phones have one too.
type ContactID string

// Config is what New needs. Emit is required; the rest may be zero where the
// field says so.
type Config struct {
	// Domain is the digest realm and the host part of our From.
	Domain string

	// UDP, TCP and TLS are the sockets to serve, one per concrete IP: LocalAddr of
	// a packet conn is a *net.UDPAddr with a concrete IP. The Endpoint owns
	// and closes them after New.
	UDP []net.PacketConn
	TCP []net.Listener
	TLS []net.Listener // plain ones: the Endpoint speaks the TLS

	// Certificate is what TLS peers are shown, asked for at each handshake: it
	// may change. Nil: TLS only towards trunks and phones that ask for none.
	Certificate func() (*tls.Certificate, error)

	// Authorities sign the certificates of peers that we connect to, where the
	// trunk names none of its own; nil, or a nil pool: the system's.
	Authorities func() *x509.CertPool

	// External holds our public addresses behind a NAT (nat.external); none:
	// peers are told the listener's address. Peers inside Local (nat.local)
	// are always told the listener's address.
	External []netip.Addr
	Local    []netip.Prefix

	// Timers are the session timers asked of phones.
	Timers Timers

	Trunks   []Trunk
	Accounts []Account
	Bindings []Binding // restored from the store

	// Emit receives every event. It must not block. Events of one leg come in
	// order, from one goroutine at a time.
	Emit func(Event)

	// Busy says that new calls are refused now, which OPTIONS are told; nil:
	// never. It must not block.
	Busy func() bool

	// Trace sees every message as it crosses the wire, each before what it
	// causes; nil: off. It must not block; Raw is a copy and may be kept.
	Trace func(Message)

	// NameServers are asked for NAPTR, SRV and addresses (RFC 3263); none: those
	// of resolv.conf. DialDNS reaches them; nil: the kernel.
	NameServers []netip.AddrPort
	DialDNS     func(ctx context.Context, network, address string) (net.Conn, error)

	// Lookup has the last word on the addresses of a host that the name servers
	// do not know; nil: the hosts file first, and the system's resolver last. Given
	// without NameServers it stands for all of them: there is no NAPTR nor SRV.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

	Log *slog.Logger // nil: discarded
}

// Trunk is a carrier's account.
type Trunk struct {
	ID        TrunkID
	Host      string // host or host:port
	Transport string // "udp" (or ""), "tcp", "tls", or "auto": what its NAPTR and SRV records say
	Username  string // answers the carrier's digest challenges; empty: none
	Password  string

	Register bool          // keep our address registered there
	Expires  time.Duration // asked for when registering; 0: an hour
	Options  time.Duration // between two OPTIONS to each of its addresses; 0: none

	// TryingWithin is how long an INVITE may stay without any response before
	// the next address is tried, RingingWithin how long without ringing. 0: 4 s
	// and 40 s.
	TryingWithin, RingingWithin time.Duration

	// Authorities sign the carrier's certificate; nil: Config.Authorities. The
	// same pool means the same connection.
	Authorities *x509.CertPool

	// AcceptFrom lists who may send us calls as this trunk. Empty: the
	// addresses Host resolves to, looked up again when their time is over. Where
	// we are registered may do so too.
	AcceptFrom []netip.Prefix

	// CalledFrom says where the dialled number is looked for, in order: "uri",
	// "to", "p-called-party-id". Empty: uri, to.
	CalledFrom []string

	Timers Timers      // session timers (RFC 4028)
	Prack  Reliability // reliable provisional responses (RFC 3262)

	Asserted Asserted // where it is told who calls, beside From
}

// Timers are the session timers (RFC 4028) that we ask for. Zero is the default.
type Timers struct {
	Expires time.Duration // 0: 30 minutes
	Min     time.Duration // what a peer may not go below; 0: 90 s, the least that RFC 4028 allows
	Off     bool
}

// Reliability says whether provisional responses are acknowledged (RFC 3262).
type Reliability string

// The empty Reliability is ReliableSupported.
const (
	ReliableSupported Reliability = "supported" // with who supports it, where it matters
	ReliableRequired  Reliability = "required"  // who does not support it is refused
	ReliableOff       Reliability = "off"       // who requires it is refused
)

// Account is an agent's phone account.
type Account struct {
	ID        AccountID
	Name      string
	Password  string   // empty: cannot register
	Static    []string // SIP URIs of phones that are always there
	NoOptions bool     // no OPTIONS pings: a binding lives until it expires
}

// Binding is one registered contact, as kept by the store.
type Binding struct {
	Account   AccountID
	Contact   ContactID
	URI       string
	Source    netip.AddrPort
	Transport string // "udp", "tcp" or "tls"
	Local     string // our listener's address, as "ip:port"
	CallID    string
	CSeq      uint32
	Expires   time.Time
	UserAgent string
	Events    string // its Allow-Events
	Instance  string // +sip.instance and reg-id, if the phone has one
	Path      string // of the proxies between (RFC 3327), as the REGISTER had it
	At        time.Time
}

// NameAddr is a display name with the parts of its address that we use.
type NameAddr struct {
	Display string
	User    string
	Host    string // empty in what we send: Config.Domain
}

// Target is where a Dial goes: exactly one of the two is set.
type Target struct {
	Trunk   TrunkID
	Contact ContactID
}

// Dial describes one outbound leg.
type Dial struct {
	ID   LegID  // empty: one is made
	To   Target // a trunk or a phone
	User string // user part at a trunk: the number as the trunk wants it

	From      NameAddr
	PAI       NameAddr // the identity we vouch for, in the header of Trunk.Asserted; zero: none
	Anonymous bool     // From is anonymous, Privacy: id

	// MaxForwards is the Max-Forwards of the INVITE (RFC 7332 §3: the caller's,
	// less one); 0: 70.
	MaxForwards int

	Headers map[string]string // further headers: Diversion, Alert-Info, …
	Offer   []byte            // SDP; nil: an offerless INVITE

	// Media is our media address in the Offer: a trunk's addresses of the other
	// family are not tried. Zero: that of the first one.
	Media netip.Addr

	// AnswerWithin ends the leg with 408 when it is not answered in time; 0:
	// no limit. How long to wait for ringing is the switchboard's business.
	AnswerWithin time.Duration
}

// Reason is a Reason header (RFC 3326). The zero value means none.
type Reason struct {
	Cause    int
	Text     string
	Protocol string // "SIP" (or "") or "Q.850"
}

// Side says who ended a leg.
type Side string

const (
	Ours   Side = "ours"   // our Hangup, Reject or AnswerWithin
	Theirs Side = "theirs" // the peer's BYE, CANCEL or refusal
	Failed Side = "failed" // nobody's wish: timeout, transport, panic
)

// Contact is one live phone of an account.
type Contact struct {
	ID        ContactID
	URI       string
	UserAgent string
	Static    bool
	Since     time.Time
	Source    netip.AddrPort // zero for a static phone
	Private   bool           // it is reached over TLS
}

// Message is one SIP message as it crossed the wire.
type Message struct {
	At        time.Time
	In        bool
	Transport string // "udp", "tcp" or "tls"
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Raw       []byte
}

// Stats are counters since New, except Legs and Transactions.
type Stats struct {
	Legs          int    // alive now
	Transactions  int    // without a final response, or whose refusal waits for its ACK, now
	Received      uint64 // messages parsed
	Sent          uint64 // messages written
	Strangers     uint64 // packets of unknown sources dropped in silence
	Malformed     uint64 // unparsable or without the mandatory headers
	Refused       uint64 // answered by validation: 400, 416, 420, 483, 505 …
	Challenged    uint64 // 401 sent
	WrongPassword uint64 // of these: credentials were given and wrong
	Retransmitted uint64 // requests seen again and absorbed, or answered again
	Repeated      uint64 // our own 2xx repeated for want of an ACK
	Stray         uint64 // responses that matched nothing
	TCPRefused    uint64 // connections closed at once for the limits
	Handshakes    uint64 // of TLS peers that failed
	WriteErrors   uint64
	Panics        uint64

	// Rejections are refusals by the rule that they name, every rule present:
	// malformed, unsupported, hops, loop, no_dialog, busy, stranger,
	// credentials, replay, identity, contact, requests, failures, connections,
	// silent.
	Rejections map[string]uint64
}
