package sip

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// maxMessage bounds one message on a stream.
const maxMessage = 65535

var (
	errTooLong  = errors.New("message longer than 64 KiB")
	errNoLength = errors.New("no or bad Content-Length")
)

// stream cuts a TCP stream into messages (RFC 3261 §18.3). A slice returned
// by next is valid until the following room.
//
// sipgo's stream parser parses while it cuts, so one bad header ends the
// connection of a whole carrier; here a bad message costs itself.
type stream struct {
	buf   []byte
	from  int       // start of what is not consumed yet
	begun time.Time // when the unfinished message began; zero: between messages
	spoke bool      // a whole message has come, or we opened the connection
}

// room returns free space for a read.
func (s *stream) room() []byte {
	if s.from > 0 {
		n := copy(s.buf, s.buf[s.from:])
		s.buf, s.from = s.buf[:n], 0
	}
	if len(s.buf) == 0 && cap(s.buf) > 16384 {
		s.buf = nil // an idle connection keeps no big buffer
	}
	if cap(s.buf)-len(s.buf) < 2048 {
		grown := make([]byte, len(s.buf), max(4096, 2*cap(s.buf)))
		copy(grown, s.buf)
		s.buf = grown
	}
	return s.buf[len(s.buf):cap(s.buf)]
}

func (s *stream) add(n int) { s.buf = s.buf[:len(s.buf)+n] }

// deadline is when the next read must have returned: an unfinished message
// has its own, so that a slow drip cannot hold a connection.
func (s *stream) deadline(now time.Time, friend bool) time.Time {
	if len(bytes.Trim(s.buf[s.from:], "\r\n")) == 0 { // a CRLF answers our keep-alive (RFC 5626 §3.5.1): no message has begun
		s.begun = time.Time{}
		if friend && s.spoke {
			return now.Add(friendIdle)
		}
		return now.Add(silentFor)
	}
	if s.begun.IsZero() {
		s.begun = now
	}
	return s.begun.Add(messageWithin)
}

// next returns the next whole message, or nil if there is none yet. ping: a
// double CRLF between messages was consumed.
func (s *stream) next() (msg []byte, ping bool, err error) {
	rest := s.buf[s.from:]
	if bytes.HasPrefix(rest, []byte("\r\n\r\n")) {
		s.from += 4
		return nil, true, nil
	}
	for bytes.HasPrefix(rest, []byte("\r\n")) && len(rest) > 3 {
		s.from += 2 // RFC 3261 §7.5: CRLF before the start line is ignored
		rest = rest[2:]
	}
	end := bytes.Index(rest, []byte("\r\n\r\n"))
	if end < 0 {
		if len(rest) > maxMessage {
			return nil, false, errTooLong
		}
		return nil, false, nil
	}
	end += 4
	length, ok := contentLength(rest[:end-2])
	if !ok {
		return nil, false, errNoLength
	}
	if end+length > maxMessage {
		return nil, false, errTooLong
	}
	if len(rest) < end+length {
		return nil, false, nil
	}
	s.from += end + length
	s.begun, s.spoke = time.Time{}, true
	return rest[: end+length : end+length], false, nil
}

// contentLength finds the Content-Length (or l) of a head. Two that differ
// leave no message boundary to trust.
func contentLength(head []byte) (length int, ok bool) {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue
		}
		name = bytes.TrimSpace(name)
		if !bytes.EqualFold(name, []byte("Content-Length")) && !bytes.EqualFold(name, []byte("l")) {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
		if err != nil || ok && int(n) != length {
			return 0, false
		}
		length, ok = int(n), true
	}
	return length, ok
}
