package media

import "slices"

// pick returns the first of the peer's formats that we do, or the preferred one if it is there.
func (n *Negotiation) pick(formats []format, prefer *Codec) (f format, c Codec) {
	for _, other := range formats {
		codec, ok := other.codec()
		if !ok || !slices.Contains(n.config.Codecs, codec) {
			continue
		}
		if f.encoding == "" || prefer != nil && codec == *prefer && c != *prefer {
			f, c = other, codec
		}
	}
	return f, c
}

// findEvents returns the peer's telephone-event format at the clock rate of our codecs. Phones
// with wideband codecs list one for each rate.
func (n *Negotiation) findEvents(formats []format) (format, bool) {
	if n.config.NoEvents {
		return format{}, false
	}
	i := slices.IndexFunc(formats, func(f format) bool { return f.encoding == telephoneEvent })
	if i < 0 {
		return format{}, false
	}
	return formats[i], true
}

// freeEventPT returns the payload type of telephone-event in an offer of ours: the one it has in
// this session, else a number that means nothing else.
func (n *Negotiation) freeEventPT() uint8 {
	if b := n.bound[n.eventPT]; b == "" || b == telephoneEvent {
		return n.eventPT
	}
	for pt := uint8(127); pt >= 96; pt-- {
		if n.bound[pt] == "" || n.bound[pt] == telephoneEvent {
			return pt
		}
	}
	return 101 // every dynamic number is taken: the meaning of one must change
}
