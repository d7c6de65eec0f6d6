package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/config"
	"trunkline/internal/simphone"
)

// act runs a story whose ladder would say nothing new.
func act(t *testing.T, yaml string, f func(*story)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, yaml)
		f(s)
		s.end()
	})
}

// sound is what a call hears for so long.
func (s *story) sound(c *simphone.Call, d time.Duration) simphone.Sound {
	s.Helper()
	sound, err := c.Listen(s.ctx, d)
	if err != nil {
		s.fatal(err)
	}
	return sound
}

// reload puts base and yaml in force, with changes to base: old, new, old …
func (s *story) reload(yaml string, changes ...string) config.Changes {
	s.Helper()
	text := strings.NewReplacer(changes...).Replace(fmt.Sprintf(base, s.house.config().DataDir)) + yaml
	cfg, err := config.Parse("story.yaml", []byte(text), checks())
	if err != nil {
		s.Fatal(err)
	}
	done, err := s.house.reload(s.ctx, cfg, "")
	if err != nil {
		s.Fatal(err)
	}
	return done
}

const helpTeam = "teams:\n  help: {name: Help, agents: [ann, bob, carol]}\n"

func TestReloadThatRemovesATeamKeepsItsWaitingCallers(t *testing.T) {
	narrate(t, "reload-team-removed", supportTeam+queueFlow, func(s *story) {
		c := s.dial()
		s.answered(c)
		time.Sleep(5 * time.Second)
		s.reload(helpTeam + "flows:\n  main: [{queue: help}]\n")
		s.wantHears(c, "music")
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		a := s.gets(ann)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		s.recorded().wantTones(t, annTone)
	})
}

// The agent's leg is lost when the team is long gone from the configuration.
func TestReloadThatRemovesATeamLetsItsCallersReturn(t *testing.T) {
	narrate(t, "reload-team-removed-return", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		s.gets(ann)
		s.hear(c, annTone)
		s.reload(helpTeam + "flows:\n  main: [{queue: help}]\n")
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		ann.Die()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.bye(c)
		s.ended(b)
		time.Sleep(40 * time.Second)
		s.recorded().wantTones(t, bobTone)
	})
}

func TestReloadKeepsAWaitingCallsPrompt(t *testing.T) {
	act(t, supportTeam+"flows:\n  main: [{queue: support, max_wait: 20s, unanswered: [{play: welcome}]}]\n", func(s *story) {
		c := s.dial()
		s.answered(c)
		time.Sleep(5 * time.Second)
		s.reload(supportTeam + queueFlow)
		s.ended(c)
		r := s.card()
		if got := r.Ended.Sub(r.Answered); got < 22*time.Second {
			t.Errorf("the call: got %v, want 20 s of waiting and the prompt", got)
		}
		if strings.Contains(s.log.String(), "prompt") {
			t.Errorf("the log: got\n%s, want no word of a prompt", s.log)
		}
	})
}

func TestReloadedDomainWaitsForARestart(t *testing.T) {
	act(t, supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		done := s.reload(supportTeam+queueFlow, "pbx.example.com", "new.example.com")
		if !strings.Contains(fmt.Sprint(done.NeedsRestart), "domain") {
			t.Errorf("needs a restart: got %v, want domain among it", done.NeedsRestart)
		}
		c := s.dial()
		s.answered(c)
		if from := s.rings(ann).Invite().Get("From"); !strings.Contains(from, "@pbx.example.com>") {
			t.Errorf("From: got %s, want @pbx.example.com until the restart", from)
		}
		s.bye(c)
		bob := s.agent("bob", bobTone, simphone.Ring()) // its password is salted with the realm
		for _, m := range bob.Received() {
			if got := m.Get("WWW-Authenticate"); m.Code == 401 && !strings.Contains(got, `realm="pbx.example.com"`) {
				t.Errorf("realm: got %s, want pbx.example.com until the restart", got)
			}
		}
	})
}

// The caller's next step was due at the moment of the reload.
func TestReloadAtTheEndOfAWaitLeadsToTheNextStep(t *testing.T) {
	teams := "teams:\n  first: {agents: [ann]}\n  second: {agents: [bob]}\n"
	narrate(t, "reload-at-max-wait", teams+"flows:\n  main: [{queue: first, max_wait: 20s, unanswered: [{queue: second}]}]\n", func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		s.answered(c)
		began := s.now().Calls[0].Since
		time.Sleep(time.Until(began.Add(20 * time.Second)))
		s.reload("teams:\n  second: {agents: [bob]}\nflows:\n  main: [{queue: second}]\n")
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
		s.recorded().wantTones(t, bobTone)
	})
}

func TestReloadThatRemovesAnAgentTakesTheRingingPhoneBack(t *testing.T) {
	narrate(t, "reload-agent-removed", "teams:\n  support: {name: Support, agents: [ann, bob]}\n"+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.rings(ann)
		time.Sleep(5 * time.Second)
		s.reload("teams:\n  support: {name: Support, agents: [bob]}\n"+queueFlow, "  ann: {name: Ann Lee, password: ann-password-1, options: false}\n", "")
		if e := s.ended(a); e.Code != 487 {
			t.Errorf("ann's leg: got %v, want a CANCEL", e)
		}
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
		s.recorded().wantTones(t, bobTone)
	})
}
