package sip

import (
	"context"
	"time"

	"github.com/emiago/sipgo/sip"
)

// registrations is what the Endpoint asks of the registrar. Requests handed to
// it have passed validation; Source() is the true source "ip:port",
// Transport() "UDP" or "TCP", Laddr our listener's address. None of the
// methods blocks; all may be called from any goroutine.
type registrations interface {
	register(req *sip.Request) *sip.Response
	authenticate(req *sip.Request) (account AccountID, once string, challenge *sip.Response)
	contacts(AccountID) []Contact
	binding(ContactID) (Binding, bool)
	run(ctx context.Context)
	update([]Account)
	admitOnce(user, password string, until time.Time)
}

// sendFunc sends a request outside any dialog (an OPTIONS ping) to a binding.
// Via and Max-Forwards, and From, To, Call-ID and CSeq where they are missing,
// are filled in. done is called exactly once, on another goroutine, with the
// final response or an error.
type sendFunc func(req *sip.Request, to Binding, done func(*sip.Response, error))
