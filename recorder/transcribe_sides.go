package recorder

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// quietest is the level below which a side said nothing at all: the noise of
// G.711 at its lowest step. A recogniser makes words up from such a silence.
const quietest = 64

// splitSide writes one side of a stereo recording as a mono WAV file, and
// says how long it is, in seconds, and whether anything is heard on it.
func splitSide(wav, mono string, side int) (length float64, heard bool, err error) {
	in, err := os.Open(wav)
	if err != nil {
		return 0, false, err
	}
	defer in.Close()
	var h [headerSize]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return 0, false, err
	}
	rate := rateOf(h[:])
	if rate <= 0 {
		return 0, false, errors.New("no WAV file of ours")
	}
	out, err := os.OpenFile(mono, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(out, 1<<16)
	if _, err := w.Write(h[:]); err != nil { // its place is kept
		return 0, false, err
	}
	frames, heard, err := copySide(w, bufio.NewReaderSize(in, 1<<16), side)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return 0, false, err
	}
	h = monoHeader(rate, frames)
	_, err = out.WriteAt(h[:], 0)
	return float64(frames) / float64(rate), heard, err
}

func copySide(w *bufio.Writer, r *bufio.Reader, side int) (frames int64, heard bool, err error) {
	var frame [frameSize]byte
	for {
		if _, err := io.ReadFull(r, frame[:]); err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return frames, heard, nil
			}
			return frames, heard, err
		}
		sample := frame[2*side : 2*side+2]
		if v := int16(binary.LittleEndian.Uint16(sample)); v > quietest || v < -quietest {
			heard = true
		}
		if _, err := w.Write(sample); err != nil {
			return frames, heard, err
		}
		frames++
	}
}

func monoHeader(rate int, frames int64) [headerSize]byte {
	h := header(rate, frames)
	le := binary.LittleEndian
	data := uint32(frames * 2)
	le.PutUint32(h[4:], headerSize-8+data)
	le.PutUint16(h[22:], 1)
	le.PutUint32(h[28:], uint32(rate)*2)
	le.PutUint16(h[32:], 2)
	le.PutUint32(h[40:], data)
	return h
}
