package call

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/routing"
)

// Prompts are what the flows of one configuration play, by language and name.
// They are not changed once they are in a Setup.
type Prompts struct {
	Language string // of callers whose flow gives none
	Sets     map[string]map[string]*media.Clip
}

// Clip is a prompt in a language; where that has none, in the house's, and
// then in English, of which every shipped prompt is there. nil: there is none.
func (p Prompts) Clip(language, name string) *media.Clip {
	for _, l := range []string{language, primary(language), p.Language, "en"} {
		if c := p.Sets[l][name]; c != nil {
			return c
		}
	}
	return nil
}

// spoken is the language in which values are put together: the first of these
// that has prompts.
func (p Prompts) spoken(language string) string {
	for _, l := range []string{language, primary(language), p.Language} {
		if len(p.Sets[l]) > 0 {
			return l
		}
	}
	return "en"
}

// primary is the language of a tag with a region: es of es-MX (RFC 5646).
func primary(tag string) string {
	l, _, _ := strings.Cut(tag, "-")
	return strings.ToLower(l)
}

// Add puts a clip under a name.
func (p *Prompts) Add(language, name string, clip *media.Clip) {
	if p.Sets == nil {
		p.Sets = map[string]map[string]*media.Clip{}
	}
	if p.Sets[language] == nil {
		p.Sets[language] = map[string]*media.Clip{}
	}
	p.Sets[language][name] = clip
}

// All are the clips, in no order.
func (p Prompts) All() []*media.Clip {
	var all []*media.Clip
	for _, set := range p.Sets {
		all = slices.AppendSeq(all, maps.Values(set))
	}
	return all
}

// clips are what is heard for a flow's sounds; missing: some are not there, or
// a value is none that can be spoken.
func (s *Switchboard) clips(c *liveCall, all []routing.Sound, language string) (clips []*media.Clip, missing bool) {
	for _, one := range all {
		names := []string{one.Prompt}
		if one.Say != "" {
			names = s.words(one, c.prompts.spoken(language))
			missing = missing || len(names) == 0
		}
		for _, name := range names {
			if clip := s.recordedGreeting(name); clip != nil {
				clips = append(clips, clip)
			} else if clip := c.prompts.Clip(language, name); clip != nil {
				clips = append(clips, clip)
			} else {
				missing = true
			}
		}
	}
	return clips, missing
}

// words are the prompts that speak a value.
func (s *Switchboard) words(one routing.Sound, language string) []string {
	value := strings.TrimSpace(one.Value)
	switch one.Say {
	case routing.SayNumber:
		if n, err := strconv.Atoi(value); err == nil {
			return media.SpokenNumber(language, n)
		}
	case routing.SayDigits:
		return media.SpokenDigits(value)
	case routing.SayTime:
		if at, ok := s.moment(value, "15:04"); ok {
			return media.SpokenTime(language, at)
		}
	case routing.SayDate:
		if at, ok := s.moment(value, time.DateOnly); ok {
			return media.SpokenDate(language, at)
		}
	}
	return nil
}

// moment reads a time of the house's clock, or one with its zone.
func (s *Switchboard) moment(value, layout string) (time.Time, bool) {
	zone := s.setup.Zone
	if zone == nil {
		zone = time.UTC
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return at.In(zone), true
	}
	at, err := time.ParseInLocation(layout, value, zone)
	return at, err == nil
}
