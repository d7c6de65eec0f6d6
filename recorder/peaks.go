package recorder

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// maxPeaks is how finely a recording is drawn.
const maxPeaks = 1600

// Peaks is how loud each channel of a recording was, in at most 1600 equal
// stretches: 0 is silence, 255 full scale. It reads the whole file, some tenths
// of a second for an hour.
func Peaks(wav string) ([2][]byte, error) {
	var peaks [2][]byte
	f, err := os.Open(wav)
	if err != nil {
		return peaks, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return peaks, err
	}
	frames := max(info.Size()-headerSize, 0) / frameSize
	n := min(frames, maxPeaks)
	if n == 0 {
		return peaks, nil
	}
	if _, err := f.Seek(headerSize, io.SeekStart); err != nil {
		return peaks, err
	}
	peaks[0], peaks[1] = make([]byte, n), make([]byte, n)
	buf := make([]byte, 64<<10)
	for at := int64(0); at < frames; {
		read, err := io.ReadFull(f, buf)
		for b := buf[:read/frameSize*frameSize]; len(b) > 0 && at < frames; b = b[frameSize:] {
			i := at * n / frames
			for side := range peaks {
				loud := int(int16(binary.LittleEndian.Uint16(b[2*side:])))
				peaks[side][i] = max(peaks[side][i], byte(min(max(loud, -loud)>>7, 255)))
			}
			at++
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return peaks, err
		}
	}
	return peaks, nil
}
