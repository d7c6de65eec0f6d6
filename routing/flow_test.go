package routing

import (
	"cmp"
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
		return &flowStory{TB: t, now: time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC), house: FlowSeen{Present: 1}}
	})
}

// flowStory is one caller's run through flows. The commands:
//
//	answer early|late                     when, as the flow says
//	step play welcome                     steps of the flow, in order; play notice whole: no digit stops it
//	step say number 42
//	step queue support priority=1 max_wait=60s
//	step menu main retries=1 timeout=5s digit_timeout=2s invalid=wrong
//	choice 1 sales "Sales"                of the last menu: a flow, back or repeat; choice 1 do play x: a step on the spot
//	step match caller / case +49,+43 german / case +1 do play x
//	step hours Europe/Berlin mon-fri 09:00-17:00 / open day / closed night / holiday 12-24..12-26
//	step set vip=yes
//	step goto main
//	else play sorry                       the unanswered path of the last queue step
//	step queue support first=10s every=60s place wait say=sorry-+tips music=jazz exit=1:vm offer=2 after=60s behind=5
//	     max_queue=3 full=busy nobody=night sticky=30s:24h skills=… relax=… overflow=… (see story)
//	house present=0 waiting=3 closed last=ann:1h      what the house looks like from now on
//	digit 1 / placed 3 4m 80 / deserted / moved sales
//	step forward +14155550199 trunks=a,b caller_id=caller
//	step hangup 486
//	else play sorry                       the unanswered or otherwise path of the last such step; else to night: a flow
//	flow night                            the steps that follow are another flow's; the first is main
//	caller +14155550111 contact=user tags=vip,gold language=es
//	begin, played, answered, returned, stranded, far-rings, far-answers, far-ends, done, tick
//	press 12
//	far-fails 486
//	at 2026-01-05T14:00:00Z               the clock
//	wait 60s                              deadlines pass on the way; jump 60s: nobody looks
//	state
type flowStory struct {
	testing.TB
	now    time.Time
	flows  map[FlowID]*Flow
	at     FlowID
	last   *FlowStep
	caller FlowCaller
	begun  bool
	run    FlowRun
	lines  []string
	house  FlowSeen // as it is seen
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
	if len(w) > 0 && s.writes(w[0], w[1:], options) {
		return
	}
	switch verb, args := w[0], w[1:]; verb {
	case "at":
		at, err := time.Parse(time.RFC3339, args[0])
		if err != nil {
			s.Fatal(err)
		}
		s.now = at
	case "press":
		for _, d := range args[0] {
			s.feed(FlowDigit{Digit: string(d)})
		}
	case "caller":
		s.caller = FlowCaller{Number: args[0], Called: "+14155550100", Name: options["name"], Contact: options["contact"]}
		if args[0] == "anonymous" {
			s.caller.Number = ""
		}
		if t := options["tags"]; t != "" {
			s.caller.Tags = strings.Split(t, ",")
		}
		if l := options["language"]; l != "" {
			s.caller.Attributes = map[string]string{"language": l}
		}
		if s.begun {
			s.feed(FlowKnown{Caller: s.caller})
		}
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
		text := fmt.Sprintf("%s %s, answered %v", clockText(s.now), s.run.State, s.run.Answered)
		if s.run.Digits != "" {
			text += ", typed " + s.run.Digits
		}
		s.lines = append(s.lines, text)
	case "far-fails":
		code, err := strconv.Atoi(args[0])
		if err != nil {
			s.Fatal(err)
		}
		s.feed(FlowForwardFailed{Code: code})
	case "house", "digit", "placed", "deserted", "moved":
		s.waiting(verb, args, options)
	default:
		ev, ok := map[string]FlowEvent{
			"begin": FlowBegin{}, "played": FlowPlayed{}, "answered": FlowAnswered{}, "returned": FlowReturned{},
			"stranded": FlowStranded{}, "far-rings": FlowForwardRinging{}, "far-answers": FlowForwardAnswered{},
			"far-ends": FlowForwardEnded{}, "done": FlowDone{}, "tick": FlowTick{},
		}[verb]
		if !ok {
			s.Fatalf("no such command: %s", line)
		}
		s.feed(ev)
	}
}

// writes takes the commands that write flows.
func (s *flowStory) writes(verb string, args []string, options map[string]string) bool {
	s.Helper()
	if s.flows == nil {
		s.at = "main"
		s.flows = map[FlowID]*Flow{"main": {ID: "main"}}
	}
	f := s.flows[s.at]
	switch verb {
	case "answer":
		f.Answer = args[0]
	case "flow":
		s.at = FlowID(args[0])
		s.flows[s.at] = &Flow{ID: s.at}
	case "step":
		f.Steps = append(f.Steps, s.step(args, options))
		s.last = &f.Steps[len(f.Steps)-1]
	case "else":
		p := &FlowPath{}
		switch {
		case s.last.Queue != nil:
			p = &s.last.Queue.Unanswered
		case s.last.Menu != nil:
			p = &s.last.Menu.Otherwise
		case s.last.Match != nil:
			p = &s.last.Match.Otherwise
		case s.last.Forward != nil:
			p = &s.last.Forward.Unanswered
		}
		s.path(p, args, options)
	case "choice":
		c := MenuChoice{Digits: args[0], Name: options["name"]}
		s.path(&c.Path, s.way(args[1:]), options)
		s.last.Menu.Choices = append(s.last.Menu.Choices, c)
	case "case":
		c := MatchCase{Values: strings.Split(args[0], ",")}
		s.path(&c.Path, s.way(args[1:]), options)
		s.last.Match.Cases = append(s.last.Match.Cases, c)
	case "open":
		s.path(&s.last.Hours.Open, s.way(args), options)
	case "closed":
		s.path(&s.last.Hours.Closed, s.way(args), options)
	default:
		return false
	}
	return true
}

// way is a flow's name as a path, unless it is a step to do.
func (s *flowStory) way(args []string) []string {
	if args[0] == "do" {
		return args[1:]
	}
	return []string{"to", args[0]}
}

func (s *flowStory) path(p *FlowPath, args []string, options map[string]string) {
	s.Helper()
	if args[0] == "to" {
		p.Flow = FlowID(args[1])
		return
	}
	p.Steps = append(p.Steps, s.step(args, options))
}

func (s *flowStory) step(args []string, options map[string]string) FlowStep {
	s.Helper()
	switch args[0] {
	case "play":
		return FlowStep{Play: &PlayStep{Sounds: []Sound{{Prompt: args[1]}}, Whole: len(args) > 2}}
	case "say":
		return FlowStep{Play: &PlayStep{Sounds: []Sound{{Say: SayKind(args[1]), Value: args[2]}}}}
	case "menu":
		retries, _ := strconv.Atoi(options["retries"])
		m := &MenuStep{
			ID: args[1], Sounds: []Sound{{Prompt: args[1]}}, Retries: retries,
			Timeout: s.duration(cmp.Or(options["timeout"], "5s")), DigitTimeout: s.duration(cmp.Or(options["digit_timeout"], "2s")),
		}
		if i := options["invalid"]; i != "" {
			m.Invalid = []Sound{{Prompt: i}}
		}
		return FlowStep{Menu: m}
	case "match":
		return FlowStep{Match: &MatchStep{Subject: args[1]}}
	case "hours":
		return FlowStep{Hours: &HoursStep{Hours: weekdays(s, args[1], args[2])}}
	case "set":
		return FlowStep{Set: &SetStep{Attributes: options}}
	case "goto":
		return FlowStep{Goto: FlowID(args[1])}
	case "callback":
		return FlowStep{Callback: &CallbackStep{Team: TeamID(args[1])}}
	case "voicemail":
		return FlowStep{Voicemail: &VoicemailStep{Team: TeamID(args[1])}}
	case "queue":
		return FlowStep{Queue: s.queueStep(args[1], args[2:], options)}
	case "forward":
		f := &ForwardStep{Number: args[1], CallerID: options["caller_id"]}
		f.Ring, _ = time.ParseDuration(options["ring"])
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
		all := map[FlowID]Flow{}
		for id, f := range s.flows {
			all[id] = *f
		}
		s.begun, s.run = true, StartFlow(all["main"], all, s.caller)
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
	looked := false
	for _, c := range cmds {
		if _, looks := c.(FlowLook); looks {
			looked = true
			continue
		}
		s.lines = append(s.lines, clockText(s.now)+" "+flowInWords(c))
	}
	if looked { // the house answers at once
		s.feed(s.house)
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
		return "play " + heard(c)
	case FlowStopPlay:
		return "stop playing"
	case FlowChose:
		return strings.TrimSpace(fmt.Sprintf("chosen: %s %s %s", c.Choice.Menu, c.Choice.Digits, c.Choice.Name))
	case FlowSet:
		return fmt.Sprint("attributes ", c.Attributes)
	case FlowEntered:
		return "flow " + string(c.Flow)
	case FlowOfferCallback:
		return "offer a callback by " + string(c.Step.Team)
	case FlowRecord:
		return "take a message for " + string(c.Step.Team)
	case FlowQueue:
		text := fmt.Sprintf("queue for %s, priority %d", c.Team, c.Priority)
		if c.Returned {
			text += ", returned"
		}
		return text + waitInWordsOf(c)
	case FlowAskPlace:
		return "ask for the place"
	case FlowUnqueue:
		return "take out of the queue"
	case FlowForward:
		text := fmt.Sprintf("forward to %s over %v, caller id %q", c.Number, c.Trunks, c.CallerID)
		if c.Ring > 0 {
			text += fmt.Sprintf(", for %v", c.Ring)
		}
		return text
	case FlowEnd:
		return fmt.Sprintf("end: %s, %d if not answered", c.Cause, c.Code)
	}
	return fmt.Sprintf("%#v", c)
}

// heard is what a caller hears, and in which language.
func heard(p FlowPlay) string {
	var all []string
	for _, one := range p.Sounds {
		text := one.Prompt
		if one.Say != "" {
			text = fmt.Sprintf("%s %s", one.Say, one.Value)
		}
		all = append(all, text)
	}
	text := strings.Join(all, ", ")
	if p.Language != "" {
		text += " in " + p.Language
	}
	return text
}

// weekdays are hours of monday to friday.
func weekdays(t testing.TB, zone, span string) Hours {
	t.Helper()
	var z Zone
	if err := z.UnmarshalText([]byte(zone)); err != nil {
		t.Fatal(err)
	}
	h := Hours{Zone: z}
	for d := time.Monday; d <= time.Friday; d++ {
		h.Week[d] = []Opening{opening(t, span)}
	}
	return h
}

func opening(t testing.TB, text string) Opening {
	t.Helper()
	var h [4]int
	if _, err := fmt.Sscanf(text, "%d:%d-%d:%d", &h[0], &h[1], &h[2], &h[3]); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return Opening{From: time.Duration(h[0]*60+h[1]) * time.Minute, To: time.Duration(h[2]*60+h[3]) * time.Minute}
}
