package routing

import (
	"encoding/json"
	"fmt"
	"time"
)

// Timed is an event and when it was taken in: what the journal keeps.
type Timed struct {
	At    time.Time
	Event Event
}

// envelope is an event's form in the journal.
type envelope struct {
	Event string          `json:"event"`
	Of    json.RawMessage `json:"of,omitempty"`
}

// EncodeEvent writes an event for the journal, as JSON. It fails for an event that is not of this package.
func EncodeEvent(ev Event) ([]byte, error) {
	name := eventName(ev)
	if name == "" {
		return nil, fmt.Errorf("routing event %T: not one of the known events", ev)
	}
	of, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("routing event %s: %w", name, err)
	}
	return json.Marshal(envelope{Event: name, Of: of})
}

// DecodeEvent reads what EncodeEvent wrote. Fields that it does not know, of a later version, are passed over; an event
// that it does not know is an error.
func DecodeEvent(b []byte) (Event, error) {
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("routing event: %w", err)
	}
	read := decoders[e.Event]
	if read == nil {
		return nil, fmt.Errorf("routing event %q: not one of the known events", e.Event)
	}
	ev, err := read(e.Of)
	if err != nil {
		return nil, fmt.Errorf("routing event %s: %w", e.Event, err)
	}
	return ev, nil
}

func eventName(ev Event) string {
	switch ev.(type) {
	case Configured:
		return "configured"
	case PhonesChanged:
		return "phones_changed"
	case DeskChanged:
		return "desk_changed"
	case StatusSet:
		return "status_set"
	case ChannelSet:
		return "channel_set"
	case Queued:
		return "queued"
	case Prioritized:
		return "prioritized"
	case Asked:
		return "asked"
	case QueueSet:
		return "queue_set"
	case ShiftSet:
		return "shift_set"
	case Removed:
		return "removed"
	case PhoneRang:
		return "phone_rang"
	case PhoneAnswered:
		return "phone_answered"
	case PhoneFailed:
		return "phone_failed"
	case Declined:
		return "declined"
	case Engaged:
		return "engaged"
	case Refused:
		return "refused"
	case Released:
		return "released"
	case Restarted:
		return "restarted"
	case Tick:
		return "tick"
	}
	return ""
}

var decoders = map[string]func([]byte) (Event, error){
	"configured":     decode[Configured],
	"phones_changed": decode[PhonesChanged],
	"desk_changed":   decode[DeskChanged],
	"status_set":     decode[StatusSet],
	"channel_set":    decode[ChannelSet],
	"queued":         decode[Queued],
	"prioritized":    decode[Prioritized],
	"asked":          decode[Asked],
	"queue_set":      decode[QueueSet],
	"shift_set":      decode[ShiftSet],
	"removed":        decode[Removed],
	"phone_rang":     decode[PhoneRang],
	"phone_answered": decode[PhoneAnswered],
	"phone_failed":   decode[PhoneFailed],
	"declined":       decode[Declined],
	"engaged":        decode[Engaged],
	"refused":        decode[Refused],
	"released":       decode[Released],
	"restarted":      decode[Restarted],
	"tick":           decode[Tick],
}

func decode[E Event](b []byte) (Event, error) {
	var ev E
	if len(b) == 0 {
		return ev, nil
	}
	err := json.Unmarshal(b, &ev)
	return ev, err
}
