package sip

import (
	"context"
	"net/netip"
)

// carriers knows the trunks and the addresses of their hosts.
type carriers struct{}

func newCarriers(c Config) *carriers                                   { return &carriers{} }
func (t *carriers) run(ctx context.Context)                            {}
func (t *carriers) update(trunks []Trunk)                              {}
func (t *carriers) whose(from netip.Addr) (Trunk, bool)                { return Trunk{}, false }
func (t *carriers) target(id TrunkID) (Trunk, []netip.AddrPort, error) { return Trunk{}, nil, nil }
func (t *carriers) addr(host string) (netip.Addr, error)               { return netip.Addr{}, nil }
