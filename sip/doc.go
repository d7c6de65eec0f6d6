// Package sip is the signalling room: trunks, registrations and legs.
//
// It owns every SIP socket, transaction, dialog and registration. The
// switchboard calls it: Dial and the verbs of Leg post and return, and what
// became of them arrives through Config.Emit. A session description is []byte
// here; nothing of RTP is known. It imports nothing of the house and is the
// only importer of sipgo.
//
// # Shape
//
// A packet is read by its socket's goroutine, checked (lint.go), parsed, validated (validate.go)
// and put into the mailbox of its leg, in the order received (request.go,
// client.go). Each leg has one goroutine, one mailbox and one timer (leg.go); its
// verbs are in answer.go, dial.go, bye.go and reoffer.go, its dialog state (RFC
// 3261 §12) in dialog.go and route.go, the early dialogs of an INVITE of ours in
// fork.go. Reliable provisional responses are in prack.go, session timers in
// session_timer.go; what we say of ourselves (Allow, Supported, Require) is
// decided in abilities.go alone.
//
// # Trunks
//
// Where a trunk is, its NAPTR, SRV and address records say (dns.go, locate.go:
// RFC 3263); resolve.go knows it at every moment, so that nobody waits for a name
// server. An INVITE goes from one of its places to the next (failover.go), and
// what became of it is remembered (health.go). For each trunk that wants it a
// goroutine registers (enrolment.go) and another sends OPTIONS (ping.go);
// trunk_state.go says in a line what all that has come to.
//
// # What of sipgo is used
//
// Its parser (made more tolerant in parse.go), its messages, and its
// transactions' state machines: they repeat our requests and refusals and time
// them out. Not its dialogs, caches or DNS,
// which end calls wrongly; not the layer that gives every message a goroutine,
// which loses the order; and not its read loops, because what they parse they
// parse where a panic ends the process. Ours (udp.go, tcp.go, stream.go) are
// short; the same choice cures that every UDP source is remembered for ever,
// that datagrams above 1,300 bytes are refused, that requests over TCP go to
// whoever connected last, and that unparsable packets are logged whole. A
// transaction whose work is done leaves a key and perhaps its last bytes
// (memory.go) in place of 10 KB for 32 s.
//
// # Caveats
//
// No WebSocket.
// Messages above 1,300 bytes go out by UDP in fragments. Reliable order is that
// of one peer on one transport.
//
// RFCs: 3261 (SIP), 3262 (PRACK), 3264 (one offer at a time), 3311 (UPDATE),
// 3323/3325 (privacy, P-Asserted-Identity), 3326 (Reason), 3581 (rport), 4028
// (session timers), 5626 (keep-alives), 6026 (INVITE transactions), 7332 (Max-Forwards), 8760 (digest).
package sip
