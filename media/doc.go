// Package media is the sound of the house: RTP and RTCP, session descriptions,
// jitter buffers, bridges, prompts and music.
//
// # What it is
//
// An Engine has shards. A shard is one goroutine, one a CPU, that
// owns its sessions' sockets, buffers and timers; who sits at a bridge lives on
// the bridge's shard, so no packet meets a lock. A session that is seated at a
// bridge of another shard moves there between two packets. Orders reach a shard through a
// lock-free list and a wake-up; what happened leaves it through Config.Emit.
//
// Two seats are relayed: a packet that comes in order leaves at once, with our
// SSRC, sequence number and timestamp. With one codec and packet time nothing
// is decoded. Between the laws of G.711 each byte is looked up in a table;
// to and from G.722 a packet is decoded, halved or doubled in rate (halfband.go)
// and encoded; of another length it is cut anew (repack.go). A hole stays a
// hole in all of these, for the phone's own concealment. All else (prompts,
// music, silence, keys that are pressed, three seats) is paced: frames at
// absolute moments, mixed as 16-bit samples at 8 kHz. A peer
// sees one stream over all changes between them: one SSRC, no hole in the
// sequence numbers that the source did not have, timestamps that follow
// elapsed time. A loop that wakes late catches up five frames, then skips.
//
// An observer beside a table hears its seats, and is heard by one of them at
// most (observe.go): whoever it does not whisper to is relayed the same packets
// as without it.
//
// The seam is the wait, not the socket: waiter waits for packets, orders or a
// moment, by epoll on Linux, or by channels and timers where there is no epoll
// and for networks in memory, which a synctest bubble can hold. Everything
// behind it is one code that is given the time.
//
// Opus (of browsers alone) is passed on untouched between two who do it, and decoded
// to 16 kHz for all others; it is never encoded: what we say to such a peer is in the
// other codec that was agreed on. Its clock of 48 kHz is brought to ours as packets
// come and back as they go (opus.go), and reports tell jitter in it.
//
// Digits come as telephone-events or, where the peer does none, as tones that
// are heard in its sound (goertzel.go); between seats that differ they are
// converted as they are pressed, and SendDigits presses them for a peer. What
// SIP INFO carries is the switchboard's.
//
// A browser is a peer whose session was opened as a Browser's. All browsers share
// one UDP port: ICE and DTLS on it are pion's, on goroutines of their own, and end
// with where the browser is and which keys encrypt its sound. From then on the
// session is as any other with SRTP: a connected socket of its own on the same port
// has the browser's packets, on its shard, with no goroutine of pion's between. What
// comes to the port and is nobody's is dropped before anything is made of it.
//
// Quality tells how a session's sound fares, by its own counts and the peer's
// RTCP; OneWay says within 3 s that a peer whom somebody listens to is not
// heard, and why that is likely.
//
// # Who may call
//
// The exported methods may be called from any goroutine; they never wait for a
// shard. The package imports nothing of ours and is the only one to import
// pion, g711 and g722.
//
// # Caveats
//
// Config.Emit and Tap.Sound run on a shard's thread (Connected and Disconnected are
// told by a browser's own goroutine): one that blocks stops the
// sound of every call there. A Tap whose sessions are being moved to one shard
// is called from several threads, for one side never from two at once.
//
// The jitter buffer of a relay never holds what comes in order, however much
// its delay varies: the phone behind it has a buffer of its own, which knows
// best, and a second one would only add to the first. It holds what is behind
// a gap, as long as overtaken packets have lately had to be waited for (20 ms
// to jitter_buffer.max), and not longer than the most delayed of them were.
// Decoded sound is delayed by what all but one in a hundred of the peer's
// packets have needed in the last seconds, and 10 ms more; losses in it are
// concealed (ITU-T G.711 Appendix I), comfort noise is generated (RFC 3389), and a
// peer that sends nothing in its pauses is given noise as loud as its own background.
// A relay passes comfort noise on to who takes it, and says it again each second
// of a pause; for others it closes the hole that it leaves. Of G.722, in which silence has no byte of its own, only
// payloads of one byte repeated are known as digital silence. What three seats say
// is mixed at 8 kHz; who speaks G.722 or Opus is heard in wideband by who is sent G.722:
// the upper band goes beside the mix, and is silent for as long as packets are lost.
//
// RFCs: 3550 and 3551 (RTP), 3389 (comfort noise), 3264 (offer/answer), 8866 (SDP), 8445 (ICE), 8829 (JSEP), 5764
// (DTLS-SRTP), 8122 (fingerprints), 7983 (whose a packet on the port is), 4733 (telephone
// events), 3611 (extended reports, to who asks for them), 5761 (RTCP on one
// port), 3246 (DSCP EF).
package media
