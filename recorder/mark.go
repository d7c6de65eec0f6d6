package recorder

import (
	"encoding/json"
	"math"
	"time"
)

// MarkKind says what a Mark is about.
type MarkKind string

const (
	MarkPause    MarkKind = "pause"    // zeros, because somebody paused
	MarkGap      MarkKind = "gap"      // sound that came and could not be kept
	MarkCut      MarkKind = "cut"      // the recording ends here, before the call: the disk is full or failed
	MarkRepaired MarkKind = "repaired" // the recording ends here: the switch died while it ran
)

// Mark is a remark on a stretch of a recording. From and To are offsets from
// its start.
type Mark struct {
	Kind     MarkKind
	From, To time.Duration
	By       string // who paused
	Resumed  string // who resumed; empty: the end of the recording did
	Why      string
}

// markJSON is a Mark in the sidecar: offsets in seconds.
type markJSON struct {
	Kind    MarkKind `json:"kind"`
	From    float64  `json:"from"`
	To      float64  `json:"to"`
	By      string   `json:"by,omitempty"`
	Resumed string   `json:"resumed_by,omitempty"`
	Why     string   `json:"why,omitempty"`
}

// MarshalJSON writes the offsets in seconds.
func (m Mark) MarshalJSON() ([]byte, error) {
	return json.Marshal(markJSON{m.Kind, seconds(m.From), seconds(m.To), m.By, m.Resumed, m.Why})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Mark) UnmarshalJSON(b []byte) error {
	var j markJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*m = Mark{j.Kind, duration(j.From), duration(j.To), j.By, j.Resumed, j.Why}
	return nil
}

// seconds rounds to the microsecond, finer than a sample.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e6 }

func duration(s float64) time.Duration {
	return time.Duration(math.Round(s*1e6)) * time.Microsecond
}

// maxMarks bounds the marks of one recording; the last one then grows.
const maxMarks = 1000

// withGap returns marks with a gap added, or with the last gap grown if it
// has the same reason and lies within a second. Marks are shared with the
// disk goroutine, so they are never changed in place.
func withGap(marks []Mark, gap Mark) []Mark {
	next := make([]Mark, len(marks), len(marks)+1)
	copy(next, marks)
	if n := len(next); n > 0 {
		last := &next[n-1]
		if last.Kind == MarkGap && last.Why == gap.Why && gap.From <= last.To+time.Second || n >= maxMarks {
			last.To = max(last.To, gap.To)
			return next
		}
	}
	return append(next, gap)
}

// endPause returns marks with the pause that lasts ended.
func endPause(marks []Mark, at time.Duration, by string) []Mark {
	next := append([]Mark(nil), marks...)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i].Kind == MarkPause {
			next[i].To, next[i].Resumed = at, by
			break
		}
	}
	return next
}
