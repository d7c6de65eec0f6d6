// Package routing decides who is offered what, and until when.
//
// It is a value, not a process: it has no clock, does no I/O, starts no goroutine and keeps no order that
// depends on a map. Events go in with the time they happened, commands come out:
//
//	cmds := router.Step(now, ev)   // what is to be done
//	next := router.Deadline()      // when a Tick is wanted
//
// The same events at the same times give the same commands, so a day can be replayed from the journal, a decision can
// be recomputed and explained (Recall), and a panic costs a Restore from the last Snapshot.
//
// # What it owns
//
// Agents' presence (status, channel, live phones, open desk tab), their open calls and limits, wrap-up, back-off and
// the count of no-answers; the waiting works of every team and their order; every offer with its deadline; who refused
// which work and until when. Flow and FlowRun are the caller's configured path, pure in the same way.
//
// # Who may call
//
// One goroutine: a Router is not safe for concurrent use. Its owner feeds every event of a kind that it names and carries out
// every command in order. now must not go back; a now earlier than the last is read as the last. Wall clock and monotonic
// clock must not be mixed: the owner derives now from one wall reading at its start plus the monotonic time since.
//
// # Rules that are decided here
//
//   - Deadlines are processed before the event that carries the same time: an answer at exactly the deadline is late.
//   - Setting an agent away withdraws nothing in flight: a phone that rings may still be answered. No new offer is made.
//   - An offer's phones are those live when it was made. One that registers anew keeps the offer; one that vanishes
//     goes on until its leg says what became of it; one that appears is not added.
//   - Misconfigured holds an agent back as busy and unreachable do: without it the same phone would be tried in a loop.
//   - Only an answer, also one too late, clears the count of no-answers; a refusal neither adds to it nor clears it.
//   - A higher priority is served first.
//
// # Caveats
//
// Late events (an offer already ended, an agent no longer configured) are normal and ignored; an answer that cannot be
// used always comes back as a Drop, so that no phone is left in silence. Only a contradiction inside the Router's own state
// panics, by name: the owner restores from snapshot and events.
package routing
