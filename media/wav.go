package media

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// ErrWAV is wrapped by ReadWAV's errors that are about the file's content, not about reading it.
var ErrWAV = errors.New("not a usable WAV file")

// MaxClip bounds a clip that is read from a file.
const MaxClip = 30 * time.Minute

// wavCure is how to make a good file out of a bad one.
const wavCure = "want 16-bit PCM, µ-law or A-law, mono or stereo, at 8, 16, 44.1 or 48 kHz; try: sox bad.wav -b 16 -r 8000 -c 1 good.wav"

// Bounds of what is read.
const (
	maxChunks    = 1000
	maxSkipped   = 64 << 20   // bytes of chunks that are not sound
	unknownBytes = 0x7FFFF000 // and above: the writer could not go back to say the length
)

// Formats of a fmt chunk.
const (
	formatPCM        = 1
	formatALaw       = 6
	formatULaw       = 7
	formatExtensible = 0xFFFE
)

// wavRates are the sampling rates that are read.
var wavRates = []int{8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000}

// ReadWAV reads a WAV file of 16-bit PCM, µ-law or A-law, mono or stereo (which is mixed), at 8,
// 16, 44.1 or 48 kHz and some rates between, into a clip. Chunks that are not sound are skipped; a
// file whose writer could not go back to say its length (0xFFFFFFFF) is read to its end. More than
// MaxClip is refused. An error that wraps ErrWAV says what is wrong and what would be right.
func ReadWAV(r io.Reader) (*Clip, error) { return ReadWAVSide(r, bothSides) }

// bothSides are mixed.
const bothSides = -1

// ReadWAVSide is ReadWAV of one side of a stereo file: 0 is the left one. Of a mono file it is all.
func ReadWAVSide(r io.Reader, side int) (*Clip, error) {
	w := wavReader{r: bufio.NewReaderSize(r, 32<<10), side: side}
	pcm, err := w.read()
	if err != nil {
		return nil, err
	}
	return NewClip(pcm), nil
}

// CheckWAV returns the error that ReadWAV would, without making sound of what it reads.
func CheckWAV(r io.Reader) error {
	w := wavReader{r: bufio.NewReaderSize(r, 32<<10), side: bothSides, only: true}
	_, err := w.read()
	return err
}

// WriteWAV writes the clip as a WAV file of 16-bit PCM, mono, 8 kHz.
func (c *Clip) WriteWAV(w io.Writer) error {
	b := append([]byte(nil), "RIFF\x00\x00\x00\x00WAVEfmt "...)
	for _, v := range []any{uint32(16), uint16(formatPCM), uint16(1), uint32(SampleRate), uint32(2 * SampleRate), uint16(2), uint16(16)} {
		b, _ = binary.Append(b, binary.LittleEndian, v) // numbers of fixed size do not fail
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(c.pcm)))
	for _, v := range c.pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	_, err := w.Write(b)
	return err
}

// read reads the chunks up to the sound, and that.
func (w *wavReader) read() ([]int16, error) {
	if err := w.header(); err != nil {
		return nil, err
	}
	for range maxChunks {
		id, size, err := w.chunk()
		if err != nil {
			return nil, err
		}
		switch id {
		case "fmt ":
			err = w.format(size)
		case "data":
			return w.sound(size)
		default:
			err = w.skip(int64(size))
		}
		if err == nil && size%2 == 1 {
			err = w.skip(1) // chunks begin at even places
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, wavError("more than %d chunks before the sound", maxChunks)
}

func wavError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrWAV}, args...)...)
}

// A wavReader reads one file from front to back.
type wavReader struct {
	r       *bufio.Reader
	only    bool // its sound is not wanted, but whether it can be had
	skipped int64
	side    int // that is read, or bothSides
	room    int // samples to make room for

	// From the fmt chunk; channels is 0 before it.
	encoding int
	channels int
	rate     int
}

// header reads the first 12 bytes. What other sound files begin with is called by its name.
func (w *wavReader) header() error {
	var b [12]byte
	n, err := io.ReadFull(w.r, b[:])
	if n == 0 && errors.Is(err, io.EOF) {
		return wavError("it is empty")
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read WAV file: %w", err)
	}
	switch start := string(b[:n]); {
	case n == 12 && start[:4] == "RIFF" && start[8:] == "WAVE":
		return nil
	case strings.HasPrefix(start, "ID3"), n > 1 && b[0] == 0xFF && b[1]&0xE0 == 0xE0:
		return wavError("it is an MP3 file; %s", wavCure)
	case strings.HasPrefix(start, "OggS"):
		return wavError("it is an Ogg file; %s", wavCure)
	case strings.HasPrefix(start, "fLaC"):
		return wavError("it is a FLAC file; %s", wavCure)
	case strings.HasPrefix(start, "RF64"), strings.HasPrefix(start, "RIFX"), strings.HasPrefix(start, "FORM"):
		return wavError("it is a file of type %s, want RIFF; %s", start[:4], wavCure)
	}
	return wavError("it does not begin with RIFF and WAVE; %s", wavCure)
}

// chunk reads the head of the next chunk.
func (w *wavReader) chunk() (id string, size uint32, err error) {
	var b [8]byte
	if _, err := io.ReadFull(w.r, b[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return "", 0, wavError("it ends without a data chunk: the file is cut off or has no sound")
		}
		return "", 0, fmt.Errorf("read WAV file: %w", err)
	}
	return string(b[:4]), binary.LittleEndian.Uint32(b[4:]), nil
}

// skip reads over n bytes.
func (w *wavReader) skip(n int64) error {
	if w.skipped += n; w.skipped > maxSkipped {
		return wavError("more than %d MiB before the sound", maxSkipped>>20)
	}
	if _, err := io.CopyN(io.Discard, w.r, n); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read WAV file: %w", err)
	}
	return nil // a cut file is found out by the next chunk
}

// format reads a fmt chunk of size bytes.
func (w *wavReader) format(size uint32) error {
	if size < 16 || size > 1024 {
		return wavError("its fmt chunk has %d bytes, want 16, 18 or 40", size)
	}
	b := make([]byte, size)
	switch _, err := io.ReadFull(w.r, b); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return wavError("it ends within its fmt chunk")
	case err != nil:
		return fmt.Errorf("read WAV file: %w", err)
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	encoding, channels, bits := u16(0), u16(2), u16(14)
	rate := binary.LittleEndian.Uint32(b[4:])
	if encoding == formatExtensible {
		if size < 26 {
			return wavError("its extensible fmt chunk has %d bytes, want 40", size)
		}
		encoding = u16(24) // the first two bytes of the subformat's GUID
	}
	wantBits := 8
	switch encoding {
	case formatPCM:
		wantBits = 16
	case formatALaw, formatULaw:
	default:
		return wavError("its encoding is %s; %s", encodingName(encoding), wavCure)
	}
	switch {
	case bits != wantBits:
		return wavError("it has %d bits a sample, want %d; %s", bits, wantBits, wavCure)
	case channels != 1 && channels != 2:
		return wavError("it has %d channels; %s", channels, wavCure)
	case !slices.Contains(wavRates, int(rate)):
		return wavError("its sampling rate is %d Hz; %s", rate, wavCure)
	}
	w.encoding, w.channels, w.rate = encoding, channels, int(rate)
	return nil
}

// encodingName names the encodings that people meet.
func encodingName(encoding int) string {
	switch encoding {
	case 2, 0x11:
		return "ADPCM"
	case 3:
		return "floating point"
	case 0x31:
		return "GSM 6.10"
	case 0x55:
		return "MP3"
	}
	return fmt.Sprintf("number %d", encoding)
}

// sound reads a data chunk of size bytes.
func (w *wavReader) sound(size uint32) ([]int16, error) {
	if w.channels == 0 {
		return nil, wavError("its data chunk comes before its fmt chunk")
	}
	width := w.channels // bytes of one moment
	if w.encoding == formatPCM {
		width *= 2
	}
	most := int64(MaxClip/time.Second) * int64(w.rate) * int64(width)
	from, known := io.Reader(w.r), size < unknownBytes
	if known {
		if int64(size) > most {
			return nil, wavError("it is longer than %v", MaxClip)
		}
		from = io.LimitReader(w.r, int64(size))
	}
	decode := w.decode
	if w.only {
		decode = w.count
	}
	if known && w.rate == SampleRate && size < 1<<20 { // what a file claims is believed up to a minute
		w.room = int(size) / width
	}
	pcm, n, err := decode(io.LimitReader(from, most+1), width)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read WAV file: %w", err)
	case n > most:
		return nil, wavError("it is longer than %v", MaxClip)
	case known && n < int64(size):
		return nil, wavError("it is cut off: its data chunk has %d bytes of %d", n, size)
	case n < int64(width):
		return nil, wavError("there is no sound in it")
	}
	return pcm, nil
}

// count is decode for who does not want the sound.
func (w *wavReader) count(r io.Reader, _ int) ([]int16, int64, error) {
	n, err := io.Copy(io.Discard, r)
	return nil, n, err
}

// decode reads r to its end and returns its sound at 8 kHz, and how many bytes there were.
func (w *wavReader) decode(r io.Reader, width int) (pcm []int16, n int64, err error) {
	var rs *resampler
	if w.rate != SampleRate {
		rs = newResampler(w.rate)
	}
	if w.room > 0 {
		pcm = make([]int16, 0, w.room)
	}
	const moments = 4096
	b, mono := make([]byte, moments*width), make([]float32, moments)
	sides := make([]int16, moments*w.channels)
	total := 0
	for err == nil {
		var got int
		got, err = io.ReadFull(r, b)
		n += int64(got)
		got /= width // half a moment at the end is none
		total += got
		w.samples(sides[:got*w.channels], b)
		if rs == nil && w.channels == 1 {
			pcm = append(pcm, sides[:got]...)
			continue
		}
		in := mono[:got]
		w.mix(in, sides)
		if rs != nil {
			pcm = rs.write(pcm, in)
			continue
		}
		for _, v := range in {
			pcm = append(pcm, clip16(v))
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, n, err
	}
	if rs != nil {
		pcm = rs.flush(pcm, total)
	}
	return pcm, n, nil
}

// samples decodes b, side by side.
func (w *wavReader) samples(dst []int16, b []byte) {
	switch w.encoding {
	case formatPCM:
		for i := range dst {
			dst[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
		}
	case formatALaw:
		PCMA.Decode(dst, b)
	case formatULaw:
		PCMU.Decode(dst, b)
	}
}

// mix mixes the channels to one.
func (w *wavReader) mix(mono []float32, sides []int16) {
	from, to := 0, w.channels
	if w.side >= 0 && w.side < w.channels {
		from, to = w.side, w.side+1
	}
	gain := 1 / float32(to-from)
	for i := range mono {
		var sum float32
		for c := from; c < to; c++ {
			sum += float32(sides[i*w.channels+c])
		}
		mono[i] = sum * gain
	}
}
