package main

import (
	"trunkline/api"
	"trunkline/config"
)

// goals are what a team's figures on the wallboard are held against; of a team
// that is not configured any more, nothing.
func goals(t *config.Team) api.Goals {
	if t == nil {
		return api.Goals{}
	}
	w := t.Wallboard
	return api.Goals{
		Within:       t.ServiceLevel.Seconds(),
		Wait:         api.Limits{Warn: w.Wait.Warn.Seconds(), Alarm: w.Wait.Alarm.Seconds()},
		Waiting:      api.Limits{Warn: float64(w.Waiting.Warn), Alarm: float64(w.Waiting.Alarm)},
		ServiceLevel: api.Limits{Warn: float64(w.ServiceLevel.Warn) / 100, Alarm: float64(w.ServiceLevel.Alarm) / 100},
	}
}
