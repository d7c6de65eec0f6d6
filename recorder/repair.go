package recorder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
)

// Repaired is a recording that a crash left unsealed. Its file is valid now,
// and sealed.
type Repaired struct {
	ID       ID
	Path     string
	Duration time.Duration
	Bytes    int64
	Marks    []Mark
	Err      error // it could not be repaired; fs.ErrNotExist: there was no file yet
}

// repair mends what the unsealed folder names. Only the folder itself being
// unreadable is an error; a file that cannot be mended says so in its own
// Repaired and is tried again at the next start.
func repair(dir string) ([]Repaired, error) {
	left, err := os.ReadDir(filepath.Join(dir, unsealedDir))
	if err != nil {
		return nil, err
	}
	var all []Repaired
	for _, e := range left {
		id, err := ulid.ParseStrict(e.Name())
		if err != nil {
			continue // not ours
		}
		done := Repaired{ID: ID(e.Name()), Path: wavPath(dir, id)}
		marker := filepath.Join(dir, unsealedDir, e.Name())
		if done.Err = settleName(marker, done.Path); done.Err == nil {
			done.Err = mend(&done, ulid.Time(id.Time()))
		}
		if done.Err == nil || errors.Is(done.Err, fs.ErrNotExist) {
			done.Err = errors.Join(done.Err, gone(os.Remove(marker)))
		}
		all = append(all, done)
	}
	return all, nil
}

// settleName gives a file that has only its name in the unsealed folder its
// own, if there is anything in it.
func settleName(marker, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info, err := os.Stat(marker)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.Rename(marker, path)
}

// mend makes the header tell the length that the file has, and completes the
// sidecar.
func mend(done *Repaired, started time.Time) (err error) {
	f, err := os.OpenFile(done.Path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var h [headerSize]byte
	_, _ = f.ReadAt(h[:], 0) // a short file has no rate
	rate := rateOf(h[:])
	if rate <= 0 {
		rate = 8000
	}
	frames := min(max(info.Size()-headerSize, 0)/frameSize, maxFrames)
	if err := f.Truncate(headerSize + frames*frameSize); err != nil {
		return err
	}
	h = header(rate, frames)
	if _, err := f.WriteAt(h[:], 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	side, err := ReadSidecar(done.Path)
	if err != nil {
		side = Sidecar{Started: started} // none yet, or torn
	}
	length := time.Duration(frames) * time.Second / time.Duration(rate)
	cut := "" // a recording that ended by itself needs no second end
	if n := len(side.Marks); n == 0 || side.Marks[n-1].Kind != MarkCut {
		cut = "the switch died while it recorded"
	}
	for i, m := range side.Marks {
		if m.Kind == MarkPause && m.To == m.From && m.Resumed == "" {
			side.Marks[i].To = max(m.From, length)
		}
	}
	if cut != "" {
		side.Marks = append(side.Marks, Mark{Kind: MarkRepaired, From: length, To: length, Why: cut})
	}
	side.ID, side.Rate, side.Duration, side.Sealed = done.ID, rate, seconds(length), true
	done.Duration, done.Bytes, done.Marks = length, info.Size(), side.Marks
	done.Bytes = headerSize + frames*frameSize
	return writeSidecar(done.Path, side)
}

// Length is how long the sound of a sealed recording is, by its file.
func Length(wav string) (time.Duration, error) {
	f, err := os.Open(wav)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var h [headerSize]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	rate := rateOf(h[:])
	if rate <= 0 {
		return 0, errors.New("no WAV file of ours")
	}
	return time.Duration((info.Size()-headerSize)/frameSize) * time.Second / time.Duration(rate), nil
}
