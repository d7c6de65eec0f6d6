package config

import (
	"net"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// pinOf is what a phone can type.
var pinOf = regexp.MustCompile(`^[0-9]{4,10}$`)

func (r *reader) checkVoicemail(c *Config) {
	v := c.Voicemail
	r.atLeast("voicemail.max", v.Max, 5*time.Second)
	r.atLeast("voicemail.silence", v.Silence, time.Second)
	r.between("voicemail.full", v.Full, 1, 10_000)
	if v.Max > time.Hour {
		r.fail("voicemail.max", "%s is longer than anybody listens: write 1h or less", written(v.Max))
	}
	if v.Min >= v.Max {
		r.fail("voicemail.min", "%s is not below voicemail.max: no message could be left", written(v.Min))
	}
	m := v.Mail
	if m.Server != "" {
		if host, port, err := net.SplitHostPort(m.Server); err != nil || host == "" || port == "" {
			r.fail("voicemail.mail.server", "%q is no host:port: write such as smtp.example.com:587", m.Server)
		}
		r.mailAddress("voicemail.mail.from", m.From)
	}
	if m.Plain && m.Username != "" {
		r.fail("voicemail.mail.plain", "would send the password of %s in clear: remove plain or username", m.Username)
	}
	for _, a := range c.Agents {
		r.checkMailbox(c, join("agents", a.ID), a.Voicemail)
	}
	for _, t := range c.Teams {
		r.checkMailbox(c, join("teams", t.ID), t.Voicemail)
	}
}

func (r *reader) checkMailbox(c *Config, key string, m Mailbox) {
	if m.Greeting != "" {
		r.checkPrompt(c, join(key, "voicemail.greeting"), m.Greeting)
	}
	if !m.PIN.Empty() && !pinOf.MatchString(m.PIN.Reveal()) {
		r.fail(join(key, "voicemail.pin"), "is no pin: write four to ten digits, in quotes")
	}
	for i, a := range m.Email {
		r.mailAddress(index(join(key, "voicemail.email"), i), a)
	}
	if len(m.Email) > 0 && c.Voicemail.Mail.Server == "" {
		r.fail(join(key, "voicemail.email"), "there is no mail server to send by: write voicemail.mail.server")
	}
}

// checkMailboxStep wants a box that has a pin: whoever calls can come there.
func (r *reader) checkMailboxStep(c *Config, key, name string) {
	r.checkTarget(c, key, name, true)
	box, what := Mailbox{}, "agents"
	if a := c.Agent(name); a != nil {
		box = a.Voicemail
	} else if t := c.Team(name); t != nil {
		box, what = t.Voicemail, "teams"
	} else {
		return
	}
	if box.PIN.Empty() {
		r.fail(key, "would let every caller hear the messages of %s: write %s.%s.voicemail.pin", name, what, name)
	}
}

// mailAddress wants an address alone: without a name, comments or a second one (RFC 5322 addr-spec).
func (r *reader) mailAddress(key, text string) {
	if a, err := mail.ParseAddress(text); err != nil || a.Address != text || strings.ContainsAny(text, "\r\n") {
		r.fail(key, "%q is no mail address: write one such as desk@example.com", text)
	}
}
