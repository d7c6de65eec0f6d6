package api

import (
	"encoding/csv"
	"net/http"
	"regexp"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/desk"
)

// plainNumber is a cell that a spreadsheet may read as a number, and as nothing worse.
var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// csvCell is a text that no spreadsheet takes for a formula; a number stays as it is.
func csvCell(text string) string {
	if plainNumber.MatchString(text) {
		return text
	}
	return desk.GuardCell(text)
}

// csvFile answers with a table, its first row the names of the columns.
func csvFile(name string, rows [][]string) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusOK)
		out := csv.NewWriter(w)
		out.UseCRLF = true // RFC 4180 §2
		for _, row := range rows {
			safe := make([]string, len(row))
			for i, cell := range row {
				safe[i] = csvCell(cell)
			}
			_ = out.Write(safe)
		}
		out.Flush()
	}}
}
