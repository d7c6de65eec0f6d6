package call

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/routing"
)

// Answers to orders about greetings.
var (
	ErrNoBox       = errors.New("no such voicemail box")
	ErrBadGreeting = errors.New("this cannot be a greeting")
	ErrNoGreeting  = errors.New("the greeting cannot be kept")
)

// longestGreeting is as long as a message may be by default.
const longestGreeting = 3 * time.Minute

// BoxNamed is the box of the team or the agent of that name, else ErrNoBox.
func (s *Switchboard) BoxNamed(ctx context.Context, name string) (Box, error) {
	box, err := ask(ctx, s, func(time.Time) Box {
		if _, ok := s.setup.Teams[routing.TeamID(name)]; ok {
			return Box{Team: routing.TeamID(name)}
		}
		if slices.ContainsFunc(s.setup.Router.Agents, func(a routing.Agent) bool { return string(a.ID) == name }) {
			return Box{Agent: routing.AgentID(name)}
		}
		return Box{}
	})
	if err == nil && box == (Box{}) {
		err = ErrNoBox
	}
	return box, err
}

// Greeting gives what a box's callers hear, as WAV; recorded: it was recorded or uploaded, in place of the configured one.
func (s *Switchboard) Greeting(ctx context.Context, box Box) (wav []byte, recorded bool, err error) {
	clip, err := ask(ctx, s, func(time.Time) *media.Clip {
		if clip := s.greetings[box]; clip != nil {
			recorded = true
			return clip
		}
		return s.setup.Prompts.Clip("", cmp.Or(s.setup.Voicemail.Greetings[box], shippedGreeting))
	})
	if err != nil {
		return nil, false, err
	}
	if clip == nil {
		return nil, false, ErrNoBox
	}
	var b bytes.Buffer
	err = clip.WriteWAV(&b)
	return b.Bytes(), recorded, err
}

// SetGreeting makes a WAV file the greeting of a box, in place of the one that was recorded before; nil: the configuration's is
// heard again. It returns once that is on disk, and fails with ErrBadGreeting or ErrNoGreeting; then the one before stays.
func (s *Switchboard) SetGreeting(ctx context.Context, box Box, wav []byte, by string) error {
	path := ""
	if wav != nil {
		clip, err := media.ReadWAV(bytes.NewReader(wav))
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrBadGreeting, err)
		case clip.Duration() > longestGreeting:
			return fmt.Errorf("%w: it is longer than %v", ErrBadGreeting, longestGreeting)
		}
		if path, err = asFile(clip); err != nil {
			return fmt.Errorf("%w: %w", ErrNoGreeting, err)
		}
		defer os.Remove(path)
	}
	done := make(chan error, 1)
	_, err := ask(ctx, s, func(time.Time) struct{} {
		if s.hands.Voice.Greet == nil {
			done <- ErrNotNow
			return struct{}{}
		}
		s.hands.Voice.Greet(box, path, func(clip *media.Clip, err error) {
			s.box.post(letter{order: func(time.Time) {
				s.fact(s.greetingChanged(box, clip, err, Fact{Reason: "by " + by}))
				done <- err
			}})
		})
		return struct{}{}
	})
	if err != nil {
		return err
	}
	select { // whoever asked may have left: the file is read until then
	case err = <-done:
	case <-s.done:
		return errStopped
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoGreeting, err)
	}
	return s.kept(ctx)
}

// asFile writes a clip where the hand that keeps greetings reads it from.
func asFile(clip *media.Clip) (string, error) {
	f, err := os.CreateTemp("", "trunkline-greeting-*.wav")
	if err != nil {
		return "", err
	}
	if err := errors.Join(clip.WriteWAV(f), f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// greetingChanged takes over what the hand that keeps greetings did, and completes the fact of it.
func (s *Switchboard) greetingChanged(box Box, clip *media.Clip, err error, fact Fact) Fact {
	fact.Team, fact.Agent = box.Team, box.Agent
	if err != nil {
		s.log.Error("a greeting cannot be kept, the one before stays", "team", box.Team, "agent", box.Agent, "err", err)
		fact.Kind, fact.Reason, fact.By = FactVoicemailFailed, err.Error(), ""
		return fact
	}
	fact.Kind, fact.State = FactGreeting, "recorded"
	if delete(s.greetings, box); clip != nil {
		s.greetings[box] = clip
	} else {
		fact.State = "as configured"
	}
	s.log.Info("a voicemail greeting was changed", "team", box.Team, "agent", box.Agent, "state", fact.State)
	return fact
}
