package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"trunkline/sip"
)

// ladder prints SIP messages as they cross the switch's wire.
type ladder struct {
	mu    sync.Mutex
	out   io.Writer
	on    bool
	began time.Time
	names map[netip.AddrPort]string
}

func newLadder(out io.Writer) *ladder {
	return &ladder{out: out, names: map[netip.AddrPort]string{}}
}

func (l *ladder) name(a netip.AddrPort, name string) { l.set(func() { l.names[a] = name }) }
func (l *ladder) begin()                             { l.set(func() { l.on, l.began = true, time.Now() }) }
func (l *ladder) end()                               { l.set(func() { l.on = false }) }

func (l *ladder) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *ladder) say(text string) {
	l.set(func() { fmt.Fprintf(l.out, "%7.3fs  %s\n", time.Since(l.began).Seconds(), text) })
}

// message is sip's trace. OPTIONS, the liveness of phones, is left out.
func (l *ladder) message(m sip.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := label(m.Raw, true)
	if !l.on || strings.Contains(text, "OPTIONS") || strings.Contains(text, "REGISTER") {
		return
	}
	peer := l.names[m.Remote]
	if peer == "" {
		peer = m.Remote.String()
	}
	from, to := "switch", peer
	if m.In {
		from, to = peer, "switch"
	}
	fmt.Fprintf(l.out, "%7.3fs  %-7s -> %-7s  %s\n", m.At.Sub(l.began).Seconds(), from, to, text)
}

// label is a SIP message in a line: a request's method, with its URI if
// wanted, a response's status and method, whether it carries a session
// description, and why a call was given up.
func label(raw []byte, uri bool) string {
	head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	text := strings.TrimSuffix(lines[0], " SIP/2.0")
	if !uri && !strings.HasPrefix(text, "SIP/2.0 ") {
		text, _, _ = strings.Cut(text, " ")
	}
	response, isResponse := strings.CutPrefix(text, "SIP/2.0 ")
	for _, h := range lines[1:] {
		name, value, _ := strings.Cut(h, ":")
		switch value = strings.TrimSpace(value); {
		case strings.EqualFold(name, "CSeq") && isResponse:
			_, method, _ := strings.Cut(value, " ")
			text = response + " (" + method + ")"
		case strings.EqualFold(name, "Reason"):
			text += " (" + value + ")"
		}
	}
	if strings.HasPrefix(body, "v=0") {
		text += " (sdp)"
	}
	return text
}
