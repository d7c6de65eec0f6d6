//go:build linux

package realpeer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"trunkline/internal/simphone"
)

// Recording is mono sound from a file: what a peer heard.
type Recording struct {
	Rate    int
	Samples []int16
}

// Seconds is its length.
func (r Recording) Seconds() float64 { return float64(len(r.Samples)) / float64(max(1, r.Rate)) }

// Tones are its tones, loudest first, judged by the half second from that second
// on; beyond the end there are none.
func (r Recording) Tones(fromSecond float64) []simphone.Tone {
	from := int(fromSecond * float64(r.Rate))
	to := from + r.Rate/2
	if from < 0 || to > len(r.Samples) {
		return nil
	}
	tones := simphone.Sound{Samples: r.Samples[from:to]}.Tones()
	for i := range tones {
		tones[i].Hz *= float64(r.Rate) / 8000 // Sound takes every sample for 1/8000 s
	}
	return tones
}

// Hears reports whether some half second holds exactly one tone, within 2 % of hz.
// That is what one who speaks a tone is heard as.
func (r Recording) Hears(hz float64) bool {
	for s := 0.0; s+0.5 <= r.Seconds(); s += 0.1 {
		if t := r.Tones(s); len(t) == 1 && math.Abs(t[0].Hz-hz) < 0.02*hz {
			return true
		}
	}
	return false
}

// HearsOther reports whether some half second is sound without any of these tones:
// music, while those who say them are not to be heard.
func (r Recording) HearsOther(tones ...float64) bool {
	for s := 0.0; s+0.5 <= r.Seconds(); s += 0.1 {
		heard := r.Tones(s)
		if len(heard) > 0 && !slices.ContainsFunc(heard, func(t simphone.Tone) bool {
			return slices.ContainsFunc(tones, func(hz float64) bool { return math.Abs(t.Hz-hz) < 0.02*hz })
		}) {
			return true
		}
	}
	return false
}

// String says what is heard, second by second.
func (r Recording) String() string {
	s := fmt.Sprintf("%.1f s at %d Hz:", r.Seconds(), r.Rate)
	for at := 0.0; at+0.5 <= r.Seconds() && at < 20; at++ {
		s += fmt.Sprintf(" %v", r.Tones(at))
	}
	return s
}

// ReadWAV reads a PCM16 file, the given channel of it (0 is left). A header whose
// lengths were never filled in is read to the end of the file.
func ReadWAV(file string, channel int) (Recording, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Recording{}, err
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return Recording{}, fmt.Errorf("%s: not a WAV file", file)
	}
	var rec Recording
	channels := 0
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if size > len(b) || (id == "data" && size == 0) {
			size = len(b)
		}
		switch {
		case id == "fmt " && size >= 16:
			if bits := binary.LittleEndian.Uint16(b[14:]); bits != 16 {
				return rec, fmt.Errorf("%s: %d bits a sample, want 16", file, bits)
			}
			channels = int(binary.LittleEndian.Uint16(b[2:]))
			rec.Rate = int(binary.LittleEndian.Uint32(b[4:]))
		case id == "data" && channels > channel:
			for i := 2 * channel; i+1 < size; i += 2 * channels {
				rec.Samples = append(rec.Samples, int16(binary.LittleEndian.Uint16(b[i:])))
			}
			return rec, nil
		}
		b = b[min(len(b), size+size%2):]
	}
	return rec, fmt.Errorf("%s: %w", file, errors.New("no data for that channel"))
}

// writeTone writes a mono PCM16 file of a rate with a sine at -10 dBFS.
func writeTone(file string, rate int, hz, seconds float64) error {
	n := int(seconds * float64(rate))
	b := make([]byte, 44, 44+2*n)
	copy(b, "RIFF")
	binary.LittleEndian.PutUint32(b[4:], uint32(36+2*n))
	copy(b[8:], "WAVEfmt ")
	binary.LittleEndian.PutUint32(b[16:], 16)
	binary.LittleEndian.PutUint16(b[20:], 1)
	binary.LittleEndian.PutUint16(b[22:], 1)
	binary.LittleEndian.PutUint32(b[24:], uint32(rate))
	binary.LittleEndian.PutUint32(b[28:], uint32(2*rate))
	binary.LittleEndian.PutUint16(b[32:], 2)
	binary.LittleEndian.PutUint16(b[34:], 16)
	copy(b[36:], "data")
	binary.LittleEndian.PutUint32(b[40:], uint32(2*n))
	for i := range n {
		v := 32767 * math.Pow(10, -0.5) * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(v))))
	}
	return os.WriteFile(file, b, 0o644)
}
