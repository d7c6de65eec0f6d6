package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"trunkline/call"
	"trunkline/media"
)

// showSound writes how each leg of a call sounded.
func showSound(w io.Writer, legs []call.Sound, zone *time.Location) error {
	for i, l := range legs {
		if i == 0 {
			fmt.Fprintln(w, "\nSound (MOS by the E-model, 1 to 4.5)")
		}
		fmt.Fprintf(w, "  %s\n", party(l))
		if l.Codec != "" {
			fmt.Fprintf(w, "    %s, as we hear it: %s\n", l.Codec, direction(l.Heard))
		}
		if l.Told.Packets > 0 {
			fmt.Fprintf(w, "    as it hears us: %s\n", direction(l.Told))
		}
		if l.RoundTrip > 0 {
			fmt.Fprintf(w, "    round trip %d ms\n", l.RoundTrip.Milliseconds())
		}
		for _, u := range l.Unheard {
			lasted := "to the end"
			if !u.To.IsZero() {
				lasted = "for " + precise(u.To.Sub(u.From))
			}
			if _, err := fmt.Fprintf(w, "    not heard from %s %s: %s\n", u.From.In(zone).Format("15:04:05.000"), lasted, likely(u.Cause)); err != nil {
				return err
			}
		}
	}
	return nil
}

// party names a leg.
func party(l call.Sound) string {
	name := string(l.Party)
	switch {
	case l.Agent != "":
		name = string(l.Agent)
	case l.Trunk != "":
		name += ", over " + string(l.Trunk)
	}
	return name
}

// direction is one direction of a leg in words.
func direction(s media.Stream) string {
	if s.Packets+s.Lost == 0 {
		return "nothing"
	}
	text := fmt.Sprintf("MOS %.1f, %.1f %% lost", s.MOS, s.Loss)
	if s.Burst > 1 {
		text += fmt.Sprintf(" in bursts of %.1f", s.Burst)
	}
	return fmt.Sprintf("%s, jitter %d ms", text, s.Jitter.Milliseconds())
}

// likely is a cause in words.
func likely(c media.Cause) string {
	switch c {
	case media.CauseOnHold:
		return "it says that it will not send"
	case media.CauseRefused:
		return "nobody listens at its port (ICMP)"
	case media.CauseStranger:
		return "its packets come from an address that is not expected: see media_from"
	case media.CauseMuted:
		return "its RTCP goes on: muted at the device"
	case media.CauseNoPackets:
		return "nothing has come from it: a firewall, or a wrong address in its description"
	case media.CauseStopped:
		return "its RTP stopped"
	case media.CauseSilence:
		return "its packets hold silence only: muted, or no microphone"
	}
	return string(c)
}

// scores are the legs of a call in progress in a few words: what is bad, else
// the lowest score.
func scores(legs []call.Sound) string {
	var bad []string
	least := 0.0
	for _, l := range legs {
		if n := len(l.Unheard); n > 0 && l.Unheard[n-1].To.IsZero() {
			bad = append(bad, party(l)+" is not heard: "+likely(l.Unheard[n-1].Cause))
		}
		for _, s := range []media.Stream{l.Heard, l.Told} {
			if s.MOS > 0 && (least == 0 || s.MOS < least) {
				least = s.MOS
			}
		}
	}
	if least > 0 {
		bad = append(bad, fmt.Sprintf("MOS %.1f", least))
	}
	return strings.Join(bad, ", ")
}
