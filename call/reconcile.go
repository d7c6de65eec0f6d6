package call

import (
	"slices"
	"time"

	"trunkline/routing"
)

// checkEvery is how often the router's view is compared with the lines.
const checkEvery = time.Second

// reconcile compares what the router believes with the live lines. A
// difference is a bug of ours: it is said, counted, and mended towards the
// lines, so that no agent stays "in a call" that is not there and no caller
// waits unseen.
func (s *Switchboard) reconcile() {
	if len(s.calls) == 0 && len(s.brain.router.Open()) == 0 && len(s.promises.book.Waiting()) == 0 {
		return
	}
	inRouter := map[ID]bool{}
	for _, h := range s.brain.router.Open() {
		c := s.callOf(h.Work)
		switch {
		case h.Offer != 0 && s.offers[h.Offer] == nil:
			s.mismatch("an offer that rings nowhere", h.Work, h.Agent)
			s.route(routing.Removed{Work: h.Work, Why: routing.OutcomeWithdrawn})
			if c != nil && !c.ended && c.queued {
				s.route(c.waiting)
			}
		case h.Offer == 0 && (c == nil || c.ended || !c.has(h.Agent)):
			s.mismatch("an agent in a call that is not there", h.Work, h.Agent)
			s.route(routing.Released{Work: h.Work, Agent: h.Agent})
		case h.Offer == 0:
			inRouter[c.id] = true
		}
	}
	waits := map[ID]bool{}
	promised := map[routing.CallbackID]bool{}
	for _, w := range s.brain.router.Waiting(s.now) {
		if cb, ok := s.promised(w.Work); ok && cb.Stage == routing.CallbackWaits {
			promised[cb.ID] = true
			continue
		}
		if c := s.calls[ID(w.Work)]; c == nil || c.ended || !c.waits() {
			s.mismatch("a caller waits who is not there", w.Work, w.Agent)
			s.route(routing.Removed{Work: w.Work, Why: routing.OutcomeAbandoned})
			continue
		}
		waits[ID(w.Work)] = true
	}
	for _, id := range s.promises.book.Waiting() {
		if !promised[id] && !s.draining {
			s.mismatch("a callback waits that the router does not know", id.Work(), "")
			s.promise(routing.CallbackLost{ID: id})
		}
	}
	for _, c := range s.inOrder() {
		s.handling = c
		s.orphans(c)
		switch {
		case c.ended:
		case c.watch != nil && c.watch.of.ended:
			s.mismatch("a call is watched that is over", routing.WorkID(c.watch.of.id), c.out.agent)
			s.closeWatch(c, "call_ended", reasonNormal)
		case c.far != nil && c.far.role == roleAgent && !inRouter[c.id]:
			s.mismatch("a call that the router does not know", routing.WorkID(c.id), c.far.agent)
			s.route(routing.Engaged{Work: routing.WorkID(c.id), Agent: c.far.agent, Team: c.far.team})
		case c.transfer != nil && c.transfer.queued && !waits[c.id]:
			s.mismatch("a transfer waits whom the router does not know", routing.WorkID(c.id), c.transfer.to.Agent)
			c.transfer.queued = false
			s.transferFailed(c, routing.OutcomeWithdrawn, 0)
		case c.queued && !c.untold && !waits[c.id]:
			s.mismatch("a caller waits whom the router does not know", routing.WorkID(c.id), "")
			s.route(c.waiting)
		}
	}
}

// has says whether an agent is in the call.
func (c *liveCall) has(agent routing.AgentID) bool {
	return agent != "" && (c.reserved == agent || c.reclaim != nil && c.reclaim.agent == agent || slices.ContainsFunc(c.lines, func(l *line) bool {
		return l.role == roleAgent && l.agent == agent && l.state != lineLeaving && (l.state == lineUp || l.offer == 0)
	}))
}

// waits says whether the call is the router's to offer.
func (c *liveCall) waits() bool { return c.queued || c.transfer != nil && c.transfer.queued }

// orphans mends what no router event would: a phone that rings for an offer
// which is over, and an answered caller whom nothing is being done for.
func (s *Switchboard) orphans(c *liveCall) {
	for _, l := range slices.Clone(c.ringing) {
		if l.role == roleAgent && l.errand == offered && l.state == lineDialled && s.offers[l.offer] == nil {
			s.mismatch("a phone rings for an offer that is over", routing.WorkID(c.id), l.agent)
			s.dismiss(l, reasonFor(routing.OutcomeWithdrawn))
		}
	}
	if !c.ended && c.answered && c.far == nil && !c.queued && c.play == 0 && c.aside == nil && !c.flow.Awaits() && c.forward == nil && c.transfer == nil && c.reclaim == nil && (c.out == nil || !c.record.Bridged.IsZero()) {
		s.mismatch("a caller whom nothing is done for", routing.WorkID(c.id), "")
		s.end(c, Ending{By: BySystem, Cause: CauseFault}, reasonFault)
	}
}

func (s *Switchboard) mismatch(what string, work routing.WorkID, agent routing.AgentID) {
	s.counts.Mismatches++
	s.log.Error("a difference between router and legs, mended: "+what, "work", work, "agent", agent)
	s.fact(Fact{Kind: FactMismatch, Call: ID(work), Agent: agent, Reason: what})
}
