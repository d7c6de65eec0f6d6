package sip

import (
	"strconv"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// inviteTx is an INVITE that came in. sipgo's transaction answers its
// retransmissions and repeats a refusal until the ACK (timers G and H). A 2xx
// does not go through it: the leg repeats it (RFC 3261 §13.3.1.4), and memory
// absorbs what still comes. So nothing lives for 32 s more.
type inviteTx struct {
	e    *Endpoint
	key  string
	req  *sip.Request
	flow *flow
	tx   *sip.ServerTx
	leg  *Leg

	mu      sync.Mutex
	refused bool
}

// respond sends a provisional response, or a final one of 300 and above.
func (i *inviteTx) respond(res *sip.Response) {
	i.mu.Lock()
	i.refused = i.refused || res.StatusCode >= 300
	i.mu.Unlock()
	_ = i.tx.Respond(res)
}

// accept sends a 2xx and returns its bytes for repetition.
func (i *inviteTx) accept(res *sip.Response) []byte {
	b := raw(res)
	i.close()
	_ = i.flow.write(b)
	return b
}

// close ends the transaction; what still comes for it is absorbed.
func (i *inviteTx) close() {
	i.e.memory.put(i.key, nil, nil)
	i.tx.Terminate()
}

// serverTxs are the INVITEs without a final response, or whose refusal waits
// for its ACK.
type serverTxs struct {
	mu sync.Mutex
	m  map[string]*inviteTx
}

func newServerTxs() *serverTxs { return &serverTxs{m: map[string]*inviteTx{}} }

// serverKey matches retransmissions, ACKs of refusals and CANCELs to their
// request (RFC 3261 §17.2.3). Call-ID and CSeq make it hold for peers of RFC
// 2543 too, whose branch proves nothing.
func serverKey(req *sip.Request, method sip.RequestMethod) string {
	v := req.Via()
	var b strings.Builder
	b.Grow(128)
	b.WriteString(string(method))
	b.WriteByte(' ')
	b.WriteString(branch(req))
	b.WriteByte(' ')
	b.WriteString(v.Host)
	b.WriteByte(' ')
	b.WriteString(strconv.Itoa(v.Port))
	b.WriteByte(' ')
	b.WriteString(strconv.FormatUint(uint64(req.CSeq().SeqNo), 10))
	b.WriteByte(' ')
	b.WriteString(req.CallID().Value())
	return b.String()
}

// open starts the transaction of a received INVITE of l, whose To has its tag.
func (s *serverTxs) open(e *Endpoint, req *sip.Request, f *flow, key string, l *Leg) *inviteTx {
	i := &inviteTx{e: e, key: key, req: req, flow: f, leg: l}
	req.SetTransport(f.transport())
	i.tx = sip.NewServerTx(key, req, f, sip.DefaultLogger())
	i.tx.OnTerminate(func(string, error) {
		s.mu.Lock()
		delete(s.m, key)
		s.mu.Unlock()
	})
	s.mu.Lock()
	s.m[key] = i
	s.mu.Unlock()
	_ = i.tx.Init() // it never fails
	return i
}

func (s *serverTxs) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.m)
}

func (s *serverTxs) get(key string) *inviteTx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key]
}

// confirm ends a refused INVITE whose ACK came; false: no such.
func (s *serverTxs) confirm(key string) bool {
	i := s.get(key)
	if i == nil {
		return false
	}
	i.mu.Lock()
	done := i.refused
	i.mu.Unlock()
	if done {
		i.close()
	}
	return true
}

func (s *serverTxs) stop() {
	s.mu.Lock()
	var all []*inviteTx
	for _, i := range s.m {
		all = append(all, i)
	}
	s.mu.Unlock()
	for _, i := range all {
		i.tx.Terminate()
	}
}
