package bench

import (
	bigEndian "encoding/binary"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/internal/load"

	"golang.org/x/sys/unix"
)

// menusFlow leads the first 500 callers into a menu, and all others into a
// queue with music and announcements whose only agent is not there.
const menusFlow = `{match: caller, cases: {"+1415000000, +1415000001, +1415000002, +1415000003, +1415000004": menus}}, ` +
	`{queue: nobody, announce: {position: true, wait: true, prompts: [still-waiting], first: 5s, every: 10s}}]
  menus:
  - menu: [welcome, {time: "{now}"}, {digits: "4711"}]
    choices: {"1": other, "*": repeat}
    timeout: 3s
    retries: 9
    otherwise: menus
  other: [{menu: [still-waiting, {number: 42}], choices: {"1": menus, "9": [{hangup: 480}]}, otherwise: menus}`

// BenchmarkMenus has 1,000 callers who speak all the time: half of them in
// menus, where each presses a key every 8 s, and half in a queue with music
// and announcements. They come at 250 a second. It measures the CPU of the
// switch's process while nobody comes or goes, and that everybody hears
// something at every moment.
func BenchmarkMenus(b *testing.B) {
	const callers, most, lasts = 1000, .60, 20 * time.Second
	carrier := netip.MustParseAddr("127.0.0.2")
	s := openStreams(b, callers, [2]netip.Addr{carrier, carrier})
	s.digit, s.digitEvery = '1', 400
	cfg := load.Config{Sound: func(n int) (load.Party, load.Party) {
		return load.Party{Port: s.addrs[n].Port()}, load.Party{Port: 40002}
	}}
	r, _ := setUpIn(b, 1, cfg, menusFlow, false, nil,
		"agents:\n", "agents:\n  zoe: {password: nobody registers}\n", "teams:\n", "teams:\n  nobody: {agents: [zoe]}\n")
	cpu0 := r.sw.cpu()
	const perSecond = 250
	for n, began := 0, time.Now(); n < callers; time.Sleep(time.Millisecond) {
		for due := min(callers, int(time.Since(began).Seconds()*perSecond)); n < due; n++ {
			r.Begin()
		}
	}
	time.Sleep(time.Second)
	b.ReportMetric((r.sw.cpu()-cpu0).Seconds()*1000/callers, "cpu-ms/arrival")
	if _, _, _, failed := r.Progress(); failed > 0 {
		b.Errorf("got %d of %d callers refused at %d a second, want none", failed, callers, perSecond)
	}
	var ports []uint16
	for n := range callers {
		port, _ := r.Ports(n)
		ports = append(ports, port)
	}
	w := s.through("switch", r.sw, ports)
	s.hearken(w, 5*time.Second) // the callers are heard from now on
	cpu0 = r.sw.cpu()
	heard := s.hearken(w, lasts)
	cpu := (r.sw.cpu() - cpu0).Seconds() / lasts.Seconds()
	b.ReportMetric(100*cpu, "%-of-a-core")
	b.ReportMetric(float64(heard.packets)/lasts.Seconds(), "packets/s")
	b.ReportMetric(float64(heard.fewest)/lasts.Seconds(), "fewest/s")
	b.ReportMetric(float64(heard.late), "sender-late-ms")
	b.ReportMetric(r.sw.peakMiB(), "peak-MiB")
	b.ReportMetric(0, "ns/op")
	if cpu > most {
		b.Errorf("got %.0f %% of a core, want at most %.0f", 100*cpu, 100*most)
	}
	if want := int(lasts/frameTime) * 98 / 100; heard.fewest < want && heard.late < noisy*int(lasts/time.Second) {
		b.Errorf("got %d packets for one of the callers, want at least %d", heard.fewest, want)
	}
	r.Close()
	r.sw.stop()
	if log := r.sw.log.String(); strings.Contains(log, "level=ERROR") {
		b.Errorf("the switch said:\n%s", log)
	}
}

// hearkened is what callers have heard.
type hearkened struct {
	packets, fewest int // in all; of the caller with the fewest
	late            int // ms that the sender was late
}

// hearken has all parties speak for so long, and counts what comes to each.
func (s *streams) hearken(w *way, lasts time.Duration) (h hearkened) {
	counts := make([]int, len(s.fds))
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		events, buf := make([]unix.EpollEvent, 512), make([]byte, 2048)
		for !over.Load() {
			n, _ := unix.EpollWait(s.epfd, events, 50)
			for _, e := range events[:max(n, 0)] {
				for {
					size, err := unix.Read(s.fds[e.Fd], buf)
					if err != nil {
						break
					}
					if size == packetSize {
						counts[e.Fd]++
					}
				}
			}
		}
	}()
	r := &run{seconds: make([]second, int(lasts/time.Second)+1)}
	s.transmit(w, r, time.Now(), int(lasts/time.Millisecond), impairment{})
	over.Store(true)
	<-done
	h.fewest = counts[0]
	for _, n := range counts {
		h.packets += n
		h.fewest = min(h.fewest, n)
	}
	for _, one := range r.seconds {
		h.late += one.late
	}
	return h
}

// eventPT and eventFrames are a key's: telephone-event (RFC 4733), whose
// packets replace six of sound.
const (
	eventPT     = 101
	eventFrames = 6
)

// key writes the packet of a key that party d presses now, if it does, and
// says how long it is.
func (s *streams) key(b []byte, d due) int {
	if s.digitEvery == 0 {
		return 0
	}
	at := (d.frame + d.party*s.digitEvery/len(s.fds)) % s.digitEvery
	if at >= eventFrames {
		return 0
	}
	b[1] = eventPT
	if at == 0 {
		b[1] |= 1 << 7 // marker
	}
	bigEndian.BigEndian.PutUint32(b[4:], uint32((d.frame-at)*160))
	end := byte(0)
	if at >= eventFrames-3 { // the last packet is sent three times
		end = 1 << 7
	}
	duration := min(at+1, eventFrames-2) * 160
	b[rtpHeader], b[rtpHeader+1] = s.digit-'0', end|10
	bigEndian.BigEndian.PutUint16(b[rtpHeader+2:], uint16(duration))
	return rtpHeader + 4
}
