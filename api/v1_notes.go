package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
)

// NotePath names a note on a contact or a call; exported like CallPath.
type NotePath struct {
	ID   string `path:"id" maxLength:"64" doc:"the contact, or the call"`
	Note string `path:"note" maxLength:"64" doc:"the note's id"`
}

// editedNote is a note's new text.
type editedNote struct {
	NotePath
	Key  string `header:"Idempotency-Key" maxLength:"200"`
	Body noteIn
}

// noteRoutes change and delete single notes: who wrote one may, and supervisors. What it said is told to nobody, who
// did it is.
func (s *Server) noteRoutes(api huma.API) {
	route(api, ScopeAgent, "PATCH /v1/contacts/{id}/notes/{note}", "Change a note on a contact: one's own, or as a supervisor any",
		func(ctx context.Context, in *editedNote) (*body[Contact], error) {
			return s.contactNote(ctx, in.NotePath, in.Body.Text)
		})
	route(api, ScopeAgent, "DELETE /v1/contacts/{id}/notes/{note}", "Delete a note on a contact: one's own, or as a supervisor any",
		func(ctx context.Context, in *NotePath) (*body[Contact], error) { return s.contactNote(ctx, *in, "") })
	route(api, ScopeAgent, "PATCH /v1/calls/{id}/notes/{note}", "Change a note on a call, also after it: one's own, or as a supervisor any",
		func(ctx context.Context, in *editedNote) (*body[Card], error) {
			return s.callNote(ctx, in.NotePath, in.Body.Text)
		})
	route(api, ScopeAgent, "DELETE /v1/calls/{id}/notes/{note}", "Delete a note on a call, also after it: one's own, or as a supervisor any",
		func(ctx context.Context, in *NotePath) (*body[Card], error) { return s.callNote(ctx, *in, "") })
}

func (s *Server) contactNote(ctx context.Context, at NotePath, text string) (*body[Contact], error) {
	asks := asker(ctx)
	f := call.Fact{By: routing.AgentID(asks.agent), Reason: "by " + asks.name, State: "note_" + noteActs[text == ""]}
	return viewOf(s.cfg.Board.ChangeContactAs(ctx, desk.ContactID(at.ID), f, func(c *desk.Contact, now time.Time) (err error) {
		c.Notes, err = desk.EditNote(c.Notes, at.Note, text, now, asks.author(), asks.mayNote)
		return err
	}))
}

func (s *Server) callNote(ctx context.Context, at NotePath, text string) (*body[Card], error) {
	asks := asker(ctx)
	f := call.Fact{Kind: call.FactNoted, State: noteActs[text == ""]}
	return s.amend(ctx, at.ID, f, func(r *call.Record, now time.Time) (err error) {
		r.Notes, err = desk.EditNote(r.Notes, at.Note, text, now, asks.author(), asks.mayNote)
		return err
	})
}

// noteActs are what is told of a note, by whether it is gone.
var noteActs = map[bool]string{false: "edited", true: "deleted"}

// mayNote says whether a note is who asks' own, or anybody's to a supervisor.
func (w who) mayNote(n desk.Note) error {
	if w.scope.covers(ScopeSupervisor) || n.By == w.author() {
		return nil
	}
	return &Error{Status: http.StatusForbidden, What: "this note is somebody else's", Cure: "who wrote it may change it, or a supervisor"}
}
