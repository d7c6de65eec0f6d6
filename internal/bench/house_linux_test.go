package bench

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/internal/load"
	"trunkline/internal/tone"
	"trunkline/media"
	"trunkline/recorder"
)

// house says what a switch whose calls have sound is like.
type house struct {
	calls   int
	others  int   // agents for calls that come and go
	phonePT uint8 // the codec of the agents' phones
	record  bool
	env     []string
}

// talking is a switch with calls up, whose sound is in streams.
type talking struct {
	rig
	*streams
	ours *way
	pair atomic.Int64 // whose sound the next call has; negative: none
	dir  string
	kib  float64 // resident memory that a call has brought
}

// talkingHouse starts a switch and sets the calls up: callers and agents'
// phones, at 100 a second. Nobody speaks yet.
func talkingHouse(b *testing.B, h house) *talking {
	b.Helper()
	carrier, phones := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")
	s := openStreams(b, 2*h.calls, [2]netip.Addr{carrier, phones})
	s.pts = [2]uint8{0, h.phonePT}
	r := &talking{streams: s}
	cfg := load.Config{Talk: time.Hour, Sound: func(n int) (load.Party, load.Party) {
		i := int(r.pair.Load())
		if i < 0 {
			return load.Party{Port: 40000}, load.Party{Port: 40002} // its sound is nobody's business
		}
		return load.Party{Port: s.addrs[2*i].Port(), PT: s.pts[0]}, load.Party{Port: s.addrs[2*i+1].Port(), PT: s.pts[1]}
	}}
	r.rig, r.dir = setUpIn(b, h.calls+h.others, cfg, "{queue: all}", h.record, h.env)
	idle := r.sw.statusKiB("VmRSS:")
	var ports []uint16
	for i := range h.calls {
		r.pair.Store(int64(i))
		one, other, err := r.bring()
		if err != nil {
			b.Fatalf("call %d: %v", i, err)
		}
		ports = append(ports, one, other)
	}
	r.pair.Store(-1)
	r.ours = s.through("ours", r.sw, ports)
	time.Sleep(time.Second)
	r.kib = (r.sw.statusKiB("VmRSS:") - idle) / float64(h.calls)
	return r
}

// bring sets one call up, again when it is refused, and gives the switch's
// ports.
func (r *talking) bring() (carrier, phone uint16, err error) {
	for range 20 {
		begun, connected, _, failed := r.Progress()
		r.Begin()
		for range 3000 {
			time.Sleep(2 * time.Millisecond)
			_, c, _, f := r.Progress()
			if c > connected { // the phone's ACK may be there before the carrier's 200
				if carrier, phone = r.Ports(begun); carrier != 0 && phone != 0 {
					return carrier, phone, nil
				}
			}
			if f > failed {
				break
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	return 0, 0, errors.New("got it refused 20 times")
}

// warm lets the switch know who speaks, and measures its memory then.
func (r *talking) warm(w *way) {
	idle := r.sw.statusKiB("VmRSS:")
	r.send(w, 6*time.Second, impairment{})
	r.kib += (r.sw.statusKiB("VmRSS:") - idle) / float64(len(w.to)/2)
	r.sw.tb.Logf("%.1f KiB a call", r.kib)
}

// churn begins calls that end as soon as they are answered, so many a second,
// until its result is called, which says how many have ended, and how many not
// as they should.
func (r *talking) churn(rate int) (over func() (done, failed int)) {
	r.SetTalk(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		began := time.Now()
		for n := 0; ; {
			for due := int(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
				r.Begin()
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	standing := len(r.ours.to) / 2
	return func() (int, int) {
		close(stop)
		<-stopped
		for i := 0; i < 500 && r.Load.Open() > standing; i++ {
			time.Sleep(10 * time.Millisecond)
		}
		begun, _, done, failed := r.Progress()
		return done, failed + begun - done - failed - standing
	}
}

// recordings hangs every call up, and gives the files that are there then.
func (r *talking) recordings(b *testing.B) (files []string) {
	b.Helper()
	r.HangUp()
	settle(&r.rig)
	r.sw.stop()
	err := filepath.WalkDir(filepath.Join(r.dir, "data"), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".wav") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return files
}

// hz is the tone of a party, whose period ends with every frame. The parties
// of a call have different ones.
func hz(party int) float64 { return float64(300 + 50*((party*7)%41)) }

// law is what a party speaks.
func (s *streams) law(party int) media.Codec {
	if s.pts[party%2] == 8 {
		return media.PCMA
	}
	return media.PCMU
}

// frameOf is 20 ms of a tone at -12 dB.
func frameOf(law media.Codec, hz float64) []byte {
	pcm, out := make([]int16, packetSize-rtpHeader), make([]byte, packetSize-rtpHeader)
	tone.Sine(pcm, 8000, hz, -12, 0)
	law.Encode(out, pcm)
	return out
}

// checkRecordings wants in every file two tones that a call's parties had, each
// on a channel of its own for as long as they spoke.
func checkRecordings(b *testing.B, files []string, spoke time.Duration) {
	b.Helper()
	calls := map[[2]float64]bool{}
	for i := range 250 {
		calls[[2]float64{hz(2 * i), hz(2*i + 1)}] = true
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		const head = 44
		var found [2]float64
		for side := range found {
			var pcm []int16
			for at := head + 2*side; at+1 < len(raw); at += 4 {
				pcm = append(pcm, int16(raw[at])|int16(raw[at+1])<<8)
			}
			hz, lasts := longestTone(pcm)
			found[side] = hz
			if off := lasts - spoke; off > 40*time.Millisecond || off < -40*time.Millisecond {
				told, _ := recorder.ReadSidecar(file)
				b.Errorf("%s side %d: got a tone of %v, want %v; marks %v", filepath.Base(file), side, lasts, spoke, told.Marks)
			}
		}
		if !calls[found] {
			b.Errorf("%s: got %v Hz, want the tones of a call", filepath.Base(file), found)
		}
	}
}

// longestTone is the tone of the loudest stretch, and how long it is there
// without a gap.
func longestTone(pcm []int16) (hz float64, lasts time.Duration) {
	const frame = 160
	var candidates []float64
	for f := 300.0; f <= 2300; f += 50 {
		candidates = append(candidates, f)
	}
	first, n, best := 0, 0, 0
	for at := 0; at+frame <= len(pcm); at += frame {
		if tone.RMS(pcm[at:at+frame]) < -20 {
			n = 0
			continue
		}
		if n++; n > best {
			best, first = n, at-(n-1)*frame
		}
	}
	if best < 10 {
		return 0, 0
	}
	middle := pcm[first+frame : first+(best-1)*frame]
	hz, _ = tone.Dominant(middle, 8000, candidates...)
	for at := 0; at+frame <= len(middle); at += frame { // and at every moment
		if tone.Level(middle[at:at+frame], 8000, hz) < -16 {
			return hz, time.Duration(at) * time.Second / 8000
		}
	}
	return hz, time.Duration(best*frame) * time.Second / 8000
}
