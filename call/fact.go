package call

import (
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// FactKind says what happened.
type FactKind string

// The kinds of facts.
const (
	FactStarted          FactKind = "switch.started"
	FactStopped          FactKind = "switch.stopped"
	FactReloaded         FactKind = "switch.reloaded"
	FactMismatch         FactKind = "switch.mismatch" // the reconciler found and mended a difference
	FactArrived          FactKind = "call.arrived"
	FactDialRefused      FactKind = "dial.refused" // a number was not dialled: Reason is the rule
	FactDialled          FactKind = "call.dialled" // an agent's own call; By calls Agent where that is a colleague
	FactPickedUp         FactKind = "call.picked_up"
	FactAnswered         FactKind = "call.answered"
	FactEntered          FactKind = "call.entered" // another flow
	FactChose            FactKind = "call.chose"   // in a flow's menu, which is Reason
	FactQueued           FactKind = "call.queued"
	FactAssigned         FactKind = "call.assigned"    // a waiting call, to Agent alone; Reason: by whom
	FactOfferedTo        FactKind = "call.offered_to"  // to Agent first, by order
	FactRequeued         FactKind = "call.requeued"    // to Team's queue, by order
	FactPriority         FactKind = "call.prioritized" // Count: the priority
	FactAnswering        FactKind = "call.answering"   // by order, Agent's phone is asked to answer what rings there
	FactConnected        FactKind = "call.connected"
	FactReleased         FactKind = "call.released"   // an agent's leg left the call
	FactAgentLost        FactKind = "call.agent_lost" // until when the agent may come back
	FactReclaimed        FactKind = "call.reclaimed"
	FactMoved            FactKind = "call.moved"    // to another phone of the same agent
	FactWatchOrdered     FactKind = "watch.ordered" // By watches Agent, in the mode State; Reason: by whom it was ordered
	FactWatchBegan       FactKind = "watch.began"   // their phone has answered
	FactWatchMode        FactKind = "watch.mode"    // another one, or another agent has the call
	FactWatchEnded       FactKind = "watch.ended"   // Reason: why
	FactReturned         FactKind = "call.returned" // back to the front of its queue
	FactHeld             FactKind = "call.held"
	FactResumed          FactKind = "call.resumed"
	FactForwarding       FactKind = "call.forwarding"
	FactForwarded        FactKind = "call.forwarded"
	FactForwardFailed    FactKind = "call.forward_failed"
	FactTransferring     FactKind = "call.transferring" // Agent or Team: to whom; neither: a number
	FactTransferRang     FactKind = "call.transfer_rang"
	FactConsulting       FactKind = "call.consulting" // who is asked first has answered
	FactTransferred      FactKind = "call.transferred"
	FactTransferFailed   FactKind = "call.transfer_failed" // carries the Outcome, and in Count the SIP code of a number
	FactEnded            FactKind = "call.ended"
	FactOfferMade        FactKind = "offer.made"
	FactOfferRang        FactKind = "offer.rang"
	FactOfferEnded       FactKind = "offer.ended" // carries the Outcome, accepted included
	FactOfferTooLate     FactKind = "offer.too_late"
	FactRecordingStarted FactKind = "recording.started"
	FactRecordingPaused  FactKind = "recording.paused" // Until: resumed by itself
	FactRecordingResumed FactKind = "recording.resumed"
	FactRecordingSealed  FactKind = "recording.sealed"
	FactQuality          FactKind = "media.quality" // of a leg, at its end
	FactOneWay           FactKind = "media.one_way" // a leg is not heard; Reason: the likely cause, a media.Cause
	FactHeardAgain       FactKind = "media.resumed"
	FactTrunk            FactKind = "trunk.state"       // State: registered, unregistered, refused, unreachable, unresolved, …
	FactRecordingDeleted FactKind = "recording.deleted" // its sound; Reason: by whom
	FactTranscript       FactKind = "transcript.state"  // of a recording; State: done, failed; of a message also its box, of Team or Agent
	FactAgentStatus      FactKind = "agent.status"
	FactAgentOrdered     FactKind = "agent.ordered"  // State: set for Agent by somebody else; Reason: by whom
	FactAgentShift       FactKind = "agent.shift"    // State: on or off by the schedule, until Until
	FactDeserted         FactKind = "queue.deserted" // nobody of Team is there, and callers wait
	FactQueueClosed      FactKind = "queue.closed"
	FactQueueOpened      FactKind = "queue.opened"
	FactAgentPhones      FactKind = "agent.phones"
	FactContactMade      FactKind = "contact.made"
	FactContactChanged   FactKind = "contact.changed"   // State: note_edited or note_deleted, where it was that
	FactContactMerged    FactKind = "contact.merged"    // Gone has become Contact
	FactContactDeleted   FactKind = "contact.deleted"   // Reason: by whom; what is kept of it follows
	FactContactErased    FactKind = "contact.erased"    // nothing is kept of it any more; Count: its calls
	FactContactsImported FactKind = "contacts.imported" // Count: those made or changed
	FactNoted            FactKind = "call.noted"        // a note was added to the card, or, State: edited, deleted
	FactTagged           FactKind = "call.tagged"       // the card's tags were changed

	// "callback." and a routing.CallbackMark are the kinds of a callback's facts; Reason says why.

	FactVoicemailLeft    FactKind = "voicemail.left" // in the box of Team or Agent
	FactVoicemailHeard   FactKind = "voicemail.heard"
	FactVoicemailDeleted FactKind = "voicemail.deleted"
	FactVoicemailFailed  FactKind = "voicemail.failed"   // a message or a greeting could not be kept: Reason
	FactVoicemailClosed  FactKind = "voicemail.closed"   // after wrong codes: to other phones, Until
	FactGreeting         FactKind = "voicemail.greeting" // was changed: State says into what, By is who
)

// Fact is one thing that happened: numbered without gaps, timed, journalled.
// It carries ids only; numbers, names and SIP text live in Records, which can
// be deleted.
type Fact struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Kind FactKind  `json:"kind"`

	Call      ID              `json:"call,omitempty"`
	Leg       sip.LegID       `json:"leg,omitempty"`
	Trunk     sip.TrunkID     `json:"trunk,omitempty"`
	Flow      routing.FlowID  `json:"flow,omitempty"`
	Team      routing.TeamID  `json:"team,omitempty"`
	Agent     routing.AgentID `json:"agent,omitempty"`
	By        routing.AgentID `json:"by,omitempty"` // who ordered it, where Agent is somebody else; of a reload, whoever asked
	Offer     routing.OfferID `json:"offer,omitempty"`
	Outcome   routing.Outcome `json:"outcome,omitempty"`
	Contact   desk.ContactID  `json:"contact,omitempty"`
	Gone      desk.ContactID  `json:"gone,omitempty"` // of a merge
	Recording recorder.ID     `json:"recording,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	State     string          `json:"state,omitempty"` // of a trunk, a transcript, an agent
	Until     time.Time       `json:"until,omitzero"`
	Count     int             `json:"count,omitempty"`
	Ending    *Ending         `json:"ending,omitempty"`
	Quality   *media.Quality  `json:"quality,omitempty"`

	Callback routing.CallbackID `json:"callback,omitempty"`
}
