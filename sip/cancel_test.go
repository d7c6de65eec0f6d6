package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// The transaction was published before it knew its leg: a CANCEL that another
// socket's goroutine read at that moment was answered 200 and forgotten.
func TestACancelReadByAnotherGoroutineIsNotLost(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		f := func() *flow {
			from := netip.MustParseAddrPort(rigTrunk)
			return &flow{udp: r.e.udp[0], remote: from, source: from}
		}
		for i := range 300 {
			c := p.call(fmt.Sprintf("race%d", i))
			inv, can := c.message("INVITE", c.branch, 1, "", rigSDP), c.message("CANCEL", c.branch, 1, "", "")
			var both sync.WaitGroup
			both.Go(func() { r.e.receive([]byte(inv), f()) })
			both.Go(func() { r.e.receive([]byte(can), f()) })
			both.Wait()
			cancelled := false
			for _, m := range p.drain(100 * time.Millisecond) {
				cancelled = cancelled || strings.HasPrefix(m.text, "SIP/2.0 200") && strings.HasSuffix(m.hdr("CSeq"), "CANCEL")
			}
			ev := want[Invited](r)
			if !cancelled { // the CANCEL came first: 481
				ev.Leg.Hangup(0, Reason{})
			}
			if end := want[Ended](r); cancelled != (end.By == Theirs) {
				t.Fatalf("CANCEL accepted: %v, but got %+v", cancelled, end)
			}
			p.send(c.message("ACK", c.branch, 1, "", ""))
		}
	})
}
