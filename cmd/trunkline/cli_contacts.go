package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"trunkline/api"
)

// contactsCmd is about who calls.
type contactsCmd struct {
	Find   contactsFindCmd   `cmd:"" help:"Show contacts in which a text is: a name, number, tag or attribute; or one in full by its ID."`
	Import contactsImportCmd `cmd:"" help:"Take contacts from a CSV file. The same file again changes nothing."`
	Export contactsExportCmd `cmd:"" help:"Write all contacts as CSV, which import takes back; or everything kept of one, as a zip file."`
	Merge  contactsMergeCmd  `cmd:"" help:"Merge one contact into another: its numbers, notes and calls are the other's then."`
	Delete contactsDeleteCmd `cmd:"" help:"Delete a contact and everything kept of it: calls, recordings, notes, callbacks."`
}

// contactsFindCmd shows contacts.
type contactsFindCmd struct {
	where
	Text []string `arg:"" optional:"" help:"What is in them, or an ID."`
	Max  int      `default:"50" help:"How many of the newest (at most 1000)."`
	JSON bool     `name:"json" help:"As JSON."`
}

// Run asks for the contacts and shows them.
func (c *contactsFindCmd) Run(t *terminal) error {
	text := strings.Join(c.Text, " ")
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		if len(text) == idLength {
			if one, err := client.Contact(ctx, strings.ToUpper(text)); err == nil {
				if c.JSON {
					return writeJSON(t.out, one)
				}
				return showContact(t.out, one, time.Local)
			}
		}
		all, err := client.Contacts(ctx, text, c.Max)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(t.out, all)
		}
		if len(all) == 0 {
			_, err := fmt.Fprintln(t.out, "no contacts found")
			return err
		}
		rows := newTable(t.out)
		for _, one := range all {
			rows.row(one.ID, one.Kind, cmp.Or(one.Name, "-"), cmp.Or(strings.Join(one.Numbers, " "), "-"), strings.Join(one.Tags, ", "))
		}
		return rows.end()
	})
}

// showContact writes one contact in full.
func showContact(w io.Writer, c api.Contact, zone *time.Location) error {
	fmt.Fprintf(w, "Contact %s\n", c.ID)
	t := newTable(w)
	row := func(name, value string) {
		if value != "" {
			t.row(name, value)
		}
	}
	row("name", c.Name)
	row("kind", c.Kind)
	row("numbers", strings.Join(c.Numbers, ", "))
	row("external id", c.ExternalID)
	row("tags", strings.Join(c.Tags, ", "))
	for _, k := range slices.Sorted(maps.Keys(c.Attributes)) {
		row(k, c.Attributes[k])
	}
	row("made", c.Made.In(zone).Format(time.DateTime))
	row("merged", strings.Join(c.Merged, ", "))
	for _, n := range c.Notes {
		row("note", noteText(n, zone))
	}
	return t.end()
}

// contactsImportCmd takes a file in.
type contactsImportCmd struct {
	where
	File   string   `arg:"" help:"The CSV file; - reads the standard input."`
	DryRun bool     `name:"dry-run" help:"Say what would be done, and change nothing."`
	Map    []string `placeholder:"HEADER=FIELD" sep:"none" help:"What a column is taken for: name, number, external_id, kind, tags, notes, - for nothing, else an attribute."`
	JSON   bool     `name:"json" help:"As JSON."`
}

// fileTimeout bounds what sends a file to the switch or fetches one.
const fileTimeout = 10 * time.Minute

// Run sends the file and tells what became of its lines.
func (c *contactsImportCmd) Run(t *terminal) error {
	var text []byte
	var err error
	if c.File == "-" {
		text, err = io.ReadAll(t.in)
	} else {
		text, err = os.ReadFile(c.File)
	}
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.ctx, fileTimeout)
	defer cancel()
	done, err := client.ImportContacts(ctx, text, c.Map, c.DryRun)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(t.out, done)
	} else {
		err = showImported(t, c.File, done)
	}
	if err == nil && done.Failed > 0 {
		err = fmt.Errorf("%s left out", count(done.Failed, "line"))
	}
	return err
}

func showImported(t *terminal, file string, d api.Imported) error {
	for _, e := range d.Errors {
		fmt.Fprintf(t.err, "%s:%d: ", file, e.Line)
		if e.Column != "" {
			fmt.Fprintf(t.err, "%s: ", e.Column)
		}
		fmt.Fprintln(t.err, e.What)
	}
	if more := d.Failed - len(d.Errors); more > 0 {
		fmt.Fprintf(t.err, "and %d more\n", more)
	}
	for _, h := range slices.Sorted(maps.Keys(d.Columns)) {
		switch field := d.Columns[h]; field {
		case strings.ToLower(h):
		case "-":
			fmt.Fprintf(t.out, "column %q is not read\n", h)
		default:
			fmt.Fprintf(t.out, "column %q is taken for the %s\n", h, field)
		}
	}
	what := ""
	if d.DryRun {
		what = "nothing was changed; it would be "
	}
	_, err := fmt.Fprintf(t.out, "%s%d created, %d updated, %d unchanged, %d left out\n", what, d.Created, d.Updated, d.Unchanged, d.Failed)
	return err
}

// contactsExportCmd writes contacts to a file.
type contactsExportCmd struct {
	where
	ID   string `name:"of" placeholder:"ID" help:"Everything kept of this contact, with its calls and their recordings, as a zip file."`
	File string `arg:"" optional:"" help:"The file to write, which must not exist yet; without one the standard output."`
}

// Run fetches the file.
func (c *contactsExportCmd) Run(t *terminal) error {
	return writeExport(t, c.where, c.File, func(ctx context.Context, client *api.Client, to io.Writer) error {
		return client.ExportContacts(ctx, strings.ToUpper(c.ID), to)
	})
}

// writeExport has a file written that must not exist yet, or, without a name, the standard output.
func writeExport(t *terminal, at where, file string, fetch func(context.Context, *api.Client, io.Writer) error) (err error) {
	client, err := at.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.ctx, fileTimeout)
	defer cancel()
	if file == "" {
		return fetch(ctx, client, t.out)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = fetch(ctx, client, f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(file)
	}
	return err
}

// contactsMergeCmd merges two contacts.
type contactsMergeCmd struct {
	where
	Into string `arg:"" help:"The ID of the one that stays."`
	From string `arg:"" help:"The ID of the one that becomes part of it."`
}

// Run asks for it.
func (c *contactsMergeCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		one, err := client.MergeContacts(ctx, strings.ToUpper(c.Into), strings.ToUpper(c.From))
		if err != nil {
			return err
		}
		return showContact(t.out, one, time.Local)
	})
}

// contactsDeleteCmd deletes a contact.
type contactsDeleteCmd struct {
	where
	ID  string `arg:"" help:"The contact's ID, in full."`
	Yes bool   `help:"Do not ask."`
}

// Run asks whether it is meant, and for it.
func (c *contactsDeleteCmd) Run(t *terminal) error {
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		one, err := client.Contact(ctx, strings.ToUpper(c.ID))
		if err != nil {
			return err
		}
		if !c.Yes {
			fmt.Fprintf(t.err, "Delete %s %s with all calls and recordings, for ever? Type yes: ", cmp.Or(one.Name, "the contact"), strings.Join(one.Numbers, " "))
			var said string
			if _, err := fmt.Fscanln(t.in, &said); err != nil || said != "yes" {
				return usageError{"nothing was deleted; --yes does not ask"}
			}
		}
		d, err := client.DeleteContact(ctx, one.ID)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("contact %s is deleted, with %s\n", d.ID, count(d.Calls, "call"))
		if !d.Done {
			text = fmt.Sprintf("contact %s is being deleted; it goes on by itself, also over a restart\n", d.ID)
		}
		_, err = fmt.Fprint(t.out, text)
		return err
	})
}
