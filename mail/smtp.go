package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// deliverWithin bounds one try.
const deliverWithin = 2 * time.Minute

// errNoTLS is a server that cannot be spoken to in private.
var errNoTLS = errors.New("the server offers no TLS (set voicemail.mail.plain to send without)")

// delivered is what became of a mail's recipients in one try: who has it, and who never will (5yz); the others were
// refused for now (4yz, RFC 5321 4.2.1).
type delivered struct{ sent, refused []string }

// deliver gives a mail to the server for those who have not got it yet; err says why others of them wait, or were refused.
func (q *Queue) deliver(ctx context.Context, s Server, m Mail) (d delivered, err error) {
	text, err := m.message(s.From)
	if err != nil {
		return d, err
	}
	ctx, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	conn, err := q.dial(ctx, "tcp", s.Addr)
	if err != nil {
		return d, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return d, err
	}
	private := &tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	secure := port == "465"
	talk := conn
	if secure {
		talk = tls.Client(conn, private)
	}
	// What is said before MAIL is of us or of the server, not of the mail: it is tried again, whatever its code.
	c, err := smtp.NewClient(talk, host)
	if err != nil {
		return d, fmt.Errorf("greeting: %v", err)
	}
	defer c.Close()
	if err := c.Hello("trunkline"); err != nil {
		return d, fmt.Errorf("EHLO: %v", err)
	}
	if ok, _ := c.Extension("STARTTLS"); ok && !secure {
		if err := c.StartTLS(private); err != nil {
			return d, fmt.Errorf("STARTTLS: %v", err)
		}
		secure = true
	}
	if !secure && (!s.Plain || s.Username != "") {
		return d, errNoTLS
	}
	if s.Username != "" {
		if err := authenticate(c, s, host); err != nil {
			return d, fmt.Errorf("AUTH: %v", err)
		}
	}
	return q.send(c, s.From, m.open(), text)
}

// authenticate proves who we are, by what the server takes: PLAIN (RFC 4616), else LOGIN.
func authenticate(c *smtp.Client, s Server, host string) error {
	_, how := c.Extension("AUTH")
	if strings.Contains(" "+strings.ToUpper(how)+" ", " PLAIN ") || how == "" {
		return c.Auth(smtp.PlainAuth("", s.Username, s.Password, host))
	}
	return c.Auth(&login{s.Username, s.Password})
}

// login is the LOGIN mechanism, which has no RFC and is what some servers have alone. The connection is private.
type login struct{ user, password string }

func (l *login) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

func (l *login) Next(from []byte, more bool) ([]byte, error) {
	switch {
	case !more:
		return nil, nil
	case strings.HasPrefix(strings.ToLower(string(from)), "user"):
		return []byte(l.user), nil
	}
	return []byte(l.password), nil
}

func (q *Queue) send(c *smtp.Client, from string, to []string, text []byte) (d delivered, err error) {
	if err := c.Mail(from); err != nil {
		return d, err
	}
	var taken []string
	var refused, waits error
	for _, a := range to {
		err := c.Rcpt(a)
		var said *textproto.Error
		switch {
		case err == nil:
			taken = append(taken, a)
		case !errors.As(err, &said):
			return d, err
		case said.Code >= 500:
			q.log.Error("a recipient of a message is refused, it is not mailed there", "reason", a, "err", err)
			d.refused, refused = append(d.refused, a), errors.Join(refused, err)
		default:
			waits = errors.Join(waits, err)
		}
	}
	if taken == nil {
		return d, cmp.Or(waits, refused)
	}
	w, err := c.Data()
	if err != nil {
		return d, err
	}
	if _, err := w.Write(text); err != nil {
		return d, err
	}
	if err := w.Close(); err != nil {
		return d, err
	}
	_ = c.Quit() // it is delivered
	d.sent = taken
	return d, waits
}

// address reads an address; nothing but one is sent to, or from.
func address(text string) (string, error) {
	a, err := mail.ParseAddress(text)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", text, err)
	}
	return (&mail.Address{Address: a.Address}).String(), nil
}
