package bench

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/internal/ear"
	"trunkline/internal/raced"
)

// The ways that sound is measured.
const (
	wayNone       = iota // no house in between
	wayRelayed           // one law on both sides
	wayTranscoded        // two
	wayRecorded          // the speaker's channel of the recording
)

var ways = [...]string{"none", "relayed", "transcoded", "recorded"}

// TestSoundUnderBadNetworks speaks through every condition and asks the meter of
// internal/ear what is left of it. The house may not make it worse than a line
// without one, and the recording, which has no deadline, must be better.
//
// Other speech and other meters: TRUNKLINE_SOUND_SPEECH names a folder of WAV
// files (one channel, 8 kHz) to say instead of ours, and TRUNKLINE_SOUND_OUT one
// that is filled with what was heard, SPEECH.CONDITION.WAY.wav.
// TRUNKLINE_SOUND_ONLY lists the conditions to do; the race detector hears two.
func TestSoundUnderBadNetworks(t *testing.T) {
	from, only := os.Getenv("TRUNKLINE_SOUND_SPEECH"), cmp.Or(os.Getenv("TRUNKLINE_SOUND_ONLY"), raced.Or("loss-5% jitter-60ms", ""))
	if from == "" {
		from = "testdata/speech"
	}
	files, _ := filepath.Glob(filepath.Join(from, "*.wav"))
	if len(files) == 0 {
		t.Fatalf("no speech in %s", from)
	}
	t.Logf("scores of internal/ear, 4.5 is the best; %d pieces of speech", len(files))
	t.Logf("%-14s %8s %8s %10s %8s", "", ways[wayNone], ways[wayRelayed], ways[wayTranscoded], ways[wayRecorded])
	for _, c := range conditions {
		if only != "" && !strings.Contains(only, c.name) {
			continue
		}
		var score [len(ways)]float64
		for i, file := range files {
			for way, pcm := range c.hear(t, file, files[(i+1)%len(files)], uint64(i)) {
				score[way] += ear.Score(readMono(t, file), pcm) / float64(len(files))
			}
		}
		t.Logf("%-14s %8.3f %8.3f %10.3f %8.3f", c.name, score[wayNone], score[wayRelayed], score[wayTranscoded], score[wayRecorded])
		c.want(t, score)
	}
}

// want holds a row against a line without a house. Packets that are late for
// the phone are there for the recording; those that are lost it conceals better.
func (c condition) want(t *testing.T, score [len(ways)]float64) {
	t.Helper()
	if score[wayRelayed] < score[wayNone]-.05 {
		t.Errorf("%s, relayed: got %.3f, want no less than %.3f without a house", c.name, score[wayRelayed], score[wayNone])
	}
	if score[wayTranscoded] < score[wayNone]-.15 {
		t.Errorf("%s, transcoded: got %.3f, want hardly less than %.3f", c.name, score[wayTranscoded], score[wayNone])
	}
	least := score[wayNone] - .05
	if strings.HasPrefix(c.name, "loss") || strings.HasPrefix(c.name, "bursts") {
		least = score[wayNone] + .02
	}
	if score[wayRecorded] < least {
		t.Errorf("%s, recorded: got %.3f, want at least %.3f", c.name, score[wayRecorded], least)
	}
}

// hear speaks a file and returns what each way has made of it.
func (c condition) hear(t *testing.T, file, other string, seed uint64) (got [len(ways)][]int16) {
	t.Helper()
	speech := readMono(t, file)
	arrive := ear.Travel(spoken(speech, c.ptime), c.network, seed)
	back := spoken(readMono(t, other), 20*time.Millisecond)
	same, two := pass(t, arrive, back, ear.Mulaw), pass(t, arrive, back, ear.Alaw)
	got[wayNone] = measured(arrive, len(speech))
	got[wayRelayed] = measured(same.heard, len(speech))
	got[wayTranscoded] = measured(two.heard, len(speech))
	got[wayRecorded] = excerpt(same.recorded[0], 0, len(speech))
	if to := os.Getenv("TRUNKLINE_SOUND_OUT"); to != "" {
		for way, pcm := range got {
			name := fmt.Sprintf("%s.%s.%s.wav", strings.TrimSuffix(filepath.Base(file), ".wav"), c.name, ways[way])
			writeMono(t, filepath.Join(to, name), pcm)
		}
	}
	return got
}
