package flight

import (
	"encoding/binary"
	"io"
	"net/netip"
)

// The pcap file format: magic of microseconds, version 2.4, raw IP packets.
const (
	pcapMagic = 0xa1b2c3d4
	linkRaw   = 101
	maxPacket = 1 << 18
	ipv4Head  = 20
	ipv6Head  = 40
	udpHead   = 8
	protoUDP  = 17
	maxUDP    = 65535 - ipv4Head - udpHead
)

// WritePcap writes a call's messages as a pcap file: IP and UDP packets with
// the addresses and times of the messages, those of TCP and TLS too, so that
// any reader shows them as SIP. A message longer than a UDP packet is cut.
func WritePcap(w io.Writer, messages []Message) error {
	head := make([]byte, 0, 24)
	head = binary.LittleEndian.AppendUint32(head, pcapMagic)
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = binary.LittleEndian.AppendUint64(head, 0) // UTC
	head = binary.LittleEndian.AppendUint32(head, maxPacket)
	head = binary.LittleEndian.AppendUint32(head, linkRaw)
	if _, err := w.Write(head); err != nil {
		return err
	}
	for i, m := range messages {
		p := packet(m, uint16(i+1))
		at := m.At.UnixMicro()
		b := make([]byte, 0, 16+len(p))
		b = binary.LittleEndian.AppendUint32(b, uint32(at/1e6))
		b = binary.LittleEndian.AppendUint32(b, uint32(at%1e6))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		if _, err := w.Write(append(b, p...)); err != nil {
			return err
		}
	}
	return nil
}

// packet is a message as the IP packet that it could have been.
func packet(m Message, id uint16) []byte {
	from, to := m.Local, m.Remote
	if m.In {
		from, to = to, from
	}
	src, dst := from.Addr().Unmap(), to.Addr().Unmap()
	body := m.Raw[:min(len(m.Raw), maxUDP)]
	length := udpHead + len(body)
	udp := make([]byte, udpHead, length)
	binary.BigEndian.PutUint16(udp[0:], from.Port())
	binary.BigEndian.PutUint16(udp[2:], to.Port())
	binary.BigEndian.PutUint16(udp[4:], uint16(length))
	udp = append(udp, body...)
	if !src.Is4() || !dst.Is4() {
		return ipv6(src, dst, udp)
	}
	b := make([]byte, ipv4Head, ipv4Head+length)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(ipv4Head+length))
	binary.BigEndian.PutUint16(b[4:], id)
	b[8], b[9] = 64, protoUDP
	a4, z4 := src.As4(), dst.As4()
	copy(b[12:], a4[:])
	copy(b[16:], z4[:])
	binary.BigEndian.PutUint16(b[10:], ^sum(0, b))
	binary.BigEndian.PutUint16(udp[6:], udpSum(a4[:], z4[:], udp))
	return append(b, udp...)
}

func ipv6(src, dst netip.Addr, udp []byte) []byte {
	var a, z [16]byte
	if src.IsValid() {
		a = src.As16()
	}
	if dst.IsValid() {
		z = dst.As16()
	}
	b := make([]byte, ipv6Head, ipv6Head+len(udp))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(udp)))
	b[6], b[7] = protoUDP, 64
	copy(b[8:], a[:])
	copy(b[24:], z[:])
	binary.BigEndian.PutUint16(udp[6:], udpSum(a[:], z[:], udp))
	return append(b, udp...)
}

// udpSum is the checksum of RFC 768, with its pseudo-header (RFC 8200 §8.1).
func udpSum(src, dst, udp []byte) uint16 {
	pseudo := append(append([]byte{}, src...), dst...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(udp)))
	pseudo = append(pseudo, 0, 0, 0, protoUDP)
	s := ^sum(sum(0, pseudo), udp)
	if s == 0 {
		return 0xffff
	}
	return s
}

// sum adds to an Internet checksum (RFC 1071).
func sum(begin uint16, b []byte) uint16 {
	s := uint32(begin)
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
