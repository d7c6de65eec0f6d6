package main

import (
	"strings"

	"trunkline/config"
	"trunkline/media"
	"trunkline/routing"
)

// wait maps how a queue step waits, and reads what is heard meanwhile.
func (w *flowWiring) wait(key string, st *config.Step, q *routing.QueueStep) {
	q.MaxQueue = st.MaxQueue
	if !st.Full.None() {
		full := w.path(key+".full", st.Full)
		q.Full = &full
	}
	if p, led := st.NobodyPath(); led {
		nobody := w.path(key+".nobody", p)
		q.Nobody = &nobody
	}
	for _, x := range st.Exit {
		q.Exits = append(q.Exits, routing.QueueExit{Digit: x.Digit, Path: w.path(key+".exit."+x.Digit, x.To)})
	}
	q.Skills = skills(st.Skills)
	for _, x := range st.Relax {
		q.Relax = append(q.Relax, routing.Relax{After: x.After, Skills: skills(x.Skills)})
	}
	for _, o := range st.Overflow {
		to := routing.Overflow{After: o.After}
		for _, t := range o.Teams {
			to.Teams = append(to.Teams, routing.TeamID(t))
		}
		q.Overflow = append(q.Overflow, to)
	}
	if st.Sticky.Wait > 0 {
		q.Sticky = &routing.Stickiness{Wait: st.Sticky.Wait, Within: st.Sticky.Within}
	}
	q.Music = w.music(key+".music", st.Music)
	if a := st.Announce; a.On() {
		q.Announce = routing.Announcements{First: a.First, Every: a.Every, Place: a.Position, Wait: a.Wait, Sounds: w.sounds(key+".announce.prompts", a.Prompts)}
	}
	w.offer(key+".callback_offer", st, q)
}

// offer maps the callback that is offered to who waits.
func (w *flowWiring) offer(key string, st *config.Step, q *routing.QueueStep) {
	o := st.CallbackOffer
	if o.Key == "" {
		return
	}
	team := q.Team
	if o.Team != "" {
		team = routing.TeamID(o.Team)
	}
	press := map[string]string{"*": "press-star", "#": "press-hash"}[o.Key]
	if press == "" {
		press = "press-" + o.Key
	}
	q.Offer = &routing.CallbackOffer{
		After: o.After, Place: o.Position, Digit: o.Key, Step: routing.CallbackStep{Team: team},
		Sounds: w.sounds(key+".prompt", append(o.Prompt[:len(o.Prompt):len(o.Prompt)], config.Sound{Prompt: press})),
	}
}

// music puts pieces together under one name; the house's has none.
func (w *flowWiring) music(key string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	name := "music:" + strings.Join(names, " ")
	var all []*media.Clip
	for _, one := range names {
		w.fail(key, w.file(one))
		clip := w.prompts.Clip("", one)
		if one == shippedMusic {
			clip = media.Music()
		}
		if clip != nil {
			all = append(all, clip)
		}
	}
	w.prompts.Add(w.cfg.Prompts.Language, name, media.Join(all...))
	return name
}

// shippedMusic is what the shipped piece is called among files.
const shippedMusic = "music"

func skills(all []config.SkillLevel) []routing.Skill {
	var out []routing.Skill
	for _, one := range all {
		out = append(out, routing.Skill{Name: one.Skill, Level: one.Level})
	}
	return out
}
