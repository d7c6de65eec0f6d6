package routing

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestEveryRuleHasItsStory tells the stories in testdata/routing. Beside what a story says, each step proves that the
// Router's state holds together (Check) and that a Router restored from the snapshot before, fed with the event as
// the journal keeps it, does the same; each story that its replay from the start does.
func TestEveryRuleHasItsStory(t *testing.T) {
	tell(t, "../testdata/routing", func(t testing.TB) teller {
		start := time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)
		return &story{TB: t, now: start}
	})
}

// story is a Router and the clock of one story. The commands, with what they take:
//
//	agents ann bob:2                  who there is, bob with a limit of two calls
//	team support ann bob ring=30s start=4s retry=5m wrap=30s away=3 desk
//	fire ann / disband support        take out of the configuration
//	reload                            Configured; before the first event it is implied
//	ready ann bob                     each has one live phone, ann.1 and bob.1
//	phones ann ann.1 ann.2            live now; register: the same, by a new registration
//	desk ann open|closed
//	active ann / away ann lunch / channel ann phone
//	skill ann spanish=5               what an agent has
//	on ann / off ann 3h               the schedule, off for how long
//	close support / open support      its queue, to new works
//	queue w1 support priority=1 returned since=-40s to=ann
//	queue c1 support for=2h           offered until then, and remembered over a restart
//	queue w1 support skills=spanish:3 relax=30s:spanish:1;1m:spanish:0 overflow=1m:sales+back sticky=ann:30s
//	priority w1 5 / ask w1
//	gone w1 / take w1                 the caller goes; the flow takes it away
//	rang 1 ann.2 / answer 1 ann.2 / fail 1 486 ann.2     of offer 1; the first phone if none is named
//	decline 1 / engage w9 ann / release w1 ann spoke team=support / restart
//	refuse w1 ann                     ann gives it back
//	wait 30s                          deadlines pass on the way
//	jump 30s                          the clock moves, nobody looks at the deadlines
//	show agents|waiting|open / explain w1 / explain-team support / recall 1
type story struct {
	testing.TB
	now    time.Time
	cfg    Config
	first  Config
	router *Router
	twin   *Router // restored from its own snapshot before every step
	events []Timed
	all    []Command
	lines  []string
}

func (s *story) said() []string {
	lines := s.lines
	s.lines = nil
	return lines
}

func (s *story) say(format string, args ...any) {
	s.lines = append(s.lines, clockText(s.now)+" "+fmt.Sprintf(format, args...))
}

func clockText(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return strings.TrimSuffix(t.Format("15:04:05.000"), ".000")
}

// step feeds one event to the router and to its twin.
func (s *story) step(ev Event) {
	s.Helper()
	if s.router == nil {
		s.first = copyConfig(s.cfg)
		s.router, s.twin = New(s.first), New(s.first)
	}
	cmds := s.router.Step(s.now, ev)
	if err := s.router.Check(); err != nil {
		s.Fatalf("after %#v: %v", ev, err)
	}
	s.twin = restored(s, s.twin, s.cfgOf())
	if again := s.twin.Step(s.now, journalled(s, ev)); !reflect.DeepEqual(cmds, again) {
		s.Fatalf("after %#v:\nthe restored router says %v\nthe other one %v", ev, again, cmds)
	}
	s.events = append(s.events, Timed{s.now, ev})
	s.all = append(s.all, cmds...)
	for _, c := range cmds {
		s.say("%s", inWords(c))
	}
}

// cfgOf returns the configuration that the router runs under.
func (s *story) cfgOf() Config {
	for _, ev := range slices.Backward(s.events) {
		if c, ok := ev.Event.(Configured); ok {
			return c.Config
		}
	}
	return s.first
}

// finish replays the whole story from the start.
func (s *story) finish() {
	s.Helper()
	var again []Command
	r := New(s.first)
	for _, ev := range s.events {
		again = append(again, r.Step(ev.At, ev.Event)...)
	}
	if !reflect.DeepEqual(again, s.all) {
		s.Fatalf("replay: got %v, want %v", again, s.all)
	}
}

// restored sends a router's state through JSON.
func restored(t tester, r *Router, cfg Config) *Router {
	t.Helper()
	text, err := json.Marshal(r.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var snap Snapshot
	if err := json.Unmarshal(text, &snap); err != nil {
		t.Fatal(err)
	}
	back, err := Restore(cfg, snap)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return back
}

func journalled(t tester, ev Event) Event {
	t.Helper()
	text, err := EncodeEvent(ev)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeEvent(text)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func copyConfig(c Config) Config {
	return Config{Agents: slices.Clone(c.Agents), Teams: slices.Clone(c.Teams)}
}

func (s *story) do(line string) {
	s.Helper()
	w, options := words(line)
	verb, args := w[0], w[1:]
	switch {
	case s.configure(verb, args, options):
	case s.presence(verb, args):
	case s.work(verb, args, options):
	case s.phone(verb, args):
	case s.time(verb, args):
	case s.look(verb, args):
	default:
		s.Fatalf("no such command: %s", line)
	}
}

func (s *story) configure(verb string, args []string, options map[string]string) bool {
	switch verb {
	case "agents":
		for _, arg := range args {
			id, limit, _ := strings.Cut(arg, ":")
			n, _ := strconv.Atoi(limit)
			s.cfg.Agents = slices.DeleteFunc(slices.Clone(s.cfg.Agents), func(a Agent) bool { return a.ID == AgentID(id) })
			s.cfg.Agents = append(s.cfg.Agents, Agent{ID: AgentID(id), CallLimit: n})
		}
	case "skill":
		s.cfg.Agents = slices.Clone(s.cfg.Agents)
		for i := range s.cfg.Agents {
			if a := &s.cfg.Agents[i]; a.ID == AgentID(args[0]) {
				a.Skills = nil
				for _, name := range slices.Sorted(maps.Keys(options)) {
					a.Skills = append(a.Skills, Skill{name, s.number(options[name])})
				}
			}
		}
	case "team":
		t := Team{
			ID: TeamID(args[0]), Ring: s.duration(options["ring"]), RingStart: s.duration(options["start"]),
			RetryAfter: s.duration(options["retry"]), WrapUp: s.duration(options["wrap"]), AwayAfter: 3,
		}
		if away, ok := options["away"]; ok {
			t.AwayAfter = s.number(away)
		}
		if limit, ok := options["limit"]; ok {
			t.CallLimit = s.number(limit)
		}
		for _, arg := range args[1:] {
			if arg == "desk" {
				t.NeedDesk = true
			} else {
				t.Agents = append(t.Agents, AgentID(arg))
			}
		}
		s.cfg.Teams = slices.DeleteFunc(slices.Clone(s.cfg.Teams), func(u Team) bool { return u.ID == t.ID })
		s.cfg.Teams = append(s.cfg.Teams, t)
	case "fire":
		s.cfg.Agents = slices.DeleteFunc(slices.Clone(s.cfg.Agents), func(a Agent) bool { return string(a.ID) == args[0] })
	case "disband":
		s.cfg.Teams = slices.DeleteFunc(slices.Clone(s.cfg.Teams), func(t Team) bool { return string(t.ID) == args[0] })
	case "reload":
		s.step(Configured{copyConfig(s.cfg)})
	default:
		return false
	}
	return true
}

func (s *story) presence(verb string, args []string) bool {
	if len(args) == 0 {
		return false
	}
	a := AgentID(args[0])
	switch verb {
	case "ready":
		for _, id := range args {
			s.step(PhonesChanged{Agent: AgentID(id), Phones: []PhoneID{PhoneID(id + ".1")}, Fresh: true})
		}
	case "phones", "register":
		ev := PhonesChanged{Agent: a, Fresh: verb == "register"}
		for _, id := range args[1:] {
			ev.Phones = append(ev.Phones, PhoneID(id))
		}
		s.step(ev)
	case "desk":
		s.step(DeskChanged{a, args[1] != "closed", args[1] == "watching"})
	case "active":
		s.step(StatusSet{Agent: a, Active: true})
	case "away":
		s.step(StatusSet{Agent: a, Reason: strings.Join(args[1:], " ")})
	case "on":
		s.step(ShiftSet{Agent: a})
	case "off":
		s.step(ShiftSet{Agent: a, Off: true, Until: s.now.Add(s.duration(args[1]))})
	case "close", "open":
		s.step(QueueSet{TeamID(args[0]), verb == "close"})
	case "channel":
		s.step(ChannelSet{a, Channel(args[1])})
	default:
		return false
	}
	return true
}

func (s *story) work(verb string, args []string, options map[string]string) bool {
	has := func(word string) bool { return slices.Contains(args, word) }
	switch verb {
	case "queue":
		ev := Queued{Work: WorkID(args[0]), Target: AgentID(options["to"]), Returned: has("returned")}
		if len(args) > 1 && args[1] != "returned" {
			ev.Team = TeamID(args[1])
		}
		if p := options["priority"]; p != "" {
			ev.Priority = s.number(p)
		}
		ev.Since = s.now.Add(s.duration(options["since"]))
		if until, ok := options["for"]; ok { // a callback
			ev.Until, ev.Lasting = s.now.Add(s.duration(until)), true
		}
		ev.Asks = s.asks(options)
		if agent, bound, ok := strings.Cut(options["sticky"], ":"); ok {
			ev.Sticky, ev.StickyUntil = AgentID(agent), s.now.Add(s.duration(bound))
		}
		s.step(ev)
	case "priority":
		s.step(Prioritized{WorkID(args[0]), s.number(args[1])})
	case "ask":
		s.step(Asked{WorkID(args[0])})
	case "gone":
		s.step(Removed{WorkID(args[0]), OutcomeAbandoned})
	case "take":
		s.step(Removed{Work: WorkID(args[0])})
	case "engage":
		s.step(Engaged{Work: WorkID(args[0]), Agent: AgentID(args[1]), Team: TeamID(options["team"])})
	case "release":
		s.step(Released{WorkID(args[0]), AgentID(args[1]), has("spoke"), TeamID(options["team"])})
	case "refuse":
		s.step(Refused{WorkID(args[0]), AgentID(args[1])})
	case "restart":
		s.step(Restarted{})
	default:
		return false
	}
	return true
}

// asks reads skills=a:3,b:1, relax=30s:a:1,b:0;1m:a:0 and overflow=1m:sales+back;2m:all.
func (s *story) asks(options map[string]string) (a Asks) {
	s.Helper()
	skills := func(text string) (all []Skill) {
		for _, one := range strings.Split(text, ",") {
			name, level, _ := strings.Cut(one, ":")
			all = append(all, Skill{name, s.number(level)})
		}
		return all
	}
	if text := options["skills"]; text != "" {
		a.Skills = skills(text)
	}
	if text := options["relax"]; text != "" {
		for _, one := range strings.Split(text, ";") {
			after, rest, _ := strings.Cut(one, ":")
			a.Relax = append(a.Relax, Relax{s.duration(after), skills(rest)})
		}
	}
	if text := options["overflow"]; text != "" {
		for _, one := range strings.Split(text, ";") {
			after, rest, _ := strings.Cut(one, ":")
			o := Overflow{After: s.duration(after)}
			for _, id := range strings.Split(rest, "+") {
				o.Teams = append(o.Teams, TeamID(id))
			}
			a.Overflow = append(a.Overflow, o)
		}
	}
	return a
}

func (s *story) phone(verb string, args []string) bool {
	switch verb {
	case "rang":
		s.step(PhoneRang{s.offer(args), s.device(args, 1)})
	case "answer":
		s.step(PhoneAnswered{s.offer(args), s.device(args, 1)})
	case "fail":
		s.step(PhoneFailed{Offer: s.offer(args), Phone: s.device(args, 2), Code: s.number(args[1])})
	case "misfit":
		s.step(PhoneFailed{Offer: s.offer(args), Phone: s.device(args, 1), Code: 488, Misfit: true})
	case "decline":
		s.step(Declined{s.offer(args)})
	default:
		return false
	}
	return true
}

func (s *story) offer(args []string) OfferID { return OfferID(s.number(args[0])) }

// device returns the phone named at place i of the arguments, else the first of the offer.
func (s *story) device(args []string, i int) PhoneID {
	if len(args) > i {
		return PhoneID(args[i])
	}
	for _, c := range s.all {
		if ring, ok := c.(Ring); ok && ring.Offer == s.offer(args) {
			return ring.Phones[0]
		}
	}
	s.Fatalf("offer %s was not made", args[0])
	return ""
}

func (s *story) time(verb string, args []string) bool {
	switch verb {
	case "wait":
		end := s.now.Add(s.duration(args[0]))
		for next := s.router.Deadline(); !next.IsZero() && !next.After(end); next = s.router.Deadline() {
			s.now = next
			s.step(Tick{})
		}
		s.now = end
	case "jump":
		s.now = s.now.Add(s.duration(args[0]))
	default:
		return false
	}
	return true
}

func (s *story) duration(text string) time.Duration {
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

func (s *story) number(text string) int {
	s.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		s.Fatal(err)
	}
	return n
}
