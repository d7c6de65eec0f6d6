package simnet

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Packet is a datagram as its sender wrote it: From is the sender's socket, To
// the address it wrote to (a NAT box's, where the receiver is behind one).
type Packet struct {
	From, To netip.AddrPort
	At       time.Time
	Payload  []byte // read-only, valid during the call

	net *Net
}

// SIP reports whether the payload reads as a SIP message.
func (p Packet) SIP() bool { return isSIP(p.Payload) }

// Method is the request's method; of a response, "".
func (p Packet) Method() string {
	if !p.SIP() || p.Status() != 0 {
		return ""
	}
	m, _, _ := bytes.Cut(p.Payload, []byte(" "))
	return string(m)
}

// Status is the response's code; of a request, 0.
func (p Packet) Status() int {
	rest, ok := bytes.CutPrefix(p.Payload, []byte("SIP/2.0 "))
	if !ok || len(rest) < 3 {
		return 0
	}
	code, _ := strconv.Atoi(string(rest[:3]))
	return code
}

// CSeqMethod is the method of the transaction, of requests and responses.
func (p Packet) CSeqMethod() string {
	_, m, _ := strings.Cut(p.Header("CSeq"), " ")
	return strings.TrimSpace(m)
}

// Header is the first value of a SIP header by its long or compact name, or "".
func (p Packet) Header(name string) string { return header(p.Payload, name) }

// RTP reports whether the payload can be RTP version 2 (not RTCP).
func (p Packet) RTP() bool {
	b := p.Payload
	return len(b) >= 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223)
}

// FromName and ToName are the names given by Name, or the IPs.
func (p Packet) FromName() string { return p.net.nameOf(p.From) }

// ToName is the receiver's name, seen through its NAT box.
func (p Packet) ToName() string {
	if _, dst, ok := p.net.translate(p.From, p.To); ok {
		return p.net.nameOf(dst)
	}
	return p.net.nameOf(p.To)
}

// Request matches requests of a method.
func Request(method string) func(Packet) bool {
	return func(p Packet) bool { return p.Method() == method }
}

// Response matches responses with a code to a method; code 0 is any.
func Response(code int, method string) func(Packet) bool {
	return func(p Packet) bool {
		s := p.Status()
		return s != 0 && (code == 0 || s == code) && p.CSeqMethod() == method
	}
}

// RTP matches RTP.
func RTP() func(Packet) bool { return Packet.RTP }

// Between matches what goes from one host to another; a zero address is any.
func Between(from, to netip.Addr) func(Packet) bool {
	return func(p Packet) bool {
		return (!from.IsValid() || p.From.Addr() == from) && (!to.IsValid() || p.To.Addr() == to)
	}
}

// All matches what every one of ms matches; they are asked in order, up to the
// first that does not.
func All(ms ...func(Packet) bool) func(Packet) bool {
	return func(p Packet) bool {
		for _, m := range ms {
			if !m(p) {
				return false
			}
		}
		return true
	}
}

// First matches the first k that m matches: First(1, Request("ACK")) loses the
// first ACK.
func First(k int, m func(Packet) bool) func(Packet) bool {
	n := 0
	return func(p Packet) bool {
		if n >= k || !m(p) {
			return false
		}
		n++
		return true
	}
}

// Nth matches only the k-th (from 1) that m matches.
func Nth(k int, m func(Packet) bool) func(Packet) bool {
	n := 0
	return func(p Packet) bool {
		if !m(p) {
			return false
		}
		n++
		return n == k
	}
}
