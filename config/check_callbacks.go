package config

import (
	"regexp"
	"time"
)

var quietHours = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)

func (r *reader) checkCallbacks(c Callbacks) {
	r.atLeast("callbacks.for", c.For, time.Minute)
	switch {
	case c.For > 7*24*time.Hour:
		r.fail("callbacks.for", "%s is longer than anybody remembers having asked: write 7d or less", written(c.For))
	case c.Quiet != "" && !quietHours.MatchString(c.Quiet):
		r.fail("callbacks.quiet", "%q are no hours: write such as 21:00-08:00, by the clock where the customer is", c.Quiet)
	case c.Quiet != "" && c.Quiet[:5] == c.Quiet[6:], c.Quiet == "00:00-24:00":
		r.fail("callbacks.quiet", "%q is the whole day, so no callback would ever be offered: write such as 21:00-08:00", c.Quiet)
	}
}
