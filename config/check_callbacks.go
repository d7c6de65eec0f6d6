package config

import "time"

func (r *reader) checkCallbacks(c Callbacks) {
	r.atLeast("callbacks.for", c.For, time.Minute)
	if c.For > 7*day {
		r.fail("callbacks.for", "%s is longer than anybody remembers having asked: write 7d or less", written(c.For))
	}
	quiet, ok := ParseSpan(c.Quiet)
	switch {
	case c.Quiet == "":
	case quiet.From == quiet.To && quiet.To > 0, quiet.To-quiet.From == day:
		r.fail("callbacks.quiet", "%q is the whole day, so no callback would ever be offered: write such as 21:00-08:00", c.Quiet)
	case !ok:
		r.fail("callbacks.quiet", "%q are no hours: write such as 21:00-08:00, by the clock where the customer is", c.Quiet)
	}
}

// QuietHours are Quiet, read; the zero Span is none.
func (c Callbacks) QuietHours() Span {
	s, _ := ParseSpan(c.Quiet)
	return s
}
