package recorder

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// unsealedDir holds a second name for the file of each recording in progress.
const unsealedDir = "unsealed"

// Sidecar is what is told about a recording beside it, as JSON: the file with
// the same name and the ending .json. Only a recording with marks or an error
// has one.
type Sidecar struct {
	ID       ID        `json:"id"`
	Started  time.Time `json:"started"`
	Rate     int       `json:"rate"`
	Channels [2]string `json:"channels"` // left, right
	Duration float64   `json:"duration"` // seconds
	Sealed   bool      `json:"sealed"`   // it will not change
	Err      string    `json:"err,omitempty"`
	Marks    []Mark    `json:"marks"`
}

// ReadSidecar reads what lies beside a WAV file. fs.ErrNotExist means that
// there is nothing to remark on it.
func ReadSidecar(wav string) (Sidecar, error) {
	var s Sidecar
	b, err := os.ReadFile(sidecarPath(wav))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(b, &s)
}

func (rec *Recording) sidecar(sealed bool, why string) error {
	t := &rec.track
	return writeSidecar(rec.path, Sidecar{
		ID: rec.id, Started: rec.zero.UTC(), Rate: rec.rate,
		Duration: seconds(rec.offset(t.frames)), Sealed: sealed, Err: why, Marks: t.marks,
	})
}

// writeSidecar replaces the sidecar whole.
func writeSidecar(wav string, s Sidecar) error {
	s.Channels = [2]string{"caller", "agent"}
	if s.Marks == nil {
		s.Marks = []Mark{}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(sidecarPath(wav), append(b, '\n'))
}

// replaceFile writes a file whole, or leaves the old one.
func replaceFile(path string, b []byte) error {
	part := path + ".part"
	if err := os.WriteFile(part, b, 0o600); err != nil {
		_ = os.Remove(part) // a full disk's torn piece
		return err
	}
	return os.Rename(part, path)
}

func sidecarPath(wav string) string { return strings.TrimSuffix(wav, ".wav") + ".json" }

// wavPath is where a recording lies: by the day, in UTC, that its name holds.
func wavPath(dir string, id ulid.ULID) string {
	return filepath.Join(dir, dayPath(ulid.Time(id.Time())), id.String()+".wav")
}

func dayPath(t time.Time) string { return t.UTC().Format("2006/01/02") }
