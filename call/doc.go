// Package call is the switchboard: one loop that owns every call and joins
// the leaves sip, media, routing, recorder and desk.
//
// # Ownership
//
// One goroutine, Switchboard.Run, owns every call, its flow, its lines and
// the router; no field of theirs is touched from elsewhere and none has a
// lock. Everything else posts to its mailbox (FromSip, FromMedia,
// FromRecorder, and the orders), which never blocks the poster. A decision
// crosses one method call to a hand (a sip.Leg, a media.Session, a
// recorder.Recording); hands never call back on the same stack, what became
// of a decision arrives as an event. Sound never touches the loop.
//
// # What is true of a call
//
// A call begins with the carrier's INVITE and has exactly one Ending. Once
// its caller was answered, the caller's leg ends only by the caller's BYE,
// the carrier's failure, an explicit hang-up by agent or flow, or a named
// limit: while an agent's leg is lost without a BYE the caller hears music, and
// returns to the front of the queue if the agent does not come back in time
// (product §5, rule 9). A transfer parts nobody before somebody has answered.
//
// # Defects
//
// A panic while one event is handled ends the call it belonged to, with the
// Ending "fault", and no other. After a panic inside the router it is
// restored from its last snapshot and the events since. Once a second the
// router's view of open work is compared with the live lines; a difference
// is a bug: it is logged, counted, and mended towards the live dialogs.
//
// # Overload
//
// Only new calls are refused, with 503, when the oldest entry of the mailbox
// has waited more than 100 ms; events of live calls never are.
//
// Who may call: api and store (its types), and cmd/trunkline, which wires it.
package call
