package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"trunkline/call"
)

// echoLasts bounds how long a page may hear itself.
const echoLasts = time.Minute

// phoneWord is what a page is told of its connection as a phone.
type phoneWord struct {
	Type  string  `json:"type"` // phone, echo
	Call  call.ID `json:"call,omitempty"`
	Leg   string  `json:"leg,omitempty"`
	SDP   string  `json:"sdp,omitempty"`
	Error string  `json:"error,omitempty"`
}

func (p *tab) word(w phoneWord, err error) {
	if err != nil {
		w.Error = err.Error()
	}
	if text, err := json.Marshal(w); err == nil {
		p.extra(text)
	}
}

// answer has the page answer a call as its agent's phone, or come back to one.
func (p *tab) answer(ctx context.Context, m said) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	w := phoneWord{Type: "phone", Call: m.Call}
	if !p.inUse.Load() || p.agent == "" {
		p.word(w, errors.New("the Help Desk is in use elsewhere"))
		return
	}
	leg, sdp, err := p.s.cfg.Board.AnswerInBrowser(ctx, p.agent, m.Call, []byte(m.SDP), p.via)
	w.Leg, w.SDP = string(leg), string(sdp)
	p.word(w, err)
	p.look()
}

// echo lets the page hear itself for a while; one echo at a time.
func (p *tab) echo(ctx context.Context, m said) {
	p.endEcho()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	sdp, end, err := p.s.cfg.Board.EchoInBrowser(ctx, []byte(m.SDP), p.via)
	if err == nil {
		timer := time.AfterFunc(echoLasts, end)
		p.mu.Lock()
		p.quiet = func() { timer.Stop(); end() }
		p.mu.Unlock()
	}
	p.word(phoneWord{Type: "echo", SDP: string(sdp)}, err)
}

// endEcho ends it.
func (p *tab) endEcho() {
	p.mu.Lock()
	end := p.quiet
	p.quiet = nil
	p.mu.Unlock()
	if end != nil {
		end()
	}
}
