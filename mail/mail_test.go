package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/internal/testca"
	"trunkline/internal/testmail"
)

// stereo is a recording of ours: the caller says 1, 2, 3 … on the left.
func stereo(t *testing.T, dir string) string {
	const frames = 100
	b := make([]byte, 44+4*frames)
	copy(b, "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00")
	binary.LittleEndian.PutUint32(b[24:], 8000)
	binary.LittleEndian.PutUint16(b[34:], 16)
	copy(b[36:], "data")
	binary.LittleEndian.PutUint32(b[40:], 4*frames)
	for i := range frames {
		binary.LittleEndian.PutUint16(b[44+4*i:], uint16(i+1))
	}
	path := filepath.Join(dir, "m.wav")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func queue(t *testing.T, dir string, s Server) *Queue {
	t.Helper()
	q, err := Open(dir, func() Server { return s }, nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func run(t *testing.T, q *Queue) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var out sync.WaitGroup
	out.Go(func() { q.Run(ctx) })
	return func() { cancel(); out.Wait() }
}

func TestAMailWithItsSoundArrivesInPrivate(t *testing.T) {
	ca := testca.New(t)
	roots := ca.Pool()
	s := testmail.Serve(t, &tls.Config{Certificates: []tls.Certificate{*ca.Certificate(time.Time{}, "127.0.0.1")}})
	dir := t.TempDir()
	q := queue(t, filepath.Join(dir, "mail"), Server{Addr: s.Addr(), From: "trunkline@example.com", Username: "u", Password: "p", Roots: roots})
	m := Mail{
		To: []string{"desk@example.com", "boss@example.com"}, Subject: "Message from Zoë\r\nBcc: evil@example.com\r\n\r\nBody",
		Text: "Hello.\n.\nBcc: evil@example.com\n", Sound: stereo(t, dir), Name: "a\"b\r\nX: y.wav", At: time.Now(),
	}
	if err := q.Send(m); err != nil {
		t.Fatal(err)
	}
	stop := run(t, q)
	defer stop()
	one := s.Wait(1)[0]
	if !one.Private || one.Auth != "|u|p" || one.From != "MAIL FROM:<trunkline@example.com> BODY=8BITMIME" || strings.Count(one.To, "\n") != 2 || strings.Contains(one.To, "evil") {
		t.Errorf("the envelope: got %+v, want it in private, from us, to two", one)
	}
	mail, err := netmail.ReadMessage(bytes.NewReader(one.Text))
	if err != nil {
		t.Fatal(err)
	}
	if mail.Header.Get("Bcc") != "" || mail.Header.Get("X") != "" {
		t.Errorf("headers: got %v, want none injected", mail.Header)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(mail.Header.Get("Subject"))
	if err != nil || !strings.HasPrefix(subject, "Message from Zoë") {
		t.Errorf("subject: got %q, %v, want it in one line", subject, err)
	}
	_, params, _ := mime.ParseMediaType(mail.Header.Get("Content-Type"))
	parts := multipart.NewReader(mail.Body, params["boundary"])
	text, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(text); !strings.Contains(string(b), "Hello.\r\n.\r\n") {
		t.Errorf("text: got %q, want it as it was, lone dots too", b)
	}
	wav, err := one.Sound()
	if err != nil || len(wav) != 44+200 || binary.LittleEndian.Uint16(wav[22:]) != 1 || binary.LittleEndian.Uint16(wav[44+2*9:]) != 10 {
		t.Errorf("sound: got %v, %d bytes, %v, want the caller's side alone", err, len(wav), wav[:min(len(wav), 64)])
	}
}

func TestNothingIsSentInClearUnlessAllowed(t *testing.T) {
	s := testmail.Serve(t, nil)
	for _, x := range []struct {
		server Server
		want   bool
	}{
		{Server{}, false}, {Server{Username: "u", Password: "p", Plain: true}, false}, {Server{Plain: true}, true},
	} {
		x.server.Addr, x.server.From = s.Addr(), "a@example.com"
		q := queue(t, t.TempDir(), x.server)
		_, err := q.deliver(t.Context(), x.server, Mail{To: []string{"b@example.com"}, At: time.Now()})
		if (err == nil) != x.want {
			t.Errorf("%+v: got %v, want sent: %v", x.server, err, x.want)
		}
	}
}

func TestAMailIsTriedAgainOverARestart(t *testing.T) {
	s := testmail.Serve(t, nil)
	s.Fail("451 later")
	server := Server{Addr: s.Addr(), From: "a@example.com", Plain: true}
	dir := t.TempDir()
	q := queue(t, dir, server)
	if err := q.Send(Mail{To: []string{"b@example.com"}, Subject: "x", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if wait := q.turn(t.Context()); wait != time.Minute || q.Waiting() != 1 {
		t.Fatalf("after a 451: got a pause of %v and %d mails, want a minute and the mail", wait, q.Waiting())
	}
	q = queue(t, dir, server) // the next process
	id, _ := q.names()
	m, err := q.read(id[0])
	if err != nil || m.Tries != 1 || !m.Next.After(time.Now()) {
		t.Fatalf("the mail on disk: got %+v, %v, want it due in a minute", m, err)
	}
	m.Next = time.Time{}
	if err := q.write(m); err != nil {
		t.Fatal(err)
	}
	if q.turn(t.Context()); q.Waiting() != 0 || len(s.Wait(1)) != 1 {
		t.Errorf("mails: got %d waiting, want it sent once", q.Waiting())
	}
}

func TestWhatIsRefusedForGoodIsGivenUp(t *testing.T) {
	s := testmail.Serve(t, nil)
	s.Fail("550 never")
	server := Server{Addr: s.Addr(), From: "a@example.com", Plain: true}
	q := queue(t, t.TempDir(), server)
	_ = q.Send(Mail{To: []string{"b@example.com"}, At: time.Now()})
	_ = q.Send(Mail{To: []string{"b@example.com"}, Sound: "/nonesuch.wav", At: time.Now()})
	_ = q.Send(Mail{To: []string{"b@example.com"}, At: time.Now().Add(-73 * time.Hour)})
	if q.turn(t.Context()); q.Waiting() != 0 {
		t.Errorf("mails: got %d waiting, want none", q.Waiting())
	}
}

func TestOneRecipientIsRefusedAndTheOthersAreNot(t *testing.T) {
	s := testmail.Serve(t, nil)
	s.Refuse("full@", "452 later")
	s.Refuse("gone@", "550 nobody")
	var log bytes.Buffer
	q := queue(t, t.TempDir(), Server{Addr: s.Addr(), From: "a@example.com", Plain: true})
	q.log = slog.New(slog.NewTextHandler(&log, nil))
	_ = q.Send(Mail{To: []string{"gone@example.com", "b@example.com", "full@example.com"}, At: time.Now()})
	q.turn(t.Context())
	if one := s.Wait(1)[0]; one.To != "RCPT TO:<b@example.com>\n" {
		t.Errorf("sent to: got %q, want b alone", one.To)
	}
	if !strings.Contains(log.String(), "gone@example.com") {
		t.Errorf("log: got %s, want who was refused", &log)
	}
	id, _ := q.names()
	if len(id) != 1 {
		t.Fatalf("mails: got %d waiting, want that of who is full", len(id))
	}
	if m, err := q.read(id[0]); err != nil || strings.Join(m.open(), " ") != "full@example.com" || m.Tries != 1 {
		t.Errorf("what waits: got %+v, %v, want it for full@example.com alone", m, err)
	}
	if !strings.Contains(log.String(), "for full@example.com; done: b@example.com, gone@example.com") {
		t.Errorf("log: got %s, want who waits and who is done with", &log)
	}
	if got, want := q.Stats(), (Stats{Sent: 1, Failed: 1, Again: 1, Queued: 1}); got != want {
		t.Errorf("counts: got %+v, want %+v", got, want)
	}
	s.Refuse("full@", "")
	m, err := q.read(id[0])
	if err != nil {
		t.Fatal(err)
	}
	m.Next = time.Time{}
	if err := q.write(m); err != nil {
		t.Fatal(err)
	}
	q.turn(t.Context())
	one := s.Wait(2)[1]
	if one.To != "RCPT TO:<full@example.com>\n" {
		t.Errorf("sent to: got %q, want full alone", one.To)
	}
	for _, to := range []string{"b@example.com", "full@example.com", "gone@example.com"} {
		if head, _, _ := strings.Cut(string(one.Text), "Subject:"); !strings.Contains(head, to) {
			t.Errorf("To: got %q, want %s in it too", head, to)
		}
	}
	if got, want := q.Stats(), (Stats{Sent: 2, Failed: 1, Again: 1}); got != want {
		t.Errorf("counts: got %+v, want %+v", got, want)
	}
}

// A crash while a mail was written leaves a part of it, which nobody looks at; a withdrawn mail is not written again.
func TestNothingStaysOfMailsThatAreNotToBe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[0-9]*\\") // a name is no pattern
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(dir, partPrefix+"1234")
	if err := os.WriteFile(part, []byte("+14155550123"), 0o600); err != nil {
		t.Fatal(err)
	}
	q := queue(t, dir, Server{})
	if _, err := os.Stat(part); !os.IsNotExist(err) {
		t.Errorf("the part: got %v, want it removed", err)
	}
	for _, sound := range []string{"/a.wav", "/b.wav", "/c.wav"} {
		if err := q.Send(Mail{To: []string{"b@example.com"}, Sound: sound, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	ids, _ := q.names()
	read, err := q.read(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(q.path(ids[1]), q.path(ids[1])+".bad"); err != nil {
		t.Fatal(err)
	}
	if err := q.Withdraw(""); err != nil || q.Waiting() != 2 {
		t.Errorf("withdrawn without a sound: got %v, %d waiting, want both that can be read", err, q.Waiting())
	}
	if err := q.Withdraw("/a.wav", "/b.wav", "/c.wav"); err != nil {
		t.Fatal(err)
	}
	if err := q.rewrite(read); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("the folder: got %v, want nothing", left)
	}
}

func TestAMailWithoutAServerWaitsNotForEver(t *testing.T) {
	q := queue(t, t.TempDir(), Server{})
	_ = q.Send(Mail{To: []string{"b@example.com"}, At: time.Now().Add(-73 * time.Hour)})
	_ = q.Send(Mail{To: []string{"b@example.com"}, At: time.Now()})
	if q.turn(t.Context()); q.Waiting() != 1 {
		t.Errorf("mails: got %d waiting, want the young one", q.Waiting())
	}
}
