package sip

import (
	"context"
	"time"

	"github.com/emiago/sipgo/sip"
)

// verdict is what authenticate made of a REGISTER or an out-of-dialog INVITE.
// Exactly one of the three is set.
type verdict struct {
	account  AccountID     // the account that proved itself, or
	once     string        // the user of the one-time credential, now spent, or
	response *sip.Response // what to answer: 401, 400 or 403
}

// registrar knows the agents' phones.
type registrar struct{}

// pinger sends OPTIONS to a binding's phone and waits for the final response.
type pinger func(ctx context.Context, b Binding) (code int, err error)

func newRegistrar(c Config, ping pinger) *registrar                        { return &registrar{} }
func (r *registrar) run(ctx context.Context)                               {}
func (r *registrar) register(req *sip.Request, local string) *sip.Response { return nil }
func (r *registrar) authenticate(req *sip.Request) verdict                 { return verdict{} }
func (r *registrar) contacts(id AccountID) []Contact                       { return nil }
func (r *registrar) binding(id ContactID) (Binding, bool)                  { return Binding{}, false }
func (r *registrar) update(accounts []Account)                             {}
func (r *registrar) admitOnce(user, password string, until time.Time)      {}
