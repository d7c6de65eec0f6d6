package store_test

import (
	"testing"
	"time"

	"trunkline/call"
	"trunkline/store"
)

// A batch is several transactions: what a crash cut in two is whole again
// after the next start.
func TestCallsThatACrashCutInTwoAreFound(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opened := func(id call.ID) call.Record {
		return call.Record{ID: id, Trunk: "acme", Initiated: at, Segments: []call.Segment{{Kind: call.SegmentFlow, From: at}}}
	}
	over := &call.Ending{By: call.ByCaller, Cause: call.CauseHangup}
	sealing := opened("sealing")
	sealing.Ended, sealing.Ending = at, *over
	sealing.Recordings = []call.Recorded{{ID: "r"}}
	sealed := sealing
	sealed.ID, sealed.Recordings = "sealed", []call.Recorded{{ID: "r", Sealed: true}}
	s.Append(
		call.Fact{Seq: 1, At: at, Kind: call.FactArrived, Call: "arrived", Trunk: "acme"},
		call.Opened{Record: opened("told")}, call.Fact{Seq: 2, At: at, Kind: call.FactEnded, Call: "told", Ending: over},
		call.Closed{Record: sealing}, call.Closed{Record: sealed},
		call.Fact{Seq: 3, At: at, Kind: call.FactArrived, Call: "sealed"},
	)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(dir, store.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	boot, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(boot.Open) != 2 || boot.Open[0].ID != "told" || boot.Open[1].ID != "arrived" || boot.Open[1].Trunk != "acme" || len(boot.Open[1].Segments) != 1 {
		t.Errorf("open: got %+v, want told, and arrived made from its fact", boot.Open)
	}
	if len(boot.Ended) != 1 || boot.Ended[0].Call != "told" {
		t.Errorf("ends told: got %+v, want that of told", boot.Ended)
	}
	if len(boot.Unsealed) != 1 || boot.Unsealed[0].ID != "sealing" {
		t.Errorf("unsealed: got %+v, want sealing", boot.Unsealed)
	}
}
