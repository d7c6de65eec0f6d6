package bench

import (
	"bytes"
	bigEndian "encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// streams are the parties of relayed calls: 2i and 2i+1 are the two of call i.
// Each sends 50 packets of 172 bytes a second and receives its other party's.
// A packet carries its time of sending, and the kernel stamps its arrival, so
// that our own scheduling does not count; or it carries what Payload gives,
// and is compared with what Expect gives.
type streams struct {
	fds   []int
	addrs []netip.AddrPort
	epfd  int
	pts   [2]uint8 // RTP payload types of a call's two parties

	Payload func(i int) []byte // what party i says, nil: stamps
	Expect  func(i int) []byte // what party i must hear

	digit      byte // what every party presses
	digitEvery int  // frames; 0: never

	ways    uint32
	began   time.Time
	payload [][]byte
	expect  [][]byte
	tap     *wiretap       // nil: the parties' sockets are read
	heard   []atomic.Int64 // when each last received its other party's stamp, Unix nanoseconds
}

const (
	packetSize = 172 // RTP with 20 ms of G.711
	rtpHeader  = 12
	frameTime  = 20 * time.Millisecond
	slots      = int(frameTime / time.Millisecond)
	stampAt    = 16 // offset of the time of sending; before it a mark
	numberAt   = 24 // and of the number that the party gave it
	mark       = 0x7472756e
)

// impairment is what a sender's network does.
type impairment struct {
	jitter  int     // packets leave up to so many ms late
	reorder float64 // this share leaves after its follower
}

func openStreams(tb testing.TB, n int, hosts [2]netip.Addr) *streams {
	tb.Helper()
	s := &streams{began: time.Now(), heard: make([]atomic.Int64, n)}
	var err error
	if s.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		for _, fd := range s.fds {
			unix.Close(fd)
		}
		unix.Close(s.epfd)
	})
	for i := range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			tb.Fatal(err)
		}
		s.fds = append(s.fds, fd)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: hosts[i%2].As4()}); err != nil {
			tb.Fatal(err)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			tb.Fatal(err)
		}
		name, err := unix.Getsockname(fd)
		if err != nil {
			tb.Fatal(err)
		}
		s.addrs = append(s.addrs, netip.AddrPortFrom(hosts[i%2], uint16(name.(*unix.SockaddrInet4).Port)))
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(s.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// speak fixes what the parties say.
func (s *streams) speak(payload, expect func(i int) []byte) {
	s.Payload, s.Expect = payload, expect
	for i := range s.fds {
		s.payload = append(s.payload, payload(i))
	}
	for i := range s.fds {
		s.expect = append(s.expect, expect(i))
	}
}

// way is one relay that the streams can go through.
type way struct {
	name string
	proc *process
	to   []unix.RawSockaddrInet4
	mark uint32   // of its packets: what another way is late with does not count
	seq  []uint16 // the next number of each party's
	took []uint16 // the last number that each party received
	any  []bool   // it has received one
}

// through makes a way of a relay's ports, one a party, on the loopback address.
func (s *streams) through(name string, proc *process, ports []uint16) *way {
	s.ways++
	w := &way{name: name, proc: proc, mark: mark + s.ways, seq: make([]uint16, len(ports)), took: make([]uint16, len(ports)), any: make([]bool, len(ports))}
	for _, p := range ports {
		w.to = append(w.to, unix.RawSockaddrInet4{Family: unix.AF_INET, Port: p<<8 | p>>8, Addr: loopbackIP.As4()})
	}
	return w
}

// second is one of a run.
type second struct {
	cpu  time.Duration // of the relay's process
	sent int
	late int // ms of it that were more than 5 ms late: the machine had other things to do

	latency []time.Duration // of what was sent in it
}

// run is what has been seen of one way.
type run struct {
	seconds        []second
	sent, received int
	taken          atomic.Int64 // received, while it goes on
	disordered     int          // came behind one that follows it
}

// send has all parties speak for so long, in slots of 1 ms at absolute
// moments, and listens meanwhile and until nothing has come for a second.
func (s *streams) send(w *way, lasts time.Duration, how impairment) *run {
	r := &run{seconds: make([]second, int(lasts/time.Second)+1)}
	for i := range r.seconds {
		r.seconds[i].latency = make([]time.Duration, 0, 50*len(s.fds)+1000)
	}
	over, done := make(chan struct{}), make(chan struct{})
	began := time.Now()
	if s.tap != nil {
		go s.tap.listen(s, w, r, began, over, done)
	} else {
		go s.receive(w, r, began, over, done)
	}
	s.transmit(w, r, began, int(lasts/time.Millisecond), how)
	for n := -1; n != int(r.taken.Load()); { // what is under way arrives
		n = int(r.taken.Load())
		time.Sleep(time.Second)
	}
	close(over)
	<-done
	r.seconds = r.seconds[:len(r.seconds)-1]
	return r
}

// due is a packet that waits for its slot.
type due struct {
	party int
	seq   uint16
	frame int
}

func (s *streams) transmit(w *way, r *run, began time.Time, last int, how impairment) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const ahead = 64
	var ring [ahead][]due
	put := func(slot int, d due) { ring[slot%ahead] = append(ring[slot%ahead], d) }
	held := make([]*due, len(s.fds))
	frame0 := int(began.Sub(s.began) / frameTime)
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, packetSize)
	cpu := w.proc.cpu()
	for slot := 0; slot < last+ahead; slot++ {
		in := &r.seconds[min(slot/1000, len(r.seconds)-1)]
		sleepUntil(began.Add(time.Duration(slot)*time.Millisecond), in)
		for i := slot % slots; i < len(s.fds) && slot < last; i += slots {
			d := due{party: i, seq: w.seq[i], frame: frame0 + slot/slots}
			w.seq[i]++
			at := slot
			if how.jitter > 0 {
				at += rng.IntN(how.jitter)
			}
			switch {
			case held[i] != nil:
				put(at, d)
				put(at+1+rng.IntN(3), *held[i])
				held[i] = nil
			case how.reorder > 0 && rng.Float64() < how.reorder && slot < last-1000:
				held[i] = &d
			default:
				put(at, d)
			}
		}
		for _, d := range ring[slot%ahead] {
			if s.emit(w, b, d) {
				r.sent++
				in.sent++
			}
		}
		ring[slot%ahead] = ring[slot%ahead][:0]
		if slot%1000 == 999 && slot < last {
			now := w.proc.cpu()
			in.cpu, cpu = now-cpu, now
		}
	}
}

func sleepUntil(due time.Time, in *second) {
	if d := time.Until(due); d > 0 {
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil)
	} else if d < -5*time.Millisecond {
		in.late++
	}
}

// emit sends one packet, made in b.
func (s *streams) emit(w *way, b []byte, d due) bool {
	b[0], b[1] = 2<<6, s.pts[d.party%2]
	bigEndian.BigEndian.PutUint16(b[2:], d.seq)
	bigEndian.BigEndian.PutUint32(b[4:], uint32(d.frame*160))
	bigEndian.BigEndian.PutUint32(b[8:], uint32(d.party+1))
	if s.payload != nil {
		copy(b[rtpHeader:], s.payload[d.party])
	} else {
		bigEndian.BigEndian.PutUint32(b[rtpHeader:], w.mark)
		bigEndian.BigEndian.PutUint64(b[stampAt:], uint64(time.Now().UnixNano()))
		bigEndian.BigEndian.PutUint16(b[numberAt:], d.seq)
	}
	size := packetSize
	if n := s.key(b, d); n > 0 {
		size = n
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fds[d.party]), uintptr(unsafe.Pointer(&b[0])), uintptr(size),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&w.to[d.party])), unix.SizeofSockaddrInet4)
	return errno == 0
}

func (s *streams) receive(w *way, r *run, began time.Time, over, done chan struct{}) {
	defer close(done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, 512)
	buf, control := make([]byte, 2048), make([]byte, 128)
	for {
		n, err := unix.EpollWait(s.epfd, events, 50)
		select {
		case <-over:
			return
		default:
		}
		if err != nil {
			continue
		}
		for _, e := range events[:n] {
			s.take(w, r, began, int(e.Fd), buf, control)
		}
	}
}

// take receives one packet and its kernel time stamp.
func (s *streams) take(w *way, r *run, began time.Time, party int, buf, control []byte) {
	iov := unix.Iovec{Base: &buf[0], Len: uint64(len(buf))}
	msg := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: &control[0], Controllen: uint64(len(control))}
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fds[party]), uintptr(unsafe.Pointer(&msg)), unix.MSG_DONTWAIT)
	if errno != 0 || n != packetSize {
		return
	}
	if s.expect != nil {
		if !bytes.Equal(buf[rtpHeader:packetSize], s.expect[party]) {
			return // silence from before the other party spoke
		}
	} else if bigEndian.BigEndian.Uint32(buf[rtpHeader:]) != w.mark {
		return
	}
	r.receivedIt(w, party, bigEndian.BigEndian.Uint16(buf[2:]))
	head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	if s.expect != nil || msg.Controllen < unix.SizeofCmsghdr || head.Type != unix.SO_TIMESTAMPNS {
		return
	}
	at := (*unix.Timespec)(unsafe.Pointer(&control[unix.SizeofCmsghdr])).Nano()
	s.heard[party].Store(at)
	r.delayed(began, int64(bigEndian.BigEndian.Uint64(buf[stampAt:])), at)
}

// receivedIt counts a packet that came to a party.
func (r *run) receivedIt(w *way, party int, seq uint16) {
	r.received++
	r.taken.Add(1)
	if w.any[party] && int16(seq-w.took[party]) <= 0 {
		r.disordered++
	}
	w.took[party], w.any[party] = seq, true
}

// delayed notes how long one was on its way.
func (r *run) delayed(began time.Time, sent, came int64) {
	in := &r.seconds[min(max(int((sent-began.UnixNano())/int64(time.Second)), 0), len(r.seconds)-1)]
	in.latency = append(in.latency, time.Duration(came-sent))
}

// figures are what the quieter half of all seconds of a way's runs shows.
type figures struct {
	cpu            float64       // of one core
	packet         time.Duration // CPU for one
	p50, p99       time.Duration
	all99          time.Duration // of all seconds
	sent, received int
	timed          int // whose delay is known
	disordered     int
	late           int // ms, of the seconds that count
	seconds        int
}

func (f figures) lost() int { return f.sent - f.received }

func summarize(runs []*run) (f figures) {
	var all []second
	var every, calm []time.Duration
	for _, r := range runs {
		f.sent, f.received, f.disordered = f.sent+r.sent, f.received+r.received, f.disordered+r.disordered
		all = append(all, r.seconds...)
	}
	slices.SortStableFunc(all, func(a, b second) int { return a.late - b.late })
	f.seconds = (len(all) + 1) / 2
	var costs []time.Duration
	for i, one := range all {
		every = append(every, one.latency...)
		f.timed += len(one.latency)
		if i < f.seconds {
			calm = append(calm, one.latency...)
			costs = append(costs, one.cpu/time.Duration(max(1, one.sent)))
			f.cpu += one.cpu.Seconds() / float64(f.seconds)
			f.late += one.late
		}
	}
	slices.Sort(costs)
	slices.Sort(calm)
	slices.Sort(every)
	f.packet = costs[len(costs)/2]
	f.p50, f.p99, f.all99 = latencyAt(calm, .5), latencyAt(calm, .99), latencyAt(every, .99)
	return f
}

func latencyAt(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(float64(len(sorted)-1)*q)]
}
