package config

import "time"

// Wallboard says from when on a team's figures warn, and alarm.
type Wallboard struct {
	// Somebody waits for so long.
	Wait WallTime `yaml:"wait"`
	// So many wait.
	Waiting WallCount `yaml:"waiting"`
	// Today's service level is below so many percent.
	ServiceLevel WallCount `yaml:"service_level"`
}

// WallTime are two lengths of time.
type WallTime struct {
	// From then on it warns; 0s: never.
	Warn time.Duration `yaml:"warn"`
	// From then on it alarms; 0s: never.
	Alarm time.Duration `yaml:"alarm"`
}

// WallCount are two numbers.
type WallCount struct {
	// From there on it warns; 0: never.
	Warn int `yaml:"warn"`
	// From there on it alarms; 0: never.
	Alarm int `yaml:"alarm"`
}

func (r *reader) checkWallboard(key string, w Wallboard) {
	r.atLeast(join(key, "wait.warn"), w.Wait.Warn, 0)
	r.atLeast(join(key, "wait.alarm"), w.Wait.Alarm, 0)
	for _, x := range []struct {
		key  string
		v    WallCount
		most int
	}{{"waiting", w.Waiting, 10_000}, {"service_level", w.ServiceLevel, 100}} {
		r.between(join(key, x.key+".warn"), x.v.Warn, 0, x.most)
		r.between(join(key, x.key+".alarm"), x.v.Alarm, 0, x.most)
	}
	// A warning that comes after the alarm is never seen.
	if w.Wait.Alarm > 0 && w.Wait.Warn > w.Wait.Alarm {
		r.fail(join(key, "wait.warn"), "%s is after the alarm at %s: write less", written(w.Wait.Warn), written(w.Wait.Alarm))
	}
	if w.Waiting.Alarm > 0 && w.Waiting.Warn > w.Waiting.Alarm {
		r.fail(join(key, "waiting.warn"), "%d is after the alarm at %d: write less", w.Waiting.Warn, w.Waiting.Alarm)
	}
	if w.ServiceLevel.Warn > 0 && w.ServiceLevel.Warn < w.ServiceLevel.Alarm {
		r.fail(join(key, "service_level.warn"), "%d is after the alarm at %d: write more", w.ServiceLevel.Warn, w.ServiceLevel.Alarm)
	}
}
