package recorder

import (
	"encoding/binary"
	"math"
)

const (
	headerSize = 44
	frameSize  = 4 // two channels of 16 bits
	maxFrames  = (math.MaxUint32 - headerSize) / frameSize
)

// header is the canonical WAV header of a stereo file with so many frames.
func header(rate int, frames int64) [headerSize]byte {
	var h [headerSize]byte
	le := binary.LittleEndian
	data := uint32(frames * frameSize)
	copy(h[0:], "RIFF")
	le.PutUint32(h[4:], headerSize-8+data)
	copy(h[8:], "WAVEfmt ")
	le.PutUint32(h[16:], 16)
	le.PutUint16(h[20:], 1) // PCM
	le.PutUint16(h[22:], 2) // channels
	le.PutUint32(h[24:], uint32(rate))
	le.PutUint32(h[28:], uint32(rate)*frameSize)
	le.PutUint16(h[32:], frameSize)
	le.PutUint16(h[34:], 16)
	copy(h[36:], "data")
	le.PutUint32(h[40:], data)
	return h
}

// rateOf reads the rate of a header that header wrote; 0 if it is none.
func rateOf(h []byte) int {
	if len(h) < headerSize || string(h[0:4]) != "RIFF" || string(h[8:16]) != "WAVEfmt " {
		return 0
	}
	return int(binary.LittleEndian.Uint32(h[24:]))
}
