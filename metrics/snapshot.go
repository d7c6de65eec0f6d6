package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"trunkline/call"
	"trunkline/routing"
	"trunkline/sip"
)

// snapshot are the figures that the rooms keep themselves, read when asked.
type snapshot struct{ m *Meter }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("trunkline_"+name, help, labels, nil)
}

// The figures that are read when asked.
var (
	dUp            = desc("up", "1 while the switchboard answers.")
	dInfo          = desc("build_info", "1; the version is in the label.", "version")
	dDraining      = desc("draining", "1 while the switch is stopping and takes no new calls.")
	dTrunkUp       = desc("trunk_up", "1 while calls can go over the trunk.", "trunk")
	dTrunkState    = desc("trunk_registered", "1 while we are registered with the trunk's carrier; 0 also where it wants no registration.", "trunk")
	dTrunkCalls    = desc("trunk_calls", "Calls over the trunk now, both directions.", "trunk")
	dCalls         = desc("calls", "Calls now, by their state.", "state")
	dCallsTotal    = desc("calls_total", "Calls that came in since the start.")
	dWatched       = desc("calls_watched", "Calls that supervisors watch now, by how; one that two watch counts twice.", "mode")
	dWatches       = desc("watches_total", "Calls that supervisors were to watch since the start, each time.")
	dRefused       = desc("calls_refused_total", "New calls that were not taken, for whatever reason.")
	dMismatches    = desc("mismatches_total", "Differences between router and legs that were found and mended: each is a defect.")
	dFaults        = desc("faults_total", "Panics that cost a call.")
	dAgents        = desc("agents", "Agents, by what they are: available, busy, wrap_up, away, offline.", "state")
	dRegistered    = desc("phones", "Live phones of agents, by how they are known.", "kind")
	dWaiting       = desc("queue_waiting", "Callers who wait for a team now.", "team")
	dLongest       = desc("queue_longest_wait_seconds", "How long the caller who came first to a team waits.", "team")
	dClosed        = desc("queue_closed", "1 while a team's queue takes no new callers.", "team")
	dTeamAgents    = desc("queue_agents", "Agents of a team, by what they do: available, busy, wrap_up, away, off_duty, offline.", "team", "state")
	dToday         = desc("queue_today", "Callers of a team since midnight, by what became of them: answered, answered_in (within service_level), abandoned, abandoned_in, left.", "team", "fate")
	dServiceLevel  = desc("queue_service_level", "Share of today's callers answered within service_level, of the answered, those who gave up after it and those led on.", "team")
	dEstimate      = desc("queue_wait_estimate_seconds", "What a caller who came now would wait, while the last answered calls tell.", "team")
	dPresent       = desc("queue_present", "Agents of a team who could be offered a call, now or after theirs.", "team")
	dMessagesKept  = desc("voicemail_messages", "Messages in the voicemail boxes: new ones, that nobody has heard, and heard ones.", "state")
	dPromised      = desc("callbacks_pending", "Callbacks that are pending, by what is done about them: waits (teammates are rung, or will be), calling (the customer is called), by_hand (time over, quiet hours, or a trunk that failed).", "team", "stage")
	dMailQueued    = desc("mail_queued", "Mails of voicemail messages that are not sent yet.")
	dMail          = desc("mail_total", "What became of mails since the start: sent and failed (given up) count recipients, again counts tries that are made again.", "result")
	dLegs          = desc("sip_legs", "SIP legs now.")
	dTransactions  = desc("sip_transactions", "SIP server transactions now.")
	dMessages      = desc("sip_messages_total", "SIP messages, by direction.", "direction")
	dRejected      = desc("sip_rejected_total", "SIP requests and connections that were not served, by rule.", "rule")
	dRetransmitted = desc("sip_retransmissions_total", "SIP messages that were repeated, by whose.", "whose")
	dWriteErrors   = desc("sip_write_errors_total", "SIP messages that could not be written.")
	dSipPanics     = desc("sip_panics_total", "Panics that cost a SIP message.")
	dStoreQueue    = desc("store_queue", "Entries that wait for the disk.")
	dStoreWritten  = desc("store_written_total", "Entries on disk.")
	dStoreLost     = desc("store_lost_total", "Entries that never will be.")
	dStoreFailures = desc("store_failures_total", "Attempts to write that failed.")
	dFlightBytes   = desc("flight_bytes", "Memory that recent calls' messages take.")
	dFlightCalls   = desc("flight_calls", "Calls whose messages are kept.")
	dFlightDropped = desc("flight_dropped_total", "Messages and decisions that had no room there.")
	dHEP           = desc("hep_packets_total", "Packets for the HEP collector, by result.", "result")
)

// Describe says nothing: what there is depends on the configuration.
func (snapshot) Describe(chan<- *prometheus.Desc) {}

// Collect reads every room.
func (s snapshot) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	total := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(dInfo, 1, s.m.from.Version)
	status, up := s.m.status()
	gauge(dUp, bit(up))
	if up {
		house(status, gauge, total)
	}
	if s.m.from.Sip != nil {
		edge(s.m.from.Sip(), gauge, total)
	}
	if s.m.from.Store != nil {
		st := s.m.from.Store()
		gauge(dStoreQueue, float64(st.Queued))
		total(dStoreWritten, st.Written)
		total(dStoreLost, st.Lost)
		total(dStoreFailures, st.Failures)
	}
	if s.m.from.Flight != nil {
		f := s.m.from.Flight()
		gauge(dFlightBytes, float64(f.Bytes))
		gauge(dFlightCalls, float64(f.Calls))
		total(dFlightDropped, f.Dropped)
	}
	if s.m.from.Mail != nil {
		mail := s.m.from.Mail()
		gauge(dMailQueued, float64(mail.Queued))
		total(dMail, mail.Sent, "sent")
		total(dMail, mail.Failed, "failed")
		total(dMail, mail.Again, "again")
	}
	if s.m.from.HEP != nil {
		sent, dropped := s.m.from.HEP()
		total(dHEP, sent, "sent")
		total(dHEP, dropped, "dropped")
	}
}

type (
	gauges func(*prometheus.Desc, float64, ...string)
	totals func(*prometheus.Desc, uint64, ...string)
)

// house is the switchboard's picture.
func house(s call.Status, gauge gauges, total totals) {
	gauge(dDraining, bit(s.Draining))
	for _, t := range s.Trunks {
		gauge(dTrunkUp, bit(t.Up), string(t.ID))
		gauge(dTrunkState, bit(t.State == sip.TrunkRegistered), string(t.ID))
		gauge(dTrunkCalls, float64(t.Calls), string(t.ID))
	}
	calls := map[call.SegmentKind]int{}
	watched := map[call.WatchMode]int{call.WatchListen: 0, call.WatchWhisper: 0, call.WatchBarge: 0}
	for _, c := range s.Calls {
		calls[c.State]++
		for _, w := range c.Watched {
			watched[w.Mode]++
		}
	}
	for mode, n := range watched {
		gauge(dWatched, float64(n), string(mode))
	}
	total(dWatches, s.Counts.Watches)
	for _, k := range []call.SegmentKind{call.SegmentFlow, call.SegmentQueue, call.SegmentTalk, call.SegmentHold, call.SegmentForward} {
		if _, there := calls[k]; !there {
			calls[k] = 0
		}
	}
	for k, n := range calls {
		gauge(dCalls, float64(n), string(k))
	}
	gauge(dMessagesKept, float64(s.Messages.New), "new")
	gauge(dMessagesKept, float64(s.Messages.Heard), "heard")
	total(dCallsTotal, s.Counts.Calls)
	total(dRefused, s.Counts.Refused)
	total(dMismatches, s.Counts.Mismatches)
	total(dFaults, s.Counts.Faults)
	agents := map[string]int{"available": 0, "busy": 0, "wrap_up": 0, "away": 0, "offline": 0}
	kinds := map[string]int{"registered": 0, "static": 0}
	for _, a := range s.Agents {
		agents[stateOf(a)]++
		for _, p := range a.Phones {
			if p.Static {
				kinds["static"]++
			} else {
				kinds["registered"]++
			}
		}
	}
	for k, n := range agents {
		gauge(dAgents, float64(n), k)
	}
	for k, n := range kinds {
		gauge(dRegistered, float64(n), k)
	}
	promised(s, gauge)
	for _, q := range s.Queues {
		gauge(dWaiting, float64(q.Waiting), string(q.Team))
		gauge(dLongest, q.Longest.Seconds(), string(q.Team))
		gauge(dPresent, float64(q.Present), string(q.Team))
		queueDay(q, gauge)
	}
}

func stateOf(a call.AgentStatus) string {
	switch {
	case len(a.Open) > 0:
		return "busy"
	case !a.Until.IsZero():
		return "wrap_up"
	case a.Status != routing.StatusActive:
		return "away"
	case len(a.Phones) == 0:
		return "offline"
	case a.Available:
		return "available"
	}
	return "busy"
}

// edge is what sip counts.
func edge(st sip.Stats, gauge gauges, total totals) {
	gauge(dLegs, float64(st.Legs))
	gauge(dTransactions, float64(st.Transactions))
	total(dMessages, st.Received, "in")
	total(dMessages, st.Sent, "out")
	for rule, n := range st.Rejections {
		total(dRejected, n, rule)
	}
	total(dRejected, st.Challenged, "challenged")
	total(dRejected, st.Stray, "stray_response")
	total(dRejected, st.Handshakes, "tls_handshake")
	total(dRetransmitted, st.Retransmitted, "theirs")
	total(dRetransmitted, st.Repeated, "ours")
	total(dWriteErrors, st.WriteErrors)
	total(dSipPanics, st.Panics)
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// promised are the pending callbacks of every team, and of those that are gone.
func promised(s call.Status, gauge gauges) {
	teams := map[routing.TeamID]routing.CallbackCount{}
	for _, q := range s.Queues {
		teams[q.Team] = routing.CallbackCount{}
	}
	for _, n := range s.Callbacks {
		teams[n.Team] = n
	}
	for team, n := range teams {
		gauge(dPromised, float64(n.Waits), string(team), "waits")
		gauge(dPromised, float64(n.Calling), string(team), "calling")
		gauge(dPromised, float64(n.Hand), string(team), "by_hand")
	}
}

// queueDay is how a team's day goes.
func queueDay(q call.QueueStatus, gauge gauges) {
	team := string(q.Team)
	gauge(dClosed, bit(q.Closed), team)
	for _, state := range []string{"available", "busy", "wrap_up", "away", "off_duty", "offline"} {
		gauge(dTeamAgents, float64(q.Agents[state]), team, state)
	}
	for _, one := range []struct {
		fate string
		n    int
	}{
		{"answered", q.Today.Answered}, {"answered_in", q.Today.AnsweredIn},
		{"abandoned", q.Today.Abandoned}, {"abandoned_in", q.Today.AbandonedIn}, {"left", q.Today.Left},
	} {
		gauge(dToday, float64(one.n), team, one.fate)
	}
	if level, ok := q.Today.ServiceLevel(); ok {
		gauge(dServiceLevel, level, team)
	}
	if q.Confidence >= routing.ConfidentFrom {
		gauge(dEstimate, q.Wait.Seconds(), team)
	}
}
