package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"trunkline/call"
)

func TestCardHidesWhoWatches(t *testing.T) {
	b, err := json.Marshal(CardOf(call.Record{ID: "1", Watched: []call.Watched{{By: "sue", Mode: call.WatchListen}}}, time.Now()))
	if err != nil || strings.Contains(string(b), "sue") {
		t.Fatalf("got %s %v, want no word of who watches", b, err)
	}
	if k, _ := json.Marshal(call.Record{Watched: []call.Watched{{By: "sue"}}}); !strings.Contains(string(k), "sue") {
		t.Fatal("the journal's record lost it")
	}
}
