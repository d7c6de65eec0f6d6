package config

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config is one trunkline.yaml with every default filled in. Lists that are
// mappings in the file (trunks, numbers, agents, teams, flows) keep the file's
// order, because the order decides where two entries claim the same thing.
type Config struct {
	// File is the path the configuration was read from, as it was given; empty for Default.
	File string `yaml:"-"`
	// Warnings are the things that are allowed but surely not meant, in file order.
	Warnings []Problem `yaml:"-"`
	// places are the lines and columns of the keys that were read.
	places map[string]spot `yaml:"-"`
	// zones are the time zones that it names.
	zones map[string]*time.Location `yaml:"-"`

	// SIP domain and digest realm of the agents' phones.
	Domain string `yaml:"domain"`
	// Folder of the store, the recordings and control.sock, relative to this file; made if missing.
	DataDir string `yaml:"data_dir"`
	// ISO 3166 code of the country whose numbering plan numbers without + are read by.
	Country string `yaml:"country"`
	// IANA name of the time zone that hours and reports are in.
	Timezone string `yaml:"timezone"`

	// Sockets the switch opens.
	Listen Listen `yaml:"listen"`
	// Who is on our side of the network address translation.
	NAT NAT `yaml:"nat"`
	// Certificate of the encrypted listeners, and the authorities of the peers'.
	TLS TLS `yaml:"tls"`
	// Who is asked for the addresses of names.
	DNS DNS `yaml:"dns"`
	// Ports, codecs and time limits of the sound.
	Media Media `yaml:"media"`
	// Phones in the browser.
	WebRTC WebRTC `yaml:"webrtc"`
	// Limits on calls.
	Calls Calls `yaml:"calls"`
	// How long things are kept.
	Retention Retention `yaml:"retention"`
	// How recordings become words.
	Transcripts Transcripts `yaml:"transcripts"`
	// Receivers of facts over HTTP, by name.
	Webhooks []Webhook `yaml:"webhooks,keyed"`
	// The Homer collector that gets a copy of the signalling.
	HEP HEP `yaml:"hep"`
	// Session timers (RFC 4028) of the phones, and of trunks that say nothing else.
	SessionTimers SessionTimers `yaml:"session_timers"`

	// Carriers' accounts, by name. Where two claim one address, the first in the file has it.
	Trunks []Trunk `yaml:"trunks,keyed"`
	// What the world dials, by E.164 number; a number that is not here gets 404.
	Numbers []Number `yaml:"numbers,keyed"`
	// What agents, forwards and callbacks may dial.
	Dial Dial `yaml:"dial"`
	// People who take calls, by name. The name is the identity and the SIP user.
	Agents []Agent `yaml:"agents,keyed"`
	// Named sets of agents. Agents and teams share one namespace.
	Teams []Team `yaml:"teams,keyed"`
	// The Help Desk, the page at listen.http.
	Desk Desk `yaml:"desk"`
	// People who sign in at the Help Desk and take no calls, by name.
	Users []User `yaml:"users,keyed"`
	// What agents can do with calls, by order and by their phones' keys.
	Controls Controls `yaml:"controls"`
	// Requests to be rung back.
	Callbacks Callbacks `yaml:"callbacks"`
	// Messages that callers leave.
	Voicemail VoicemailSettings `yaml:"voicemail"`
	// Who calls.
	Contacts Contacts `yaml:"contacts"`
	// The prompts that flows play.
	Prompts Prompts `yaml:"prompts"`
	// What speaks the texts of flows when the configuration is loaded.
	TTS TTS `yaml:"tts"`
	// When somebody is there, by name, for the hours steps of flows.
	Hours []Hours `yaml:"hours,keyed"`
	// What a caller passes through, by name.
	Flows []Flow `yaml:"flows,keyed"`
}

// Listen names the sockets the switch opens.
type Listen struct {
	// SIP listeners: udp://host:port, tcp://host:port and tls://host:port. Port 0 takes a free one.
	SIP []string `yaml:"sip"`
	// HTTP listeners: https://host:port, and http://host:port on this machine. Without
	// tls.cert a self-signed certificate is made and kept in data_dir.
	HTTP []string `yaml:"http"`
}

// HTTPS says whether there is an https listener.
func (c *Config) HTTPS() bool {
	return slices.ContainsFunc(c.Listen.HTTP, func(url string) bool { return strings.HasPrefix(url, "https://") })
}

// NAT says which addresses are ours outside and who is inside.
type NAT struct {
	// Our public addresses, told to peers outside the local networks.
	External []netip.Addr `yaml:"external"`
	// Networks on our side, whose peers are told our local address.
	Local []netip.Prefix `yaml:"local"`
}

// DNS says who is asked for the addresses of names.
type DNS struct {
	// Name servers by address, or address:port; empty: those of the system (resolv.conf).
	Servers []string `yaml:"servers"`
}

// TLS names the files of the certificate, relative to the configuration file.
type TLS struct {
	// Certificate chain in PEM.
	Cert string `yaml:"cert"`
	// Private key in PEM.
	Key string `yaml:"key"`
	// Certificates in PEM of the authorities that sign the carriers' certificates; empty: those of the system.
	CA string `yaml:"ca"`
}

// Media is what the sound needs.
type Media struct {
	// UDP ports for RTP and RTCP, two for each leg.
	Ports PortRange `yaml:"ports"`
	// Codecs in order of preference: PCMU, PCMA, G722.
	Codecs []string `yaml:"codecs" jsonschema:"enum=PCMU,enum=PCMA,enum=G722"`
	// How long packets wait to be put in order.
	JitterBuffer JitterBuffer `yaml:"jitter_buffer"`
	// Longest time without sound on a live leg before it is given up.
	RTPTimeout time.Duration `yaml:"rtp_timeout"`
	// The same for a leg on hold.
	HeldTimeout time.Duration `yaml:"held_timeout"`
}

// WebRTC is where browsers reach us whose Help Desk is their agent's phone.
type WebRTC struct {
	// UDP port of all browsers; 0: one of media.ports.
	Port int `yaml:"port" jsonschema:"minimum=0,maximum=65535"`
	// Our addresses as browsers are told them; empty: nat.external, and those that listen.sip is at.
	Addresses []netip.Addr `yaml:"addresses"`
}

// JitterBuffer bounds the delay of the jitter buffer.
type JitterBuffer struct {
	// Smallest delay.
	Min time.Duration `yaml:"min"`
	// Largest delay.
	Max time.Duration `yaml:"max"`
}

// PortRange is a range of UDP ports, both ends included.
type PortRange struct{ Min, Max uint16 }

// Calls limits calls.
type Calls struct {
	// Most calls at once; a further one gets 503.
	Max int `yaml:"max"`
	// Longest stay of a call.
	MaxDuration time.Duration `yaml:"max_duration"`
}

// Retention says how long things are kept.
type Retention struct {
	// Call cards.
	Records time.Duration `yaml:"records"`
	// Recordings.
	Recordings time.Duration `yaml:"recordings"`
	// What happened, as numbered facts.
	Facts time.Duration `yaml:"facts"`
	// Contacts of anonymous callers of whom nothing else was written down.
	Anonymous time.Duration `yaml:"anonymous"`
}

// Contacts is how callers are known.
type Contacts struct {
	// Every call in makes a new lead, also where a contact has the number.
	AlwaysCreateLead bool `yaml:"always_create_lead"`
	// Who is asked over HTTP what is known of a number.
	Lookup Lookup `yaml:"lookup"`
}

// Lookup asks another system, such as a CRM, who calls.
type Lookup struct {
	// Where the question is posted to, https:// or http://; empty: nobody is asked.
	URL string `yaml:"url"`
	// Secret of the signature, 16 characters or more.
	Secret Secret `yaml:"secret"`
	// No answer by then: the question is given up. A call waits 300ms for it at most, and shows the answer whenever it comes.
	Timeout time.Duration `yaml:"timeout"`
	// How long the same number is not asked for again.
	Cache time.Duration `yaml:"cache"`
	// Its address may be private or loopback.
	Private bool `yaml:"private"`
}

// Webhook is one receiver of facts.
type Webhook struct {
	// ID is the webhook's name in the file.
	ID string `yaml:"-"`

	// Where facts are posted to, https:// or http://. Required.
	URL string `yaml:"url" jsonschema:"required"`
	// Secret of the signature, 16 characters or more. Required.
	Secret Secret `yaml:"secret" jsonschema:"required"`
	// Kinds of facts, such as call.ended; empty: all.
	Facts []string `yaml:"facts"`
	// Its address may be private or loopback.
	Private bool `yaml:"private"`
}

// HEP is the Homer collector (HEP3 over UDP).
type HEP struct {
	// Where it listens, as udp://host:port; empty: nothing is sent.
	To string `yaml:"to"`
	// Our number as a capture agent.
	ID int `yaml:"id"`
	// What the collector asks for, if it does.
	Password Secret `yaml:"password"`
}

// VoicemailSettings is about the messages that callers leave, in the box of a team or an agent.
type VoicemailSettings struct {
	// Longest message.
	Max time.Duration `yaml:"max"`
	// A shorter one is none, and so is one in which nothing is said.
	Min time.Duration `yaml:"min"`
	// Silence that ends a message.
	Silence time.Duration `yaml:"silence"`
	// Messages that a box takes.
	Full int `yaml:"full"`
	// The mail server that messages are sent by.
	Mail MailServer `yaml:"mail"`
}

// MailServer is an SMTP server.
type MailServer struct {
	// Its host:port; empty: nothing is mailed. Port 465 is TLS from the start; on others STARTTLS is used where it is offered.
	Server string `yaml:"server"`
	// The address that mails come from.
	From string `yaml:"from"`
	// User for authentication; empty: none.
	Username string `yaml:"username"`
	// Password for authentication.
	Password Secret `yaml:"password"`
	// Certificates in PEM of the authorities that sign the server's; empty: those of the system.
	CA string `yaml:"ca"`
	// Send without TLS if the server has none. Never with a username.
	Plain bool `yaml:"plain"`
}

// Mailbox is the voicemail box of a team or an agent.
type Mailbox struct {
	// The greeting: a shipped prompt or a WAV file; empty: the shipped one. One recorded by phone takes its place.
	Greeting string `yaml:"greeting"`
	// Digits that open the box from other phones and from outside; empty: it opens to its own agents' phones alone.
	PIN Secret `yaml:"pin"`
	// Addresses that messages are mailed to.
	Email []string `yaml:"email"`
}

// Callbacks is about requests to be rung back.
type Callbacks struct {
	// How long a request is offered to agents; after that it is for the hand alone.
	For time.Duration `yaml:"for"`
	// Hours by the clock where the customer's number is, such as 21:00-08:00, in which it is not offered; they do not prolong for. Empty: none.
	Quiet string `yaml:"quiet"`
}

// Resolve gives the path of a file that the configuration names: relative
// names are relative to the configuration file's folder.
func (c *Config) Resolve(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.File), name)
}

// Data is the path of the data folder.
func (c *Config) Data() string { return c.Resolve(c.DataDir) }

// Location is the time zone. Read has checked that it exists; without a
// reading an unknown name gives UTC.
func (c *Config) Location() *time.Location {
	if loc, err := c.zone(c.Timezone); err == nil {
		return loc
	}
	return time.UTC
}

// zone is the time zone of a name: a reading remembers it, because each look reads the disk.
func (c *Config) zone(name string) (*time.Location, error) {
	if loc := c.zones[name]; loc != nil {
		return loc, nil
	}
	return time.LoadLocation(name)
}

// zone is Config.zone while the file is read: it remembers.
func (r *reader) zone(c *Config, name string) (*time.Location, error) {
	loc, err := c.zone(name)
	if err == nil {
		if c.zones == nil {
			c.zones = make(map[string]*time.Location)
		}
		c.zones[name] = loc
	}
	return loc, err
}
