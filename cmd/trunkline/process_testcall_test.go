package main

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
)

func TestOneTimeCredentialIsGoodForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supportTeam+queueFlow)
		p := &switchProcess{house: s.house, log: slog.New(slog.DiscardHandler)}
		try := func(addr string, after time.Duration) *simphone.Call {
			pass, err := p.admit(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			phone := s.host("tester", addr, simphone.Config{User: pass.User, Password: pass.Password, Domain: pass.Domain})
			time.Sleep(after)
			return phone.Dial(pass.Number, simphone.From(customer))
		}
		c := try("127.0.0.1:5071", testCallFor-time.Second)
		c.MustAnswer(t)
		c.MustBye(t)
		try("127.0.0.1:5072", testCallFor+time.Second).MustEnd(t, simphone.Theirs, 401)
		try("10.0.0.77:5060", 0).MustEnd(t, simphone.Theirs, 401) // not from this machine
		s.end()
	})
}
