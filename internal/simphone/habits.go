package simphone

import "time"

// Habits are the ways in which a phone departs from the RFCs. The zero value
// departs in none.
type Habits struct {
	NoRetransmit bool // sends each request and each final response once
	NoTrying     bool // answers an INVITE without the 100

	NoACK        bool          // never ACKs a 2xx
	ACKAfter     time.Duration // ACKs a 2xx that late
	NoACKFailure bool          // never ACKs a final response of 300 and above
	NoByeCrossed bool          // does not end a call whose 200 crossed its CANCEL: only the ACK goes out
	NoByeForked  bool          // does not end the second of two forked answers

	NoPrack bool // never acknowledges a reliable 18x

	Silent  []string       // methods that get no answer at all: "OPTIONS", "BYE", "CANCEL"
	Replies map[string]int // code for a method, in and out of dialogs: {"OPTIONS": 503}
	// Reinvite is the code for re-INVITE and UPDATE of the peer; 0 answers them properly.
	Reinvite int
	// NoHold answers a re-INVITE that holds with a sendrecv description.
	NoHold bool
	// NoDirection leaves a=sendrecv out of descriptions, as linphone does.
	NoDirection bool
	// NoAuth never answers a challenge; WrongPassword answers with another password.
	NoAuth, WrongPassword bool
	// ReuseNonce sends the first credentials again, nonce count and all: a replay.
	ReuseNonce bool
	// SDP rewrites each description before it is sent; nil leaves it.
	SDP func([]byte) []byte
	// Message changes each request or response of a call before it is sent; nil leaves it.
	Message func(*Message)
}

// silent reports whether requests of a method get no answer.
func (h *Habits) silent(method string) bool {
	for _, m := range h.Silent {
		if m == method {
			return true
		}
	}
	return false
}
