package media

import "errors"

// Errors of opening a session and of negotiating its description.
var (
	// ErrNoPorts: every port pair of the range is in use or in quarantine.
	ErrNoPorts = errors.New("no free RTP port pair")
	// ErrClosed: the engine, or the bridge, has been closed.
	ErrClosed = errors.New("media is closed")
	// ErrMalformed: the session description cannot be understood (SIP: 400).
	ErrMalformed = errors.New("malformed session description")
	// ErrNoCodec: the peer and we have no codec in common (SIP: 488).
	ErrNoCodec = errors.New("no common codec")
)
