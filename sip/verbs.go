package sip

// ID returns the leg's identifier.
func (l *Leg) ID() LegID { return l.id }

// CallID returns the leg's Call-ID, by which its messages are known.
func (l *Leg) CallID() string {
	if l.callID == nil {
		return ""
	}
	return string(*l.callID)
}

// Progress sends a provisional response to an inbound leg that is not
// answered: 180 (nil sdp), 183 with a description, …
func (l *Leg) Progress(code int, sdp []byte) { l.post(func() { l.doProgress(code, sdp) }) }

// Answer answers an inbound leg with 200. It is repeated until the ACK, which
// comes as Confirmed; without one for 32 s the leg ends with a BYE and
// Ended{408, Failed, "no ACK"}.
func (l *Leg) Answer(sdp []byte) { l.post(func() { l.doAnswer(sdp) }) }

// Reject refuses an inbound leg that is not answered with a final response of
// 300 to 699; empty reason: the standard phrase. A 503 carries Retry-After.
func (l *Leg) Reject(code int, reason string) { l.post(func() { l.doReject(code, reason) }) }

// Reoffer sends a re-INVITE with an offer; ReofferDone tells the outcome. It
// waits behind a running one, the peer's too; glare (491) is handled inside
// (RFC 3261 §14.1).
func (l *Leg) Reoffer(sdp []byte) { l.post(func() { l.doReoffer(sdp) }) }

// AnswerReoffer answers the peer's Reoffered with 200.
func (l *Leg) AnswerReoffer(sdp []byte) { l.post(func() { l.doAnswerReoffer(sdp) }) }

// RejectReoffer refuses the peer's Reoffered; the session stays as it was.
func (l *Leg) RejectReoffer(code int) { l.post(func() { l.doRejectReoffer(code) }) }

// Hangup ends the leg in any state: a CANCEL, a BYE, or the final response
// code to an unanswered inbound leg (0: 480). Ended follows.
func (l *Leg) Hangup(code int, why Reason) { l.post(func() { l.doHangup(code, why) }) }
