package api

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/store"
)

const (
	importPath    = "/v1/contacts/import"
	maxImport     = 64 << 20 // bytes of a file
	importTimeout = 5 * time.Minute
	maxWrong      = 1000 // lines that an answer tells of
)

// Imported is what became of a file.
type Imported struct {
	DryRun bool `json:"dry_run" doc:"nothing was changed"`
	Rows   int  `json:"rows"`
	desk.Imported
	Failed  int               `json:"failed" doc:"lines that were left out"`
	Columns map[string]string `json:"columns" doc:"what each column was taken for"`
	Errors  []desk.RowError   `json:"errors" doc:"the first 1000"`
}

// contactPage is how many contacts an export reads at a time.
const contactPage = 256

func (s *Server) contactFileRoutes(api huma.API) {
	operate(api, ScopeAdmin, "POST "+importPath, "Take contacts from a CSV file; the same file again changes nothing",
		func(op *huma.Operation) { op.MaxBodyBytes, op.BodyReadTimeout = maxImport, -1 }, importTimeout,
		func(ctx context.Context, in *struct {
			DryRun  bool     `query:"dry_run" doc:"say what would be done, and change nothing"`
			Map     []string `query:"map,explode" doc:"HEADER=FIELD: what a column is taken for: name, number, external_id, kind, tags, notes, id, first_name, last_name, - for nothing, else an attribute"`
			RawBody []byte   `contentType:"text/csv"`
		}) (*body[Imported], error) {
			if !s.importing.TryLock() {
				return nil, &Error{Status: http.StatusConflict, What: "another import is going on", Cure: "try again when it is done"}
			}
			defer s.importing.Unlock()
			r, err := s.importContacts(ctx, in.RawBody, in.Map, in.DryRun)
			return answerOf(r, err)
		})
	operate(api, ScopeAdmin, "GET /v1/contacts/export", "All contacts as CSV, which import takes back",
		func(op *huma.Operation) { op.Responses = fileOf("text/csv") }, importTimeout,
		func(context.Context, *struct{}) (*huma.StreamResponse, error) {
			return &huma.StreamResponse{Body: func(c huma.Context) {
				_, w := humago.Unwrap(c)
				download(w, "text/csv; charset=utf-8", "contacts.csv")
				if err := exportContacts(w, s.cfg.Board.Contacts()); err != nil {
					s.cfg.Log.Warn("an export of contacts broke off", "err", err)
				}
			}}, nil
		})
	operate(api, ScopeAdmin, "GET /v1/contacts/{id}/export", "Everything kept of a contact: itself, its calls and their recordings, as a zip file, or without the sound as JSON",
		func(op *huma.Operation) { op.Responses = fileOf("application/zip", "application/json") }, importTimeout,
		func(ctx context.Context, in *struct {
			ContactPath
			Format string `query:"format" enum:"zip,json" default:"zip"`
		}) (*huma.StreamResponse, error) {
			all, err := s.allOf(desk.ContactID(in.ID))
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(c huma.Context) {
				_, w := humago.Unwrap(c)
				if in.Format == "json" {
					download(w, "application/json", "contact-"+all.Contact.ID+".json")
					e := json.NewEncoder(w)
					e.SetIndent("", "  ")
					err = e.Encode(all)
				} else {
					download(w, "application/zip", "contact-"+all.Contact.ID+".zip")
					err = all.zip(w)
				}
				if err != nil {
					s.cfg.Log.Warn("an export of a contact broke off", "err", err)
				}
			}}, nil
		})
}

// fileOf describes an answer that is a file.
func fileOf(types ...string) map[string]*huma.Response {
	r := &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{}}
	for _, t := range types {
		r.Content[t] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	}
	return map[string]*huma.Response{"200": r}
}

// download begins an answer that is a file.
func download(w http.ResponseWriter, kind, name string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Cache-Control", "private, no-store")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(10 * time.Minute))
}

// importContacts reads a file and, unless it is a rehearsal, takes its rows.
func (s *Server) importContacts(ctx context.Context, text []byte, maps []string, dry bool) (Imported, error) {
	as := desk.Columns{}
	for _, m := range maps {
		i := strings.LastIndex(m, "=")
		if i <= 0 {
			return Imported{}, bad("map is HEADER=FIELD, such as Telefon=number")
		}
		as[m[:i]] = m[i+1:]
	}
	country := ""
	if s.cfg.Country != nil {
		country = s.cfg.Country()
	}
	rows, columns, wrong, err := desk.ReadCSV(text, country, as)
	if err != nil {
		return Imported{}, &Error{Status: http.StatusUnprocessableEntity, What: err.Error()}
	}
	out := Imported{DryRun: dry, Rows: len(rows) + len(wrong), Columns: columns}
	var more []desk.RowError
	if dry {
		out.Imported, more = s.cfg.Board.Contacts().Rehearse(rows, time.Now())
	} else {
		out.Imported, more, err = s.cfg.Board.ImportContacts(ctx, rows, asker(ctx).name)
	}
	wrong = append(wrong, more...)
	out.Failed, out.Errors = len(wrong), append([]desk.RowError{}, wrong[:min(len(wrong), maxWrong)]...)
	return out, err
}

// exportContacts writes all contacts of whom something is known.
func exportContacts(w io.Writer, book *desk.Book) error {
	out := bufio.NewWriter(w)
	attributes, numbers := book.Shape()
	after, more := desk.ContactID(""), true
	err := desk.WriteCSV(out, attributes, numbers, func() (page []desk.Contact) {
		for len(page) == 0 && more {
			page, after, more = book.Page(after, contactPage)
		}
		return page
	})
	return errors.Join(err, out.Flush())
}

// everything is all that is kept of a contact.
type everything struct {
	Contact   Contact    `json:"contact"`
	Calls     []Card     `json:"calls"`
	Callbacks []Callback `json:"callbacks"`
}

// allOf reads everything kept of a contact.
func (s *Server) allOf(id desk.ContactID) (all everything, err error) {
	c, there := s.cfg.Board.Contacts().Contact(id)
	if !there {
		return all, desk.ErrNoContact
	}
	all = everything{Contact: contactView(c), Calls: []Card{}, Callbacks: []Callback{}}
	whose := call.Erasure{Contact: c.ID, Merged: c.Merged, Numbers: c.Numbers}
	f := store.Filter{Contact: c.ID, Also: c.Merged, Limit: mostCards}
	seen := map[call.ID]bool{}
	take := func(f store.Filter) error {
		for {
			records, next, err := s.cfg.Records(f)
			for _, r := range records {
				if whose.Is(&r) && !seen[r.ID] {
					seen[r.ID] = true
					all.Calls = append(all.Calls, s.cardOf(r, r.Ended))
				}
			}
			if err != nil || next == "" {
				return err
			}
			f.Before = next
		}
	}
	if err := take(f); err != nil {
		return all, err
	}
	for _, n := range c.Numbers { // calls that were not taken have no contact
		if err := take(store.Filter{Number: string(n), Limit: mostCards}); err != nil {
			return all, err
		}
		if s.cfg.Callbacks == nil {
			continue
		}
		asked, err := s.cfg.Callbacks(store.CallbackFilter{Number: string(n), Limit: mostCards})
		if err != nil {
			return all, err
		}
		for _, c := range asked {
			all.Callbacks = append(all.Callbacks, callbackView(c, time.Now()))
		}
	}
	return all, nil
}

// zip writes a zip file with the recordings that are still there.
func (e everything) zip(w io.Writer) error {
	z := zip.NewWriter(w)
	for _, part := range []struct {
		name string
		v    any
	}{{"contact.json", e.Contact}, {"calls.json", e.Calls}, {"callbacks.json", e.Callbacks}} {
		text, err := json.MarshalIndent(part.v, "", "  ")
		if err != nil {
			return err
		}
		f, err := z.Create(part.name)
		if err == nil {
			_, err = f.Write(append(text, '\n'))
		}
		if err != nil {
			return err
		}
	}
	for _, c := range e.Calls {
		for _, r := range c.Recordings {
			plain := strings.TrimSuffix(r.Path, filepath.Ext(r.Path))
			for _, path := range []string{r.Path, plain + ".json", plain + ".transcript.json"} {
				if err := addFile(z, "recordings/"+filepath.Base(path), path); err != nil {
					return err
				}
			}
		}
	}
	return z.Close()
}

// addFile adds a file as it is; one that is not there is left out.
func addFile(z *zip.Writer, name, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	to, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(to, f)
	return err
}
