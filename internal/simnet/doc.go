// Package simnet is an in-memory packet network for tests: fake the wire, not
// the house. Real SIP endpoints and real RTP run over its PacketConns, inside a
// testing/synctest bubble (a 30 s ring takes microseconds) or outside one.
//
// It owns every datagram between WriteTo and ReadFrom: latency, faults, NAT
// boxes, unplugged hosts, and the SIP ladder that the datagrams draw. Anybody may
// call it from a test or a demonstration; it imports nothing of the house.
//
// Determinism. A Net made in a bubble gives the same ladder in every run:
//   - datagrams of one flow (sender, receiver) arrive in the order sent unless a
//     fault says otherwise; datagrams of several flows that arrive at the same
//     instant are ordered by address, not by which goroutine wrote first;
//   - chance (loss, jitter, …) is drawn from the seed, the flow and the
//     datagram's number in its flow, so that goroutines racing at one instant
//     cannot change each other's luck.
//
// Caveats. There are no streams, no wildcard addresses, no ICMP (a datagram to
// nobody is counted and gone, as on an unconnected socket), no MTU below the
// 65,507 bytes of UDP over IPv4. Nothing runs while nothing is in flight: the
// only goroutine is that of one timer for the earliest arrival. A Net belongs to
// the bubble in which it was made.
//
// RFCs that the ladder reads: 3261 (SIP), 3264 (directions), 3326 (Reason); the
// NAT box is the "address and port-dependent" mapping and filtering of RFC 4787.
package simnet
