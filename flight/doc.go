// Package flight is the flight recorder: what recent calls said on the wire,
// what was decided about them, and how their sound fared, kept in memory for
// whoever asks afterwards why a call went as it did.
//
// It owns the Box, which keeps calls; the redaction of secrets and digits,
// which happens before anything is kept or sent on; the pcap form; and the
// sender of HEP3 to a Homer collector.
//
// A Box is bounded three times: each call by its bytes (the first messages
// and the latest are kept, those between go first), the calls that have ended
// by their number and age, and all of it by its bytes. Messages of nobody's
// call, such as INVITEs that are challenged or refused, have a small room of
// their own. Nothing is written to disk.
//
// Who may call: cmd/trunkline, which hands in messages, legs and facts, and
// api, which shows a call. It imports nothing of ours. Its methods may be
// called from any goroutine and hold one short lock.
//
// RFC 3261 (what is read of a message), RFC 4568 §9.1 (keys in a=crypto),
// draft-kaplan-simple-info-events (digits in INFO), the pcap file format of
// libpcap, and the HEP3 draft of sipcapture.org.
package flight
