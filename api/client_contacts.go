package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Contacts asks for contacts in which a text is, newest first.
func (c *Client) Contacts(ctx context.Context, text string, most int) (all []Contact, err error) {
	q := url.Values{"q": {text}, "limit": {strconv.Itoa(most)}}
	return all, c.do(ctx, http.MethodGet, "/v1/contacts?"+q.Encode(), nil, &all)
}

// Contact asks for one contact.
func (c *Client) Contact(ctx context.Context, id string) (one Contact, err error) {
	return one, c.do(ctx, http.MethodGet, "/v1/contacts/"+url.PathEscape(id), nil, &one)
}

// MergeContacts merges a contact into another.
func (c *Client) MergeContacts(ctx context.Context, into, from string) (one Contact, err error) {
	return one, c.do(ctx, http.MethodPost, "/v1/contacts/"+url.PathEscape(into)+"/merge", map[string]string{"from": from}, &one)
}

// DeleteContact deletes a contact and everything kept of it.
func (c *Client) DeleteContact(ctx context.Context, id string) (d Deleted, err error) {
	return d, c.do(ctx, http.MethodDelete, "/v1/contacts/"+url.PathEscape(id), nil, &d)
}

// ImportContacts sends a CSV file; columns say what those of it are taken
// for, as HEADER=FIELD.
func (c *Client) ImportContacts(ctx context.Context, file []byte, columns []string, dry bool) (done Imported, err error) {
	q := url.Values{"map": columns}
	if dry {
		q.Set("dry_run", "true")
	}
	resp, err := c.send(ctx, http.MethodPost, importPath+"?"+q.Encode(), "text/csv", file)
	if err != nil {
		return done, err
	}
	defer resp.Body.Close()
	return done, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&done)
}

// ExportContacts writes all contacts as CSV, or, of one, everything kept of it
// as a zip file.
func (c *Client) ExportContacts(ctx context.Context, id string, to io.Writer) error {
	path := "/v1/contacts/export"
	if id != "" {
		path = "/v1/contacts/" + url.PathEscape(id) + "/export"
	}
	return c.copy(ctx, path, to)
}

// copy writes what the switch answers, as it comes.
func (c *Client) copy(ctx context.Context, path string, to io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(to, resp.Body); err != nil {
		return fmt.Errorf("the switch broke off: %w", err)
	}
	return nil
}

// send asks for an answer that is read as it comes.
func (c *Client) send(ctx context.Context, method, path, kind string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://control"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreached(err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		return nil, refusedWith(resp, text)
	}
	return resp, nil
}
