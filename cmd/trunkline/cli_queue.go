package main

import (
	"context"
	"fmt"

	"trunkline/api"
)

// queueCmd closes or opens a team's queue.
type queueCmd struct {
	where
	Team  string `arg:"" help:"The team's name in the configuration."`
	State string `arg:"" enum:"close,open" help:"close (new callers take the unanswered path, who waits stays) or open."`
}

// Run asks for it.
func (c *queueCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		err := client.SetQueue(ctx, c.Team, c.State == "close")
		if err == nil {
			_, err = fmt.Fprintf(t.out, "the queue of %s is %s\n", c.Team, map[string]string{"close": "closed to new callers", "open": "open"}[c.State])
		}
		return err
	})
}

// queueDay is how a team's queue is and how its day went, in words.
func queueDay(q api.Queue) (text string) {
	if q.Closed {
		text = "CLOSED to new callers, "
	}
	text += fmt.Sprintf("today %d answered, %d abandoned", q.Answered, q.Abandoned)
	if q.ServiceLevel != nil {
		text += fmt.Sprintf(", service level %.0f %%", 100**q.ServiceLevel)
	}
	if q.WaitSeconds > 0 {
		text += fmt.Sprintf(", wait about %s (%d %% held)", short(seconds(q.WaitSeconds)), q.WaitConfidence)
	}
	return text
}
