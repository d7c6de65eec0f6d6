package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/flight"
	"trunkline/routing"
	"trunkline/store"
)

// CallPath names a call. It is exported for huma, which fills embedded fields of such types alone.
type CallPath struct {
	ID string `path:"id" maxLength:"64" doc:"the call"`
}

// pageQuery asks for some of the call cards.
type pageQuery struct {
	Limit   int       `query:"limit" minimum:"1" maximum:"1000" default:"20" doc:"how many, newest first"`
	Before  string    `query:"before" maxLength:"64" doc:"only older than this call: turns the page"`
	Agent   string    `query:"agent" maxLength:"64" doc:"only calls this agent had part in"`
	Trunk   string    `query:"trunk" maxLength:"64" doc:"only calls over this trunk"`
	From    time.Time `query:"from" doc:"only calls that began then or later"`
	To      time.Time `query:"to" doc:"only calls that began before"`
	Contact string    `query:"contact" maxLength:"64" doc:"only calls of this contact, or of those that have become it"`

	Number    string `query:"number" maxLength:"64" doc:"digits within the caller's, the dialled or a transfer's number"`
	Team      string `query:"team" maxLength:"64" doc:"only calls this team had part in"`
	Flow      string `query:"flow" maxLength:"64"`
	Direction string `query:"direction" enum:"inbound,outbound,internal"`
	Tag       string `query:"tag" maxLength:"64"`
	Note      string `query:"note" maxLength:"128" doc:"a text within a note or the caller's name"`
	Outcome   string `query:"outcome" enum:"accepted,declined,no_answer,busy,unreachable,abandoned,too_late,misconfigured,withdrawn" doc:"of one of its offers: of the agent's and the team's, where those are asked for"`
	Cause     string `query:"cause" maxLength:"64" doc:"why it ended, such as hangup"`
	Answered  string `query:"answered" enum:"yes,no" doc:"whether somebody was talked with"`
	Recorded  bool   `query:"recorded" doc:"only calls with recordings"`
}

// searchTime is how long one page is looked for; what is found by then is a
// page, too.
const searchTime = 2 * time.Second

// filter is what a query asks the store.
func (s *Server) filter(in *pageQuery) store.Filter {
	f := store.Filter{
		Before: call.ID(in.Before), From: in.From, To: in.To, Limit: in.Limit, Agent: routing.AgentID(in.Agent), Team: routing.TeamID(in.Team), Flow: routing.FlowID(in.Flow),
		Number: in.Number, Direction: in.Direction, Tag: in.Tag, Note: in.Note, Outcome: routing.Outcome(in.Outcome), Cause: call.Cause(in.Cause), Recorded: in.Recorded,
		Until: time.Now().Add(searchTime),
	}
	f.Trunk = named(f.Trunk, in.Trunk)
	if in.Contact != "" {
		f.Contact = desk.ContactID(in.Contact)
		if c, there := s.cfg.Board.Contacts().Contact(f.Contact); there {
			f.Contact, f.Also = c.ID, c.Merged
		}
	}
	if in.Answered != "" {
		yes := in.Answered == "yes"
		f.Answered = &yes
	}
	return f
}

// cardOf is CardOf, with the contact as it is called now.
func (s *Server) cardOf(r call.Record, now time.Time) Card {
	c := CardOf(r, now) // without who watched it: CardOf is for agents too
	c.Notes = desk.Named(c.Notes)
	if c.Contact != "" {
		c.Contact = s.cfg.Board.Contacts().Resolve(c.Contact)
	}
	return c
}

// told adds to a card who watched the call, for those who may know.
func told(asks who, c Card) Card {
	if asks.scope.covers(ScopeSupervisor) {
		c.Watched = c.Record.Watched
	}
	return c
}

func (s *Server) callRoutes(api huma.API) {
	route(api, ScopeAgent, "GET /v1/calls", "Calls in progress; an agent's token sees the agent's own",
		func(ctx context.Context, _ *struct{}) (*body[[]Call], error) {
			asks := asker(ctx)
			status, err := s.picture(ctx)
			all := []Call{}
			for _, c := range statusView(status, s.cfg.Version).Calls {
				if asks.scope == ScopeAgent {
					c.Watched = nil
				}
				if asks.scope != ScopeAgent || c.Agent == asks.agent {
					all = append(all, c)
				}
			}
			return answerOf(all, err)
		})
	route(api, ScopeAgent, "GET /v1/calls/{id}", "One call card, also while the call goes on",
		func(ctx context.Context, in *CallPath) (*body[Card], error) {
			r, err := s.record(ctx, in.ID)
			return answerOf(s.worded(told(asker(ctx), s.cardOf(r, time.Now()))), err)
		})
	route(api, ScopeAdmin, "GET /v1/calls/{id}/ladder", "What the legs of a recent call said, without secrets: SIP, decisions, sound",
		func(ctx context.Context, in *CallPath) (*body[flight.Call], error) {
			kept, err := s.kept(ctx, in.ID)
			return answerOf(kept, err)
		})
	route(api, ScopeAdmin, "GET /v1/calls/{id}/ladder.pcap", "The same messages as a pcap file",
		func(ctx context.Context, in *CallPath) (*huma.StreamResponse, error) {
			kept, err := s.kept(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(c huma.Context) {
				_, w := humago.Unwrap(c)
				w.Header().Set("Content-Type", "application/vnd.tcpdump.pcap")
				_ = flight.WritePcap(w, kept.Messages)
			}}, nil
		})
	route(api, ScopeAgent, "GET /v1/records", "Cards of ended calls, newest first; an agent's token sees the agent's own",
		func(ctx context.Context, in *pageQuery) (*page[[]Card], error) {
			asks := asker(ctx)
			if asks.scope == ScopeAgent {
				in.Agent = asks.agent
			}
			all, next, err := s.cfg.Records(s.filter(in))
			if err != nil {
				return nil, err
			}
			out := &page[[]Card]{Next: string(next), Body: []Card{}}
			hears := s.earsOf(asks)
			for _, r := range all {
				if r, err = hears.card(ctx, r); err != nil {
					return nil, err
				}
				out.Body = append(out.Body, told(asks, s.cardOf(r, r.Ended)))
			}
			return out, nil
		})
	s.callLabelRoutes(api)
}

// amend changes the card of a call that who asks may see, and tells who it was.
func (s *Server) amend(ctx context.Context, id string, f call.Fact, change func(*call.Record, time.Time) error) (*body[Card], error) {
	asks := asker(ctx)
	hears := s.earsOf(asks)
	if _, err := s.recordFor(ctx, hears, id); err != nil {
		return nil, err
	}
	f.By, f.Reason = routing.AgentID(asks.agent), "by "+asks.name
	r, err := s.cfg.Board.Amend(ctx, call.ID(id), s.cfg.Card, change, f)
	if err == nil {
		r, err = hears.card(ctx, r)
	}
	return answerOf(s.cardOf(r, time.Now()), err)
}

// callLabelRoutes are notes and tags on calls: during the call and after it.
func (s *Server) callLabelRoutes(api huma.API) {
	amend := func(ctx context.Context, id string, kind call.FactKind, change func(*call.Record, time.Time) error) (*body[Card], error) {
		return s.amend(ctx, id, call.Fact{Kind: kind}, change)
	}
	route(api, ScopeAgent, "POST /v1/calls/{id}/notes", "Add a note to a call, also after it",
		func(ctx context.Context, in *struct {
			CallPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body noteIn
		}) (*body[Card], error) {
			asks := asker(ctx)
			return amend(ctx, in.ID, call.FactNoted, func(r *call.Record, now time.Time) error {
				n, err := desk.NewNote(now, asks.author(), in.Body.Text)
				if err == nil {
					r.Notes, err = desk.AddNote(r.Notes, n)
				}
				return err
			})
		})
	route(api, ScopeAgent, "POST /v1/calls/{id}/tags", "Put tags on a call, and take tags off, also after it",
		func(ctx context.Context, in *struct {
			CallPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body tagsIn
		}) (*body[Card], error) {
			return amend(ctx, in.ID, call.FactTagged, func(r *call.Record, _ time.Time) (err error) {
				tags, err := desk.AddTags(desk.RemoveTags(r.Tags, in.Body.Remove...), in.Body.Add...)
				if err == nil {
					r.Tags = tags
				}
				return err
			})
		})
}

// record finds a call's card, live or kept, that who asks may see, with the recordings that they may hear.
func (s *Server) record(ctx context.Context, id string) (call.Record, error) {
	return s.recordFor(ctx, s.earsOf(asker(ctx)), id)
}

func (s *Server) recordFor(ctx context.Context, hears *ears, id string) (call.Record, error) {
	r, there, err := s.cfg.Board.Record(ctx, call.ID(id))
	if err == nil && !there {
		r, there, err = s.cfg.Card(call.ID(id))
	}
	switch {
	case err != nil:
		return call.Record{}, err
	case !there:
		return call.Record{}, &Error{Status: http.StatusNotFound, What: "there is no such call", Cure: "GET /v1/calls and /v1/records list them"}
	}
	if err := mayCall(hears.asks, r); err != nil {
		return r, err
	}
	return hears.card(ctx, r)
}

// kept is what is kept of a call's messages.
func (s *Server) kept(ctx context.Context, id string) (flight.Call, error) {
	if _, err := s.record(ctx, id); err != nil {
		return flight.Call{}, err
	}
	if kept, there := s.cfg.Ladder(id); there {
		return kept, nil
	}
	return flight.Call{}, &Error{Status: http.StatusNotFound, What: "the messages of this call are not kept any more", Cure: "they are in memory, for an hour after the call's end and until a restart"}
}

// orders is every order on a call in progress: POST /v1/calls/{id}/<name>.
// A new one is a line here, and whatever its verb does in call.
var orders = []struct {
	name    string
	verb    call.Verb
	summary string
}{
	{"hold", call.Hold, "Hold: the other side hears music"},
	{"resume", call.Resume, "End a hold"},
	{"mute", call.Mute, "Mute: nobody hears whoever asks"},
	{"unmute", call.Unmute, "End a mute"},
	{"keypad", call.Keypad, "Press digits for whoever hears the agent"},
	{"pause-recording", call.Pause, "Pause the recording, for seconds or until it is resumed"},
	{"resume-recording", call.Continue, "Resume the recording"},
	{"transfer", call.Transfer, "Transfer to an agent, a team or a number; ask: after a word with them"},
	{"swap", call.Swap, "Swap between the customer and who was asked"},
	{"merge", call.Merge, "All three hear each other"},
	{"complete", call.Complete, "Complete a transfer that was asked first"},
	{"cancel", call.Cancel, "Cancel a transfer: back to the customer"},
	{"answer", call.PickUp, "Answer what rings at the agent's phones: one of them is asked to answer by itself"},
	{"decline", call.Decline, "Decline what rings at the agent's phones: the next agent is rung"},
	{"reclaim", call.Reclaim, "Ring a lost call at its agent's phones"},
	{"hangup", call.Hangup, "End the call"},
}

// orderIn is an order; each reads what it needs of the body, which may be left out.
type orderIn struct {
	CallPath
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"the same key again: the first answer again, done once"`
	Body *orderBody
}

type orderBody struct {
	As     string            `json:"as,omitempty" maxLength:"64" doc:"the agent in the call for whom it is ordered; a token of an agent has that one. Empty: who has the call"`
	To     *call.Destination `json:"to,omitempty" doc:"transfer: exactly one of its fields"`
	Ask    bool              `json:"ask,omitempty" doc:"transfer: talk with them first"`
	For    float64           `json:"for_seconds,omitempty" minimum:"0" maximum:"86400" doc:"pause-recording: resumes by itself; 0: as configured"`
	Digits string            `json:"digits,omitempty" maxLength:"32" doc:"keypad: 0-9, *, # and A-D"`
	Reason string            `json:"reason,omitempty" maxLength:"200" doc:"pause-recording: for the call card"`
}

func (s *Server) orderRoutes(api huma.API) {
	for _, o := range orders {
		route(api, ScopeAgent, "POST /v1/calls/{id}/"+o.name, o.summary,
			func(ctx context.Context, in *orderIn) (*struct{}, error) {
				b := orderBody{}
				if in.Body != nil {
					b = *in.Body
				}
				asks := asker(ctx)
				if asks.scope == ScopeAgent {
					if b.As != "" {
						if err := mayAgent(asks, b.As); err != nil {
							return nil, err
						}
					}
					b.As = asks.agent
				}
				order := call.Order{
					Verb: o.verb, Call: call.ID(in.ID), By: routing.AgentID(b.As), Ask: b.Ask,
					For: time.Duration(b.For * float64(time.Second)), Reason: b.Reason, Digits: b.Digits,
				}
				if o.verb == call.Transfer {
					if b.To == nil || !oneOf(string(b.To.Agent), string(b.To.Team), b.To.Number) {
						return nil, &Error{Status: http.StatusUnprocessableEntity, What: "to is missing or says more than one thing", Cure: `send {"to": {"agent": "ann"}}, {"to": {"team": "support"}} or {"to": {"number": "+14155550100"}}`}
					}
					order.To = *b.To
				}
				return nil, s.cfg.Board.Do(ctx, order)
			})
	}
}

// oneOf says that exactly one of the texts is there.
func oneOf(texts ...string) bool {
	n := 0
	for _, t := range texts {
		if t != "" {
			n++
		}
	}
	return n == 1
}

// named is a text as an identifier of the type of another.
func named[T ~string](_ T, text string) T { return T(text) }
