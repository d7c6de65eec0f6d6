package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"trunkline/internal/raced"
	"trunkline/internal/tone"
)

// A wavFile describes a WAV file to be written; its zero values are mono 16-bit PCM at 8 kHz.
type wavFile struct {
	encoding, channels, rate, bits int
	extensible                     bool
	before                         []byte // chunks between fmt and data
	data                           []byte
	size                           uint32 // said of data; 0: the truth
}

func (f wavFile) bytes() []byte {
	or := func(v *int, zero int) {
		if *v == 0 {
			*v = zero
		}
	}
	or(&f.encoding, formatPCM)
	or(&f.channels, 1)
	or(&f.rate, 8000)
	if f.encoding == formatPCM {
		or(&f.bits, 16)
	}
	or(&f.bits, 8)
	if f.size == 0 {
		f.size = uint32(len(f.data))
	}
	le := binary.LittleEndian
	width := f.channels * f.bits / 8
	format := le.AppendUint16(nil, uint16(f.encoding))
	if f.extensible {
		format = le.AppendUint16(nil, formatExtensible)
	}
	format = le.AppendUint16(format, uint16(f.channels))
	format = le.AppendUint32(format, uint32(f.rate))
	format = le.AppendUint32(format, uint32(f.rate*width))
	format = le.AppendUint16(format, uint16(width))
	format = le.AppendUint16(format, uint16(f.bits))
	if f.extensible {
		format = le.AppendUint16(format, 22)
		format = le.AppendUint16(format, uint16(f.bits))
		format = le.AppendUint32(format, 0)
		format = le.AppendUint16(format, uint16(f.encoding))
		format = append(format, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	b := append(wavChunk("fmt ", format), f.before...)
	b = append(b, "data"...)
	b = le.AppendUint32(b, f.size)
	b = append(b, f.data...)
	return append(le.AppendUint32([]byte("RIFF"), uint32(4+len(b))), append([]byte("WAVE"), b...)...)
}

// wavChunk returns a chunk, padded to an even length.
func wavChunk(id string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// pcm16 writes samples; several channels are interleaved.
func pcm16(channels ...[]int16) []byte {
	var b []byte
	for i := range channels[0] {
		for _, c := range channels {
			b = binary.LittleEndian.AppendUint16(b, uint16(c[i]))
		}
	}
	return b
}

// sine returns d of hz at -10 dBFS.
func sine(rate int, hz float64, d time.Duration) []int16 {
	pcm := make([]int16, int(d.Seconds()*float64(rate)))
	tone.Sine(pcm, rate, hz, -10, 0)
	return pcm
}

func mustReadWAV(t testing.TB, b []byte) []int16 {
	t.Helper()
	c, err := ReadWAV(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return samplesOfClip(c)
}

func encodeAll(encode func(int16) byte, pcm []int16) []byte {
	b := make([]byte, len(pcm))
	for i, s := range pcm {
		b[i] = encode(s)
	}
	return b
}

func TestWAVOfEveryKindIsHeard(t *testing.T) {
	t.Parallel()
	at8 := sine(8000, 1000, time.Second)
	silent := make([]int16, len(at8))
	for name, c := range map[string]struct {
		file  wavFile
		level float64
	}{
		"PCM":                  {wavFile{data: pcm16(at8)}, -10},
		"µ-law":                {wavFile{encoding: formatULaw, data: encodeAll(tone.EncodeMulaw, at8)}, -10},
		"A-law":                {wavFile{encoding: formatALaw, data: encodeAll(tone.EncodeAlaw, at8)}, -10},
		"stereo":               {wavFile{channels: 2, data: pcm16(at8, at8)}, -10},
		"stereo, one silent":   {wavFile{channels: 2, data: pcm16(at8, silent)}, -16},
		"stereo µ-law":         {wavFile{encoding: formatULaw, channels: 2, data: encodeAll(tone.EncodeMulaw, interleave(at8, at8))}, -10},
		"16 kHz":               {wavFile{rate: 16000, data: pcm16(sine(16000, 1000, time.Second))}, -10},
		"16 kHz A-law":         {wavFile{rate: 16000, encoding: formatALaw, data: encodeAll(tone.EncodeAlaw, sine(16000, 1000, time.Second))}, -10},
		"22.05 kHz":            {wavFile{rate: 22050, data: pcm16(sine(22050, 1000, time.Second))}, -10},
		"44.1 kHz":             {wavFile{rate: 44100, data: pcm16(sine(44100, 1000, time.Second))}, -10},
		"48 kHz":               {wavFile{rate: 48000, data: pcm16(sine(48000, 1000, time.Second))}, -10},
		"48 kHz stereo":        {wavFile{rate: 48000, channels: 2, data: pcm16(sine(48000, 1000, time.Second), sine(48000, 1000, time.Second))}, -10},
		"extensible":           {wavFile{extensible: true, data: pcm16(at8)}, -10},
		"extensible A-law":     {wavFile{extensible: true, encoding: formatALaw, data: encodeAll(tone.EncodeAlaw, at8)}, -10},
		"LIST and odd chunks":  {wavFile{before: append(wavChunk("LIST", []byte("INFOISFT\x05\x00\x00\x00Lavf\x00")), wavChunk("junk", []byte("odd"))...), data: pcm16(at8)}, -10},
		"length unknown":       {wavFile{size: 0xFFFFFFFF, data: pcm16(at8)}, -10},
		"length of a sox pipe": {wavFile{size: 0x7FFFFFFF - 36, data: pcm16(at8)}, -10},
		"half a sample more":   {wavFile{size: 0xFFFFFFFF, data: append(pcm16(at8), 7)}, -10},
	} {
		t.Run(name, func(t *testing.T) {
			pcm := mustReadWAV(t, c.file.bytes())
			if len(pcm) != SampleRate {
				t.Errorf("got %d samples, want %d", len(pcm), SampleRate)
			}
			hz, level := tone.Dominant(pcm, SampleRate)
			if hz != 1000 || math.Abs(level-c.level) > 0.2 {
				t.Errorf("got %v Hz at %.2f dBFS, want 1000 at %v", hz, level, c.level)
			}
			if noise := levelWithout(pcm, 1000); noise > -44 {
				t.Errorf("got %.1f dBFS beside the tone, want it clean", noise)
			}
		})
	}
}

func interleave(a, b []int16) []int16 {
	var out []int16
	for i := range a {
		out = append(out, a[i], b[i])
	}
	return out
}

// levelWithout returns the level of what remains of the middle of pcm without its sine of hz.
func levelWithout(pcm []int16, hz float64) float64 {
	pcm = pcm[800 : len(pcm)-800]
	var s, c float64
	for i, v := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / SampleRate)
		s, c = s+float64(v)*sin, c+float64(v)*cos
	}
	s, c = 2*s/float64(len(pcm)), 2*c/float64(len(pcm))
	rest := make([]int16, len(pcm))
	for i, v := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / SampleRate)
		rest[i] = int16(math.Round(float64(v) - s*sin - c*cos))
	}
	return tone.RMS(rest)
}

func TestSamplesAt8kHzAreTakenAsTheyAre(t *testing.T) {
	want := []int16{0, 1, -1, 32767, -32768, 12345}
	if got := mustReadWAV(t, wavFile{data: pcm16(want)}.bytes()); len(got) != FrameSamples || [6]int16(got) != [6]int16(want) {
		t.Errorf("got %v, want %v and silence to a whole frame", got[:6], want)
	}
	if got := mustReadWAV(t, wavFile{channels: 2, data: pcm16([]int16{32767, -32768}, []int16{32767, -32768})}.bytes()); got[0] != 32767 || got[1] != -32768 {
		t.Errorf("got %v, want full scale mixed without overflow", got[:2])
	}
}

func TestResamplingIsFlatInTheSpeechBandAndDoesNotAlias(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000} {
		for _, hz := range raced.Or([]float64{200, 3400}, []float64{200, 440, 1000, 2000, 3000, 3400}) {
			pcm := mustReadWAV(t, wavFile{rate: rate, data: pcm16(sine(rate, hz, time.Second))}.bytes())
			if got := tone.Level(pcm[400:7600], SampleRate, hz); math.Abs(got+10) > 0.15 {
				t.Errorf("%d Hz: got %.2f dBFS of %v Hz, want -10", rate, got, hz)
			}
			if got := levelWithout(pcm, hz); got > -72 {
				t.Errorf("%d Hz: got %.1f dBFS beside %v Hz, want less than -72", rate, got, hz)
			}
		}
		for _, hz := range raced.Or([]float64{4600, 15000}, []float64{4600, 5000, 7000, 7900, 9000, 12000, 15000, 21000, 40000}) {
			if hz > float64(rate)*0.48 {
				continue
			}
			pcm := mustReadWAV(t, wavFile{rate: rate, data: pcm16(sine(rate, hz, time.Second))}.bytes())
			if got := tone.RMS(pcm[400:7600]); got > -75 {
				t.Errorf("%d Hz: got %.1f dBFS out of %v Hz, which 8 kHz cannot carry, want less than -75", rate, got, hz)
			}
		}
	}
}

func TestResampledSoundKeepsItsPlaceAndLength(t *testing.T) {
	for _, rate := range wavRates {
		pcm := make([]int16, rate)
		pcm[rate/2] = 20000 // a click at 0.5 s
		got := mustReadWAV(t, wavFile{rate: rate, data: pcm16(pcm)}.bytes())
		at := 0
		for i, v := range got {
			if abs(int(v)) > abs(int(got[at])) {
				at = i
			}
		}
		if abs(at-SampleRate/2) > 1 || len(got) != SampleRate {
			t.Errorf("%d Hz: got the click at sample %d of %d, want %d of %d", rate, at, len(got), SampleRate/2, SampleRate)
		}
	}
	// Every phase of the filter has the same gain: what is constant stays so to the last bit.
	level := make([]int16, 44100)
	for i := range level {
		level[i] = 32000
	}
	for i, v := range mustReadWAV(t, wavFile{rate: 44100, data: pcm16(level)}.bytes())[100:7900] {
		if v != 32000 {
			t.Fatalf("sample %d: got %d, want the constant 32000", 100+i, v)
		}
	}
	// However the samples arrive, the result is the same.
	in := make([]float32, 5000)
	for i := range in {
		in[i] = float32(1000 * math.Sin(float64(i)/20))
	}
	whole := newResampler(44100).write(nil, in)
	var pieces []int16
	r := newResampler(44100)
	for i := 0; i < len(in); i += 7 {
		pieces = r.write(pieces, in[i:min(i+7, len(in))])
	}
	if len(whole) != len(pieces) {
		t.Fatalf("got %d samples in pieces, want %d", len(pieces), len(whole))
	}
	for i := range whole {
		if whole[i] != pieces[i] {
			t.Fatalf("sample %d: got %d in pieces, want %d", i, pieces[i], whole[i])
		}
	}
}

func TestUnusableWAVSaysWhatWouldBeRight(t *testing.T) {
	sound := pcm16(sine(8000, 440, 100*time.Millisecond))
	good := wavFile{data: sound}.bytes()
	noData := append([]byte(nil), good[:36]...)
	longOf := func(f wavFile) []byte { // says more than 30 minutes
		f.size = uint32(31 * 60 * 8000 * 2)
		return f.bytes()
	}
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":                {nil, "it is empty"},
		"text":                 {[]byte("hello, this is not sound"), "does not begin with RIFF"},
		"MP3":                  {[]byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "MP3"},
		"MP3 without a tag":    {[]byte("\xff\xfb\x90\x00aaaaaaaaaaaa"), "MP3"},
		"Ogg":                  {[]byte("OggS\x00aaaaaaaaaaaa"), "Ogg"},
		"FLAC":                 {[]byte("fLaC\x00aaaaaaaaaaaa"), "FLAC"},
		"RF64":                 {[]byte("RF64\xff\xff\xff\xffWAVEds64"), "RF64"},
		"cut in the header":    {good[:7], "does not begin with RIFF"},
		"cut in the fmt chunk": {good[:30], "within its fmt chunk"},
		"no data chunk":        {noData, "without a data chunk"},
		"cut in the sound":     {good[:len(good)-10], "cut off: its data chunk has 1590 bytes of 1600"},
		"cut in another chunk": {wavFile{before: wavChunk("LIST", make([]byte, 100))}.bytes()[:60], "without a data chunk"},
		"no sound":             {wavFile{}.bytes(), "no sound"},
		"data before fmt":      {append([]byte("RIFF\x00\x00\x00\x00WAVE"), wavChunk("data", sound)...), "before its fmt chunk"},
		"a fmt chunk too long": {append([]byte("RIFF\x00\x00\x00\x00WAVE"), wavChunk("fmt ", make([]byte, 2000))...), "fmt chunk has 2000 bytes"},
		"24 bits":              {wavFile{bits: 24, data: sound}.bytes(), "24 bits a sample, want 16"},
		"8-bit PCM":            {wavFile{bits: 8, data: sound}.bytes(), "8 bits a sample, want 16"},
		"floating point":       {wavFile{encoding: 3, bits: 32, data: sound}.bytes(), "floating point"},
		"ADPCM":                {wavFile{encoding: 0x11, bits: 4, data: sound}.bytes(), "ADPCM"},
		"six channels":         {wavFile{channels: 6, data: sound}.bytes(), "6 channels"},
		"no channels":          {bytes.Replace(good, []byte{1, 0, 1, 0}, []byte{1, 0, 0, 0}, 1), "0 channels"},
		"a strange rate":       {wavFile{rate: 7999, data: sound}.bytes(), "7999 Hz"},
		"too long":             {longOf(wavFile{data: sound}), "longer than 30m0s"},
		"chunks without end":   {append([]byte("RIFF\x00\x00\x00\x00WAVE"), bytes.Repeat(wavChunk("junk", nil), maxChunks+1)...), "more than 1000 chunks"},
		"a huge chunk":         {append([]byte("RIFF\x00\x00\x00\x00WAVE"), "junk\xff\xff\xff\xff"...), "more than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadWAV(bytes.NewReader(c.file))
			if !errors.Is(err, ErrWAV) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want ErrWAV saying %q", err, c.says)
			}
			if checked := CheckWAV(bytes.NewReader(c.file)); checked == nil || checked.Error() != err.Error() {
				t.Errorf("got %v of CheckWAV, want what ReadWAV says: %v", checked, err)
			}
		})
	}
}

func TestCheckedWAVIsRead(t *testing.T) {
	for _, n := range []int{1, 2, 5, 6, 11, 12, 13, 100} {
		file := wavFile{rate: 96000, data: make([]byte, 2*n)}.bytes()
		_, err := ReadWAV(bytes.NewReader(file))
		if checked := CheckWAV(bytes.NewReader(file)); fmt.Sprint(checked) != fmt.Sprint(err) {
			t.Errorf("%d samples at 96 kHz: got %v of CheckWAV, and %v of ReadWAV", n, checked, err)
		}
	}
}

func TestEndlessWAVIsRefusedAtThirtyMinutes(t *testing.T) {
	head := wavFile{size: 0xFFFFFFFF}.bytes()
	_, err := ReadWAV(io.MultiReader(bytes.NewReader(head), zeros{}))
	if !errors.Is(err, ErrWAV) || !strings.Contains(err.Error(), "longer than 30m0s") {
		t.Errorf("got %v, want ErrWAV for a file without end", err)
	}
}

// zeros is a reader without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestTroubleWithReadingIsNoTroubleWithTheFile(t *testing.T) {
	good := wavFile{before: wavChunk("LIST", make([]byte, 40000)), data: make([]byte, 40000)}.bytes()
	for _, n := range []int64{0, 5, 15, 30, 100, 50000} {
		_, err := ReadWAV(io.MultiReader(io.LimitReader(bytes.NewReader(good), n), iotest.ErrReader(io.ErrNoProgress)))
		if !errors.Is(err, io.ErrNoProgress) || errors.Is(err, ErrWAV) {
			t.Errorf("after %d bytes: got %v, want the reader's error alone", n, err)
		}
	}
	if _, err := ReadWAV(iotest.OneByteReader(bytes.NewReader(good))); err != nil {
		t.Errorf("byte by byte: got %v, want it read", err)
	}
}

func FuzzReadWAV(f *testing.F) {
	short := sine(48000, 440, 10*time.Millisecond)
	f.Add(wavFile{data: pcm16(short)}.bytes())
	f.Add(wavFile{rate: 44100, channels: 2, data: pcm16(short, short)}.bytes())
	f.Add(wavFile{rate: 48000, encoding: formatALaw, extensible: true, data: []byte("some sound")}.bytes())
	f.Add(wavFile{encoding: formatULaw, size: 0xFFFFFFFF, before: wavChunk("LIST", []byte("odd")), data: []byte("sound")}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ReadWAV(bytes.NewReader(b))
		if checked := CheckWAV(bytes.NewReader(b)); fmt.Sprint(checked) != fmt.Sprint(err) {
			t.Fatalf("got %v of CheckWAV, and %v of ReadWAV", checked, err)
		}
		if err != nil {
			if !errors.Is(err, ErrWAV) {
				t.Fatalf("got %v, want ErrWAV", err)
			}
			return
		}
		if c.Frames() == 0 || c.Frames() > len(b) {
			t.Fatalf("got %d frames out of %d bytes", c.Frames(), len(b))
		}
		c.Encoded(PCMA, c.Frames()-1)
	})
}
