// Package barerelay is the least that relays RTP: one thread, one epoll set, a
// socket per leg, and each datagram that looks like RTP sent on as it is. It
// has no buffer, no clock, no rewriting and no care for who sends: it is what
// the media room's relay path is measured against (internal/bench), and of no
// other use. Linux only.
package barerelay
