// Package load drives a running switch with SIP calls for the benchmarks: a
// carrier and any number of agents' phones on two UDP sockets, in raw text,
// with as little work a message as can be, so that what is measured is the
// switch. It knows no retransmission: what is lost counts as failed.
//
// It sends no sound. Who may call: internal/bench.
package load
