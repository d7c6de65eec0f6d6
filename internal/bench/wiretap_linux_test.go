package bench

import (
	bigEndian "encoding/binary"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A wiretap takes what crosses the loopback device out of a ring that the kernel
// fills and stamps (PACKET_MMAP, packet(7)): when a packet came to the relay's port, and when what
// the relay made of it came to the other party's. So neither when the load gets
// round to sending counts nor when it gets round to reading, and it need not read
// 2,000 sockets, which costs more than the relay does. It needs CAP_NET_RAW.
type wiretap struct {
	fd    int
	ring  []byte
	roles []int32           // by address and port: a party's port at the relay is its number + 1, its own port the negative of that
	came  [][seenBack]int64 // by party and number: when its packet came to the relay
	next  int               // the block that comes next
}

const (
	tapBlock  = 1 << 20
	tapBlocks = 64
	seenBack  = 1024 // packets: 20 s
)

// watch has the streams read by a wiretap: nothing reaches the parties' sockets any
// more.
func (s *streams) watch(tb testing.TB) {
	tb.Helper()
	t := &wiretap{roles: make([]int32, 4<<16), came: make([][seenBack]int64, len(s.fds))}
	const ip = 0x0800 // ETH_P_IP
	var err error
	if t.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		tb.Fatalf("a tap on the loopback device: %v (it needs CAP_NET_RAW)", err)
	}
	tb.Cleanup(func() { unix.Close(t.fd) })
	must := func(what string, err error) {
		if err != nil {
			tb.Fatalf("%s: %v", what, err)
		}
	}
	must("PACKET_VERSION", unix.SetsockoptInt(t.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3))
	must("PACKET_IGNORE_OUTGOING", unix.SetsockoptInt(t.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	must("PACKET_RX_RING", unix.SetsockoptTpacketReq3(t.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size: tapBlock, Block_nr: tapBlocks, Frame_size: 2048, Frame_nr: tapBlock / 2048 * tapBlocks, Retire_blk_tov: 10,
	}))
	t.ring, err = unix.Mmap(t.fd, 0, tapBlock*tapBlocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must("mmap", err)
	tb.Cleanup(func() { _ = unix.Munmap(t.ring) })
	must("bind", unix.Bind(t.fd, &unix.SockaddrLinklayer{Protocol: ip<<8&0xff00 | ip>>8, Ifindex: 1}))
	refuse := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}} // no byte of any packet is kept
	for _, fd := range s.fds {
		must("SO_ATTACH_FILTER", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &refuse[0]}))
	}
	s.tap = t
}

// roleAt is where a port of 127.0.0.0/30 has its role.
func roleAt(lastOctet byte, port uint16) int { return int(lastOctet&3)<<16 | int(port) }

// listen reads the ring until it is over.
func (t *wiretap) listen(s *streams, w *way, r *run, began time.Time, over, done chan struct{}) {
	defer close(done)
	clear(t.roles)
	for i, to := range w.to {
		t.roles[roleAt(to.Addr[3], to.Port<<8|to.Port>>8)] = int32(i + 1)
	}
	for i, a := range s.addrs {
		t.roles[roleAt(a.Addr().As4()[3], a.Port())] = -int32(i + 1)
	}
	poll := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}
	for {
		block := t.ring[t.next*tapBlock:][:tapBlock]
		head := (*unix.TpacketHdrV1)(unsafe.Pointer(&block[8]))
		if atomic.LoadUint32(&head.Block_status)&unix.TP_STATUS_USER == 0 {
			select {
			case <-over:
				return
			default:
			}
			_, _ = unix.Poll(poll, 50)
			continue
		}
		at := head.Offset_to_first_pkt
		for range head.Num_pkts {
			p := (*unix.Tpacket3Hdr)(unsafe.Pointer(&block[at]))
			t.see(s, w, r, began, block[at+uint32(p.Net):at+uint32(p.Mac)+p.Snaplen], int64(p.Sec)*1e9+int64(p.Nsec))
			at += p.Next_offset
		}
		atomic.StoreUint32(&head.Block_status, unix.TP_STATUS_KERNEL)
		t.next = (t.next + 1) % tapBlocks
	}
}

// see takes a packet of the Internet Protocol.
func (t *wiretap) see(s *streams, w *way, r *run, began time.Time, ip []byte, at int64) {
	if len(ip) < 20 || ip[9] != unix.IPPROTO_UDP || int(ip[0]&15)*4+8 > len(ip) {
		return
	}
	udp := ip[int(ip[0]&15)*4:]
	role, b := t.roles[roleAt(ip[19], bigEndian.BigEndian.Uint16(udp[2:]))], udp[8:]
	if role == 0 || len(b) != packetSize || bigEndian.BigEndian.Uint32(b[rtpHeader:]) != w.mark {
		return
	}
	number := bigEndian.BigEndian.Uint16(b[numberAt:]) % seenBack
	if role > 0 {
		t.came[role-1][number] = at
		return
	}
	party := int(-role - 1)
	r.receivedIt(w, party, bigEndian.BigEndian.Uint16(b[2:]))
	if came := t.came[party^1][number]; came > 0 {
		r.delayed(began, came, at)
	}
}

// missed is how many packets the ring had no room for since the last time.
func (t *wiretap) missed(tb testing.TB) int {
	stats, err := unix.GetsockoptTpacketStatsV3(t.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		tb.Fatal(err)
	}
	return int(stats.Drops)
}
