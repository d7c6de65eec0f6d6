package call

import "fmt"

// ID names one call: a ULID, so that ids sort by arrival.
type ID string

// Party is who ended a call.
type Party string

// The parties an Ending can name.
const (
	ByCaller  Party = "caller"
	ByAgent   Party = "agent"
	ByForward Party = "forward" // the far end of a forwarded call
	ByCallee  Party = "callee"  // who was called: the customer of a call out, or another agent
	ByFlow    Party = "flow"    // the caller's flow came to its end
	ByTrunk   Party = "trunk"   // the carrier failed
	BySystem  Party = "system"  // this switch: a named limit, a stop, a fault
)

// Cause is why a call ended. The list is closed: a call has exactly one.
type Cause string

// The causes, with the party that goes with each.
const (
	CauseCancelled     Cause = "cancelled"      // caller: gave up before the call was answered
	CauseHangup        Cause = "hangup"         // caller, agent, callee or forward: a BYE
	CauseBusy          Cause = "busy"           // callee: an agent's own call was refused as busy
	CauseNoAnswer      Cause = "no_answer"      // callee: it was not answered in time
	CauseDeclined      Cause = "declined"       // callee: it was declined
	CauseRejected      Cause = "rejected"       // callee: the number was refused
	CauseUnreachable   Cause = "unreachable"    // system: the agent called has no live phone (480)
	CauseFailed        Cause = "failed"         // trunk: no trunk could reach the number
	CauseTransferred   Cause = "transferred"    // agent: the carrier took the call over
	CauseServed        Cause = "served"         // system: a code that an agent dialled was obeyed
	CauseFlowEnd       Cause = "flow_end"       // flow: its last step, or a hangup step
	CauseFlowLoop      Cause = "flow_loop"      // flow: it led in a circle, and the caller did nothing
	CauseForwardFailed Cause = "forward_failed" // flow: nothing left after a forward that nobody took
	CauseNoSuchNumber  Cause = "no_such_number" // system: the dialled number is not ours (404)
	CauseNoSuchFlow    Cause = "no_such_flow"   // system: the number's flow is not there (500)
	CauseNotAllowed    Cause = "not_allowed"    // system: this peer may not make this call (403)
	CauseDialCap       Cause = "dial_cap"       // system: max_calls or max_minutes_per_day of a dial: (403)
	CauseBadOffer      Cause = "bad_offer"      // system: the session description cannot be read (400)
	CauseNoCodec       Cause = "no_codec"       // system: no codec in common (488)
	CauseNoPorts       Cause = "no_ports"       // system: media.ports is exhausted (503)
	CauseTooManyCalls  Cause = "too_many_calls" // system: calls.max or the trunk's max_calls (503)
	CauseDraining      Cause = "draining"       // system: stopping (503)
	CauseMaxDuration   Cause = "max_duration"   // system: calls.max_duration
	CauseNoSound       Cause = "no_sound"       // system: media.rtp_timeout or held_timeout
	CauseNoAck         Cause = "no_ack"         // trunk: our 200 was never acknowledged
	CauseLegLost       Cause = "leg_lost"       // trunk or forward: a leg failed without a BYE
	CauseOrdered       Cause = "ordered"        // system: an operator hung it up
	CauseStopped       Cause = "stopped"        // system: the switch was stopped
	CauseInterrupted   Cause = "interrupted"    // system: the switch died while the call was up
	CauseFault         Cause = "fault"          // system: a defect of ours cost this call
)

// Ending says by whom, why and with which SIP status a call ended. Code is
// the final status that the caller's INVITE got, or 0 for an answered call.
type Ending struct {
	By    Party `json:"by"`
	Cause Cause `json:"cause"`
	Code  int   `json:"code,omitempty"`

	// Reason is the Reason header (RFC 3326) of the peer who ended the call or
	// refused it, such as Q.850;cause=17;text="User busy"; empty: it gave none.
	Reason string `json:"reason,omitempty"`
}

// String reads "hangup by caller" or "no_such_number by system (404)".
func (e Ending) String() string {
	if e.Cause == "" {
		return "in progress"
	}
	if e.Code == 0 {
		return fmt.Sprintf("%s by %s", e.Cause, e.By)
	}
	return fmt.Sprintf("%s by %s (%d)", e.Cause, e.By, e.Code)
}
