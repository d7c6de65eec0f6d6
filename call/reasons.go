package call

import (
	"strings"
	"unicode/utf8"

	"trunkline/routing"
	"trunkline/sip"
)

// The Reason header (RFC 3326) that goes with our CANCELs and BYEs. A phone
// that is told "Call completed elsewhere" logs no missed call (product rule 1.8).
var (
	reasonNormal      = sip.Reason{Protocol: "Q.850", Cause: 16, Text: "Normal call clearing"}
	reasonTransferred = sip.Reason{Protocol: "SIP", Cause: 200, Text: "Call transferred"}
	reasonMaxDuration = sip.Reason{Protocol: "SIP", Cause: 480, Text: "Maximum call duration"}
	reasonNoSound     = sip.Reason{Protocol: "SIP", Cause: 480, Text: "No sound received"}
	reasonStopped     = sip.Reason{Protocol: "SIP", Cause: 503, Text: "Switch stopping"}
	reasonFault       = sip.Reason{Protocol: "SIP", Cause: 500, Text: "Server internal error"}
)

// passed is the Reason that a peer gave, as the other side and the call card
// are told it: of SIP or of the telephone network (Q.850), and no longer than a
// line. Anything else is or.
func passed(r, or sip.Reason) sip.Reason {
	switch {
	case strings.EqualFold(r.Protocol, "SIP"):
		r.Protocol = "SIP"
	case strings.EqualFold(r.Protocol, "Q.850"):
		r.Protocol = "Q.850"
	default:
		return or
	}
	if r.Cause < 1 || r.Cause > 699 {
		return or
	}
	if len(r.Text) > 64 || !utf8.ValidString(r.Text) {
		r.Text = ""
	}
	return r
}

// reasonFor is what a phone is told when its offer is over: by a caller who gave
// a reason for leaving, that one. "Call completed elsewhere" is no missed call.
func (c *liveCall) reasonFor(why routing.Outcome) sip.Reason {
	if why == routing.OutcomeAbandoned {
		return passed(c.farewell, reasonFor(why))
	}
	return reasonFor(why)
}

// reasonFor is the same without a caller's own words.
func reasonFor(why routing.Outcome) sip.Reason {
	switch why {
	case routing.OutcomeAnsweredElsewhere:
		return sip.Reason{Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"}
	case routing.OutcomeAbandoned:
		return sip.Reason{Protocol: "SIP", Cause: 487, Text: "Caller hung up"}
	case routing.OutcomeNoAnswer:
		return sip.Reason{Protocol: "SIP", Cause: 480, Text: "No answer in time"}
	case routing.OutcomeTooLate:
		return sip.Reason{Protocol: "SIP", Cause: 480, Text: "Too late"}
	case routing.OutcomeUnreachable:
		return sip.Reason{Protocol: "SIP", Cause: 408, Text: "No ringing in time"}
	case routing.OutcomeDeclined:
		return sip.Reason{Protocol: "SIP", Cause: 603, Text: "Declined"}
	}
	return sip.Reason{Protocol: "SIP", Cause: 487, Text: "Offer withdrawn"}
}
