package desk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// Row is one contact of a CSV file: what it says, and nothing of what it
// leaves empty.
type Row struct {
	Line    int // where it begins in the file
	Contact Contact
}

// RowError says what is wrong with a line of a CSV file.
type RowError struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	What   string `json:"error"`
}

// Columns say what each column of a CSV file is taken for, by its header.
type Columns map[string]string

// The fields that a column can be. Whatever else is an attribute of that name.
const (
	fieldID       = "id"
	fieldExternal = "external_id"
	fieldName     = "name"
	fieldFirst    = "first_name"
	fieldLast     = "last_name"
	fieldKind     = "kind"
	fieldNumber   = "number"
	fieldTags     = "tags"
	fieldNotes    = "notes"
	fieldNone     = "-"
	attribute     = "attribute "
)

// headers are the names that columns have in other systems' files.
var headers = map[string]string{
	"id": fieldID, "contact id": fieldID,
	"external id": fieldExternal, "externalid": fieldExternal, "user id": fieldExternal, "customer id": fieldExternal, "customer number": fieldExternal, "kundennummer": fieldExternal,
	"name": fieldName, "full name": fieldName, "display name": fieldName, "contact name": fieldName,
	"first name": fieldFirst, "given name": fieldFirst, "vorname": fieldFirst,
	"last name": fieldLast, "surname": fieldLast, "family name": fieldLast, "nachname": fieldLast,
	"kind": fieldKind,
	"tags": fieldTags, "tag": fieldTags, "labels": fieldTags, "groups": fieldTags,
	"notes": fieldNotes, "note": fieldNotes, "comment": fieldNotes, "comments": fieldNotes,
	"made": fieldNone, "changed": fieldNone,
}

var numberHeader = regexp.MustCompile(`^((business|home|work|mobile|main|other|private|primary|company|secondary) )?(phone|number|numbers|telephone|tel|telefon|telefonnummer|mobile|mobil|cell|cellphone|handy|phone number|mobile number|telephone number)( value)?( ?[0-9]{1,2})?( value)?$`)

// columnOf is what a header is taken for.
func columnOf(header string) string {
	plain := strings.Join(strings.Fields(strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(header))), " ")
	if field, known := headers[plain]; known {
		return field
	}
	if numberHeader.MatchString(plain) {
		return fieldNumber
	}
	if name, ok := strings.CutPrefix(header, "attribute "); ok {
		header = name
	}
	return attribute + CleanName(header)
}

// ErrCSV is wrapped by what is wrong with a CSV file as a whole.
var ErrCSV = errors.New("not a CSV file of contacts")

// ReadCSV reads contacts from a CSV file: UTF-8, or UTF-16 with a byte order
// mark; fields divided by comma, semicolon or tab, whichever the first line
// has most of; quoted fields may hold several lines. The first line names the
// columns; as overrules what their headers are taken for. Numbers are read as
// of a country. Lines with errors give no row.
func ReadCSV(text []byte, country string, as Columns) (rows []Row, columns Columns, wrong []RowError, err error) {
	text, err = plainText(text)
	if err != nil {
		return nil, nil, nil, err
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = divider(text)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: its first line must name the columns, such as name,number", ErrCSV)
	}
	in := importer{country: country, header: slices.Clone(head), ids: map[ContactID]int{}}
	in.rows = make([]Row, 0, min(bytes.Count(text, []byte("\n")), 1<<17))
	columns, err = in.plan(as)
	if err != nil {
		return nil, columns, nil, err
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return in.rows, columns, in.wrong, nil
		}
		if err != nil {
			in.broken(err)
			continue
		}
		line, _ := r.FieldPos(0)
		in.row(line, record)
	}
}

// plainText is the text in UTF-8, without a byte order mark.
func plainText(text []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(text, []byte{0xEF, 0xBB, 0xBF}):
		text = text[3:]
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		big := text[0] == 0xFE
		units := make([]uint16, 0, len(text)/2)
		for i := 2; i+1 < len(text); i += 2 {
			u := uint16(text[i]) | uint16(text[i+1])<<8
			if big {
				u = u<<8 | u>>8
			}
			units = append(units, u)
		}
		text = []byte(string(utf16.Decode(units)))
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%w: it has zero bytes in it: save the sheet as CSV", ErrCSV)
	}
	return text, nil
}

// divider is what divides the fields of the first line.
func divider(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', 0
	for _, d := range ",;\t" {
		n, quoted := 0, false
		for _, r := range string(line) {
			if r == '"' {
				quoted = !quoted
			}
			if r == d && !quoted {
				n++
			}
		}
		if n > most {
			best, most = d, n
		}
	}
	return best
}

// importer reads the lines of one file.
type importer struct {
	country string
	header  []string
	fields  []string // what each column is taken for

	rows  []Row
	wrong []RowError
	ids   map[ContactID]int // lines by the id they have
}

// plan decides what each column is taken for.
func (in *importer) plan(as Columns) (Columns, error) {
	columns := Columns{}
	for i, h := range in.header {
		if !utf8.ValidString(h) {
			return nil, fmt.Errorf("%w: it is not in UTF-8: save it as \"CSV UTF-8\"", ErrCSV)
		}
		h = strings.TrimSpace(unguard(h))
		in.header[i] = h
		field := columnOf(h)
		if other, told := as[h]; told {
			if field = other; field != fieldNone && field != fieldNumber && !slices.Contains([]string{fieldID, fieldExternal, fieldName, fieldFirst, fieldLast, fieldKind, fieldTags, fieldNotes}, field) {
				field = attribute + CleanName(strings.TrimPrefix(field, attribute))
			}
		}
		if h == "" && as[h] == "" {
			field = fieldNone
		}
		if first := slices.Index(in.fields, field); first >= 0 && field != fieldNumber && field != fieldNone {
			return columns, fmt.Errorf("%w: the columns %q and %q are both taken for the %s: map one to another, or to - to leave it out", ErrCSV, in.header[first], h, field)
		}
		in.fields = append(in.fields, field)
		columns[h] = field
	}
	for h := range as {
		if !slices.Contains(in.header, h) {
			return columns, fmt.Errorf("%w: there is no column %q to map: it has %s", ErrCSV, h, strings.Join(in.header, ", "))
		}
	}
	if !slices.ContainsFunc(in.fields, func(f string) bool { return slices.Contains([]string{fieldNumber, fieldExternal, fieldID}, f) }) {
		return columns, fmt.Errorf("%w: no column is a number, external_id or id, so its people could not be told apart: name one so, or map one", ErrCSV)
	}
	return columns, nil
}

func (in *importer) fail(line int, column, format string, args ...any) {
	in.wrong = append(in.wrong, RowError{line, column, fmt.Sprintf(format, args...)})
}

// broken tells of a line that is not CSV.
func (in *importer) broken(err error) {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		in.fail(0, "", "%v", err)
		return
	}
	what := p.Err.Error()
	switch {
	case errors.Is(p.Err, csv.ErrQuote):
		what = "has a quotation mark where none may be: a field with one in it is written in quotation marks, and the one within doubled"
	case errors.Is(p.Err, csv.ErrBareQuote):
		what = "has a quotation mark in a field that does not begin with one: write the field in quotation marks, and the one within doubled"
	}
	in.fail(p.StartLine, "", "%s", what)
}

// row reads one line.
func (in *importer) row(line int, record []string) {
	if !slices.ContainsFunc(record, func(f string) bool { return strings.TrimSpace(f) != "" }) {
		return
	}
	if len(record) > len(in.fields) {
		in.fail(line, "", "has %d fields, and the first line names %d columns: is a field with a comma not in quotation marks?", len(record), len(in.fields))
		return
	}
	c := Contact{}
	var first, last string
	before := len(in.wrong)
	for i, cell := range record {
		if !utf8.ValidString(cell) {
			in.fail(line, in.header[i], "is not in UTF-8: save the file as \"CSV UTF-8\"")
			return
		}
		cell = strings.TrimSpace(unguard(cell))
		if cell == "" {
			continue
		}
		switch in.fields[i] {
		case fieldFirst:
			first = cell
		case fieldLast:
			last = cell
		default:
			in.cell(line, i, cell, &c)
		}
	}
	if whole := strings.TrimSpace(first + " " + last); c.Name == "" && whole != "" {
		c.Name = whole
	}
	if len(in.wrong) > before {
		return
	}
	kind := c.Kind
	c, err := c.Clean()
	c.Kind = kind // "": left as it is
	switch {
	case err != nil:
		in.fail(line, "", "%v", err)
	case len(c.Numbers) == 0 && c.External == "" && c.ID == "":
		in.fail(line, "", "has no number, external_id or id: give one")
	case c.ID != "" && in.ids[c.ID] != 0:
		in.fail(line, "", "has the id of line %d: leave the id empty", in.ids[c.ID])
	default:
		if c.ID != "" {
			in.ids[c.ID] = line
		}
		in.rows = append(in.rows, Row{line, c})
	}
}

var scientific = regexp.MustCompile(`^[0-9][.,][0-9]+E\+?[0-9]+$`)

// cell takes one field into a contact.
func (in *importer) cell(line, column int, cell string, c *Contact) {
	header := in.header[column]
	switch field := in.fields[column]; field {
	case fieldNone:
	case fieldID:
		if _, err := ulid.ParseStrict(cell); err != nil {
			in.fail(line, header, "%q is no id of this switch: leave it empty, or call the column external_id", cell)
		}
		c.ID = ContactID(strings.ToUpper(cell))
	case fieldExternal:
		c.External = cell
	case fieldName:
		c.Name = cell
	case fieldKind:
		switch k := strings.ToLower(cell); k {
		case "lead":
			c.Kind = Lead
		case "user", "customer":
			c.Kind = User
		default:
			in.fail(line, header, "%q is no kind: write lead or user", cell)
		}
	case fieldNumber:
		in.number(line, header, cell, c)
	case fieldTags:
		for _, t := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(",;|", r) }) {
			if t = strings.TrimSpace(t); t != "" {
				c.Tags = append(c.Tags, t)
			}
		}
	case fieldNotes:
		in.notes(line, header, cell, c)
	default:
		c.Attributes = c.Attributes.With(strings.TrimPrefix(field, attribute), cell)
	}
}

// number reads a field that may hold several numbers.
func (in *importer) number(line int, header, cell string, c *Contact) {
	for _, one := range strings.FieldsFunc(strings.ReplaceAll(cell, ":::", ";"), func(r rune) bool { return strings.ContainsRune(",;|\n", r) }) {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		if scientific.MatchString(one) {
			in.fail(line, header, "%q was a number before a spreadsheet rounded it: format the column as text there, and export it again", one)
			continue
		}
		n, err := Parse(one, in.country, FormatAuto)
		if err != nil || !n.IsE164() {
			in.fail(line, header, "%q is no telephone number: write it with plus and country code, such as +14155550100", one)
			continue
		}
		c.Numbers = append(c.Numbers, n)
	}
}

// notes reads what WriteCSV wrote, or one note of anybody's.
func (in *importer) notes(line int, header, cell string, c *Contact) {
	var all []Note
	if !strings.HasPrefix(cell, "[{") || json.Unmarshal([]byte(cell), &all) != nil {
		all = []Note{{By: "import", Text: cell}}
	}
	for _, n := range all {
		n, err := NewNote(n.At, CleanName(n.By), n.Text)
		if err != nil {
			in.fail(line, header, "%v", err)
			return
		}
		c.Notes = append(c.Notes, n)
	}
}
