package desk

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// WriteCSV writes contacts as ReadCSV reads them, whole. Text that a
// spreadsheet would take for a formula gets an apostrophe in front, which
// ReadCSV takes off again. next gives contacts until it gives none; attributes
// are the columns for theirs, in order, and numbers how many columns they have.
func WriteCSV(w io.Writer, attributes []string, numbers int, next func() []Contact) error {
	out := csv.NewWriter(w)
	head := []string{fieldID, fieldExternal, fieldKind, fieldName}
	for i := range numbers {
		name := fieldNumber
		if i > 0 {
			name += "_" + strconv.Itoa(i+1)
		}
		head = append(head, name)
	}
	head = append(head, fieldTags, fieldNotes, "made")
	for _, a := range attributes {
		head = append(head, GuardCell(attributeHeader(a)))
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for page := next(); len(page) > 0; page = next() {
		for _, c := range page {
			if err := out.Write(cells(c, attributes, numbers)); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// attributeHeader is a header that is read as that attribute.
func attributeHeader(name string) string {
	if columnOf(name) != attribute+name {
		return attribute + name
	}
	return name
}

func cells(c Contact, attributes []string, numbers int) []string {
	row := []string{string(c.ID), GuardCell(c.External), string(c.Kind), GuardCell(c.Name)}
	for i := range numbers {
		n := ""
		if i < len(c.Numbers) {
			n = string(c.Numbers[i])
		}
		row = append(row, n)
	}
	notes := ""
	if len(c.Notes) > 0 {
		text, err := json.Marshal(c.Notes)
		if err == nil {
			notes = string(text)
		}
	}
	row = append(row, GuardCell(strings.Join(c.Tags, ", ")), notes, c.Made.Format(time.RFC3339))
	for _, a := range attributes {
		row = append(row, GuardCell(c.Attributes.Get(a)))
	}
	return row
}

// formula is what a spreadsheet takes for a formula, or a guard before it.
var formula = regexp.MustCompile(`^'*[\s\x{00A0}\x{FEFF}]*[=+\-@\t\r\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]`)

// GuardCell keeps a spreadsheet from running a text as a formula: an apostrophe goes before it.
func GuardCell(text string) string {
	if formula.MatchString(text) {
		return "'" + text
	}
	return text
}

// unguard takes GuardCell's apostrophe off.
func unguard(text string) string {
	if rest, ok := strings.CutPrefix(text, "'"); ok && formula.MatchString(rest) {
		return rest
	}
	return text
}
