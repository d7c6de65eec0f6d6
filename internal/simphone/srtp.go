package simphone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// SRTP says how a phone encrypts: with AES_CM_128_HMAC_SHA1_80 and keys in its descriptions
// (RFC 3711, RFC 4568). It is written from the RFCs alone, apart from what the switch uses.
type SRTP string

// The ways of a phone.
const (
	NoSRTP       SRTP = ""     // it knows nothing of it
	SRTPIfOne    SRTP = "avp"  // it offers RTP/AVP with a key, and takes one
	SRTPOrNobody SRTP = "savp" // it offers RTP/SAVP, and refuses what has no key
)

const srtpSuite = "AES_CM_128_HMAC_SHA1_80"

// sdes is a session's keys: ours, and the peer's once it is known.
type sdes struct {
	own  []byte // 16 bytes of key, 14 of salt
	text string // the peer's key as it came
	out  *cryptor
	in   map[uint32]*cryptor // by SSRC; nil: the peer does not encrypt
	key  []byte
}

func newSDES() *sdes {
	s := &sdes{own: make([]byte, 30)}
	rand.Read(s.own)
	s.out = newCryptor(s.own)
	return s
}

// line is our a=crypto.
func (s *sdes) line(tag string) string {
	return "a=crypto:" + tag + " " + srtpSuite + " inline:" + base64.StdEncoding.EncodeToString(s.own) + "\r\n"
}

// take takes the peer's key; the same one changes nothing.
func (s *sdes) take(text string) {
	if text == s.text {
		return
	}
	s.text, s.key, s.in = text, nil, nil
	if key, err := base64.StdEncoding.DecodeString(text); err == nil && len(key) == 30 {
		s.key, s.in = key, map[uint32]*cryptor{}
	}
}

// seal encrypts a packet if the peer does.
func (s *sdes) seal(b []byte) []byte {
	if s == nil || s.in == nil {
		return b
	}
	return s.out.seal(b)
}

// open decrypts a packet; nil: it is not the peer's.
func (s *sdes) open(b []byte) []byte {
	if s == nil || s.in == nil {
		return b
	}
	if len(b) < 22 {
		return nil
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	c := s.in[ssrc]
	if c == nil {
		c = newCryptor(s.key)
		s.in[ssrc] = c
	}
	return c.open(b)
}

// cryptoOf reads an a=crypto of our suite: "1 SUITE inline:KEY|…".
func cryptoOf(value string) (tag, key string, ok bool) {
	f := strings.Fields(value)
	if len(f) < 3 || f[1] != srtpSuite {
		return "", "", false
	}
	key, ok = strings.CutPrefix(f[2], "inline:")
	key, _, _ = strings.Cut(key, "|")
	return f[0], key, ok
}

// cryptor is one direction of one SSRC: RFC 3711 §3.2.
type cryptor struct {
	block      cipher.Block
	auth, salt []byte

	begun   bool
	highest uint16
	roc     uint32
}

func newCryptor(key []byte) *cryptor {
	master, _ := aes.NewCipher(key[:16])
	derive := func(label byte, n int) []byte { // RFC 3711 §4.3.1, no key derivation rate
		iv := make([]byte, 16)
		copy(iv, key[16:30])
		iv[7] ^= label
		out := make([]byte, n)
		cipher.NewCTR(master, iv).XORKeyStream(out, out)
		return out
	}
	block, _ := aes.NewCipher(derive(0, 16))
	return &cryptor{block: block, auth: derive(1, 20), salt: derive(2, 14)}
}

// counter guesses the rollover counter of a sequence number: RFC 3711 §3.3.1.
func (c *cryptor) counter(seq uint16) uint32 {
	switch {
	case !c.begun:
		return c.roc
	case c.highest > seq && c.highest-seq > 1<<15:
		return c.roc + 1
	case seq > c.highest && seq-c.highest > 1<<15:
		return c.roc - 1
	}
	return c.roc
}

func (c *cryptor) note(seq uint16, roc uint32) {
	if !c.begun || roc > c.roc || roc == c.roc && seq > c.highest {
		c.begun, c.highest, c.roc = true, seq, roc
	}
}

func (c *cryptor) crypt(b []byte, roc uint32) {
	iv := make([]byte, 16)
	copy(iv, c.salt)
	for i, x := range b[8:12] {
		iv[4+i] ^= x
	}
	binary.BigEndian.PutUint32(iv[8:], binary.BigEndian.Uint32(iv[8:])^roc)
	iv[12] ^= b[2]
	iv[13] ^= b[3]
	head := 12 + 4*int(b[0]&15)
	cipher.NewCTR(c.block, iv).XORKeyStream(b[head:], b[head:])
}

func (c *cryptor) tag(b []byte, roc uint32) []byte {
	h := hmac.New(sha1.New, c.auth)
	h.Write(b)
	h.Write(binary.BigEndian.AppendUint32(nil, roc))
	return h.Sum(nil)[:10]
}

func (c *cryptor) seal(b []byte) []byte {
	seq := binary.BigEndian.Uint16(b[2:])
	roc := c.counter(seq)
	c.note(seq, roc)
	c.crypt(b, roc)
	return append(b, c.tag(b, roc)...)
}

func (c *cryptor) open(b []byte) []byte {
	body, tag := b[:len(b)-10], b[len(b)-10:]
	seq := binary.BigEndian.Uint16(b[2:])
	roc := c.counter(seq)
	if !hmac.Equal(tag, c.tag(body, roc)) {
		return nil
	}
	c.note(seq, roc)
	c.crypt(body, roc)
	return body
}
