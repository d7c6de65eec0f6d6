package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// ErrInProgress is Remove's for a recording that is not sealed.
var ErrInProgress = errors.New("recording is in progress")

// Remove deletes a sealed recording and what lies beside it, its transcript too. It is no error
// if there is none. It touches the disk.
func (r *Recorder) Remove(id ID) error {
	u, err := ulid.ParseStrict(string(id))
	if err != nil {
		return ErrBadID
	}
	if r.unsealed(string(id)) {
		r.mu.Lock()
		over := r.stuck[id] // the disk was full: nothing of it may come back at the next start
		r.mu.Unlock()
		if !over {
			return ErrInProgress
		}
		if err := gone(os.Remove(filepath.Join(r.dir, unsealedDir, string(id)))); err != nil {
			return err
		}
	}
	wav := wavPath(r.dir, u)
	return errors.Join(r.scribe.forget(wav, id), gone(os.Remove(wav)), gone(os.Remove(sidecarPath(wav))))
}

// dayPattern is what the folders of days look like, see dayPath.
const dayPattern = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]"

// retire sweeps at start and every hour.
func (r *Recorder) retire() {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		r.retireOnce()
		select {
		case <-t.C:
		case <-r.quit:
			return
		}
	}
}

func (r *Recorder) retireOnce() {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("panic in the retention of recordings", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	removed, err := r.Sweep(time.Now().Add(-r.keep))
	if removed > 0 {
		r.log.Info("recordings whose retention is over were removed", "count", removed)
	}
	if err != nil {
		r.log.Error("retention of recordings", "err", err)
	}
}

// Sweep deletes the recordings of all days that ended before a time, except
// those in progress, and returns how many there were. It touches the disk and
// may take long; it is safe beside everything else.
func (r *Recorder) Sweep(before time.Time) (removed int, err error) {
	days, err := filepath.Glob(filepath.Join(r.dir, dayPattern))
	if err != nil {
		return 0, err
	}
	for _, day := range days {
		rel, _ := filepath.Rel(r.dir, day)
		d, err := time.Parse("2006/01/02", filepath.ToSlash(rel))
		if err != nil || d.AddDate(0, 0, 1).After(before) {
			continue
		}
		n, err := r.sweepDay(day)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func (r *Recorder) sweepDay(day string) (removed int, err error) {
	files, err := os.ReadDir(day)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		id, ext, _ := strings.Cut(f.Name(), ".")
		if _, err := ulid.ParseStrict(id); err != nil || r.unsealed(id) {
			continue // not ours, or in progress
		}
		if err := gone(os.Remove(filepath.Join(day, f.Name()))); err != nil {
			return removed, err
		}
		if ext == "wav" {
			removed++
			if err := r.scribe.forget(filepath.Join(day, f.Name()), ID(id)); err != nil {
				return removed, err
			}
		}
	}
	for dir := day; dir != filepath.Clean(r.dir); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // not empty
			break
		}
	}
	return removed, nil
}

func (r *Recorder) unsealed(id string) bool {
	_, err := os.Lstat(filepath.Join(r.dir, unsealedDir, id))
	return err == nil
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
