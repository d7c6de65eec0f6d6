package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/config"
	"trunkline/mail"
	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/store"
)

// voice does what is to be done about messages beside the switchboard's loop, one thing after the other.
type voice struct {
	h     *house
	mails *mail.Queue

	mu   sync.Mutex
	todo []func()
	wake chan struct{} // holds one
}

func (h *house) openVoice() (err error) {
	v := &voice{h: h, wake: make(chan struct{}, 1)}
	v.mails, err = mail.Open(filepath.Join(h.cfg.Data(), "mail"), v.server, nil, h.log)
	h.voice = v
	return err
}

// hands are what the switchboard is given. None of them blocks.
func (v *voice) hands() call.Voice {
	return call.Voice{
		Read: func(path string, then func(*media.Clip, error)) {
			v.later(func() {
				clip, err := readMessage(path)
				then(v.widened(clip, err))
			})
		},
		Erase: func(of call.ID, id recorder.ID, by string) {
			v.later(func() { v.erase(of, id, by) })
		},
		Mail: func(m call.Message, to []string) { v.later(func() { v.mail(m, to) }) },
		Greet: func(box call.Box, path string, then func(*media.Clip, error)) {
			v.later(func() { then(v.greet(box, path)) })
		},
		Greetings: v.greetings(),
	}
}

func (v *voice) later(f func()) {
	v.mu.Lock()
	v.todo = append(v.todo, f)
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// run does it until quit is closed, and then what is left.
func (v *voice) run(quit <-chan struct{}) {
	for ended := false; ; {
		v.mu.Lock()
		todo := v.todo
		v.todo = nil
		v.mu.Unlock()
		for _, f := range todo {
			f()
		}
		if ended && len(todo) == 0 {
			return
		}
		if ended {
			continue
		}
		select {
		case <-quit:
			ended = true
		case <-v.wake:
		}
	}
}

// erase deletes a recording's sound, and says so on the card of its call.
func (v *voice) erase(of call.ID, id recorder.ID, by string) {
	if err := v.h.recorder.Remove(id); err != nil && !errors.Is(err, os.ErrNotExist) {
		v.h.log.Error("a message's sound cannot be deleted", "call", of, "err", err)
		return
	}
	if by == "" {
		return
	}
	card := func(id call.ID) (call.Record, bool, error) {
		v.h.written()
		r, err := v.h.store.Record(id)
		if errors.Is(err, store.ErrNotFound) {
			return r, false, nil
		}
		return r, err == nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if err := v.h.board.RecordingDeleted(ctx, of, card, id, by); err != nil {
		v.h.log.Warn("the card of a deleted message does not say so", "call", of, "err", err)
	}
}

// server is the mail server of the configuration in force.
func (v *voice) server() mail.Server {
	c := v.h.config()
	m := c.Voicemail.Mail
	s := mail.Server{Addr: m.Server, From: m.From, Username: m.Username, Password: m.Password.Reveal(), Plain: m.Plain}
	if m.CA != "" {
		if text, err := os.ReadFile(c.Resolve(m.CA)); err == nil {
			s.Roots = x509.NewCertPool()
			s.Roots.AppendCertsFromPEM(text)
		} else {
			v.h.log.Error("voicemail.mail.ca cannot be read", "err", err)
		}
	}
	return s
}

// mail puts a message into the queue of mails.
func (v *voice) mail(m call.Message, to []string) {
	c := v.h.config()
	who := string(m.Caller)
	if who == "" {
		who = "an unknown number"
	}
	if m.Name != "" {
		who = m.Name + ", " + who
	}
	box := m.Box.String()
	at := m.At.In(c.Location())
	text := fmt.Sprintf("A message for %s.\n\nFrom:    %s\nWhen:    %s\nLength:  %d s\nCall:    %s\n",
		box, who, at.Format("Mon 2 Jan 2006 15:04:05 MST"), int(m.Duration.Seconds()), m.Call)
	err := v.mails.Send(mail.Mail{
		To: to, Subject: fmt.Sprintf("Message for %s from %s (%d s)", box, who, int(m.Duration.Seconds())),
		Text: text, Sound: m.Path, Name: at.Format("20060102-150405") + ".wav", At: time.Now(),
	})
	if err != nil {
		v.h.log.Error("a message is not mailed", "call", m.Call, "err", err)
	}
}

// withdraw removes the mails of a call's messages from the queue, those too that are still to be put there.
func (v *voice) withdraw(ctx context.Context, r call.Record) error {
	var sounds []string
	for _, one := range r.Recordings {
		if one.Voicemail {
			sounds = append(sounds, one.Path)
		}
	}
	if len(sounds) == 0 {
		return nil
	}
	done := make(chan error, 1)
	v.later(func() { done <- v.mails.Withdraw(sounds...) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// voicemail maps the configuration, and finds the greetings.
func (w *flowWiring) voicemail() call.Voicemail {
	c := w.cfg
	v := call.Voicemail{
		Most: c.Voicemail.Max, Least: c.Voicemail.Min, Silence: c.Voicemail.Silence, Full: c.Voicemail.Full, Keep: c.Retention.Recordings,
		Greetings: map[call.Box]string{}, Mail: map[call.Box][]string{}, PINs: map[call.Box]call.PIN{},
	}
	add := func(key string, box call.Box, m config.Mailbox) {
		if m.Greeting != "" {
			w.fail(key+".voicemail.greeting", w.file(m.Greeting))
			v.Greetings[box] = m.Greeting
		}
		if !m.PIN.Empty() {
			v.PINs[box] = call.NewPIN(m.PIN.Reveal())
		}
		if len(m.Email) > 0 {
			v.Mail[box] = m.Email
		}
	}
	for _, a := range c.Agents {
		add("agents."+a.ID, call.Box{Agent: routing.AgentID(a.ID)}, a.Voicemail)
	}
	for _, t := range c.Teams {
		add("teams."+t.ID, call.Box{Team: routing.TeamID(t.ID)}, t.Voicemail)
	}
	return v
}
