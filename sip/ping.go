package sip

import (
	"context"

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
	req := sip.NewRequest(sip.OPTIONS, to.uri)
	req.AppendHeader(e.via(f))
	req.AppendHeader(maxForwards())
	req.AppendHeader(&sip.FromHeader{
		Address: sip.Uri{Scheme: "sip", Host: e.cfg.Domain},
		Params:  sip.HeaderParams{{K: "tag", V: e.newTag()}},
	})
	req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: to.uri.User, Host: to.uri.Host}})
	id := sip.CallIDHeader(random(22))
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS})
	req.AppendHeader(e.contact(f, to.uri.Scheme == "sips"))
	req.AppendHeader(sip.NewHeader("Accept", sdpType))
	req.AppendHeader(sip.NewHeader("User-Agent", product))
	req.SetBody(nil)
	w := make(waiter, 1)
	t, err := e.clients.start(req, f, w)
	if err != nil {
		return 0, err
	}
	select {
	case r := <-w:
		return r.code, r.err
	case <-ctx.Done():
		t.finish()
		return 0, ctx.Err()
	}
}

// waiter owns a request whose final response somebody waits for.
type waiter chan outcome

type outcome struct {
	code int
	err  error
}

func (w waiter) onResponse(t *clientTx, res *sip.Response) {
	if res.StatusCode < 200 {
		return
	}
	t.finish()
	w.tell(outcome{code: res.StatusCode})
}

func (w waiter) onFailure(_ *clientTx, err error) { w.tell(outcome{err: err}) }

func (w waiter) tell(o outcome) {
	select {
	case w <- o:
	default:
	}
}
