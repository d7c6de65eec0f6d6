package main

import (
	"context"
	"fmt"
	"time"

	"trunkline/api"
)

// wordsCmd shows transcripts.
type wordsCmd struct {
	where
	ID   string `arg:"" optional:"" help:"The call. The last characters of its ID will do."`
	Find string `placeholder:"TEXT" help:"Find calls in which this was said, the newest first."`
	Max  int    `default:"20" help:"How many calls to find (at most 100)."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run asks for the words of a call's recordings, or for calls by words.
func (c *wordsCmd) Run(t *terminal) error {
	if (c.ID == "") == (c.Find == "") {
		return usageError{"name a call, or say --find TEXT"}
	}
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		if c.Find != "" {
			return c.find(ctx, t, client)
		}
		id, err := callID(ctx, client, c.ID)
		if err != nil {
			return err
		}
		card, err := client.Call(ctx, id)
		if err != nil {
			return err
		}
		if len(card.Recordings) == 0 {
			_, err = fmt.Fprintln(t.out, "this call was not recorded")
			return err
		}
		for _, r := range card.Recordings {
			one, err := client.Transcript(ctx, id, r.ID)
			if err == nil && c.JSON {
				err = writeJSON(t.out, one)
			} else if err == nil {
				err = showWords(t, one)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func showWords(t *terminal, one api.Transcript) error {
	if one.Words != nil {
		return one.Words.WriteText(t.out)
	}
	text := map[string]string{
		"none": "not transcribed: see transcripts: in the configuration", "waiting": "waiting to be transcribed",
		"running": "being transcribed", "failed": "the transcript failed",
	}[one.State]
	if one.Why != "" {
		text += ": " + one.Why
	}
	_, err := fmt.Fprintln(t.out, text)
	return err
}

func (c *wordsCmd) find(ctx context.Context, t *terminal, client *api.Client) error {
	page, err := client.FindWords(ctx, c.Find, c.Max)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(t.out, page)
	}
	if len(page.Found) == 0 {
		_, err := fmt.Fprintln(t.out, "nothing was found")
		return err
	}
	rows := newTable(t.out)
	for _, f := range page.Found {
		who := "caller"
		if f.Side == 1 {
			who = "agent"
		}
		rows.row(f.Call, f.Began.In(time.Local).Format(time.DateTime), "+"+short(seconds(f.Start)), who+": "+f.Text)
	}
	return rows.end()
}
