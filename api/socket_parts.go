package api

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"trunkline/call"
	"trunkline/routing"
)

// PartView is an agent's part in a call, with the call's card.
type PartView struct {
	call.Part
	Card Card `json:"card"`
}

// sendParts sends what the agent is in now.
func (p *tab) sendParts(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	parts, err := p.s.cfg.Board.Parts(asking, p.agent)
	if err != nil {
		return ctx.Err() == nil // the switchboard is behind: the next fact asks again
	}
	views, ids := []PartView{}, []call.ID{}
	offers := map[routing.OfferID]bool{}
	hears := p.s.earsOf(who{scope: p.account.Scope, agent: p.account.Agent})
	for _, part := range parts {
		r, err := hears.card(asking, part.Record)
		if err != nil {
			return ctx.Err() == nil
		}
		views = append(views, PartView{part, p.s.cardOf(r, time.Now())})
		ids = append(ids, part.Record.ID)
		if part.Role == call.RoleOffered {
			offers[part.Offer] = true
		}
		if part.Role != call.RoleDialing && !p.asked[part.Record.ID] && part.Record.Contact != "" {
			p.asked[part.Record.ID] = true
			p.tasks.Go(func() { p.history(part.Record) })
		}
	}
	p.s.cfg.Desks.has(p, ids)
	for id := range p.asked {
		if !slices.Contains(ids, id) {
			delete(p.asked, id)
		}
	}
	text, err := json.Marshal(struct {
		Type  string     `json:"type"`
		Parts []PartView `json:"parts"`
	}{"parts", views})
	if err != nil {
		return true
	}
	p.note(offers)
	return p.send(ctx, text)
}

// note remembers since when the page should show which offers.
func (p *tab) note(offers map[routing.OfferID]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range offers {
		if _, sent := p.shown[id]; !sent {
			p.shown[id] = time.Now()
		}
	}
	for id := range p.shown {
		if !offers[id] {
			delete(p.shown, id)
		}
	}
}

// history sends the customer's last calls: whoever answers sees them first.
func (p *tab) history(r call.Record) {
	all, _, err := p.s.cfg.Records(p.s.filter(&pageQuery{Contact: string(r.Contact), Limit: lastCalls + 1}))
	if err != nil {
		return
	}
	cards := []Card{}
	for _, one := range all {
		if one.ID != r.ID && len(cards) < lastCalls {
			one.Offers, one.Sound, one.SRTP, one.Recordings = nil, nil, nil, nil
			cards = append(cards, p.s.cardOf(one, one.Ended))
		}
	}
	text, err := json.Marshal(struct {
		Type  string  `json:"type"`
		Call  call.ID `json:"call"`
		Calls []Card  `json:"calls"`
	}{"history", r.ID, cards})
	if err == nil {
		p.extra(text)
	}
}
