package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/golden"
	"trunkline/routing"
)

// moment0 is when everything that is shown in these tests began.
var moment0 = time.Date(2026, 11, 23, 14, 2, 31, 250e6, time.UTC)

func after(seconds float64) time.Time {
	return moment0.Add(time.Duration(seconds * float64(time.Second)))
}

func TestStatusIsShownAsTables(t *testing.T) {
	s := api.Status{
		At: after(11405), Started: moment0, Version: "v1.0.0", Config: "0123456789abcdef", Draining: true,
		Trunks: []api.Trunk{
			{ID: "acme", Up: true, Calls: 2, MaxCalls: 30, Why: "address 198.51.100.7"},
			{ID: "backup", MaxCalls: 1, Why: "no such host: sip.backup.example"},
		},
		Agents: []api.Agent{
			{ID: "ann", Name: "Ann Lee", Status: "active", Available: true, Phones: []api.Phone{{URI: "sip:ann@10.0.0.7", UserAgent: "Linphone/5.1"}, {URI: "sip:ann@10.0.0.8"}}},
			{ID: "bob", Name: "Bob Ray", Status: "active", Why: "at the call limit", Talking: []string{"A"}, Phones: []api.Phone{{URI: "sip:bob@10.0.0.9", Static: true}}},
			{ID: "carol", Name: "Carol", Status: "active", Why: "at the call limit", Ringing: []string{"B"}, Phones: []api.Phone{{URI: "sip:carol@10.0.0.5"}}},
			{ID: "dave", Name: "Dave", Status: "away", Reason: "lunch"},
			{ID: "eve", Name: "Eve", Status: "active", Why: "no live phone"},
			{ID: "fay", Name: "Fay", Status: "active", Why: "busy 3 s ago, held back until 14:02:41", Phones: []api.Phone{{URI: "sip:fay@10.0.0.6"}}},
		},
		Queues: []api.Queue{{Team: "support", QueueFields: api.QueueFields{Waiting: 3, LongestSeconds: 75.4, Present: 2, Answered: 12, Abandoned: 1}}, {Team: "sales", QueueFields: api.QueueFields{Present: 1, Closed: true}}},
		Calls: []api.Call{
			{ID: "01JDA0000000000000000000AA", Trunk: "acme", Caller: "+14155550111", Dialled: "+14155550100", State: "talk", Agent: "bob", Since: after(11200)},
			{ID: "01JDA0000000000000000000BB", Trunk: "acme", Dialled: "+14155550100", State: "queue", Since: after(11330)},
		},
		Counts: api.Counts{Calls: 1234, Refused: 2, Mismatches: 1},
		Bans: []api.Ban{
			{Source: "203.0.113.9/32", Rule: "failures", Since: after(11000), Until: after(11600), Dropped: 1204},
			{Source: "198.51.100.7/32", User: "ann", Rule: "failures", Since: after(11000), Until: after(11500), Dropped: 1},
		},
	}
	var out bytes.Buffer
	if err := showStatus(&out, s); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "../../testdata/cli/shown/status", out.Bytes())
	out.Reset()
	if err := showStatus(&out, api.Status{At: moment0, Started: moment0}); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "../../testdata/cli/shown/status-empty", out.Bytes())
}

// aCard is the call that was declined, not answered, and answered.
func aCard() api.Card {
	c := api.Card{
		Record: call.Record{
			ID: "01JDA0000000000000000000AA", Trunk: "acme", Dialled: "+14155550100", Caller: "+14155550111",
			Name: "Jo Doe", Contact: "01JD90000000000000000000CC", Flow: "main",
			Initiated: moment0, Answered: after(0.01), Bridged: after(42.3), Released: after(102.9), Ended: after(102.9),
			Segments: []call.Segment{
				{Kind: call.SegmentFlow, From: moment0, To: after(3.2)},
				{Kind: call.SegmentQueue, From: after(3.2), To: after(42.3), Team: "support"},
				{Kind: call.SegmentTalk, From: after(42.3), To: after(80), Agent: "carol"},
				{Kind: call.SegmentHold, From: after(80), To: after(90.5), Agent: "carol"},
				{Kind: call.SegmentTalk, From: after(90.5), To: after(102.9), Agent: "carol"},
			},
			Offers: []call.Offered{
				{Agent: "ann", Outcome: routing.OutcomeDeclined, Made: after(3.2), Rang: after(3.3), Ended: after(5.6)},
				{Agent: "bob", Outcome: routing.OutcomeNoAnswer, TooLate: true, Made: after(5.6), Rang: after(5.8), Ended: after(35.8)},
				{Agent: "carol", Outcome: routing.OutcomeAccepted, Made: after(35.8), Rang: after(36), Ended: after(42.3)},
			},
		},
		Recordings: []api.Recording{
			{ID: "R1", Path: "/var/lib/trunkline/recordings/2026/11/23/R1.wav", Duration: 60.6, Sealed: true},
			{ID: "R2", Path: "/var/lib/trunkline/recordings/2026/11/23/R2.wav", Note: "disk full"},
		},
		Duration: 102.9, TalkTime: 50.1, QueueTime: 39.1, HoldTime: 10.5, EndedReason: "hangup by caller",
	}
	return c
}

func TestACardTellsTheCallInOrder(t *testing.T) {
	var out bytes.Buffer
	if err := showCard(&out, aCard(), time.UTC); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "../../testdata/cli/shown/card", out.Bytes())
}

func TestCardsAreListedALineEach(t *testing.T) {
	ringing := aCard()
	ringing.Caller, ringing.InProgress, ringing.EndedReason, ringing.Duration = "", true, "", 12
	ringing.Offers = []call.Offered{{Agent: "ann", Made: moment0}}
	lost := aCard()
	lost.Offers, lost.EndedReason = nil, "cancelled by caller (487)"
	var out bytes.Buffer
	own := lost
	own.Agent, own.Caller, own.Dialled, own.Direction, own.EndedReason = "ann", "+14155550100", "+14155550177", call.Outbound, "busy by callee (486)"
	inner := own
	inner.Trunk, inner.Caller, inner.Dialled, inner.Direction, inner.EndedReason = "", "", "carol", call.Internal, "hangup by callee"
	if err := showCards(&out, []api.Card{ringing, aCard(), lost, own, inner}, time.UTC); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "../../testdata/cli/shown/cards", out.Bytes())
}

func TestDurationsAreSaidAsPeopleDo(t *testing.T) {
	for _, x := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0s"}, {400 * time.Millisecond, "0s"}, {59 * time.Second, "59s"}, {time.Minute, "1m"},
		{200 * time.Second, "3m 20s"}, {2*time.Hour + 5*time.Minute, "2h 5m"}, {76 * time.Hour, "3d 4h"},
	} {
		if got := short(x.d); got != x.want {
			t.Errorf("short(%v): got %s, want %s", x.d, got, x.want)
		}
	}
}

// A port that another program has is found before anything is started, and
// the line of the file that names it.
func TestABusyPortIsNamedByItsLine(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	file := filepath.Join(t.TempDir(), "trunkline.yaml")
	text := fmt.Sprintf("listen:\n  sip: [\"udp://127.0.0.1:0\", \"udp://%s\"]\n  http: [\"http://%s\"]\n", udp.LocalAddr(), tcp.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := run(&terminal{ctx: t.Context(), out: &out, err: &out}, []string{"check", "-c", file})
	if code != exitUsage {
		t.Errorf("exit code: got %d, want %d", code, exitUsage)
	}
	for _, want := range []string{file + ":2:30: listen.sip[1]: ", file + ":3:10: listen.http[0]: ", "stop it, or", "2 problems"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("check: got %s, want %q in it", out.String(), want)
		}
	}
}

// What the help promises is there: every command has its own help and ends well.
func TestEveryCommandHasHelp(t *testing.T) {
	var out bytes.Buffer
	if code := run(&terminal{ctx: t.Context(), out: &out, err: &out}, nil); code != exitOK {
		t.Fatalf("no arguments: got the exit code %d, want the help and %d", code, exitOK)
	}
	top := out.String()
	for _, name := range []string{"serve", "check", "explain", "call", "status", "calls", "agent", "reload", "version", "demo"} {
		if !strings.Contains(top, "\n  "+name+" ") {
			t.Errorf("help: got no line for %s, want one", name)
		}
		out.Reset()
		code := run(&terminal{ctx: t.Context(), out: &out, err: &out}, []string{name, "--help"})
		if code != exitOK || !strings.Contains(out.String(), "Usage: trunkline "+name) {
			t.Errorf("%s --help: got %d and %.60q, want %d and its usage", name, code, out.String(), exitOK)
		}
	}
	for _, want := range []string{"0 done", "1 it did not work", "2 wrong usage", "3 no switch is running"} {
		if !strings.Contains(strings.Join(strings.Fields(top), " "), want) {
			t.Errorf("help: got no %q, want the exit codes", want)
		}
	}
}

func TestWrongUsageHasItsExitCode(t *testing.T) {
	for _, args := range [][]string{{"frob"}, {"status", "--frob"}, {"agent"}, {"agent", "ann"}, {"explain"}, {"status", "-c", "x", "--data-dir", "y"}, {"serve", "--log", "xml"}} {
		var out, errs bytes.Buffer
		if code := run(&terminal{ctx: t.Context(), out: &out, err: &errs}, args); code != exitUsage || errs.Len() == 0 || out.Len() > 0 {
			t.Errorf("%q: got %d, out %q, err %q, want %d with words on the error stream alone", args, code, out.String(), errs.String(), exitUsage)
		}
	}
}

func TestTimesAreReadInTheHousesZone(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC) // the day clocks go forward there
	for _, x := range []struct{ text, want string }{
		{"", "2026-03-08T08:00:00-04:00"},
		{"18:30", "2026-03-08T18:30:00-04:00"},
		{"01:30", "2026-03-08T01:30:00-05:00"},
		{"2026-12-24 18:30", "2026-12-24T18:30:00-05:00"},
		{"2026-12-24T18:30:00Z", "2026-12-24T13:30:00-05:00"},
		{"2026-12-24", "2026-12-24T00:00:00-05:00"},
	} {
		got, err := parseTime(x.text, zone, now)
		if err != nil || got.Format(time.RFC3339) != x.want {
			t.Errorf("parseTime(%q): got %s, %v, want %s", x.text, got.Format(time.RFC3339), err, x.want)
		}
	}
	if got, err := parseTime("25:00", zone, now); err == nil {
		t.Errorf("parseTime(25:00): got %v, want an error", got)
	}
}
