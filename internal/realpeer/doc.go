//go:build linux

// Package realpeer runs other people's SIP programs as child processes: baresip
// and linphonec as agents' phones, sipp as a carrier. The tests of the binary put
// the switch between them; a mistake that the switch and our own simphone share
// cannot hide there.
//
// It owns the processes it starts, their folders (given by the caller, usually a
// test's temporary one) and nothing else: Stop ends its own child by its id, and
// a child dies with the process that started it. All traffic stays on the
// loopback addresses given; ports are chosen when a peer starts.
//
// Only tests call it. It needs Linux and the Debian packages baresip-core,
// linphone-cli and sip-tester; Missing tells which are not there.
//
// Caveats, measured with baresip 1.0.0, linphone 5.1.65 and sipp 3.6.1:
//   - baresip binds TLS on the port after its SIP port, stops its RTP both ways
//     while it holds, and finishes its recordings only when the call ends;
//   - linphonec neither binds nor registers, and says nothing, if it cannot
//     open its database under $HOME; it quits at the end of its standard input;
//   - a phone that is stopped un-registers and waits for the answer: stop phones
//     before the switch;
//   - baresip's RTP and its TCP connections leave from 127.0.0.1 whatever address
//     it is bound to, and it hears RTP from anybody: ports are chosen where nobody
//     sends;
//   - baresip's events before its control connection is there are lost, such as the
//     refusal of its REGISTER: WaitLog sees that;
//   - sipp cannot record: Echo sends back what it hears, so that the other side
//     can judge it; an Ear takes the sound off it.
package realpeer
