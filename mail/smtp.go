package mail

import (
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

// deliver gives a mail to the server. Those in later were refused for now alone
// (RFC 5321 4.2.1); err says why, the others are done with.
func (q *Queue) deliver(ctx context.Context, s Server, m Mail) (later []string, err error) {
	text, err := m.message(s.From)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	conn, err := q.dial(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, err
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
		return nil, fmt.Errorf("greeting: %v", err)
	}
	defer c.Close()
	if err := c.Hello("trunkline"); err != nil {
		return nil, fmt.Errorf("EHLO: %v", err)
	}
	if ok, _ := c.Extension("STARTTLS"); ok && !secure {
		if err := c.StartTLS(private); err != nil {
			return nil, fmt.Errorf("STARTTLS: %v", err)
		}
		secure = true
	}
	if !secure && (!s.Plain || s.Username != "") {
		return nil, errNoTLS
	}
	if s.Username != "" {
		if err := authenticate(c, s, host); err != nil {
			return nil, fmt.Errorf("AUTH: %v", err)
		}
	}
	return q.send(c, s.From, m.addresses(), text)
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

func (q *Queue) send(c *smtp.Client, from string, to []string, text []byte) (later []string, err error) {
	if err := c.Mail(from); err != nil {
		return nil, err
	}
	taken := 0
	var refused, waits error
	for _, a := range to {
		err := c.Rcpt(a)
		var said *textproto.Error
		switch {
		case err == nil:
			taken++
		case !errors.As(err, &said):
			return nil, err
		case said.Code >= 500:
			q.log.Error("a recipient of a message is refused, it is not mailed there", "reason", a, "err", err)
			refused = errors.Join(refused, err)
		default:
			later, waits = append(later, a), errors.Join(waits, err)
		}
	}
	if taken == 0 {
		if later != nil {
			return later, waits
		}
		return nil, refused
	}
	w, err := c.Data()
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	_ = c.Quit() // it is delivered
	return later, waits
}

// address reads an address; nothing but one is sent to, or from.
func address(text string) (string, error) {
	a, err := mail.ParseAddress(text)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", text, err)
	}
	return (&mail.Address{Address: a.Address}).String(), nil
}
