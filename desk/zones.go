package desk

import (
	"sync"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// zones are the time zones that were looked up, by name; nil: not known on this system.
var zones sync.Map

// Zones are the time zones in which a number may be, as its numbering plan says: one for most landlines, all those of the
// country for a mobile number or one that is dialled from everywhere. None: not known.
func (n Number) Zones() []*time.Location {
	p, err := phonenumbers.Parse(string(n), "")
	if err != nil {
		return nil
	}
	names, err := phonenumbers.GetTimezonesForNumber(p)
	if err != nil {
		return nil
	}
	var all []*time.Location
	for _, name := range names {
		if name == phonenumbers.UNKNOWN_TIMEZONE {
			continue
		}
		known, ok := zones.Load(name)
		if !ok {
			loc, err := time.LoadLocation(name)
			if err != nil {
				loc = nil
			}
			known, _ = zones.LoadOrStore(name, loc)
		}
		if loc := known.(*time.Location); loc != nil {
			all = append(all, loc)
		}
	}
	return all
}
