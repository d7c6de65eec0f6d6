package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
)

const menuFlow = `flows:
  main:
    - play: recording-notice
    - menu: [for-sales, press-1, for-support, press-2]
      choices:
        "1": {name: Sales, to: [{set: {topic: sales}}]}
        "2": {name: Billing, to: support}
        "3": {name: Account, to: account}
        "*": back
      retries: 1
      digit_timeout: 1s
      otherwise: nobody
    - queue: support
  support:
    - say: {number: 2}
    - queue: support
  account:
    - menu: for-billing
      choices:
        "4711": {name: Gold, to: [{set: {level: gold}}, {queue: support}]}
        "*": back
      otherwise: nobody
  nobody:
    - play: goodbye
    - hangup:
`

// A digit stops the menu, and what was chosen is on the agent's phone and on the card, by its flow in the facts.
func TestChoiceInAMenuLeadsOnAndIsShownToTheAgent(t *testing.T) {
	live(t, supportTeam+menuFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		time.Sleep(4 * time.Second) // within the menu
		s.press(c, "2")
		a := s.gets(ann)
		if from := a.Invite().Get("From"); !strings.Contains(from, "· Billing\"") {
			t.Errorf("the agent's phone shows %s, want the choice at its end", from)
		}
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.press(c, "1") // is the agent's now
		s.bye(a)
		s.ended(c)
		card := s.card()
		if len(card.Choices) != 1 || card.Choices[0].Digits != "2" || card.Choices[0].Name != "Billing" || card.Choices[0].Menu != "for-sales" || card.Choices[0].At.IsZero() {
			t.Errorf("the card's choices: got %+v, want 2, Billing, of for-sales", card.Choices)
		}
	})
}

// Each digit counts once on a network that loses, repeats and reorders packets, whatever was pressed while prompts played;
// nothing is heard of what was answered before.
func TestDigitsThroughMenusOverABadNetwork(t *testing.T) {
	live(t, supportTeam+menuFlow, func(s *story) {
		s.net.SetFault(simnet.Fault{Loss: 0.05, Duplicate: 0.02, Reorder: 0.03, ReorderBy: 30 * time.Millisecond, Delay: 40 * time.Millisecond})
		const calls = 20
		for i := range calls {
			c := s.dial()
			s.answered(c)
			time.Sleep(time.Duration(i) * 200 * time.Millisecond)
			s.press(c, "3*34711")
			time.Sleep(time.Second)
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
}

// Nobody presses anything: the caller hears prompts, then music, never nothing for two seconds, and a word at the end.
func TestWhoPressesNothingAlwaysHearsSomething(t *testing.T) {
	live(t, supportTeam+menuFlow, func(s *story) {
		c := s.dial()
		s.answered(c)
		began := time.Now()
		time.Sleep(1700 * time.Millisecond)
		for {
			if _, ended := c.End(); ended {
				break
			}
			if c.Last(1700 * time.Millisecond).Silent() {
				t.Errorf("the caller hears nothing for 1.7 s, %v after the answer", time.Since(began))
			}
			time.Sleep(100 * time.Millisecond)
		}
		card := s.card()
		if took := card.Ended.Sub(card.Answered); took < 15*time.Second || took > 40*time.Second {
			t.Errorf("got a call of %v, want the menu twice, each with its time for a digit", took)
		}
	})
}

// A flow's values and choices outlive a reload: the call keeps the flows it arrived under, where they lead to too.
func TestCallerInAMenuKeepsTheFlowsThatWereThere(t *testing.T) {
	live(t, supportTeam+menuFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		time.Sleep(3 * time.Second)
		s.reload(supportTeam + "flows:\n  main: [{hangup: 486}]\n")
		s.press(c, "2")
		a := s.gets(ann)
		s.hear(c, annTone)
		if e := s.ended(s.dial()); e.Code != 486 {
			t.Errorf("the next caller: got %v, want the new flow's 486", e)
		}
		s.bye(a)
		s.ended(c)
	})
}

// INFO is a digit as well as a telephone-event is.
func TestDigitsByINFOChoose(t *testing.T) {
	live(t, supportTeam+menuFlow, func(s *story) {
		c := s.dial()
		s.answered(c)
		time.Sleep(time.Second)
		if _, err := c.Request(s.ctx, "INFO", simphone.Body("application/dtmf-relay", []byte("Signal=3\r\nDuration=160\r\n"))); err != nil {
			s.fatal(err)
		}
		time.Sleep(time.Second)
		if r := s.liveRecord(); len(r.Choices) != 1 || r.Choices[0].Digits != "3" {
			t.Errorf("after INFO: got %+v, want 3 once", r.Choices)
		}
		s.bye(c)
	})
}

// A number that is spoken stops for a digit as any prompt does, and the digit counts for the menu behind it; a # that the
// choice did not need leaves the queue by no exit key, one pressed later does. The agents' codes are none of a caller's.
func TestKeysAreLiveWhileANumberIsSpokenAndCodesAreNone(t *testing.T) {
	flow := `flows:
  main:
    - say: {digits: "12345678901234567890"}
    - menu: [{digits: "1234567890"}, for-billing]
      choices:
        "*": back
        "4711": {name: Gold, to: wait}
      retries: 3
      otherwise: goodbye
  wait:
    - queue: support
      exit: {"#": goodbye}
  goodbye:
    - play: goodbye
    - hangup:
`
	live(t, supportTeam+flow, func(s *story) {
		s.agent("ann", annTone)
		s.set("ann", false)
		began := time.Now()
		c := s.dial()
		s.answered(c)
		time.Sleep(time.Second)
		s.press(c, "*97") // back, and two that are no choice
		if v := s.agentNow("ann"); v.Reason != "lunch" || len(v.Open) != 0 {
			t.Errorf("ann after a caller's code: got %+v, want her as she was", v)
		}
		s.press(c, "4711#")
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("the choice: got %v, want it while numbers of 20 digits were spoken", took)
		}
		s.wantHears(c, "music")
		r := s.liveRecord()
		var got []string
		for _, one := range r.Choices {
			got = append(got, one.Digits)
		}
		if fmt.Sprint(got) != "[* 4711]" {
			t.Errorf("choices: got %v, want *, and 4711", got)
		}
		time.Sleep(3 * time.Second)
		s.press(c, "#")
		s.ended(c)
	})
}
