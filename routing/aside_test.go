package routing

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEveryKeyOfAMailboxHasItsStory tells the stories in testdata/routing/aside. Each step is also taken by a copy of the run
// that went through JSON, and must give the same.
func TestEveryKeyOfAMailboxHasItsStory(t *testing.T) {
	tell(t, "../testdata/routing/aside", func(t testing.TB) teller {
		return &asideStory{TB: t, now: time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)}
	})
}

// asideStory is one caller's way through an aside. The commands:
//
//	voicemail greeting=ours full          leaving a message
//	mailbox m1:new:+14155550111 m2:old boxes=2 guarded
//	begin, played, silent, failed, stopped, stopped short, told ok|no|closed
//	press 12
//	wait 6s                               deadlines pass on the way
//	state
type asideStory struct {
	testing.TB
	now   time.Time
	run   Aside
	lines []string
}

func (s *asideStory) said() []string {
	lines := s.lines
	s.lines = nil
	return lines
}

func (s *asideStory) finish() {}

func (s *asideStory) do(line string) {
	s.Helper()
	w, options := words(line)
	has := func(word string) bool { return len(w) > 1 && w[len(w)-1] == word }
	switch w[0] {
	case "voicemail":
		s.run = Aside{Voicemail: &VoicemailRun{Greeting: options["greeting"], Full: has("full"), Most: 3 * time.Minute}}
	case "mailbox":
		m := &MailboxRun{Guarded: has("guarded")}
		if n := options["boxes"]; n != "" {
			m.Boxes = int(n[0] - '0')
		}
		for _, one := range w[1:] {
			if id, rest, ok := strings.Cut(one, ":"); ok {
				state, number, _ := strings.Cut(rest, ":")
				m.Messages = append(m.Messages, MailboxItem{ID: id, New: state == "new", Number: number})
			}
		}
		s.run = Aside{Mailbox: m}
	case "begin":
		s.feed(AsideBegin{})
	case "played":
		s.feed(AsidePlayed{})
	case "silent":
		s.feed(AsideSilent{})
	case "failed":
		s.feed(AsideFailed{})
	case "stopped":
		s.feed(AsideStopped{Short: has("short")})
	case "told":
		s.feed(AsideTold{OK: has("ok"), Closed: has("closed")})
	case "press":
		for _, d := range w[1] {
			s.feed(AsideDigit{Digit: string(d)})
		}
	case "wait":
		d, err := time.ParseDuration(w[1])
		if err != nil {
			s.Fatal(err)
		}
		end := s.now.Add(d)
		for next := s.run.Deadline(); !next.IsZero() && !next.After(end); next = s.run.Deadline() {
			s.now = next
			s.feed(AsideTick{})
		}
		s.now = end
	case "state":
		text, err := json.Marshal(s.run)
		if err != nil {
			s.Fatal(err)
		}
		s.lines = append(s.lines, string(text))
	default:
		s.Fatalf("no such command: %s", line)
	}
}

func (s *asideStory) feed(ev AsideEvent) {
	s.Helper()
	text, err := json.Marshal(s.run)
	if err != nil {
		s.Fatal(err)
	}
	var twin Aside
	if err := json.Unmarshal(text, &twin); err != nil {
		s.Fatal(err)
	}
	cmds := s.run.Step(s.now, ev)
	if again := twin.Step(s.now, ev); !reflect.DeepEqual(cmds, again) {
		s.Fatalf("after %#v: the run that went through JSON says %#v, the other one %#v", ev, again, cmds)
	}
	for _, c := range cmds {
		s.lines = append(s.lines, clockText(s.now)+" "+asideInWords(c))
	}
}

func asideInWords(c AsideCommand) string {
	switch c := c.(type) {
	case AsidePlay:
		return "play " + heard(FlowPlay{Sounds: c.Sounds})
	case AsideHush:
		return "stop playing"
	case AsideRecord:
		return "record"
	case AsideStop:
		return "stop recording"
	case AsideDrop:
		return "drop it"
	case AsideSend:
		return "send it"
	case AsideReplay:
		return "play it"
	case AsideMessage:
		return "play message " + c.ID
	case AsideHeard:
		return "message " + c.ID + " is heard"
	case AsideDelete:
		return "delete message " + c.ID
	case AsideCheck:
		return "is the code " + c.Code + "?"
	case AsideGreeting:
		return fmt.Sprintf("play greeting %d", c.Box)
	case AsideAccept:
		return fmt.Sprintf("make it greeting %d", c.Box)
	case AsideStandard:
		return fmt.Sprintf("greeting %d as configured", c.Box)
	case AsideOver:
		return "over"
	}
	return fmt.Sprintf("%#v", c)
}
