package simphone

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"testing"
)

// RFC 3711 §B.3: what is derived from a master key.
func TestKeyDerivation(t *testing.T) {
	master, _ := hex.DecodeString("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")
	c := newCryptor(master)
	for _, x := range []struct {
		got  []byte
		want string
	}{
		{c.salt, "30CBBC08863D8C85D49DB34A9AE1"},
		{c.auth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
	} {
		if want, _ := hex.DecodeString(x.want); !bytes.Equal(x.got, want) {
			t.Errorf("got %X, want %s", x.got, x.want)
		}
	}
	want, _ := hex.DecodeString("C61E7A93744F39EE10734AFE3FF7A087")
	own := newCryptor(master)
	a, b := make([]byte, 16), make([]byte, 16)
	own.block.Encrypt(a, make([]byte, 16))
	block, _ := aes.NewCipher(want)
	block.Encrypt(b, make([]byte, 16))
	if !bytes.Equal(a, b) {
		t.Error("the session key is not the RFC's")
	}
}

func TestSealedPacketsOpenOverAWrap(t *testing.T) {
	s := newSDES()
	out, in := newCryptor(s.own), newCryptor(s.own)
	for i := range 5 {
		seq := uint16(65533 + i)
		b := append([]byte{0x80, 0, byte(seq >> 8), byte(seq), 0, 0, 0, 1, 0, 0, 0, 9}, "sound"...)
		got := in.open(out.seal(bytes.Clone(b)))
		if !bytes.Equal(got, b) {
			t.Errorf("packet %d: got %x, want %x", seq, got, b)
		}
	}
	if bad := in.open(make([]byte, 40)); bad != nil {
		t.Errorf("a forged packet opened as %x", bad)
	}
}
