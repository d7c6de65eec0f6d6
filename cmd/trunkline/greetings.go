package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trunkline/call"
	"trunkline/media"
	"trunkline/routing"
)

// Greetings that were recorded by phone are files in data_dir/greetings, by their boxes.
func (v *voice) greetingFile(box call.Box) string {
	return filepath.Join(v.h.cfg.Data(), "greetings", box.String()+".wav")
}

// greet keeps a recording as a box's greeting; without a path it removes the one that is kept.
func (v *voice) greet(box call.Box, path string) (*media.Clip, error) {
	file := v.greetingFile(box)
	if path == "" {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, nil
	}
	clip, err := readMessage(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := clip.WriteWAV(&b); err != nil {
		return nil, err
	}
	if err := keepWhole(file, b.Bytes()); err != nil {
		return nil, err
	}
	return v.widened(clip, nil)
}

// greetings are those of the boxes of the configuration. One that cannot be read is said, and the configured one is heard.
func (v *voice) greetings() map[call.Box]*media.Clip {
	all := map[call.Box]*media.Clip{}
	files, err := os.ReadDir(filepath.Join(v.h.cfg.Data(), "greetings"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.h.log.Error("recorded greetings cannot be read", "err", err)
	}
	for _, f := range files {
		id, is := strings.CutSuffix(f.Name(), ".wav")
		if !is {
			continue
		}
		box := call.Box{Agent: routing.AgentID(id)}
		if v.h.cfg.Team(id) != nil {
			box = call.Box{Team: routing.TeamID(id)}
		}
		clip, err := v.widened(readClip(v.greetingFile(box)))
		if err != nil {
			v.h.log.Error("a recorded greeting cannot be read", "team", box.Team, "agent", box.Agent, "err", err)
			continue
		}
		all[box] = clip
	}
	return all
}

// widened is a clip ready for the house's codecs: made so here, where nobody waits for it.
func (v *voice) widened(clip *media.Clip, err error) (*media.Clip, error) {
	if err == nil && slices.Contains(v.h.config().Media.Codecs, media.G722.String()) {
		clip.Widen()
	}
	return clip, err
}
