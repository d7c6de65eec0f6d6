package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/raced"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
	"trunkline/internal/tone"
	"trunkline/media"
)

// The tones of prompts that a story makes of tones, so that a single frame says what plays.
const (
	promptTone = 700.0
	nextTone   = 1000.0
)

// tonePrompt writes a prompt that is one tone, and gives its name.
func tonePrompt(t *testing.T, hz float64, long time.Duration) string {
	t.Helper()
	pcm := make([]int16, int(long.Seconds()*8000))
	tone.Sine(pcm, 8000, hz, -12, 0)
	name := filepath.Join(t.TempDir(), fmt.Sprintf("tone%.0f.wav", hz))
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := media.NewClip(pcm).WriteWAV(f); err != nil {
		t.Fatal(err)
	}
	return name
}

// frame is what one packet of sound said.
type frame struct {
	at time.Time
	is float64 // one of the tones asked for; 0: none of them
}

// frames are the packets that arrive in a time, each with the tone it is of.
func (s *story) frames(c *simphone.Call, d time.Duration, tones ...float64) []frame {
	s.Helper()
	var all []frame
	for over := time.Now().Add(d); time.Now().Before(over); {
		time.Sleep(time.Millisecond)
		synctest.Wait() // what arrives at this very moment has arrived
		sound := c.Last(time.Millisecond - time.Nanosecond)
		if len(sound.Samples) == 0 {
			continue
		}
		hz, level := tone.Dominant(sound.Samples, 8000, tones...)
		if level < -30 {
			hz = 0
		}
		all = append(all, frame{time.Now(), hz})
	}
	return all
}

// last is when a tone was heard last, and first when the other was heard first.
func turned(all []frame, from, to float64) (last, first time.Time) {
	for _, f := range all {
		switch {
		case f.is == from:
			last = f.at
		case f.is == to && first.IsZero():
			first = f.at
		}
	}
	return last, first
}

// An agent answers in the middle of an announcement: the last frame of it leaves before the agent's answer is 20 ms old, and
// the next frame is the agent's.
func TestAnAnnouncementStopsWithinAFrameOfTheAnswer(t *testing.T) {
	yaml := "teams:\n  support: {agents: [ann], wrap_up: 0s}\nflows:\n  main: [{queue: support, music: [" + tonePrompt(t, nextTone, 2*time.Second) +
		"], announce: {prompts: [" + tonePrompt(t, promptTone, 8*time.Second) + "], first: 5s, every: 30s}}]\n"
	for _, after := range []time.Duration{1500, 1503, 1511, 1519, 2345} {
		act(t, yaml, func(s *story) {
			c := s.dial()
			s.answered(c)
			time.Sleep(4 * time.Second)
			ann := s.agent("ann", annTone, simphone.Ring().After(after*time.Millisecond).Answer())
			heard := s.frames(c, 4*time.Second, nextTone, promptTone, annTone)
			a := s.gets(ann)
			var answer time.Time
			for _, m := range ann.Messages() {
				if m.Out && m.Code == 200 && strings.Contains(m.Get("CSeq"), "INVITE") {
					answer = m.At
				}
			}
			began, _ := turned(heard, nextTone, promptTone)
			last, first := turned(heard, promptTone, annTone)
			if began.IsZero() || !began.Before(answer.Add(-200*time.Millisecond)) {
				s.Fatalf("the announcement: got its beginning at %v, want it well before the answer at %v", began, answer)
			}
			if d := last.Sub(answer); d > 20*time.Millisecond {
				t.Errorf("answered %v after it rang: the announcement is heard until %v after the answer, want at most 20 ms", after*time.Millisecond, d)
			}
			if d := first.Sub(answer); first.IsZero() || d > 40*time.Millisecond { // 20 ms until a phone's first packet, and 20 ms of ours
				t.Errorf("answered %v after it rang: the agent is heard from %v after the answer on, want at most 40 ms", after*time.Millisecond, d)
			}
			s.bye(a)
			s.ended(c)
		})
	}
}

// A key stops a menu's prompt within 20 ms of its first packet, and what the choice leads to follows.
func TestAMenusPromptStopsWithinAFrameOfTheKey(t *testing.T) {
	yaml := supportTeam + "flows:\n  main:\n    - menu: " + tonePrompt(t, promptTone, 8*time.Second) +
		"\n      choices: {\"1\": [{play: " + tonePrompt(t, nextTone, time.Second) + "}, {hangup: 480}]}\n      otherwise: [{hangup: 480}]\n"
	for _, after := range []time.Duration{1000, 1004, 1013, 1019} {
		act(t, yaml, func(s *story) {
			c := s.dial()
			s.answered(c)
			time.Sleep(after * time.Millisecond)
			pressed := time.Now()
			c.SendDigits("1")
			heard := s.frames(c, time.Second, promptTone, nextTone)
			last, first := turned(heard, promptTone, nextTone)
			if d := last.Sub(pressed); d > 40*time.Millisecond { // a phone's first packet leaves within 20 ms of the key
				t.Errorf("the prompt is heard until %v after the key, want at most 40 ms", d)
			}
			if d := first.Sub(pressed); first.IsZero() || d > 80*time.Millisecond {
				t.Errorf("what follows is heard from %v after the key on, want at once", d)
			}
			s.ended(c)
		})
	}
}

// dialTones sends digits as tones in the sound, as a phone without telephone-events does: 100 ms each, and as long between.
func dialTones(c *simphone.Call, digits string) {
	low := map[rune]float64{'1': 697, '2': 697, '3': 697, '4': 770, '5': 770, '6': 770, '7': 852, '8': 852, '9': 852, '*': 941, '0': 941, '#': 941}
	high := map[rune]float64{'1': 1209, '4': 1209, '7': 1209, '*': 1209, '2': 1336, '5': 1336, '8': 1336, '0': 1336, '3': 1477, '6': 1477, '9': 1477, '#': 1477}
	c.StopRTP(true)
	var seq uint16
	say := func(l, h float64, ms int) {
		for i := 0; i < ms*8; i += 160 {
			one, two := make([]int16, 160), make([]int16, 160)
			if l > 0 {
				tone.Sine(one, 8000, l, -12, i)
				tone.Sine(two, 8000, h, -12, i)
			}
			b := make([]byte, 12, 172)
			b[0] = 0x80
			seq++
			binary.BigEndian.PutUint16(b[2:], seq)
			binary.BigEndian.PutUint32(b[4:], 160*uint32(seq))
			binary.BigEndian.PutUint32(b[8:], 0x0d7f)
			for j := range one {
				b = append(b, tone.EncodeMulaw(one[j]+two[j]))
			}
			_ = c.SendRTP(b, netip.AddrPort{})
			time.Sleep(20 * time.Millisecond)
		}
	}
	say(0, 0, 200)
	for _, d := range digits {
		say(low[d], high[d], 100)
		say(0, 0, 100)
	}
	say(0, 0, 400)
}

// Whatever way digits come, through a network that loses 5 %: each counts once, what is typed ahead of a menu counts in it,
// and a choice of several digits is one.
func TestDigitsOfEveryKindThroughMenusUnderLoss(t *testing.T) {
	info := func(kind, format string) func(*story, *simphone.Call, string) {
		return func(s *story, c *simphone.Call, digits string) {
			for _, d := range digits {
				if _, err := c.Request(s.ctx, "INFO", simphone.Body(kind, fmt.Appendf(nil, format, d))); err != nil {
					s.fatal(err)
				}
				time.Sleep(250 * time.Millisecond)
			}
		}
	}
	for _, way := range []struct {
		name, dtmf string
		press      func(*story, *simphone.Call, string)
	}{
		{"telephone-events", "auto", func(s *story, c *simphone.Call, digits string) { s.press(c, digits) }},
		{"INFO dtmf-relay", "info", info("application/dtmf-relay", "Signal=%c\r\nDuration=160\r\n")},
		{"INFO dtmf", "info", info("application/dtmf", "%c\r\n")},
		{"tones", "inband", func(_ *story, c *simphone.Call, digits string) { dialTones(c, digits) }},
	} {
		t.Run(way.name, func(t *testing.T) {
			live(t, supportTeam+menuFlow, func(s *story) {
				s.muteCustomer, s.unheard = true, true
				own := "accept_from: [10.0.0.9/32],"
				s.reload(supportTeam+menuFlow, own, own+" dtmf: "+way.dtmf+",")
				s.net.SetFault(simnet.Fault{Loss: 0.05, Delay: 30 * time.Millisecond})
				for i := range raced.Or(4, 10) {
					c := s.dial()
					s.answered(c)
					time.Sleep(time.Duration(i) * 300 * time.Millisecond)
					way.press(s, c, "3*34711")
					time.Sleep(2 * time.Second)
					if _, ended := c.End(); !ended {
						s.bye(c)
					}
					time.Sleep(40 * time.Second)
					cards := s.cards()
					r := cards[len(cards)-1]
					var got []string
					for _, one := range r.Choices {
						got = append(got, one.Digits)
					}
					if fmt.Sprint(got) != "[3 * 3 4711]" || r.Attributes["level"] != "gold" {
						t.Errorf("call %d: got choices %v and level %q, want 3, back, 3 and 4711, and gold", i, got, r.Attributes["level"])
					}
				}
				s.net.SetFault(simnet.Fault{})
			})
		})
	}
}
