package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ping sends OPTIONS to a phone and waits for the final response, a timeout or
// ctx. Any final response is life.
func (e *Endpoint) ping(ctx context.Context, b Binding) (code int, err error) {
	to, err := e.resolvePhone(b.Contact)
	if err != nil {
		return 0, err
	}
	f, err := e.flowTo(to.addr, to.way, to.prefer)
	if err != nil {
		return 0, err
	}
	res, err := e.options(ctx, to.uri, f, to.routes...)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, nil
}

// options sends OPTIONS outside any dialog and waits for the final response.
func (e *Endpoint) options(ctx context.Context, uri sip.Uri, f *flow, routes ...sip.Uri) (*sip.Response, error) {
	req := sip.NewRequest(sip.OPTIONS, uri)
	req.AppendHeader(e.via(f))
	for i := range routes {
		req.AppendHeader(&sip.RouteHeader{Address: routes[i]})
	}
	req.AppendHeader(maxForwards())
	req.AppendHeader(&sip.FromHeader{
		Address: sip.Uri{Scheme: "sip", Host: e.cfg.Domain},
		Params:  sip.HeaderParams{{K: "tag", V: e.newTag()}},
	})
	req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: uri.User, Host: uri.Host}})
	id := sip.CallIDHeader(random(22))
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS})
	req.AppendHeader(e.contact(f, uri.Scheme == "sips"))
	req.AppendHeader(sip.NewHeader("Accept", sdpType))
	req.AppendHeader(sip.NewHeader("User-Agent", product))
	req.SetBody(nil)
	return e.exchange(ctx, req, f)
}

// askAlive sends OPTIONS to every place of a trunk again and again, until ctx
// is done.
func (e *Endpoint) askAlive(ctx context.Context, t Trunk) {
	timer := time.NewTimer(rand.N(time.Second)) // trunks of one carrier not all at once
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(t.Options)
		_, spots, _ := e.carriers.target(t.ID)
		if len(spots) == 0 {
			timer.Reset(min(t.Options, time.Second)) // its name is being looked up
		}
		var out sync.WaitGroup
		for _, s := range spots[:min(len(spots), maxPlaces)] {
			if !e.reaches(s.addr.Addr(), s.over) {
				continue
			}
			out.Go(func() {
				defer e.rescue("OPTIONS")
				_, err := e.askPlace(ctx, t, s, min(pingWait, t.Options))
				if ctx.Err() == nil {
					e.carriers.ponged(s.place(), err == nil)
				}
			})
		}
		out.Wait()
	}
}

// askPlace sends OPTIONS to one place of a trunk.
func (e *Endpoint) askPlace(ctx context.Context, t Trunk, s spot, limit time.Duration) (*sip.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w := wayOfTrunk(t)
	w.over = s.over
	f, err := e.flowTo(s.addr, w, netip.Addr{})
	if err != nil {
		return nil, err
	}
	e.befriend(f)
	return e.options(ctx, uriOfTrunk(t), f)
}

// exchange sends a request and waits for its final response, a timeout or ctx.
func (e *Endpoint) exchange(ctx context.Context, req *sip.Request, f *flow) (*sip.Response, error) {
	w := make(waiter, 1)
	t, err := e.clients.start(req, f, w)
	if err != nil {
		return nil, err
	}
	select {
	case r := <-w:
		if errors.Is(r.err, sip.ErrTransactionTimeout) {
			r.err = errNoAnswer
		}
		return r.res, r.err
	case <-ctx.Done():
		t.finish()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, errNoAnswer
		}
		return nil, ctx.Err()
	}
}

var errNoAnswer = errors.New("no answer")

// waiter owns a request whose final response somebody waits for.
type waiter chan outcome

type outcome struct {
	res *sip.Response
	err error
}

func (w waiter) onResponse(t *clientTx, res *sip.Response) {
	if res.StatusCode < 200 {
		return
	}
	t.finish()
	w.tell(outcome{res: res})
}

func (w waiter) onFailure(_ *clientTx, err error) { w.tell(outcome{err: err}) }

func (w waiter) tell(o outcome) {
	select {
	case w <- o:
	default:
	}
}
