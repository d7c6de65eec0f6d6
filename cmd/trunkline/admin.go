package main

import (
	"context"
	"errors"
	"os"

	"trunkline/api"
	"trunkline/config"
)

// checkFile reads the configuration's file as a reload would, and changes nothing.
func (p *switchProcess) checkFile(context.Context) (api.FileCheck, error) {
	running := p.house.config()
	out := api.FileCheck{
		File: running.File, Running: running.Hash(),
		Problems: []api.FileProblem{}, Warnings: []api.FileProblem{}, Changes: []string{}, Restart: []string{},
	}
	if info, err := os.Stat(running.File); err == nil {
		out.Changed = info.ModTime()
	}
	next, err := config.Read(running.File, checks())
	if err != nil {
		var problems config.Problems
		if !errors.As(err, &problems) {
			problems = config.Problems{{File: running.File, What: err.Error()}}
		}
		out.Problems = fileProblems(problems)
		return out, nil
	}
	out.OnDisk, out.Warnings = next.Hash(), fileProblems(next.Warnings)
	out.Changes = append(out.Changes, config.Diff(running, next).Applied...)
	out.Restart = append(out.Restart, config.Diff(p.house.booted, next).NeedsRestart...)
	return out, nil
}

func fileProblems(all []config.Problem) []api.FileProblem {
	out := []api.FileProblem{}
	for _, p := range all {
		out = append(out, api.FileProblem(p))
	}
	return out
}

// storage is what recordings take on their disk.
func (h *house) storage() (api.Storage, error) {
	u, err := h.recorder.Usage()
	return api.Storage{
		Folder: u.Dir, Recordings: u.Recordings, Bytes: u.Bytes, Free: u.Free, Oldest: u.Oldest,
		KeepDays: h.booted.Retention.Recordings.Hours() / 24, At: u.At,
	}, err
}
