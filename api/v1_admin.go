package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// FileCheck is the configuration's file as it is on disk, beside what runs.
type FileCheck struct {
	File    string    `json:"file"`
	Changed time.Time `json:"changed,omitzero" doc:"when the file was written last"`
	Running string    `json:"running" doc:"hash of the configuration in force"`
	OnDisk  string    `json:"on_disk,omitempty" doc:"hash of the file's; empty while it has problems"`

	Problems []FileProblem `json:"problems" doc:"why a reload would refuse it"`
	Warnings []FileProblem `json:"warnings" doc:"what is allowed but surely not meant"`

	Changes []string `json:"changes" doc:"what a reload would put in force, as key: old → new"`
	Restart []string `json:"restart" doc:"what waits for a restart"`
}

// FileProblem is one thing in the configuration's file, at its place.
type FileProblem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Key    string `json:"key,omitempty"`
	What   string `json:"what" doc:"what is wrong, and what would be right"`
}

// Storage is what recordings take on their disk.
type Storage struct {
	Folder     string    `json:"folder"`
	Recordings int       `json:"recordings"`
	Bytes      int64     `json:"bytes" doc:"of sound, marks and transcripts"`
	Free       uint64    `json:"free_bytes,omitempty" doc:"of the disk, for us; 0: not known"`
	Oldest     string    `json:"oldest,omitempty" doc:"the first day that has any, as 2026-01-31"`
	KeepDays   float64   `json:"keep_days" doc:"retention.recordings; 0: for ever"`
	At         time.Time `json:"at" doc:"when it was counted, at most a minute ago"`
}

// adminRoutes are what an administrator looks after.
func (s *Server) adminRoutes(api huma.API) {
	operate(api, ScopeAdmin, "GET /v1/config", "The configuration's file: its problems, and what a reload or a restart would change",
		func(*huma.Operation) {}, lookTimeout, func(ctx context.Context, _ *struct{}) (*body[FileCheck], error) {
			c, err := s.cfg.CheckFile(ctx)
			return answerOf(c, err)
		})
	operate(api, ScopeAdmin, "GET /v1/storage", "What recordings take on their disk",
		func(*huma.Operation) {}, lookTimeout, func(context.Context, *struct{}) (*body[Storage], error) {
			v, err := s.cfg.Storage()
			return answerOf(v, err)
		})
	route(api, ScopeAdmin, "POST /v1/trunks/{id}/test", "Try a trunk, with a call: its findings, a JSON object a line, the last with done",
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64" doc:"the trunk's key in the configuration"`
			Body struct {
				Number string `json:"number,omitempty" maxLength:"64" doc:"what the call dials; empty: a number of ours, so that it comes back"`
				NoCall bool   `json:"no_call,omitempty"`
			}
		}) (*huma.StreamResponse, error) {
			s.cfg.Log.Info("a trunk is tried", "trunk", in.ID, "reason", "by "+asker(ctx).name)
			return &huma.StreamResponse{Body: func(c huma.Context) {
				r, w := humago.Unwrap(c)
				s.examined(w, r, TrunkQuestion{Trunk: in.ID, Number: in.Body.Number, NoCall: in.Body.NoCall}, problem)
			}}, nil
		})
}

// lookTimeout bounds what is looked up on a disk.
const lookTimeout = 20 * time.Second
