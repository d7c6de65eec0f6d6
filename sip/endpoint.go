package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// Endpoint is our SIP user agent.
type Endpoint struct{}

// Leg is one dialog with one phone or carrier.
type Leg struct{ id LegID }

var errTodo = errors.New("not yet")

func Listen(urls []string) (udp []net.PacketConn, tcp []net.Listener, err error) {
	return nil, nil, errTodo
}
func New(Config) (*Endpoint, error)                                  { return nil, errTodo }
func (e *Endpoint) Serve(ctx context.Context) error                  { return errTodo }
func (e *Endpoint) Update(trunks []Trunk, accounts []Account)        {}
func (e *Endpoint) Dial(d Dial) *Leg                                 { return nil }
func (e *Endpoint) Drain(on bool)                                    {}
func (e *Endpoint) AdmitOnce(user, password string, until time.Time) {}
func (e *Endpoint) MediaAddr(t Target) (bind, advertise netip.Addr)  { return }
func (e *Endpoint) Contacts(a AccountID) []Contact                   { return nil }
func (e *Endpoint) Stats() Stats                                     { return Stats{} }
func (l *Leg) ID() LegID                                             { return l.id }
func (l *Leg) Progress(code int, sdp []byte)                         {}
func (l *Leg) Answer(sdp []byte)                                     {}
func (l *Leg) Reject(code int, reason string)                        {}
func (l *Leg) Reoffer(sdp []byte)                                    {}
func (l *Leg) AnswerReoffer(sdp []byte)                              {}
func (l *Leg) RejectReoffer(code int)                                {}
func (l *Leg) Hangup(code int, why Reason)                           {}
