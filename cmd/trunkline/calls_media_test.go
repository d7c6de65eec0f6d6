package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"trunkline/internal/simphone"
)

const (
	fax     = "m=image 5000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
	video   = "m=video 5002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
	chat    = "m=message 5004 TCP/MSRP *\r\na=path:msrp://10.0.0.9:5004/x;tcp\r\n"
	second  = "m=audio 5006 RTP/AVP 0\r\n"
	secret  = "m=audio 5008 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n"
	unknown = "m=application 5010 DTLS/SCTP 5000\r\n"
)

// also has a phone write further media behind its own, or before it.
func also(before, after string) func([]byte) []byte {
	return func(b []byte) []byte {
		at := bytes.Index(b, []byte("m="))
		return fmt.Appendf(nil, "%s%s%s%s", b[:at], before, b[at:], after)
	}
}

var mediaLine = regexp.MustCompile(`(?m)^m=(\S+) (\d+) `)

// mediaOf are the m= lines of a description: "audio", "image refused".
func mediaOf(m *simphone.Message) string {
	var out []string
	for _, l := range mediaLine.FindAllStringSubmatch(string(m.Body), -1) {
		if l[2] == "0" {
			l[1] += " refused"
		}
		out = append(out, l[1])
	}
	return strings.Join(out, ", ")
}

// answerTo is the last description that a phone was sent in a 200 to an INVITE.
func answerTo(p *simphone.Phone) (last *simphone.Message) {
	for _, m := range p.Messages() {
		if _, method := m.CSeq(); !m.Out && m.Code == 200 && method == "INVITE" && len(m.Body) > 0 {
			last = m
		}
	}
	return last
}

// RFC 3264 §6: what we cannot do is refused line by line, the call is kept.
func TestMediaThatWeCannotDoIsRefusedAndTheCallKept(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"fax behind", "", fax, "audio, image refused"},
		{"fax before", fax, "", "image refused, audio"},
		{"video", "", video, "audio, video refused"},
		{"text and data", chat, unknown, "message refused, audio, application refused"},
		{"two sounds", "", second, "audio, audio refused"},
		{"all of it", fax, video + chat + second + unknown, "image refused, audio, video refused, message refused, audio refused, application refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			act(t, supportTeam+queueFlow, func(s *story) {
				ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
				s.carrier.Behave(func(h *simphone.Habits) { h.SDP = also(c.before, c.after) })
				k := s.dial()
				s.answered(k)
				a := s.gets(ann)
				if got := mediaOf(answerTo(s.carrier)); got != c.want {
					t.Errorf("our answer: got %s, want %s", got, c.want)
				}
				s.hear(k, annTone)
				s.hear(a, customerTone)
				// The same from the phone's side, in mid-call.
				ann.Behave(func(h *simphone.Habits) { h.SDP = also("", c.before+c.after) })
				if err := a.Reinvite(s.within(5 * time.Second)); err != nil {
					s.fatal(err)
				}
				if got := mediaOf(answerTo(ann)); !strings.HasPrefix(got, "audio, ") || strings.Count(got, "refused") != strings.Count(got, ",") {
					t.Errorf("our answer to the re-INVITE: got %s, want the sound alone", got)
				}
				s.hear(k, annTone)
				s.hear(a, customerTone)
				s.bye(k)
				s.ended(a)
			})
		})
	}
}

// A fax machine that answers asks for T.38 in mid-call: 488, and the sound goes
// on. So for every medium that comes instead of sound.
func TestReinviteToT38IsRefusedAndTheSoundGoesOn(t *testing.T) {
	narrate(t, "t38-in-mid-call", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		a := s.gets(ann)
		time.Sleep(time.Second)
		for _, m := range []string{fax, strings.Replace(second, "5006", "0", 1) + fax, video, chat, secret, "m=audio 5006 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"} {
			sdp := "v=0\r\no=- 7 8 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n" + m
			err := c.Reinvite(s.within(5*time.Second), simphone.Body("application/sdp", []byte(sdp)))
			var refused *simphone.StatusError
			if !errors.As(err, &refused) || refused.Code != 488 {
				t.Errorf("%s: got %v, want 488", m, err)
			}
			s.hear(c, annTone)
			s.hear(a, customerTone)
		}
		s.bye(c)
		s.ended(a)
	})
}

func TestCallWithoutSoundIsRefused(t *testing.T) {
	act(t, supportTeam+queueFlow, func(s *story) {
		for _, m := range []string{fax, video, chat, unknown, "m=audio 0 RTP/AVP 0\r\n"} {
			sdp := "v=0\r\no=- 7 8 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n" + m
			if e := s.ended(s.dial(simphone.Body("application/sdp", []byte(sdp)))); e.Code != 488 {
				t.Errorf("%s: got %v, want 488", m, e)
			}
		}
	})
}

// Comfort noise (RFC 3389) is offered to whoever is to hear a caller who does it.
func TestComfortNoiseIsOfferedOn(t *testing.T) {
	for _, does := range []bool{false, true} {
		act(t, supportTeam+queueFlow, func(s *story) {
			ann := s.agent("ann", annTone, simphone.Ring().Answer())
			if does {
				s.carrier.Behave(func(h *simphone.Habits) {
					h.SDP = func(b []byte) []byte {
						return regexp.MustCompile(`(?m)^(m=audio .*)\r\n`).ReplaceAll(b, []byte("$1 13\r\n"))
					}
				})
			}
			c := s.dial()
			a := s.gets(ann)
			s.hear(c, annTone)
			if got := strings.Contains(string(answerTo(s.carrier).Body), "a=rtpmap:13 CN/8000"); got != does {
				t.Errorf("our answer: got comfort noise %v, want %v", got, does)
			}
			offered := false
			for _, m := range ann.Messages() {
				offered = offered || !m.Out && m.Method == "INVITE" && strings.Contains(string(m.Body), "a=rtpmap:13 CN/8000")
			}
			if offered != does {
				t.Errorf("our offer to the agent: got comfort noise %v, want %v", offered, does)
			}
			s.bye(c)
			s.ended(a)
		})
	}
}
