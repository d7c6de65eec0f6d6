// Package ear is a phone's ear, for measuring sound: it speaks recorded or made
// speech as RTP packets, does to them what networks do (seeded), hears what
// arrives as a phone with a fixed buffer and the concealment of ITU-T G.711
// Appendix I would, and says how far what was heard is from what was said.
//
// It shares nothing with what it measures. Everything in it is pure: times are
// offsets from the call's start, chance comes from a seed. It imports the G.711
// of internal/tone alone. Only tests use it.
package ear
