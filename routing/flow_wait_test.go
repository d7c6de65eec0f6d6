package routing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// queueStep reads a queue step of a story.
func (s *flowStory) queueStep(team string, words []string, options map[string]string) *QueueStep {
	s.Helper()
	number := func(text string) int {
		n, _ := strconv.Atoi(text)
		return n
	}
	q := &QueueStep{
		Team: TeamID(team), Priority: number(options["priority"]), MaxWait: s.duration(options["max_wait"]),
		MaxQueue: number(options["max_queue"]), Music: options["music"],
	}
	q.Asks = (&story{TB: s.TB}).asks(options)
	q.Announce = Announcements{
		First: s.duration(options["first"]), Every: s.duration(options["every"]),
		Place: slices.Contains(words, "place"), Wait: slices.Contains(words, "wait"),
	}
	if say := options["say"]; say != "" {
		for _, name := range strings.Split(say, "+") {
			q.Announce.Sounds = append(q.Announce.Sounds, Sound{Prompt: name})
		}
	}
	to := func(name string) FlowPath {
		return FlowPath{Steps: []FlowStep{{Play: &PlayStep{Sounds: []Sound{{Prompt: name}}}}}}
	}
	if digit, name, ok := strings.Cut(options["exit"], ":"); ok {
		q.Exits = []QueueExit{{Digit: digit, Path: to(name)}}
	}
	if digit := options["offer"]; digit != "" {
		q.Offer = &CallbackOffer{
			Digit: digit, After: s.duration(options["after"]), Place: number(options["behind"]),
			Sounds: []Sound{{Prompt: "callback-offer"}}, Step: CallbackStep{Team: q.Team},
		}
	}
	if name := options["full"]; name != "" {
		path := to(name)
		q.Full = &path
	}
	if name := options["nobody"]; name != "" {
		path := to(name)
		q.Nobody = &path
	}
	if wait, within, ok := strings.Cut(options["sticky"], ":"); ok {
		q.Sticky = &Stickiness{Wait: s.duration(wait), Within: s.duration(within)}
	}
	return q
}

// waiting is what happens to who waits.
func (s *flowStory) waiting(verb string, args []string, options map[string]string) {
	s.Helper()
	switch verb {
	case "house":
		s.house = FlowSeen{Present: 1, Closed: slices.Contains(args, "closed")}
		if n, ok := options["present"]; ok {
			s.house.Present, _ = strconv.Atoi(n)
		}
		s.house.Waiting, _ = strconv.Atoi(options["waiting"])
		if agent, ago, ok := strings.Cut(options["last"], ":"); ok {
			s.house.Last, s.house.LastAt = AgentID(agent), s.now.Add(-s.duration(ago))
		}
	case "digit":
		s.feed(FlowDigit{Digit: args[0]})
	case "placed":
		at := FlowPlaced{}
		at.Place, _ = strconv.Atoi(args[0])
		if len(args) > 1 {
			at.Wait = s.duration(args[1])
			at.Confidence, _ = strconv.Atoi(args[2])
		}
		s.feed(at)
	case "deserted":
		s.feed(FlowDeserted{})
	case "moved":
		s.feed(FlowMoved{Team: TeamID(args[0])})
	}
}

// waitInWordsOf says how a FlowQueue waits.
func waitInWordsOf(c FlowQueue) (text string) {
	if len(c.Skills) > 0 {
		text += fmt.Sprintf(", asking for %v", c.Skills)
	}
	if c.Sticky != "" {
		text += fmt.Sprintf(", for %s until %s", c.Sticky, clockText(c.StickyUntil))
	}
	if c.Music != "" {
		text += ", music " + c.Music
	}
	return text
}
