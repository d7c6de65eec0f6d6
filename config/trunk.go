package config

import (
	"net/netip"
	"time"
)

// Trunk is one carrier's account.
type Trunk struct {
	// ID is the trunk's name in the file.
	ID string `yaml:"-"`

	// The carrier's host, host:port or a name with SRV records. Required.
	Host string `yaml:"host" jsonschema:"required"`
	// Transport towards the carrier: udp, tcp, tls, or auto (what its NAPTR and SRV records say, else udp).
	Transport string `yaml:"transport" jsonschema:"enum=auto,enum=udp,enum=tcp,enum=tls"`
	// Certificates in PEM of the authorities that sign this carrier's certificate; empty: those of tls.ca.
	CA string `yaml:"ca"`
	// Register with the carrier: it sends calls to where we are. Needs username and password.
	Register bool `yaml:"register"`
	// How long a registration is asked to last; the carrier has the last word, and it is refreshed before.
	Expires time.Duration `yaml:"expires"`
	// Time between two SIP OPTIONS to each of the carrier's addresses, to know whether it is there; 0s: none.
	Options time.Duration `yaml:"options"`
	// No response at all to a call by then: the carrier's next address is tried, then the next trunk.
	Trying time.Duration `yaml:"trying"`
	// No ringing by then, likewise.
	RingStart time.Duration `yaml:"ring_start"`
	// User for digest authentication.
	Username string `yaml:"username"`
	// Password for digest authentication.
	Password Secret `yaml:"password"`
	// Networks its calls come from; empty: the addresses that host resolves to.
	AcceptFrom []netip.Prefix `yaml:"accept_from"`
	// Other networks its RTP may come from.
	MediaFrom []netip.Prefix `yaml:"media_from"`
	// How digits pass: auto (telephone-events where the carrier does them, else tones in the sound), rfc4733, info (SIP INFO), inband.
	DTMF string `yaml:"dtmf" jsonschema:"enum=auto,enum=rfc4733,enum=info,enum=inband"`
	// Where the dialled number is looked for, in order: uri, to, p-called-party-id.
	CalledFrom []string `yaml:"called_from" jsonschema:"enum=uri,enum=to,enum=p-called-party-id"`
	// How the trunk writes numbers.
	Format Format `yaml:"format"`
	// Session timers (RFC 4028) on this trunk; what is not written is that of the top level.
	SessionTimers SessionTimers `yaml:"session_timers"`
	// Reliable provisional responses (RFC 3262): off, supported, required.
	Prack string `yaml:"prack" jsonschema:"enum=off,enum=supported,enum=required"`
	// Who calls, as this carrier says and is told it.
	Identity Identity `yaml:"identity"`
	// Who makes a blind transfer of this trunk's callers to a number: bridge (the switch, which keeps both legs) or refer (the carrier, and the switch where it will not).
	Transfer string `yaml:"transfer" jsonschema:"enum=bridge,enum=refer"`
	// Encrypt the sound (SRTP, keys by SDES): off, auto, optional, required.
	SRTP string `yaml:"srtp" jsonschema:"enum=off,enum=auto,enum=optional,enum=required"`
	// Most calls at once over this trunk, both directions.
	MaxCalls int `yaml:"max_calls"`
	// What may be dialled over this trunk at most.
	Dial Caps `yaml:"dial"`
	// Our E.164 number shown on calls that leave over this trunk.
	CallerID string `yaml:"caller_id"`
}

// SessionTimers is how long a session lasts without a word of the other side.
type SessionTimers struct {
	// The interval that we ask for; each half of it the session is refreshed. 0s: no timers.
	Expires time.Duration `yaml:"expires"`
	// The shortest that the other side may ask for, 90s or more.
	Min time.Duration `yaml:"min"`
}

// Identity is how a trunk tells who calls, beside From.
type Identity struct {
	// Believe P-Asserted-Identity and Remote-Party-ID of its calls.
	Trust bool `yaml:"trust"`
	// The header in which calls out say who calls: none, pai, ppi, rpid.
	Send string `yaml:"send" jsonschema:"enum=none,enum=pai,enum=ppi,enum=rpid"`
}

// Format is how a trunk writes numbers in each direction.
type Format struct {
	// Numbers the carrier sends: auto, plus (+1415…), e164 (1415…) or national.
	In string `yaml:"in" jsonschema:"enum=auto,enum=plus,enum=e164,enum=national"`
	// Numbers we send: plus, e164 or national.
	Out string `yaml:"out" jsonschema:"enum=plus,enum=e164,enum=national"`
}
