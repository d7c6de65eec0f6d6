// Package recorder keeps recordings of calls on disk: write, pause, seal,
// repair, remove.
//
// A recording is a stereo WAV file of 16-bit PCM (RIFF WAVE, format 1) at
// 8 or 16 kHz: side 0, the caller, on the left; side 1, the agent, on the right.
// If there is anything to remark, a JSON file with the same name lies beside
// it: pauses with who and why, gaps, an early end, a repair. Names are ULIDs of ours under Dir/YYYY/MM/DD (UTC); nothing from the
// wire reaches a path. Folders are 0700 and files 0600.
//
// # Time line
//
// Sample 0 is Start's At; the length is Start to Close, within 20 ms. Packets
// wait 600 ms: they are sorted by their numbers, duplicates are dropped, and
// each RTP stream (SSRC) is anchored to the wall clock by the least delayed of
// those that wait; after that its packets are placed by their RTP timestamps
// (RFC 3550 §5.1), so jitter moves nothing. A packet may come 1.2 s late; for a
// stream that stands still altogether, or when the process did, the time line
// waits up to 4 s. The least delay of every 3 s tells how the sender's clock runs:
// the stream follows by a sample in a packet, or unheard in a silence. If all packets of 300 ms are
// more than 40 ms off, the stream is moved at once (a longer way, senders whose
// timestamps stand still while they are silent). What is said by another SSRC
// or behind a leap of the timestamps goes on where the old one ended, if that is
// where it nearly is.
//
// Lost packets (numbers that are missing) are concealed from both sides. Holes
// in the timestamps alone are pauses of a sender that sends nothing in them (DTX):
// they are filled with what it says that they sound like (comfort noise, RFC 3389),
// or else with noise made of what was heard of its background in the last second
// before, as loud as that; of a voice that was never below -40 dBFS there is none.
// Where somebody paused the recording, or a stream was not to be heard (muted, held,
// without a seat), and before anything was said, there are zeros. Two parties
// on one side are added up. A file of 16 kHz takes sound of 8 kHz through a
// half-band filter, and the other way round.
//
// # Who runs what
//
// Recording.Sound is called on a media shard's thread for every packet: it
// copies into a ring for one producer and one consumer, without a lock, an
// allocation or a wait. One goroutine, the collector, empties the rings five
// times a second and owns every time line; it never touches the disk. Four
// disk goroutines write, about twice a second a recording, the sound
// first and then the header, so that the file is a valid WAV at any moment,
// also after kill -9 (which costs the last 2.8 s). A slow disk is given 12 s of
// memory a recording; what comes then is a marked gap. A disk that fails or
// is full ends the recording with a mark and its Sealed event, never the
// call.
//
// Recordings in progress have a second name (a hard link) in Dir/unsealed: Open
// repairs what a crash left there.
//
// Caveats: At, and the times given to Pause, Resume and Close, must be about
// now: the time line follows the running clock. Sealing syncs a file with
// sound in it; what a loss of power takes from an unsealed one is up to the
// kernel.
//
// It imports no other room. It satisfies media.Tap by shape.
package recorder
