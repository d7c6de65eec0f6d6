package storetest

import (
	"errors"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/routing"
	"trunkline/store"
)

func callbacks(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	promise := func(n int, at time.Time) routing.Callback {
		return routing.Callback{
			ID: routing.CallbackID(ID(at, n)), Number: "+14155550123", Team: "support", First: at, Asked: at, Since: at, Until: at.Add(2 * time.Hour),
			State: routing.CallbackPending, Stage: routing.CallbackWaits, Requests: 1,
			Marks: []routing.CallbackNote{{Mark: routing.MarkRequested, At: at}},
		}
	}
	first, second, other := promise(1, noon), promise(2, noon.AddDate(0, 1, 0)), promise(3, noon.AddDate(0, 1, 1))
	other.Team, other.Agent = "sales", "ann"
	done := first
	done.State, done.Marks = routing.CallbackClosed, append(done.Marks, routing.CallbackNote{Mark: routing.MarkClosed, At: noon})
	s.Append(call.CallbackKept{Callback: first}, call.CallbackKept{Callback: second}, call.CallbackKept{Callback: other}, call.CallbackKept{Callback: done})
	mustClose(t, s)
	s = open(t, dir)
	same(t, "pending", mustLoad(t, s).Callbacks, []routing.Callback{second, other})
	for _, x := range []struct {
		name string
		f    store.CallbackFilter
		want []routing.Callback
	}{
		{"all", store.CallbackFilter{}, []routing.Callback{other, second, first}},
		{"limit", store.CallbackFilter{Limit: 2}, []routing.Callback{other, second}},
		{"page", store.CallbackFilter{Before: second.ID}, []routing.Callback{first}},
		{"state", store.CallbackFilter{State: routing.CallbackClosed}, []routing.Callback{first}},
		{"event", store.CallbackFilter{Last: routing.MarkClosed}, []routing.Callback{first}},
		{"team", store.CallbackFilter{Team: "sales"}, []routing.Callback{other}},
		{"agent", store.CallbackFilter{Agent: "ann"}, []routing.Callback{other}},
		{"since", store.CallbackFilter{From: other.First}, []routing.Callback{other}},
		{"until", store.CallbackFilter{To: second.First}, []routing.Callback{first}},
		{"nothing", store.CallbackFilter{Number: "+1"}, nil},
	} {
		got, err := s.Callbacks(x.f)
		if err != nil {
			t.Fatalf("%s: got %v, want none", x.name, err)
		}
		var ids, want []routing.CallbackID
		for i := range got {
			ids = append(ids, got[i].ID)
		}
		for i := range x.want {
			want = append(want, x.want[i].ID)
		}
		same(t, x.name, ids, want)
	}
	got, err := s.Callback(first.ID)
	if err != nil {
		t.Errorf("Callback: got %v, want none", err)
	}
	same(t, "one that is done", got, done)
	s.Append(call.CallbackDropped{ID: first.ID}, call.CallbackDropped{ID: second.ID})
	mustSync(t, s)
	for _, id := range []routing.CallbackID{first.ID, second.ID} {
		if _, err := s.Callback(id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a dropped one: got %v, want ErrNotFound", err)
		}
	}
	mustClose(t, s)
}

func messages(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	m := call.Message{ID: "01KJMV3N00000000000000000M", Box: call.Box{Team: "support"}, Call: ID(noon, 2), At: noon, Duration: time.Second}
	gone := m
	gone.ID = "01KJMV3N00000000000000000N"
	s.Append(call.MessageKept{Message: m}, call.MessageKept{Message: gone}, call.MessageDropped{ID: gone.ID})
	m.Heard, m.By = noon.Add(time.Hour), "ann"
	s.Append(call.MessageKept{Message: m})
	mustClose(t, s)
	s = open(t, dir)
	same(t, "messages", mustLoad(t, s).Messages, []call.Message{m})
	mustClose(t, s)
}

func wrongCodes(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := open(t, dir)
	team, agent := call.Box{Team: "support"}, call.Box{Agent: "ann"}
	kept := func(want ...call.WrongCodes) {
		t.Helper()
		mustClose(t, s)
		s = open(t, dir)
		same(t, "wrong codes", mustLoad(t, s).WrongCodes, want)
	}
	s.Append(call.WrongCodes{Box: team, Count: 1}, call.WrongCodes{Box: agent, Count: 8})
	kept(call.WrongCodes{Box: agent, Count: 8}, call.WrongCodes{Box: team, Count: 1})
	s.Append(call.WrongCodes{Box: team, Count: 2}, call.WrongCodes{Box: agent, Until: noon})
	kept(call.WrongCodes{Box: agent, Until: noon}, call.WrongCodes{Box: team, Count: 2}) // a closed box, without a count, is kept too
	s.Append(call.WrongCodes{Box: team})
	kept(call.WrongCodes{Box: agent, Until: noon})
	s.Append(call.WrongCodes{Box: team, Count: 1}, call.WrongCodes{Box: agent}, call.WrongCodes{Box: team})
	kept()
	mustClose(t, s)
}
