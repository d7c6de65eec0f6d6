package recorder

import (
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// usageFor is how long one count of the folder is given again: a million files
// take a disk some seconds.
const usageFor = time.Minute

// Usage is what the recordings take.
type Usage struct {
	Dir        string
	Recordings int
	Bytes      int64  // of sound, marks and transcripts
	Free       uint64 // bytes of the disk, for us; 0: not known
	Oldest     string // the first day that has any, as 2026-01-31; empty: none
	At         time.Time
}

// Usage counts the folder, or gives the last count of a minute ago at most. It
// reads the disk.
func (r *Recorder) Usage() (Usage, error) {
	r.usage.Lock()
	defer r.usage.Unlock()
	if now := time.Now(); now.Sub(r.used.At) < usageFor {
		return r.used, nil
	}
	u := Usage{Dir: r.dir, At: time.Now(), Free: freeOf(r.dir)}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // gone meanwhile, or not ours to read: it is left out
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		u.Bytes += info.Size()
		if filepath.Ext(path) == ".wav" {
			u.Recordings++
			if day, err := filepath.Rel(r.dir, filepath.Dir(path)); err == nil && u.Oldest == "" && strings.Count(day, "/") == 2 {
				u.Oldest = strings.ReplaceAll(day, "/", "-") // the walk is in order
			}
		}
		return nil
	})
	if err == nil {
		r.used = u
	}
	return u, err
}
