package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/flight"
	"trunkline/internal/golden"
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
	"trunkline/store"
)

// full is a meter whose every figure has been counted once.
func full() (*Meter, *int) {
	asked := 0
	m := New(Sources{
		Status: func(context.Context) (call.Status, error) {
			asked++
			return call.Status{
				Trunks: []call.TrunkStatus{{ID: "acme", Up: true, State: sip.TrunkRegistered, Calls: 2}, {ID: "spare", State: sip.TrunkRefused}},
				Agents: []call.AgentStatus{
					{AgentView: routing.AgentView{ID: "ann", Status: routing.StatusActive, Available: true}, Phones: []call.PhoneStatus{{}, {Static: true}}},
					{AgentView: routing.AgentView{ID: "bob", Status: routing.StatusAway}},
					{AgentView: routing.AgentView{ID: "eve", Status: routing.StatusAway, Until: time.Now()}},
				},
				Queues: []call.QueueStatus{{Team: "support", Waiting: 3, Longest: 75 * time.Second, Present: 1,
					Closed: true, Agents: map[string]int{"busy": 2}, Today: call.TeamDay{Answered: 3, AnsweredIn: 2, Abandoned: 2, AbandonedIn: 1, Left: 1},
					Wait: 3 * time.Minute, Confidence: 80,
				}},
				Calls:  []call.CallStatus{{State: call.SegmentTalk}, {State: call.SegmentTalk}},
				Counts: call.Counts{Calls: 10, Refused: 1},

				Messages:  call.MessageCount{New: 2, Heard: 5},
				Callbacks: []routing.CallbackCount{{Team: "support", Waits: 4, Calling: 1, Hand: 2}, {Team: "gone", Hand: 3}},
			}, nil
		},
		Sip: func() sip.Stats {
			return sip.Stats{Received: 100, Sent: 90, Rejections: map[string]uint64{"stranger": 7, "credentials": 3}}
		},
		Store:  func() store.Stats { return store.Stats{Queued: 4, Written: 50} },
		Flight: func() flight.Stats { return flight.Stats{Calls: 5, Bytes: 1000} },
		Mail:   func() Mail { return Mail{Queued: 2, Sent: 7, Failed: 1, Again: 3} },
		HEP:    func() (uint64, uint64) { return 8, 1 },
	})
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, f := range []call.Fact{
		{Kind: call.FactQueued, Call: "A", At: at},
		{Kind: call.FactQueued, Call: "A", At: at.Add(20 * time.Second)}, // returned: the wait began before
		{Kind: call.FactOfferEnded, Outcome: routing.OutcomeDeclined},
		{Kind: call.FactConnected, Call: "A", At: at.Add(25 * time.Second)},
		{Kind: call.FactQueued, Call: "B", At: at},
		{Kind: call.FactRecordingStarted, Recording: "R1"},
		{Kind: call.FactRecordingStarted, Recording: "R2"},
		{Kind: call.FactRecordingSealed, Recording: "R1"},
		{Kind: call.FactRecordingSealed, Recording: "R0", Reason: "the switch was interrupted"}, // of the process before
		{Kind: call.FactVoicemailLeft}, {Kind: call.FactVoicemailLeft}, {Kind: call.FactGreeting},
		{Kind: "callback.requested", Team: "support"}, {Kind: "callback.requested", Team: "support"}, {Kind: "callback.answered", Team: "support", Agent: "ann"}, {Kind: "callback.expired", Team: "gone"},
		{Kind: call.FactOneWay, Trunk: "acme", Reason: "nothing_came"},
		{Kind: call.FactQuality, Trunk: "acme", Quality: &media.Quality{Heard: media.Stream{Packets: 990, Lost: 10, Loss: 1, Jitter: 12 * time.Millisecond, MOS: 4.2}}},
		{Kind: call.FactQuality, Agent: "ann", Quality: &media.Quality{}}, // nothing came: nothing to judge
		{Kind: call.FactEnded, Call: "A", Ending: &call.Ending{By: call.ByCaller, Cause: call.CauseHangup}},
		{Kind: call.FactEnded, Call: "B", Ending: &call.Ending{By: call.ByCaller, Cause: call.CauseHangup}},
	} {
		m.Fact(f)
	}
	m.Behind(time.Millisecond)
	return m, &asked
}

// text is what Prometheus gets.
func text(m *Meter) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestFiguresAreWhatTheRoomsSay(t *testing.T) {
	m, asked := full()
	got := text(m)
	for _, want := range []string{
		`trunkline_up 1`,
		`trunkline_trunk_up{trunk="acme"} 1`, `trunkline_trunk_up{trunk="spare"} 0`,
		`trunkline_trunk_registered{trunk="acme"} 1`, `trunkline_trunk_registered{trunk="spare"} 0`,
		`trunkline_trunk_calls{trunk="acme"} 2`,
		`trunkline_calls{state="talk"} 2`, `trunkline_calls{state="queue"} 0`,
		`trunkline_calls_total 10`,
		`trunkline_calls_ended_total{by="caller",cause="hangup"} 2`,
		`trunkline_offers_total{outcome="declined"} 1`,
		`trunkline_agents{state="available"} 1`, `trunkline_agents{state="away"} 1`, `trunkline_agents{state="wrap_up"} 1`,
		`trunkline_phones{kind="registered"} 1`, `trunkline_phones{kind="static"} 1`,
		`trunkline_queue_waiting{team="support"} 3`, `trunkline_queue_longest_wait_seconds{team="support"} 75`,
		`trunkline_queue_closed{team="support"} 1`, `trunkline_queue_agents{state="busy",team="support"} 2`,
		`trunkline_queue_today{fate="abandoned",team="support"} 2`, `trunkline_queue_service_level{team="support"} 0.4`,
		`trunkline_queue_wait_estimate_seconds{team="support"} 180`,
		`trunkline_queue_wait_seconds_sum 25`, `trunkline_queue_wait_seconds_count 1`,
		`trunkline_sip_messages_total{direction="in"} 100`,
		`trunkline_sip_rejected_total{rule="stranger"} 7`, `trunkline_sip_rejected_total{rule="credentials"} 3`,
		`trunkline_legs_unheard_total{cause="nothing_came",trunk="acme"} 1`,
		`trunkline_rtp_loss_ratio_sum{trunk="acme"} 0.01`, `trunkline_rtp_jitter_seconds_sum{trunk="acme"} 0.012`,
		`trunkline_rtp_mos_bucket{trunk="acme",le="4.25"} 1`, `trunkline_rtp_mos_bucket{trunk="acme",le="4"} 0`,
		`trunkline_recordings_open 1`, `trunkline_recordings_sealed_total{result="bad"} 1`,
		`trunkline_voicemail_messages{state="new"} 2`, `trunkline_voicemail_messages{state="heard"} 5`,
		`trunkline_voicemail_total{event="left"} 2`, `trunkline_voicemail_total{event="greeting"} 1`,
		`trunkline_callbacks_pending{stage="waits",team="support"} 4`, `trunkline_callbacks_pending{stage="calling",team="support"} 1`,
		`trunkline_callbacks_pending{stage="by_hand",team="support"} 2`, `trunkline_callbacks_pending{stage="waits",team="gone"} 0`,
		`trunkline_callbacks_total{event="requested",team="support"} 2`, `trunkline_callbacks_total{event="answered",team="support"} 1`,
		`trunkline_callbacks_total{event="expired",team="gone"} 1`,
		`trunkline_mail_queued 2`, `trunkline_mail_total{result="sent"} 7`, `trunkline_mail_total{result="failed"} 1`, `trunkline_mail_total{result="again"} 3`,
		`trunkline_store_queue 4`, `trunkline_store_written_total 50`,
		`trunkline_flight_calls 5`, `trunkline_hep_packets_total{result="sent"} 8`,
		`trunkline_switchboard_delay_seconds_count 1`, `go_goroutines `, `process_resident_memory_bytes `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("got no %s in\n%s", want, got)
			return
		}
	}
	if strings.Contains(got, `trunk="phones"`) {
		t.Error("a leg of which nothing came: got it judged, want it left out")
	}
	for range 20 {
		text(m)
	}
	if *asked != 1 {
		t.Errorf("asked 20 times in a moment: got %d questions to the switchboard, want 1", *asked)
	}
	if len(m.waiting) != 0 {
		t.Errorf("callers who wait: got %d, want none left after their ends", len(m.waiting))
	}
}

func TestASwitchboardThatDoesNotAnswerIsShownAsDown(t *testing.T) {
	m := New(Sources{Status: func(context.Context) (call.Status, error) { return call.Status{}, errors.New("no answer") }})
	if got := text(m); !strings.Contains(got, "\ntrunkline_up 0") || strings.Contains(got, "trunkline_trunk_up") {
		t.Errorf("got\n%s\nwant trunkline_up 0 and nothing of the switchboard", got)
	}
}

// docs/metrics.md is the code's: -update rewrites its table.
func TestTheDocumentListsEveryFigure(t *testing.T) {
	m, _ := full()
	all, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	const file = "../docs/metrics.md"
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(was), "| figure |")
	if !found {
		t.Fatalf("%s: got no table, want one that begins with | figure |", file)
	}
	out := head + "| figure | kind | labels | is |\n|---|---|---|---|\n"
	for _, f := range all {
		var labels []string
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(labels, l.GetName()) {
					labels = append(labels, l.GetName())
				}
			}
		}
		if strings.HasPrefix(f.GetName(), "trunkline_") {
			out += fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
		}
	}
	golden.Equal(t, file, []byte(out))
}
