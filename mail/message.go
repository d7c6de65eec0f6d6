package mail

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"os"
	"strings"
	"time"
)

// line cuts a text to what a header can have: one line of at most 200 characters, encoded (RFC 2047).
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200])
	}
	return mime.QEncoding.Encode("utf-8", text)
}

// message is the whole mail (RFC 5322, RFC 2045).
func (m Mail) message(from string) ([]byte, error) {
	sender, err := address(from)
	if err != nil {
		return nil, err
	}
	var to []string
	for _, a := range m.addresses() {
		one, err := address(a)
		if err != nil {
			return nil, err
		}
		to = append(to, one)
	}
	var b bytes.Buffer
	parts := multipart.NewWriter(&b)
	_, domain, _ := strings.Cut(strings.Trim(sender, "<>"), "@")
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n",
		sender, strings.Join(to, ",\r\n "), line(m.Subject), m.At.Format(time.RFC1123Z), line(m.ID), domain, parts.Boundary())
	w, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
	if err != nil {
		return nil, err
	}
	q := quotedprintable.NewWriter(w)
	if _, err := io.WriteString(q, strings.ReplaceAll(m.Text, "\n", "\r\n")); err != nil {
		return nil, err
	}
	if err := q.Close(); err != nil {
		return nil, err
	}
	if m.Sound != "" {
		if err := m.attach(parts); err != nil {
			return nil, err
		}
	}
	if err := parts.Close(); err != nil { // writes the last boundary: before b is read
		return nil, err
	}
	return b.Bytes(), nil
}

// attach adds the sound.
func (m Mail) attach(parts *multipart.Writer) error {
	sound, err := os.ReadFile(m.Sound)
	if err != nil {
		return err
	}
	kind := mime.FormatMediaType("attachment", map[string]string{"filename": strings.Trim(line(m.Name), "=?")})
	w, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type": {"audio/wav"}, "Content-Transfer-Encoding": {"base64"}, "Content-Disposition": {kind},
	})
	if err != nil {
		return err
	}
	lines := &wrapped{w: w}
	e := base64.NewEncoder(base64.StdEncoding, lines)
	if _, err := e.Write(oneChannel(sound)); err != nil {
		return err
	}
	return e.Close()
}

// wrapped breaks base64 into lines of 76 characters (RFC 2045 §6.8).
type wrapped struct {
	w  io.Writer
	at int
}

func (l *wrapped) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		k := min(76-l.at, len(b))
		if _, err := l.w.Write(b[:k]); err != nil {
			return n, err
		}
		n, b, l.at = n+k, b[k:], l.at+k
		if l.at == 76 {
			if _, err := io.WriteString(l.w, "\r\n"); err != nil {
				return n, err
			}
			l.at = 0
		}
	}
	return n, nil
}

// oneChannel is the left side of a stereo recording of ours, where a caller is alone; any other file stays as it is.
func oneChannel(wav []byte) []byte {
	const head = 44
	le := binary.LittleEndian
	if len(wav) < head || string(wav[:4]) != "RIFF" || string(wav[36:40]) != "data" || le.Uint16(wav[22:]) != 2 || le.Uint16(wav[34:]) != 16 {
		return wav
	}
	sound := wav[head:]
	if n := int(le.Uint32(wav[40:])); n < len(sound) {
		sound = sound[:n]
	}
	frames := len(sound) / 4
	out := make([]byte, head+frames*2)
	copy(out, wav[:head])
	le.PutUint32(out[4:], uint32(head-8+frames*2))
	le.PutUint16(out[22:], 1)
	le.PutUint32(out[28:], le.Uint32(wav[24:])*2)
	le.PutUint16(out[32:], 2)
	le.PutUint32(out[40:], uint32(frames*2))
	for i := range frames {
		copy(out[head+2*i:], sound[4*i:4*i+2])
	}
	return out
}
