package api

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/call"
	"trunkline/routing"
)

const (
	reportTimeout = time.Minute
	maxReport     = 366 * 24 * time.Hour
)

// reportQuery asks for the figures of some days.
type reportQuery struct {
	From   string `query:"from" required:"true" format:"date" doc:"the first day, of the configured time zone"`
	To     string `query:"to" format:"date" doc:"the last day; without it, the first"`
	Within int    `query:"within" minimum:"1" maximum:"3600" default:"20" doc:"seconds: the time that the service level is of"`
	Format string `query:"format" enum:"json,csv" default:"json"`
}

// Figures are what happened in a team, or to an agent, on one day.
type Figures struct {
	call.Figures
	ServiceLevel      float64 `json:"service_level" doc:"the share of the answered calls that were within the time"`
	ServiceLevelOfAll float64 `json:"service_level_of_all" doc:"the share of answered and abandoned calls that were answered, or gave up, within the time"`
}

func (s *Server) reportRoutes(api huma.API) {
	for _, x := range []struct {
		what, summary string
		of            func(*call.Report) []call.Figures
	}{
		{"teams", "Volumes, waits and service level of each team on each day, folded from the facts", (*call.Report).Teams},
		{"agents", "Offers, their outcomes, and talks of each agent on each day, folded from the facts", (*call.Report).Agents},
	} {
		operate(api, ScopeSupervisor, "GET /v1/reports/"+x.what, x.summary,
			func(op *huma.Operation) { op.Responses = fileOf("application/json", "text/csv") }, reportTimeout,
			func(ctx context.Context, in *reportQuery) (*huma.StreamResponse, error) {
				report, err := s.report(ctx, in)
				if err != nil {
					return nil, err
				}
				out := []Figures{}
				for _, f := range x.of(report) {
					out = append(out, Figures{f, f.ServiceLevel(), f.ServiceLevelOfAll()})
				}
				return &huma.StreamResponse{Body: func(c huma.Context) {
					_, w := humago.Unwrap(c)
					if in.Format == "csv" {
						download(w, "text/csv; charset=utf-8", x.what+".csv")
						_ = writeFigures(w, out)
						return
					}
					answer(w, out, nil)
				}}, nil
			})
	}
}

// report folds the facts of some days.
func (s *Server) report(ctx context.Context, in *reportQuery) (*call.Report, error) {
	zone := time.UTC
	if s.cfg.Zone != nil {
		zone = s.cfg.Zone()
	}
	from, err := time.ParseInLocation(time.DateOnly, in.From, zone)
	to := from
	if err == nil && in.To != "" {
		to, err = time.ParseInLocation(time.DateOnly, in.To, zone)
	}
	if err != nil {
		return nil, bad("from and to are days, such as 2026-11-28")
	}
	to = to.AddDate(0, 0, 1)
	if !to.After(from) || to.Sub(from) > maxReport {
		return nil, bad("to is not after from, or more than a year")
	}
	report := call.NewReport(zone, time.Duration(in.Within)*time.Second)
	n := 0
	err = s.cfg.FactsBetween(from, to, func(f call.Fact) error {
		report.Fact(f)
		if n++; n%1000 == 0 {
			return ctx.Err()
		}
		return nil
	})
	return report, err
}

// reported are the outcomes that have a column.
var reported = []routing.Outcome{
	routing.OutcomeAccepted, routing.OutcomeDeclined, routing.OutcomeNoAnswer, routing.OutcomeBusy, routing.OutcomeUnreachable,
	routing.OutcomeAbandoned, routing.OutcomeTooLate, routing.OutcomeMisconfigured, routing.OutcomeWithdrawn,
}

// writeFigures writes figures as CSV. Names are identities of the
// configuration, which are no formulas.
func writeFigures(w http.ResponseWriter, all []Figures) error {
	out := csv.NewWriter(w)
	head := []string{"day", "team", "agent", "queued", "answered", "answered_within", "abandoned", "abandoned_within", "left",
		"wait_seconds", "longest_wait_seconds", "service_level", "service_level_of_all", "offered", "talk_seconds"}
	for _, o := range reported {
		head = append(head, string(o))
	}
	_ = out.Write(head)
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
	for _, f := range all {
		row := []string{f.Day, string(f.Team), string(f.Agent), strconv.Itoa(f.Queued), strconv.Itoa(f.Answered), strconv.Itoa(f.AnsweredWithin),
			strconv.Itoa(f.Abandoned), strconv.Itoa(f.AbandonedWithin), strconv.Itoa(f.Left), number(f.WaitSeconds), number(f.LongestSeconds),
			number(f.ServiceLevel), number(f.ServiceLevelOfAll), strconv.Itoa(f.Offered), number(f.TalkSeconds)}
		for _, o := range reported {
			row = append(row, strconv.Itoa(f.Outcomes[o]))
		}
		_ = out.Write(row)
	}
	out.Flush()
	return out.Error()
}
