package media

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// replayWindow is how many packets before the newest may still come, once each (RFC 3711 §3.3.2):
// twice what the jitter buffer puts into order.
const replayWindow = 2 * jitterSlots

// shortestTag is what the shortest of our suites adds to a packet, in bytes; longestTag the longest.
const (
	shortestTag = 4
	longestTag  = 16
)

// seal is what a session encrypts and decrypts with: the shard's alone. Its contexts keep a
// rollover counter for each SSRC (RFC 3711 §3.3.1) and live as long as the keys do, over every
// re-INVITE.
type seal struct {
	keying Keying
	in     *srtp.Context // of what the peer sends
	out    *srtp.Context // of what we send

	// The peer has moved and kept its key: most keep their counters, some begin anew. Until its
	// first packet tells which, both are tried; nil: it is known.
	anew *srtp.Context

	header rtp.Header // for pion to read into

	who     uint32              // whose the last packet was
	sources map[uint32]struct{} // all whose packets were the peer's: the contexts keep something of each
}

// mostSealed is how many SSRCs of one key are listened to: who changes it more often than a phone that is
// transferred all day has something else in mind, and every one costs memory for as long as the key does.
const mostSealed = 256

// admits says whether an SSRC may have another place in the contexts.
func (c *seal) admits(ssrc uint32) bool {
	if ssrc == c.who && len(c.sources) > 0 || len(c.sources) < mostSealed {
		return true
	}
	_, known := c.sources[ssrc]
	return known
}

// heard notes an SSRC whose packet was the peer's.
func (c *seal) heard(ssrc uint32) {
	if ssrc == c.who && len(c.sources) > 0 {
		return
	}
	if c.sources == nil {
		c.sources = make(map[uint32]struct{})
	}
	c.who, c.sources[ssrc] = ssrc, struct{}{}
}

// newContext makes one direction's context.
func newContext(suite Suite, key, mki string, options ...srtp.ContextOption) (*srtp.Context, error) {
	if mki != "" {
		options = append(options, srtp.MasterKeyIndicator([]byte(mki)))
	}
	return srtp.CreateContext([]byte(key[:masterKey]), []byte(key[masterKey:]), suiteKinds[suite].profile, options...)
}

func (k Keying) incoming() (*srtp.Context, error) {
	return newContext(k.Suite, k.remote, k.mki, srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
}

// sealWith takes what was agreed on. A direction whose key stays keeps its context: nothing may be
// sent under one key with an index that was used already.
func (s *Session) sealWith(k Keying, moved bool) {
	old := s.seal
	if k.Suite == suiteNone {
		s.seal = nil
		return
	}
	next := &seal{keying: k}
	var err error
	switch {
	case old == nil || old.keying.Suite != k.Suite || old.keying.remote != k.remote || old.keying.mki != k.mki:
		next.in, err = k.incoming()
	case moved:
		next.in = old.in
		next.anew, err = k.incoming()
	default:
		next.in, next.anew = old.in, old.anew
	}
	if old != nil && next.in == old.in {
		next.who, next.sources = old.who, old.sources
	}
	if err == nil {
		if old != nil && old.keying.Suite == k.Suite && old.keying.local == k.local {
			next.out = old.out
		} else {
			next.out, err = newContext(k.Suite, k.local, "")
		}
	}
	if err != nil { // cannot be: the lengths were checked; nothing is sent or heard in the clear
		s.engine.log.Error("media: SRTP", "leg", string(s.id), "err", err)
		next.in, next.anew, next.out = nil, nil, nil
	}
	s.seal = next
}

// unseal decrypts the n bytes of a packet in place and returns how many are left; false: it is no
// packet of the peer's, or came before. Nothing of such a packet is looked at further, and no
// source that sends one gains anything by it.
func (s *Session) unseal(p *packet, from netip.AddrPort, n int) (int, bool) {
	b := p.buf[:n]
	if n < headerSize+shortestTag || b[0]>>6 != 2 {
		s.counts.garbage.Add(1)
		return 0, false
	}
	if !s.latch.admits(from, binary.BigEndian.Uint32(b[8:])) {
		s.counts.strangers.Add(1)
		return 0, false
	}
	c := s.seal
	if c.in == nil {
		return 0, false
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	if !c.admits(ssrc) {
		s.counts.garbage.Add(1)
		return 0, false
	}
	if c.anew != nil {
		return s.unsealAnew(p, n)
	}
	out, err := c.in.DecryptRTP(b, b, &c.header)
	if err != nil {
		s.sealBroken(err)
		return 0, false
	}
	c.heard(ssrc)
	return len(out), true
}

// unsealAnew is the peer's first packet after it has moved: by the counters that it had, or by new
// ones.
func (s *Session) unsealAnew(p *packet, n int) (int, bool) {
	c := s.seal
	whole := s.shard.sealed[:n]
	copy(whole, p.buf[:n]) // a failure may leave the buffer in pieces
	out, err := c.in.DecryptRTP(p.buf[:n], whole, &c.header)
	if err != nil {
		if out, err = c.anew.DecryptRTP(p.buf[:n], whole, &c.header); err == nil {
			c.in = c.anew
		}
	}
	if err != nil {
		s.sealBroken(err)
		return 0, false
	}
	c.anew = nil
	c.heard(binary.BigEndian.Uint32(whole[8:]))
	return len(out), true
}

// sealBroken counts what could not be decrypted: a repetition, or what was never the peer's.
func (s *Session) sealBroken(err error) {
	if errors.Is(err, srtp.ErrFailedToVerifyAuthTag) || errors.Is(err, srtp.ErrMKINotFound) {
		s.counts.forged.Add(1)
		return
	}
	s.counts.replayed.Add(1)
}

// transmit sends a whole RTP packet, encrypted where that was agreed on.
func (s *Session) transmit(b []byte) {
	if s.seal != nil {
		var err error
		if s.seal.out == nil {
			return
		}
		if b, err = s.seal.out.EncryptRTP(s.shard.sealed[:0], b, &s.seal.header); err != nil {
			return // 2^48 packets under one key (RFC 3711 §9.2)
		}
	}
	s.shard.wait.send(s.rtp, b, s.latch.to)
}

// unsealControl decrypts an SRTCP packet.
func (s *Session) unsealControl(b []byte) ([]byte, bool) {
	if s.seal == nil {
		return b, true
	}
	if s.seal.in == nil {
		return nil, false
	}
	if len(b) < 8 || !s.seal.admits(binary.BigEndian.Uint32(b[4:])) {
		s.counts.garbage.Add(1)
		return nil, false
	}
	out, err := s.seal.in.DecryptRTCP(nil, b, nil)
	if err != nil && s.seal.anew != nil {
		out, err = s.seal.anew.DecryptRTCP(nil, b, nil)
	}
	if err != nil {
		s.sealBroken(err)
		return nil, false
	}
	s.seal.heard(binary.BigEndian.Uint32(b[4:]))
	return out, true
}

// sealControl encrypts an RTCP packet.
func (s *Session) sealControl(b []byte) ([]byte, error) {
	switch {
	case s.seal == nil:
		return b, nil
	case s.seal.out == nil:
		return nil, ErrNoKeys
	}
	return s.seal.out.EncryptRTCP(nil, b, nil)
}

// Suite returns the suite that the session's sound is encrypted with, or "": it is plain RTP.
func (s *Session) Suite() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _ := s.neg.Params()
	return p.Keying.Suite.String()
}
