package recorder

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

func TestPeaksTellHowLoudEachSideWas(t *testing.T) {
	const frames = 16000
	h := header(8000, frames)
	b := append([]byte(nil), h[:]...)
	for i := range frames {
		left, right := int16(0), int16(-32768)
		if i >= frames/2 {
			left, right = 16384, 0
		}
		b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, uint16(left)), uint16(right))
	}
	wav := filepath.Join(t.TempDir(), "a.wav")
	if err := os.WriteFile(wav, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Peaks(wav)
	if err != nil || len(got[0]) != maxPeaks || len(got[1]) != maxPeaks {
		t.Fatalf("peaks: got %d and %d, %v, want %d each", len(got[0]), len(got[1]), err, maxPeaks)
	}
	for i, want := range map[int][2]byte{0: {0, 255}, maxPeaks/2 - 1: {0, 255}, maxPeaks / 2: {128, 0}, maxPeaks - 1: {128, 0}} {
		if got[0][i] != want[0] || got[1][i] != want[1] {
			t.Errorf("stretch %d: got %d and %d, want %v", i, got[0][i], got[1][i], want)
		}
	}
	for _, size := range []int{0, headerSize - 1, headerSize, headerSize + 3, headerSize + frameSize} {
		if err := os.WriteFile(wav, b[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Peaks(wav); err != nil || len(got[0]) != max(0, size-headerSize)/frameSize {
			t.Errorf("a file of %d bytes: got %d stretches, %v", size, len(got[0]), err)
		}
	}
}
