package main

import (
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
        "12": {name: Both, to: [{set: {topic: both}}]}
        "2": {name: Billing, to: support}
        "*": back
      retries: 1
      digit_timeout: 1s
      otherwise: nobody
    - queue: support
  support:
    - say: {number: 2}
    - queue: support
  nobody:
    - play: goodbye
    - hangup:
`

// A digit stops the menu at once, and what was chosen is on the agent's phone and on the card.
func TestChoiceInAMenuLeadsOnAndIsShownToTheAgent(t *testing.T) {
	narrate(t, "menu", supportTeam+menuFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		time.Sleep(4 * time.Second) // within the menu
		s.sendDigits(c, "2")
		a := s.gets(ann)
		if from := a.From().Display; !strings.HasSuffix(from, "· Billing") {
			t.Errorf("the agent's phone shows %q, want the choice at its end", from)
		}
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(a)
		s.ended(c)
	})
}
