package routing

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestEveryStepOfAFlowHasItsStory tells the stories in testdata/routing/flow. Each step is also taken by a copy of the run
// that went through JSON, and must give the same.
func TestEveryStepOfAFlowHasItsStory(t *testing.T) {
	tell(t, "../testdata/routing/flow", func(t testing.TB) teller {
		return &flowStory{TB: t, now: time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)}
	})
}

// flowStory is one caller's run through one flow. The commands:
//
//	answer early|late                     when, as the flow says
//	step play welcome                     steps of the flow, in order
//	step queue support priority=1 max_wait=60s
//	else play sorry                       the unanswered path of the last queue step
//	step forward +14155550199 trunks=a,b caller_id=caller
//	step hangup 486
//	begin, played, answered, returned, stranded, far-rings, far-answers, far-ends, tick
//	far-fails 486
//	wait 60s                              deadlines pass on the way; jump 60s: nobody looks
//	state
type flowStory struct {
	testing.TB
	now   time.Time
	flow  Flow
	begun bool
	run   FlowRun
	lines []string
}

func (s *flowStory) said() []string {
	lines := s.lines
	s.lines = nil
	return lines
}

func (s *flowStory) finish() {}

func (s *flowStory) do(line string) {
	s.Helper()
	w, options := words(line)
	switch verb, args := w[0], w[1:]; verb {
	case "answer":
		s.flow.Answer = args[0]
	case "step":
		s.flow.Steps = append(s.flow.Steps, s.step(args, options))
	case "else":
		q := s.flow.Steps[len(s.flow.Steps)-1].Queue
		q.Unanswered.Steps = append(q.Unanswered.Steps, s.step(args, options))
	case "wait":
		end := s.now.Add(s.duration(args[0]))
		for next := s.run.Deadline(); !next.IsZero() && !next.After(end); next = s.run.Deadline() {
			s.now = next
			s.feed(FlowTick{})
		}
		s.now = end
	case "jump":
		s.now = s.now.Add(s.duration(args[0]))
	case "state":
		s.lines = append(s.lines, fmt.Sprintf("%s %s, answered %v", clockText(s.now), s.run.State, s.run.Answered))
	case "far-fails":
		code, err := strconv.Atoi(args[0])
		if err != nil {
			s.Fatal(err)
		}
		s.feed(FlowForwardFailed{Code: code})
	default:
		ev, ok := map[string]FlowEvent{
			"begin": FlowBegin{}, "played": FlowPlayed{}, "answered": FlowAnswered{}, "returned": FlowReturned{},
			"stranded": FlowStranded{}, "far-rings": FlowForwardRinging{}, "far-answers": FlowForwardAnswered{},
			"far-ends": FlowForwardEnded{}, "tick": FlowTick{},
		}[verb]
		if !ok {
			s.Fatalf("no such command: %s", line)
		}
		s.feed(ev)
	}
}

func (s *flowStory) step(args []string, options map[string]string) FlowStep {
	s.Helper()
	switch args[0] {
	case "play":
		return FlowStep{Play: &PlayStep{Sounds: []Sound{{Prompt: args[1]}}}}
	case "queue":
		priority, _ := strconv.Atoi(options["priority"])
		return FlowStep{Queue: &QueueStep{
			Team: TeamID(args[1]), Priority: priority, MaxWait: s.duration(options["max_wait"]),
		}}
	case "forward":
		f := &ForwardStep{Number: args[1], CallerID: options["caller_id"]}
		if t := options["trunks"]; t != "" {
			f.Trunks = strings.Split(t, ",")
		}
		return FlowStep{Forward: f}
	case "hangup":
		code := 0
		if len(args) > 1 {
			code, _ = strconv.Atoi(args[1])
		}
		return FlowStep{Hangup: &HangupStep{Code: code}}
	}
	s.Fatalf("no such step: %v", args)
	return FlowStep{}
}

func (s *flowStory) feed(ev FlowEvent) {
	s.Helper()
	if !s.begun {
		s.begun, s.run = true, StartFlow(s.flow, nil, FlowCaller{})
	}
	text, err := json.Marshal(s.run)
	if err != nil {
		s.Fatal(err)
	}
	var twin FlowRun
	if err := json.Unmarshal(text, &twin); err != nil {
		s.Fatal(err)
	}
	cmds := s.run.Step(s.now, ev)
	if again := twin.Step(s.now, ev); !reflect.DeepEqual(cmds, again) {
		s.Fatalf("after %#v: the run that went through JSON says %#v, the other one %#v", ev, again, cmds)
	}
	for _, c := range cmds {
		s.lines = append(s.lines, clockText(s.now)+" "+flowInWords(c))
	}
}

func (s *flowStory) duration(text string) time.Duration {
	s.Helper()
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.Fatal(err)
	}
	return d
}

func flowInWords(c FlowCommand) string {
	switch c := c.(type) {
	case FlowAnswer:
		return "answer the carrier"
	case FlowRing:
		return "ring the carrier"
	case FlowPlay:
		return "play " + c.Sounds[0].Prompt
	case FlowQueue:
		text := fmt.Sprintf("queue for %s, priority %d", c.Team, c.Priority)
		if c.Returned {
			text += ", returned"
		}
		return text
	case FlowUnqueue:
		return "take out of the queue"
	case FlowForward:
		return fmt.Sprintf("forward to %s over %v, caller id %q", c.Number, c.Trunks, c.CallerID)
	case FlowEnd:
		return fmt.Sprintf("end: %s, %d if not answered", c.Cause, c.Code)
	}
	return fmt.Sprintf("%#v", c)
}
