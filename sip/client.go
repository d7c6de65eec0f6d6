package sip

import (
	"sync"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"
)

// txOwner hears what becomes of a client transaction. Both are called from
// reading or timer goroutines, inside sipgo's state machine: they post and
// return.
type txOwner interface {
	onResponse(t *clientTx, res *sip.Response)
	onFailure(t *clientTx, err error)
}

// clientTx is a request of ours on its way. sipgo's transaction retransmits
// and times out (timers A, B, E, F); responses go to the owner in the order
// received. sipgo would start a goroutine for each and lose the order, and its
// Responses channel blocks its own timers when nobody reads.
type clientTx struct {
	*flow
	e     *Endpoint
	key   string
	req   *sip.Request
	tx    *sip.ClientTx
	owner txOwner

	quiet atomic.Bool // nothing is retransmitted any more
	over  atomic.Bool

	rung bool // owner's: the first 1xx was seen
}

// WriteMsg is how sipgo's transaction writes: to the flow, unless quiet.
func (t *clientTx) WriteMsg(m sip.Message) error {
	if t.quiet.Load() {
		return nil
	}
	return t.flow.WriteMsg(m)
}

// proceed tells sipgo's transaction of the first 1xx to an INVITE, which ends
// timers A and B. It waits for the hand-over on Responses; later 1xx need not
// be told. Scar: Init arms timer B after writing, so a 1xx handled before Init
// returned left it armed, and a call ringing for 32 s was killed; owners call
// this from the goroutine that called start.
func (t *clientTx) proceed(res *sip.Response) {
	if t.rung {
		return
	}
	t.rung = true
	go func() {
		defer t.e.rescue("transaction")
		t.tx.Receive(res)
	}()
	select {
	case <-t.tx.Responses():
	case <-t.tx.Done():
	}
}

// finish ends the transaction without telling the owner. Idempotent.
func (t *clientTx) finish() {
	if t.over.Swap(true) {
		return
	}
	t.e.clients.forget(t)
	t.tx.Terminate()
}

// refused acknowledges a final response of 300 and above to an INVITE (RFC
// 3261 §17.1.1.3), ends the transaction, and leaves the ACK in memory for
// repetitions of the response. sipgo would sleep T2 inside its lock before it
// answers the first of those.
func (t *clientTx) refused(res *sip.Response) {
	ack := sip.NewRequest(sip.ACK, t.req.Recipient)
	ack.AppendHeader(t.req.Via())
	for _, h := range t.req.GetHeaders("route") {
		ack.AppendHeader(h)
	}
	ack.AppendHeader(t.req.From())
	ack.AppendHeader(res.To())
	ack.AppendHeader(t.req.CallID())
	ack.AppendHeader(&sip.CSeqHeader{SeqNo: t.req.CSeq().SeqNo, MethodName: sip.ACK})
	ack.AppendHeader(maxForwards())
	ack.SetBody(nil)
	b := raw(ack)
	_ = t.flow.write(b)
	t.e.memory.put(t.key, b, t.flow)
	t.finish()
}

// orphan sees to a response whose leg is gone.
func (e *Endpoint) orphan(t *clientTx, res *sip.Response) {
	switch {
	case res.StatusCode < 200:
	case t.req.Method != sip.INVITE:
		t.finish()
	case res.IsSuccess():
		t.finish()
		e.refuseAnswer(res, t.flow, Reason{Cause: 487, Text: "Call ended"})
	default:
		t.refused(res)
	}
}

// clientTxs are all requests of ours that wait for a final response.
type clientTxs struct {
	e *Endpoint

	mu sync.Mutex
	m  map[string]*clientTx
}

func newClientTxs(e *Endpoint) *clientTxs { return &clientTxs{e: e, m: map[string]*clientTx{}} }

func clientKey(branch string, method sip.RequestMethod) string {
	return branch + " " + string(method)
}

// start sends req, which has its Via, by f.
func (c *clientTxs) start(req *sip.Request, f *flow, owner txOwner) (*clientTx, error) {
	t := &clientTx{flow: f, e: c.e, req: req, owner: owner, key: clientKey(branch(req), req.Method)}
	req.SetTransport(f.transport())
	t.tx = sip.NewClientTx(t.key, req, t, sip.DefaultLogger())
	t.tx.OnTerminate(func(_ string, err error) {
		if t.over.Swap(true) {
			return
		}
		defer c.e.rescue("transaction")
		c.forget(t)
		owner.onFailure(t, err)
	})
	c.mu.Lock()
	c.m[t.key] = t
	c.mu.Unlock()
	if err := t.tx.Init(); err != nil {
		t.finish()
		return nil, err
	}
	return t, nil
}

func (c *clientTxs) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.m)
}

func (c *clientTxs) get(key string) *clientTx {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[key]
}

func (c *clientTxs) forget(t *clientTx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m[t.key] == t {
		delete(c.m, t.key)
	}
}

// pick removes and returns the transactions that match.
func (c *clientTxs) pick(match func(*clientTx) bool) []*clientTx {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ts []*clientTx
	for k, t := range c.m {
		if match(t) {
			ts = append(ts, t)
			delete(c.m, k)
		}
	}
	return ts
}

// lost fails what waits on a closed connection.
func (c *clientTxs) lost(conn *tcpConn, why error) {
	for _, t := range c.pick(func(t *clientTx) bool { return t.flow.tcp == conn }) {
		if !t.over.Swap(true) {
			t.tx.Terminate()
			t.owner.onFailure(t, why)
		}
	}
}

func (c *clientTxs) stop() {
	for _, t := range c.pick(func(*clientTx) bool { return true }) {
		if !t.over.Swap(true) {
			t.tx.Terminate()
			t.owner.onFailure(t, errClosed)
		}
	}
}

// response is where responses go: to their transaction's owner; else a
// repeated refusal is acknowledged again; else a 2xx to an INVITE goes to its
// leg, or is refused (RFC 3261 §13.2.2.4: it may always come again, or from
// another branch of a fork).
func (e *Endpoint) response(res *sip.Response, f *flow) {
	repair(res)
	if bad, _ := spoilt(res); !mandatory(res) || bad != "" {
		e.count.malformed.Add(1)
		return
	}
	key := clientKey(branch(res), res.CSeq().MethodName)
	if t := e.clients.get(key); t != nil {
		t.owner.onResponse(t, res)
		return
	}
	if b, at, ok := e.memory.get(key); ok {
		e.count.retransmitted.Add(1)
		if b != nil && res.StatusCode >= 300 {
			_ = at.write(b)
		}
		if res.StatusCode >= 300 || res.StatusCode < 200 {
			return
		}
	}
	if res.CSeq().MethodName == sip.INVITE && res.IsSuccess() {
		if l := e.legs.find(res.CallID().Value(), tagOf(res.From().Params)); l != nil {
			if l.post(func() { l.strayAnswer(res, f) }) {
				return
			}
		}
		e.refuseAnswer(res, f, Reason{Cause: 487, Text: "Call ended"})
		return
	}
	e.count.stray.Add(1)
}
