// Package testmail is a mail server for tests, on loopback: it keeps what it is sent,
// refuses to order, and delivers nothing. It imports nothing of ours.
package testmail

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a mail server: STARTTLS, AUTH PLAIN, and refusals to order.
type Server struct {
	t     *testing.T
	l     net.Listener
	tls   *tls.Config // nil: no STARTTLS
	mu    sync.Mutex
	fails []string    // what DATA is answered with, before it is taken
	never [][2]string // what a RCPT has in it, and what it is answered with
	mails []Mail
	came  chan struct{} // holds one: there is another
}

// Mail is one that was taken, with its envelope.
type Mail struct {
	From, To, Auth string // MAIL and RCPT as they were said, a line each; AUTH PLAIN with | for zero bytes
	Private        bool   // by STARTTLS
	Text           []byte
}

// Serve starts one on loopback, for as long as the test runs; without cfg it has no STARTTLS.
func Serve(t *testing.T, cfg *tls.Config) *Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, l: l, tls: cfg, came: make(chan struct{}, 1)}
	var out sync.WaitGroup
	out.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			out.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); out.Wait() })
	return s
}

// Addr is its host:port.
func (s *Server) Addr() string { return s.l.Addr().String() }

// Fail has it answer the next DATA with these, one each, instead of taking them.
func (s *Server) Fail(answers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = append(s.fails, answers...)
}

// Refuse has it answer every RCPT with such an address so.
func (s *Server) Refuse(address, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.never = slices.Insert(s.never, 0, [2]string{address, answer})
}

// rcpt is what a RCPT is answered with; "": it is taken.
func (s *Server) rcpt(line string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.never {
		if strings.Contains(line, n[0]) {
			return n[1]
		}
	}
	return ""
}

func (s *Server) talk(c net.Conn) {
	defer c.Close()
	r, m := bufio.NewReader(c), Mail{}
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	say("220 mail.test ready")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0]); verb {
		case "EHLO":
			say("250-mail.test")
			if s.tls != nil && !m.Private {
				say("250-STARTTLS")
			} else if m.Private {
				say("250-AUTH PLAIN LOGIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			private := tls.Server(c, s.tls)
			c, r, m.Private = private, bufio.NewReader(private), true
		case "AUTH":
			plain, _ := base64.StdEncoding.DecodeString(line[len("AUTH PLAIN "):])
			m.Auth = strings.ReplaceAll(string(plain), "\x00", "|")
			say("235 welcome")
		case "MAIL":
			m.From = line
			say("250 ok")
		case "RCPT":
			if no := s.rcpt(line); no != "" {
				say(no)
				continue
			}
			m.To += line + "\n"
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b bytes.Buffer
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			s.mu.Lock()
			if len(s.fails) > 0 {
				say(s.fails[0])
				s.fails = s.fails[1:]
			} else {
				m.Text = b.Bytes()
				s.mails = append(s.mails, m)
				select {
				case s.came <- struct{}{}:
				default:
				}
				say("250 taken")
			}
			s.mu.Unlock()
		case "QUIT":
			say("221 bye")
			return
		default:
			say("500 what?")
		}
	}
}

// Wait blocks, and gives the mails once there are so many.
func (s *Server) Wait(n int) []Mail {
	s.t.Helper()
	for {
		s.mu.Lock()
		mails := s.mails
		s.mu.Unlock()
		if len(mails) >= n {
			return mails
		}
		select {
		case <-s.came:
		case <-time.After(20 * time.Second):
			s.t.Fatalf("mails: got %d, want %d", len(mails), n)
		}
	}
}

// Sound is the second part of the mail: what is attached to its text.
func (m Mail) Sound() ([]byte, error) {
	mail, err := netmail.ReadMessage(bytes.NewReader(m.Text))
	if err != nil {
		return nil, err
	}
	_, params, err := mime.ParseMediaType(mail.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	parts := multipart.NewReader(mail.Body, params["boundary"])
	if _, err := parts.NextPart(); err != nil {
		return nil, err
	}
	sound, err := parts.NextPart()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(base64.NewDecoder(base64.StdEncoding, sound))
}
