package routing

// phone is one device of an offer, rung by a leg of its own.
type phone struct {
	id      PhoneID
	state   phoneState
	outcome Outcome // of a failed one
	code    int     // its final response; 0: none
}

// Where a phone of an offer is.
type phoneState uint8

const (
	dialled  phoneState = iota // invited, no sign yet
	rings                      // sent a 180 or 183
	failed                     // refused or could not be reached
	answered                   // won
)

// phoneFailed takes a phone out of its offer. 603 and 600, and any refusal after ringing, speak for the agent and end the
// offer; else it ends when no phone is left.
func (r *Router) phoneFailed(ev PhoneFailed) {
	o, p := r.find(ev.Offer, ev.Phone)
	if p == nil || !o.live() || p.state == failed {
		return
	}
	rang := p.state == rings
	p.state, p.outcome, p.code = failed, meaning(ev.Code, rang), ev.Code
	if ev.Misfit {
		p.outcome = OutcomeMisconfigured
	}
	refused := rang && ev.Code >= 300 && !ev.Misfit
	if refused || ev.Code == 603 || ev.Code == 600 {
		r.pass(o, p.outcome)
		return
	}
	for i := range o.phones {
		if o.phones[i].state != failed {
			return
		}
	}
	r.pass(o, worst(o.phones))
}

// meaning says what a phone's final response means. RFC 3261 §21: 600 and 603 are the user's, everywhere.
func meaning(code int, rang bool) Outcome {
	if rang && code >= 300 {
		return OutcomeDeclined
	}
	switch code {
	case 603:
		return OutcomeDeclined
	case 486, 600:
		return OutcomeBusy
	case 488, 415, 606:
		return OutcomeMisconfigured
	}
	return OutcomeUnreachable
}

// worst says what becomes of an offer none of whose phones could be used: declined > busy > misconfigured > unreachable.
// A phone that has not failed gave no sign in time and counts as unreachable.
func worst(phones []phone) Outcome {
	result, most := OutcomeUnreachable, 0
	for _, p := range phones {
		weight := 0
		switch p.outcome {
		case OutcomeDeclined:
			weight = 3
		case OutcomeBusy:
			weight = 2
		case OutcomeMisconfigured:
			weight = 1
		}
		if weight > most {
			result, most = p.outcome, weight
		}
	}
	return result
}

// response is the final response of the phone that says what became of the offer; 0: none does.
func (o *offer) response() int {
	for _, p := range o.phones {
		if p.state == failed && p.outcome == o.outcome {
			return p.code
		}
	}
	return 0
}
