// Package simphone is a scripted SIP/RTP endpoint: an agent's phone or a carrier
// in tests, in the demonstration and in the test call of the command line.
//
// It is an independent implementation (its own parser, transactions, dialogs,
// digest client, SDP and RTP), so that it and the switch cannot share a mistake,
// and it can misbehave on purpose: see Habits, Script and the raw verbs.
//
// A Phone owns one SIP socket and the RTP sockets of its calls. It runs over any
// net.PacketConn and any function that opens one: package simnet in a
// testing/synctest bubble, or the kernel. All its state belongs to one goroutine
// (loop.go); methods post to it, and those with a context block until the thing
// they name has happened or the context is done. Close ends every goroutine and
// waits for them.
//
//	ann.OnCall(simphone.Ring().After(2 * time.Second).Answer())
//	call := carrier.Dial("+14155550100", simphone.From("+14155550123"))
//	err := call.WaitAnswered(ctx)
//	err = call.Hears(ctx, 440)
//	err = call.Bye(ctx)
//
// Methods that begin with Must take a T (a *testing.T will do) and fail it.
//
// Caveats: UDP only, G.711 and telephone-event only, IP literals only (a host
// name in a Contact or Route is taken to be the configured peer), no
// session timers of its own, no RTCP.
//
// RFCs: 3261, 3262, 3264, 3550, 3551, 3581, 4566, 4733, 6026, 7616, 8760.
package simphone
