package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
	"trunkline/desk"
)

// Contact is a person or company that calls or is called.
type Contact struct {
	ID         string            `json:"id"`
	Kind       string            `json:"kind" enum:"lead,user"`
	Name       string            `json:"name"`
	ExternalID string            `json:"external_id,omitempty" doc:"its name in the company's own system"`
	Numbers    []string          `json:"numbers" doc:"E.164, the main one first"`
	Attributes map[string]string `json:"attributes"`
	Tags       []string          `json:"tags"`
	Notes      []desk.Note       `json:"notes"`
	Made       time.Time         `json:"made"`
	Changed    time.Time         `json:"changed,omitzero"`
	Anonymous  bool              `json:"anonymous,omitempty" doc:"made for one anonymous call"`
	Merged     []string          `json:"merged,omitempty" doc:"the contacts that have become this one"`
}

func contactView(c desk.Contact) Contact {
	out := Contact{
		ID: string(c.ID), Kind: string(c.Kind), Name: c.Name, ExternalID: c.External, Numbers: []string{}, Attributes: c.Attributes.Map(),
		Tags: append([]string{}, c.Tags...), Notes: append([]desk.Note{}, desk.Named(c.Notes)...), Made: c.Made, Changed: c.Changed, Anonymous: c.Anonymous,
	}
	for _, n := range c.Numbers {
		out.Numbers = append(out.Numbers, string(n))
	}
	for _, id := range c.Merged {
		out.Merged = append(out.Merged, string(id))
	}
	return out
}

func viewOf(c desk.Contact, err error) (*body[Contact], error) { return answerOf(contactView(c), err) }

// ContactPath names a contact; exported like CallPath.
type ContactPath struct {
	ID string `path:"id" maxLength:"64" doc:"the contact; one that was merged means the other"`
}

// contactIn is a new contact.
type contactIn struct {
	Kind       string            `json:"kind,omitempty" enum:"lead,user," doc:"lead where it is left out"`
	Name       string            `json:"name,omitempty" maxLength:"128"`
	ExternalID string            `json:"external_id,omitempty" maxLength:"128"`
	Numbers    []string          `json:"numbers,omitempty" maxItems:"20" doc:"in any way of writing; without a plus as in the configured country"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Tags       []string          `json:"tags,omitempty" maxItems:"50"`
}

// contactChange changes what it names.
type contactChange struct {
	Kind       *string            `json:"kind,omitempty" enum:"lead,user"`
	Name       *string            `json:"name,omitempty" maxLength:"128"`
	ExternalID *string            `json:"external_id,omitempty" maxLength:"128"`
	Numbers    *[]string          `json:"numbers,omitempty" maxItems:"20" doc:"all of them"`
	Attributes map[string]*string `json:"attributes,omitempty" doc:"those to change; null takes one away"`
	Tags       *[]string          `json:"tags,omitempty" maxItems:"50" doc:"all of them"`
}

// noteIn is a note to add.
type noteIn struct {
	Text string `json:"text" minLength:"1" maxLength:"4000"`
}

// tagsIn are tags to put on and take off.
type tagsIn struct {
	Add    []string `json:"add,omitempty" maxItems:"50"`
	Remove []string `json:"remove,omitempty" maxItems:"50"`
}

// page is a list with its continuation.
type page[T any] struct {
	Next string `header:"Trunkline-Next" doc:"ask for more with before=this; missing at the end"`
	Body T
}

// contactQuery asks for some of the contacts.
type contactQuery struct {
	Text      string `query:"q" maxLength:"128" doc:"within the name, a number, an attribute, a tag or the external id"`
	Number    string `query:"number" maxLength:"64" doc:"exactly this number, in any way of writing"`
	Tag       string `query:"tag" maxLength:"64"`
	Kind      string `query:"kind" enum:"lead,user"`
	External  string `query:"external_id" maxLength:"128"`
	Anonymous bool   `query:"anonymous" doc:"also those of anonymous callers of whom nothing else is known"`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"how many, newest first"`
	Before    string `query:"before" maxLength:"64" doc:"only older than this contact: turns the page"`
}

func (s *Server) contactRoutes(api huma.API) {
	book := s.cfg.Board.Contacts
	route(api, ScopeAgent, "GET /v1/contacts", "Contacts, newest first",
		func(_ context.Context, in *contactQuery) (*page[[]Contact], error) {
			q := desk.Query{Text: in.Text, Tag: in.Tag, Kind: desk.Kind(in.Kind), External: in.External, Anonymous: in.Anonymous, Limit: in.Limit, Before: desk.ContactID(in.Before)}
			if in.Number != "" {
				all, err := s.numbers([]string{in.Number})
				if err != nil {
					return nil, err
				}
				q.Number = all[0]
			}
			found, more := book().Search(q)
			out := &page[[]Contact]{Body: []Contact{}}
			for _, c := range found {
				out.Body = append(out.Body, contactView(c))
			}
			if more {
				out.Next = string(found[len(found)-1].ID)
			}
			return out, nil
		})
	route(api, ScopeAgent, "GET /v1/contacts/{id}", "One contact",
		func(_ context.Context, in *ContactPath) (*body[Contact], error) {
			c, there := book().Contact(desk.ContactID(in.ID))
			if !there {
				return nil, desk.ErrNoContact
			}
			return viewOf(c, nil)
		})
	route(api, ScopeAgent, "POST /v1/contacts", "Make a contact",
		func(ctx context.Context, in *struct {
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body contactIn
		}) (*body[Contact], error) {
			b := in.Body
			c := desk.Contact{Kind: desk.Kind(b.Kind), Name: b.Name, External: b.ExternalID, Tags: b.Tags}
			for k, v := range b.Attributes {
				c.Attributes = append(c.Attributes, desk.Attribute{Key: k, Value: v})
			}
			var err error
			if c.Numbers, err = s.numbers(b.Numbers); err != nil {
				return nil, err
			}
			return viewOf(s.cfg.Board.MakeContact(ctx, c, asker(ctx).name))
		})
	route(api, ScopeAgent, "PATCH /v1/contacts/{id}", "Change what the body names",
		func(ctx context.Context, in *struct {
			ContactPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body contactChange
		}) (*body[Contact], error) {
			change, err := s.changeOf(in.Body)
			if err != nil {
				return nil, err
			}
			return viewOf(s.cfg.Board.ChangeContact(ctx, desk.ContactID(in.ID), asker(ctx).name, change))
		})
	s.contactLabelRoutes(api)
	s.noteRoutes(api)
	s.contactFileRoutes(api)
}

// changeOf is a change as the switchboard makes it.
func (s *Server) changeOf(b contactChange) (func(*desk.Contact, time.Time) error, error) {
	var numbers []desk.Number
	if b.Numbers != nil {
		var err error
		if numbers, err = s.numbers(*b.Numbers); err != nil {
			return nil, err
		}
	}
	return func(c *desk.Contact, _ time.Time) error {
		if b.Kind != nil {
			c.Kind = desk.Kind(*b.Kind)
		}
		if b.Name != nil {
			c.Name = *b.Name
		}
		if b.ExternalID != nil {
			c.External = *b.ExternalID
		}
		if b.Numbers != nil {
			c.Numbers = numbers
		}
		for k, v := range b.Attributes {
			if v == nil {
				v = new(string)
			}
			c.Attributes = c.Attributes.With(k, *v)
		}
		if b.Tags != nil {
			c.Tags = *b.Tags
		}
		return nil
	}, nil
}

// numbers reads numbers as the configured country writes them.
func (s *Server) numbers(texts []string) (all []desk.Number, err error) {
	country := ""
	if s.cfg.Country != nil {
		country = s.cfg.Country()
	}
	for _, text := range texts {
		n, err := desk.Parse(text, country, desk.FormatAuto)
		if err != nil || !n.IsE164() {
			return nil, &Error{Status: http.StatusUnprocessableEntity, What: "numbers: \"" + text + "\" is no telephone number", Cure: "write it with plus and country code, such as +14155550100"}
		}
		all = append(all, n)
	}
	return all, nil
}

// Deleted is a contact that is no more.
type Deleted struct {
	ID    string `json:"id"`
	Done  bool   `json:"done" doc:"nothing is kept of it any more; false: it is being deleted, also over a restart"`
	Calls int    `json:"calls" doc:"deleted with it"`
}

func (s *Server) contactLabelRoutes(api huma.API) {
	route(api, ScopeAgent, "POST /v1/contacts/{id}/notes", "Add a note to a contact",
		func(ctx context.Context, in *struct {
			ContactPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body noteIn
		}) (*body[Contact], error) {
			asks := asker(ctx)
			return viewOf(s.cfg.Board.ChangeContact(ctx, desk.ContactID(in.ID), asks.name, func(c *desk.Contact, now time.Time) error {
				n, err := desk.NewNote(now, asks.author(), in.Body.Text)
				if err == nil {
					c.Notes, err = desk.AddNote(c.Notes, n)
				}
				return err
			}))
		})
	route(api, ScopeAgent, "POST /v1/contacts/{id}/tags", "Put tags on a contact, and take tags off",
		func(ctx context.Context, in *struct {
			ContactPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body tagsIn
		}) (*body[Contact], error) {
			return viewOf(s.cfg.Board.ChangeContact(ctx, desk.ContactID(in.ID), asker(ctx).name, func(c *desk.Contact, _ time.Time) (err error) {
				c.Tags, err = desk.AddTags(desk.RemoveTags(c.Tags, in.Body.Remove...), in.Body.Add...)
				return err
			}))
		})
	route(api, ScopeSupervisor, "POST /v1/contacts/{id}/merge", "Merge another contact into this one; the other's calls are this one's",
		func(ctx context.Context, in *struct {
			ContactPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body struct {
				From string `json:"from" minLength:"1" maxLength:"64" doc:"the other, which is no more afterwards"`
			}
		}) (*body[Contact], error) {
			return viewOf(s.cfg.Board.MergeContacts(ctx, desk.ContactID(in.ID), desk.ContactID(in.Body.From), asker(ctx).name))
		})
	route(api, ScopeAdmin, "DELETE /v1/contacts/{id}", "Delete a contact and everything kept of it: calls, recordings, notes, callbacks",
		func(ctx context.Context, in *ContactPath) (*body[Deleted], error) {
			e, err := s.deleteContact(ctx, desk.ContactID(in.ID))
			if err != nil {
				return nil, err
			}
			s.once.clear() // answers that are kept may tell of it
			out := Deleted{ID: string(e.Contact)}
			out.Calls, err = s.cfg.Erase(ctx, e)
			if out.Done = err == nil; errors.Is(err, context.DeadlineExceeded) {
				err = nil // it goes on
			}
			return answerOf(out, err)
		})
}

// settling is how long a deletion waits for the last call's card to be whole.
const settling = 3 * time.Second

// deleteContact begins a deletion.
func (s *Server) deleteContact(ctx context.Context, id desk.ContactID) (call.Erasure, error) {
	for until := time.Now().Add(settling); ; {
		e, err := s.cfg.Board.DeleteContact(ctx, id, asker(ctx).name)
		if !errors.Is(err, call.ErrSettling) || time.Now().After(until) {
			return e, err
		}
		select {
		case <-ctx.Done():
			return e, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// author is who signs a note.
func (w who) author() string {
	if w.agent != "" {
		return w.agent
	}
	return w.name
}
