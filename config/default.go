package config

import (
	"net/netip"
	"time"
)

const day = 24 * time.Hour

var defaultTimers = SessionTimers{Expires: 30 * time.Minute, Min: 90 * time.Second}

// Default is the configuration of an empty file. Every call makes a new one.
func Default() *Config {
	return &Config{
		Domain:   "localhost",
		DataDir:  "data",
		Country:  "US",
		Timezone: "UTC",
		Listen: Listen{
			SIP:  []string{"udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"},
			HTTP: []string{"http://127.0.0.1:8080"},
		},
		NAT: NAT{
			External: []netip.Addr{},
			Local: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.0/8"),
				netip.MustParsePrefix("172.16.0.0/12"),
				netip.MustParsePrefix("192.168.0.0/16"),
			},
		},
		DNS: DNS{Servers: []string{}},
		Media: Media{
			Ports:        PortRange{Min: 20000, Max: 29999},
			Codecs:       []string{"PCMU", "PCMA"},
			JitterBuffer: JitterBuffer{Min: 0, Max: 200 * time.Millisecond},
			RTPTimeout:   60 * time.Second,
			HeldTimeout:  30 * time.Minute,
		},
		WebRTC:    WebRTC{Addresses: []netip.Addr{}},
		Calls:     Calls{Max: 500, MaxDuration: 4 * time.Hour},
		Retention: Retention{Records: 365 * day, Recordings: 90 * day, Facts: 365 * day, Anonymous: 30 * day},

		Transcripts: Transcripts{
			Driver: "none", Model: "whisper-1", Key: NewSecret(""), Command: []string{}, Language: "en",
			Timeout: 10 * time.Minute, Tries: 5, AtOnce: 1,
		},
		Webhooks:      []Webhook{},
		HEP:           HEP{ID: 1, Password: NewSecret("")},
		SessionTimers: defaultTimers,

		Trunks:  []Trunk{},
		Numbers: []Number{},
		Dial:    Dial{Allow: []string{"national"}, Deny: []string{}, Trunks: []string{}, Emergency: []string{}},
		Agents:  []Agent{},
		Teams:   []Team{},
		Controls: Controls{
			TransferRing: 30 * time.Second,
			Keys:         Keys{Pause: "*1", Transfer: "*2", Ask: "*3", Swap: "*4", Merge: "*5", Complete: "*6", Cancel: "*0", Hold: "*8"},
			Codes:        Codes{Active: "*40", Away: "*41", WrapUp: "*42", Pickup: "*44", Reclaim: "*11", Echo: "*43", Voicemail: "*97", Listen: "*54", Whisper: "*55", Barge: "*56"},
			Watch:        Watch{Keys: WatchKeys{Listen: "4", Whisper: "5", Barge: "6"}},
		},
		Desk:      Desk{Idle: 12 * time.Hour, Session: 7 * day, OpenID: OpenID{ClientSecret: NewSecret(""), Label: "Sign in with OpenID Connect"}},
		Users:     []User{},
		Callbacks: Callbacks{For: 2 * time.Hour},
		Voicemail: VoicemailSettings{
			Max: 3 * time.Minute, Min: 2 * time.Second, Silence: 8 * time.Second, Full: 100, Mail: MailServer{Password: NewSecret("")},
		},
		Contacts: Contacts{Lookup: Lookup{Secret: NewSecret(""), Timeout: time.Second, Cache: 10 * time.Minute}},
		Flows:    []Flow{},
		Prompts:  Prompts{Language: "en"},
		TTS:      TTS{Command: []string{}, Key: NewSecret(""), Model: "tts-1", Voice: "alloy", Timeout: 30 * time.Second},
		Hours:    []Hours{},
	}
}

// DefaultTrunk is a trunk of which nothing but its name is written.
func DefaultTrunk() Trunk {
	return Trunk{
		Transport:  "auto",
		Expires:    time.Hour,
		Options:    30 * time.Second,
		Trying:     4 * time.Second,
		RingStart:  40 * time.Second,
		AcceptFrom: []netip.Prefix{},
		MediaFrom:  []netip.Prefix{},
		DTMF:       "auto",
		CalledFrom: []string{"uri", "to"},
		Format:     Format{In: "auto", Out: "plus"},
		Transfer:   "bridge",
		MaxCalls:   30,

		SessionTimers: defaultTimers,
		Prack:         "supported",
		SRTP:          "off",
		Identity:      Identity{Send: "none"},
	}
}

// DefaultAgent is an agent of whom nothing but the name is written.
func DefaultAgent() Agent {
	return Agent{Voicemail: Mailbox{Email: []string{}, PIN: NewSecret("")}, CallLimit: 1, Phones: []string{}, SRTP: "auto", Dial: Caps{MaxCalls: 5, MaxMinutesPerDay: 720}, Options: true, Login: NewSecret(""), Role: "agent"}
}

// DefaultUser is a user of whom nothing but the name is written.
func DefaultUser() User { return User{Role: "supervisor", Login: NewSecret("")} }

// DefaultTeam is a team of which nothing but its name is written.
func DefaultTeam() Team {
	return Team{
		Agents:     []string{},
		Presence:   "any",
		Ring:       30 * time.Second,
		RingStart:  4 * time.Second,
		RetryAfter: 5 * time.Minute,
		AwayAfter:  3,
		WrapUp:     30 * time.Second,
		Reclaim:    20 * time.Second,
		Recording:  true,

		Transcripts:      true,
		Voicemail:        Mailbox{Email: []string{}, PIN: NewSecret("")},
		CallbackFirst:    "agent",
		ManualAssignment: "offer",

		ServiceLevel: 20 * time.Second,
		Wallboard:    Wallboard{Wait: WallTime{time.Minute, 3 * time.Minute}, ServiceLevel: WallCount{80, 60}},
	}
}

// DefaultStep is a step of which nothing but its verb is written.
func DefaultStep() Step {
	return Step{
		BargeIn: true,
		Timeout: 5 * time.Second, DigitTimeout: 2 * time.Second, Retries: 2, Ring: 3 * time.Minute, Invalid: Sounds{{Prompt: "invalid-choice"}},
		Trunks: []string{}, CallerID: "trunk",
		Announce:      Announce{First: 10 * time.Second, Every: time.Minute},
		CallbackOffer: CallbackOffer{Prompt: Sounds{{Prompt: "callback-offer"}}},
		Nobody:        Path{Flow: NobodyWait},
		Sticky:        Sticky{Within: 7 * day},
	}
}
