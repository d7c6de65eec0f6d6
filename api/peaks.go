package api

import (
	"io/fs"
	"os"
	"sync"
)

// maxDrawn bounds the waveforms that are kept.
const maxDrawn = 200

// Peaks is how loud each side of a recording was.
type Peaks struct {
	Channels [2][]int `json:"channels" doc:"the customer, the agent"`
}

// drawn keeps the waveforms that were asked for lately, by the recordings'
// files. One is made at a time: it reads the whole recording.
type drawn struct {
	mu   sync.Mutex
	kept map[string]Peaks
}

// of gives a recording's waveform; what was deleted has none.
func (d *drawn) of(path string, read func(string) ([2][]byte, error)) (Peaks, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Peaks{}, err
	}
	if read == nil {
		return Peaks{}, fs.ErrNotExist
	}
	key := path + info.ModTime().String() // one that goes on is another
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, there := d.kept[key]; there {
		return p, nil
	}
	channels, err := read(path)
	if err != nil {
		return Peaks{}, err
	}
	var p Peaks
	for side, all := range channels {
		p.Channels[side] = make([]int, len(all))
		for i, v := range all {
			p.Channels[side][i] = int(v)
		}
	}
	if d.kept == nil || len(d.kept) >= maxDrawn {
		d.kept = map[string]Peaks{}
	}
	d.kept[key] = p
	return p, nil
}
