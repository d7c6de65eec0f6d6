package flight

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// HEPConfig says where a Sender sends.
type HEPConfig struct {
	To       string // host:port of the collector, over UDP
	ID       uint32 // of this capture agent
	Password string // the collector's; "": none
	Node     string // this capture agent's name; "": none
	Log      *slog.Logger

	// Dial opens the way to the collector; nil: UDP of the kernel.
	Dial func(ctx context.Context, to string) (net.Conn, error)
}

// What a HEP3 packet carries (its chunk 11).
const (
	hepSIP   = 1
	hepSound = 34 // a report on RTP, as JSON
)

// hepQueue is how many packets may wait for the network.
const hepQueue = 4096

// Sender sends copies of messages and looks at the sound to a Homer collector.
// Its methods never block: what the network does not take in time is dropped
// and counted.
type Sender struct {
	cfg     HEPConfig
	queue   chan []byte
	sent    atomic.Uint64
	dropped atomic.Uint64
}

// NewSender makes a sender; Run sends.
func NewSender(c HEPConfig) *Sender {
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, to string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "udp", to)
		}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Sender{cfg: c, queue: make(chan []byte, hepQueue)}
}

// Message sends a SIP message, which must have no secrets.
func (s *Sender) Message(m Message) {
	from, to := m.Local, m.Remote
	if m.In {
		from, to = to, from
	}
	proto := byte(protoTCP)
	if m.Transport == "udp" {
		proto = protoUDP
	}
	s.post(s.encode(hep{at: m.At, from: from, to: to, proto: proto, kind: hepSIP, payload: m.Raw}))
}

// Sound sends a look at a leg's sound; the collector finds the call by its
// Call-ID.
func (s *Sender) Sound(callID string, v Sound) {
	local, _ := netip.ParseAddrPort(v.Local)
	remote, _ := netip.ParseAddrPort(v.Remote)
	if !local.IsValid() || !remote.IsValid() {
		return
	}
	text, err := json.Marshal(map[string]any{
		"CORRELATION_ID": callID, "RTP_SIP_CALL_ID": callID, "CODEC_NAME": v.Codec,
		"SRC_IP": remote.Addr().String(), "SRC_PORT": remote.Port(), "DST_IP": local.Addr().String(), "DST_PORT": local.Port(),
		"TOTAL_PK": v.Heard, "PACKET_LOSS": v.Lost, "JITTER": float64(v.Jitter) / 1e6, "MOS": v.MOS,
	})
	if err != nil {
		return // cannot be: they are numbers and texts
	}
	s.post(s.encode(hep{at: v.At, from: remote, to: local, proto: protoUDP, kind: hepSound, payload: text, correlation: callID}))
}

func (s *Sender) post(b []byte) {
	if b == nil {
		s.dropped.Add(1)
		return
	}
	select {
	case s.queue <- b:
	default:
		s.dropped.Add(1)
	}
}

// Counts tells how many packets were sent, and how many dropped.
func (s *Sender) Counts() (sent, dropped uint64) { return s.sent.Load(), s.dropped.Load() }

// hepAgain is how long a collector that cannot be reached is left alone.
const hepAgain = 5 * time.Second

// Run sends until ctx is done.
func (s *Sender) Run(ctx context.Context) {
	var conn net.Conn
	var silentUntil time.Time
	said := false
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for {
		var b []byte
		select {
		case <-ctx.Done():
			return
		case b = <-s.queue:
		}
		var err error
		if conn == nil {
			if time.Now().Before(silentUntil) {
				s.dropped.Add(1)
				continue
			}
			bounded, cancel := context.WithTimeout(ctx, hepAgain)
			conn, err = s.cfg.Dial(bounded, s.cfg.To)
			cancel()
		}
		if err == nil {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, err = conn.Write(b)
		}
		if err == nil {
			s.sent.Add(1)
			said = false
			continue
		}
		// A refused datagram is told by the next write: the collector is down.
		s.dropped.Add(1)
		if !said {
			said = true
			s.cfg.Log.Warn("the HEP collector does not take what is sent", "addr", s.cfg.To, "err", err)
		}
		if conn != nil {
			_ = conn.Close()
			conn = nil
		}
		silentUntil = time.Now().Add(hepAgain)
	}
}

// hep is one packet of HEP3.
type hep struct {
	at          time.Time
	from, to    netip.AddrPort
	proto, kind byte
	payload     []byte
	correlation string
}

const protoTCP = 6

// HEP3's generic chunks (sipcapture.org, HEP3 draft, table 1).
const (
	chunkFamily = iota + 1
	chunkProto
	chunkFrom4
	chunkTo4
	chunkFrom6
	chunkTo6
	chunkFromPort
	chunkToPort
	chunkSeconds
	chunkMicros
	chunkKind
	chunkAgent
	_
	chunkPassword
	chunkPayload
	_
	chunkCorrelation
	_
	chunkNode
)

// encode writes a packet; nil: it would be longer than a datagram.
func (s *Sender) encode(p hep) []byte {
	const most = 65507
	b := make([]byte, 6, 128+len(p.payload)+len(p.correlation)+len(s.cfg.Password))
	copy(b, "HEP3")
	chunk := func(kind uint16, v ...byte) {
		b = binary.BigEndian.AppendUint16(b, 0) // vendor: generic
		b = binary.BigEndian.AppendUint16(b, kind)
		b = binary.BigEndian.AppendUint16(b, uint16(6+len(v)))
		b = append(b, v...)
	}
	u16 := func(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
	u32 := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	from, to := p.from.Addr().Unmap(), p.to.Addr().Unmap()
	const inet, inet6 = 2, 10
	if from.Is4() && to.Is4() {
		chunk(chunkFamily, inet)
		chunk(chunkProto, p.proto)
		chunk(chunkFrom4, from.AsSlice()...)
		chunk(chunkTo4, to.AsSlice()...)
	} else {
		a, z := from.As16(), to.As16()
		chunk(chunkFamily, inet6)
		chunk(chunkProto, p.proto)
		chunk(chunkFrom6, a[:]...)
		chunk(chunkTo6, z[:]...)
	}
	chunk(chunkFromPort, u16(p.from.Port())...)
	chunk(chunkToPort, u16(p.to.Port())...)
	micros := p.at.UnixMicro()
	chunk(chunkSeconds, u32(uint32(micros/1e6))...)
	chunk(chunkMicros, u32(uint32(micros%1e6))...)
	chunk(chunkKind, p.kind)
	chunk(chunkAgent, u32(s.cfg.ID)...)
	if s.cfg.Password != "" {
		chunk(chunkPassword, []byte(s.cfg.Password)...)
	}
	if p.correlation != "" {
		chunk(chunkCorrelation, []byte(p.correlation)...)
	}
	if s.cfg.Node != "" {
		chunk(chunkNode, []byte(s.cfg.Node)...)
	}
	chunk(chunkPayload, p.payload...)
	if len(b) > most {
		return nil
	}
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	return b
}
