package call

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
)

// Voice is what is done about messages beside the loop. None of it may block; nil: it is not done.
type Voice struct {
	// Read reads a recording, and then calls back from another goroutine.
	Read func(path string, then func(*media.Clip, error))
	// Erase deletes a recording's sound; by whom, for the card; "": nothing is kept of it.
	Erase func(of ID, id recorder.ID, by string)
	// Mail sends a message to these addresses.
	Mail func(m Message, to []string)
	// Greet makes a recording the greeting of a box, or with an empty path takes the recorded one away (the clip is nil then);
	// it is on disk when it calls back, from another goroutine.
	Greet func(box Box, path string, then func(*media.Clip, error))
	// Greetings are those that were recorded before the start.
	Greetings map[Box]*media.Clip
}

// ErrNoMessage answers an order that names a message which is not there.
var ErrNoMessage = errors.New("no such message")

// Messages gives the messages of a box, oldest first; for the zero Box those of every box, box by box.
func (s *Switchboard) Messages(ctx context.Context, box Box) ([]Message, error) {
	return ask(ctx, s, func(time.Time) []Message {
		all := []Message{}
		for _, m := range s.messages {
			if box == (Box{}) || m.Box == box {
				all = append(all, *m)
			}
		}
		slices.SortFunc(all, func(a, b Message) int {
			return cmp.Or(cmp.Compare(a.Box.Team, b.Box.Team), cmp.Compare(a.Box.Agent, b.Box.Agent), cmp.Compare(a.ID, b.ID))
		})
		return all
	})
}

// BoxesOf are the boxes that an agent hears.
func (s *Switchboard) BoxesOf(ctx context.Context, agent routing.AgentID) ([]Box, error) {
	return ask(ctx, s, func(time.Time) []Box { return s.boxesOf(agent) })
}

// messageOrder does something about a message on the loop.
func (s *Switchboard) messageOrder(ctx context.Context, id recorder.ID, f func()) error {
	return s.ordered(ctx, func() error {
		if s.messages[id] == nil {
			return ErrNoMessage
		}
		f()
		return nil
	})
}

// HeardMessage notes that a message was heard.
func (s *Switchboard) HeardMessage(ctx context.Context, id recorder.ID, by string) error {
	return s.messageOrder(ctx, id, func() { s.messageHeard(id, by) })
}

// DeleteMessage deletes a message with its sound.
func (s *Switchboard) DeleteMessage(ctx context.Context, id recorder.ID, by string) error {
	return s.messageOrder(ctx, id, func() { s.deleteMessage(id, by) })
}
