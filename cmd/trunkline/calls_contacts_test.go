package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
	"trunkline/store"
)

// known makes a contact with the customer's number.
func (s *story) known(c desk.Contact) desk.Contact {
	s.Helper()
	if c.Numbers == nil {
		c.Numbers = []desk.Number{customer}
	}
	c, err := s.house.board.MakeContact(s.within(time.Second), c, "the test")
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// visit is a call of the customer's that an agent answers and that lasts a
// second; it gives its card and what the phone showed.
func (s *story) visit(ann *simphone.Phone, opts ...simphone.Option) (call.Record, string) {
	s.Helper()
	k := s.dial(opts...)
	s.answered(k)
	a := s.gets(ann)
	time.Sleep(time.Second)
	s.bye(k)
	s.ended(a)
	time.Sleep(4 * time.Second) // wrap-up is 0, the recording is sealed
	return s.card(), a.Invite().Get("From")
}

const noWrapUp = "teams:\n  support: {name: Support, agents: [ann, bob, carol], wrap_up: 0s}\n"

// Product §4: matched by number, else a new lead; the anonymous each have their own.
func TestCallerIsTheContactWithTheNumber(t *testing.T) {
	act(t, noWrapUp+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		first, _ := s.visit(ann)
		if again, _ := s.visit(ann); again.Contact != first.Contact || first.Contact == "" {
			t.Errorf("the same number: got %s, then %s, want one lead", first.Contact, again.Contact)
		}
		one, _ := s.visit(ann, simphone.Anonymous())
		two, _ := s.visit(ann, simphone.Anonymous())
		if one.Contact == two.Contact || one.Contact == "" {
			t.Errorf("the anonymous: got %q and %q, want two contacts", one.Contact, two.Contact)
		}
		user := s.known(desk.Contact{Kind: desk.User, Name: "Cleo Card", External: "C-7"})
		card, shown := s.visit(ann)
		if card.Contact != user.ID || card.Name != "Cleo Card" || !strings.HasPrefix(shown, `"Cleo Card · Support"`) {
			t.Errorf("a user with the number: got %s, %q, shown %s, want her before the lead", card.Contact, card.Name, shown)
		}
		merged, err := s.house.board.MergeContacts(s.within(time.Second), user.ID, first.Contact, "the test")
		if err != nil {
			t.Fatal(err)
		}
		all, _, err := s.house.store.Search(store.Filter{Contact: merged.ID, Also: merged.Merged})
		if err != nil || len(all) != 3 {
			t.Errorf("after the merge: got %d calls, %v, want those of both", len(all), err)
		}
	})
}

func TestAlwaysCreateLeadMakesOneForEveryCall(t *testing.T) {
	act(t, noWrapUp+queueFlow+"contacts: {always_create_lead: true}\n", func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		user := s.known(desk.Contact{Kind: desk.User, Name: "Cleo Card"})
		one, _ := s.visit(ann)
		two, _ := s.visit(ann)
		if one.Contact == user.ID || one.Contact == two.Contact {
			t.Errorf("got %s and %s, want a new lead each, not %s", one.Contact, two.Contact, user.ID)
		}
		if got, _ := s.house.board.Contacts().Lookup(customer); got.ID != user.ID {
			t.Errorf("whose the number is: got %s, want still the user", got.ID)
		}
	})
}

// A flow asks whom the number belongs to.
func TestFlowsMatchTheCallersContact(t *testing.T) {
	const flow = "flows:\n  main:\n    - match: tag\n      cases: {vip: [{queue: support}]}\n    - hangup: 603\n"
	act(t, noWrapUp+flow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		k := s.dial()
		if e := s.ended(k); e.Code != 603 {
			t.Errorf("a stranger: got %+v, want 603", e)
		}
		lead, _ := s.house.board.Contacts().Lookup(customer)
		_, err := s.house.board.ChangeContact(s.within(time.Second), lead.ID, "the test", func(c *desk.Contact, _ time.Time) error {
			c.Tags = []string{"VIP"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if card, _ := s.visit(ann); card.Bridged.IsZero() {
			t.Error("tagged: got no talk, want the queue")
		}
	})
}

// Design: an offer waits at most 300 ms for a look-up, and nothing else does.
func TestAnOfferWaitsForALookUpAtMost300ms(t *testing.T) {
	for _, x := range []struct {
		name    string
		answer  time.Duration // 0: never
		offered time.Duration
		shown   string
		card    string
	}{
		{"at once", time.Millisecond, 0, "Cleo Card", "Cleo Card"},
		{"in time", 200 * time.Millisecond, 200 * time.Millisecond, "Cleo Card", "Cleo Card"},
		{"late", 900 * time.Millisecond, 300 * time.Millisecond, customer, "Cleo Card"},
		{"never", 0, 300 * time.Millisecond, customer, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *story
				asked := 0
				s = open(t, noWrapUp+queueFlow, func(_ *story, w *world) {
					w.lookUp = func(q call.LookUp) bool {
						asked++
						if q.Number != customer || q.Dialled != ourNumber || q.Contact == "" {
							t.Errorf("asked: got %+v", q)
						}
						if x.answer > 0 {
							time.AfterFunc(x.answer, func() {
								s.house.board.LookedUp(q, &desk.Contact{Kind: desk.User, Name: "Cleo Card", External: "C-7", Tags: []string{"vip"}})
							})
						}
						return true
					}
				})
				ann := s.agent("ann", annTone, simphone.Ring().After(2*time.Second).Answer())
				card, shown := s.visit(ann)
				if got := card.Offers[0].Made.Sub(card.Initiated); got < x.offered || got > x.offered+50*time.Millisecond {
					t.Errorf("offered after %v, want %v", got, x.offered)
				}
				if got := card.Answered.Sub(card.Initiated); got > 10*time.Millisecond {
					t.Errorf("the carrier's call was answered after %v, want at once", got)
				}
				if !strings.HasPrefix(shown, `"`+x.shown+" ") || card.Name != x.card || asked != 1 {
					t.Errorf("got %s shown, %q on the card, asked %d times, want %q, %q and once", shown, card.Name, asked, x.shown, x.card)
				}
				c, _ := s.house.board.Contacts().Contact(card.Contact)
				if known := x.answer > 0; known != (c.External == "C-7") || known != desk.HasTag(c.Tags, "vip") {
					t.Errorf("the contact: got %+v", c)
				}
				s.end()
			})
		})
	}
}

// The company's contact who calls from another number is that contact.
func TestALookUpFindsTheContactOfAnotherNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *story
		s = open(t, noWrapUp+queueFlow, func(_ *story, w *world) {
			w.lookUp = func(q call.LookUp) bool {
				go s.house.board.LookedUp(q, &desk.Contact{External: "C-7"})
				return true
			}
		})
		user := s.known(desk.Contact{Kind: desk.User, Name: "Cleo Card", External: "C-7", Numbers: []desk.Number{"+14155550888"}})
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		card, shown := s.visit(ann)
		if card.Contact != user.ID || !strings.HasPrefix(shown, `"Cleo Card `) {
			t.Errorf("got %s, shown %s, want %s", card.Contact, shown, user.ID)
		}
		if c, _ := s.house.board.Contacts().Lookup(customer); c.ID != user.ID || s.house.board.Contacts().Len() != 1 {
			t.Errorf("the number: got %+v, want it hers alone", c)
		}
		s.end()
	})
}

func TestNotesAndTagsAreOnTheCardDuringTheCallAndAfter(t *testing.T) {
	act(t, noWrapUp+queueFlow, func(s *story) {
		read := func(id call.ID) (call.Record, bool, error) {
			r, err := s.house.store.Record(id)
			if errors.Is(err, store.ErrNotFound) {
				return r, false, nil
			}
			return r, err == nil, err
		}
		amend := func(id call.ID, text string) {
			s.Helper()
			_, err := s.house.board.Amend(s.within(5*time.Second), id, read, func(r *call.Record, now time.Time) error {
				r.Notes = append(r.Notes, desk.Note{At: now, By: "ann", Text: text})
				return nil
			}, call.Fact{Kind: call.FactNoted, By: "ann"})
			if err != nil {
				s.Fatal(err)
			}
		}
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		k := s.dial()
		s.answered(k)
		a := s.gets(ann)
		time.Sleep(time.Second) // they talk
		id := s.now().Calls[0].ID
		amend(id, "during")
		s.bye(k)
		amend(id, "while the recording is sealed")
		s.ended(a)
		time.Sleep(5 * time.Second)
		amend(id, "after")
		card := s.card()
		var texts []string
		for _, n := range card.Notes {
			texts = append(texts, n.Text)
		}
		if got := strings.Join(texts, ", "); got != "during, while the recording is sealed, after" || !card.Recordings[0].Sealed {
			t.Errorf("got %q, sealed %v, want all three on one whole card", got, card.Recordings[0].Sealed)
		}
		if _, err := s.house.board.Amend(s.within(5*time.Second), "none", read, nil, call.Fact{}); !errors.Is(err, call.ErrNoCall) {
			t.Errorf("a call that never was: got %v, want ErrNoCall", err)
		}
	})
}

// left lists the files of a data folder that have a text in them.
func left(t testing.TB, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Type()&fs.ModeSocket != 0 {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// wavs are the recordings in a data folder.
func wavs(t testing.TB, dir string) (names []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "recordings", "*", "*", "*", "*.wav"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Product §4: deleting a contact deletes everything kept of it.
func TestADeletedContactLeavesNothing(t *testing.T) {
	act(t, noWrapUp+queueFlow, func(s *story) {
		dir := s.house.config().Data()
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		s.visit(ann)
		s.visit(ann)
		other, _ := s.visit(ann, simphone.From("+14155550188"))
		id := s.cards()[0].Contact
		_, err := s.house.board.ChangeContact(s.within(time.Second), id, "the test", func(c *desk.Contact, now time.Time) error {
			c.Name, c.Notes = "Cleo Card", []desk.Note{{At: now, Text: "owes us money"}}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		k := s.dial()
		s.answered(k)
		a := s.gets(ann)
		time.Sleep(time.Second) // they talk
		if _, err := s.house.board.DeleteContact(s.within(time.Second), id, "the test"); !errors.Is(err, call.ErrInCall) {
			t.Errorf("during a call: got %v, want ErrInCall", err)
		}
		s.bye(k)
		if _, err := s.house.board.DeleteContact(s.within(time.Second), id, "the test"); !errors.Is(err, call.ErrSettling) {
			t.Errorf("right after it: got %v, want ErrSettling", err)
		}
		s.ended(a)
		time.Sleep(3 * time.Second)
		if len(left(t, dir, customer)) == 0 || len(wavs(t, dir)) != 4 {
			t.Fatalf("before: got %v and %d recordings, want the number somewhere and 4", left(t, dir, customer), len(wavs(t, dir)))
		}
		e, err := s.house.board.DeleteContact(s.within(time.Second), id, "the test")
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.house.erase(s.within(10*time.Second), e)
		if err != nil || n != 3 {
			t.Fatalf("got %d calls, %v, want 3", n, err)
		}
		for _, text := range []string{customer, customer[1:], "Cleo Card", "owes us money"} {
			if got := left(t, dir, text); len(got) > 0 {
				t.Errorf("%q is left in %v", text, got)
			}
		}
		if got := wavs(t, dir); len(got) != 1 || got[0] != other.Recordings[0].Path {
			t.Errorf("recordings: got %v, want the other's alone", got)
		}
		if got := s.cards(); len(got) != 1 || got[0].ID != other.ID {
			t.Errorf("cards: got %d, want the other's alone", len(got))
		}
		if again, _ := s.visit(ann); again.Contact == id {
			t.Error("the next call: got the deleted contact, want a new lead")
		}
	})
}

// A crash in the middle of a deletion does not stop it.
func TestADeletionGoesOnAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, noWrapUp+queueFlow)
		dir := s.house.config().Data()
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		card, _ := s.visit(ann)
		// As far as the journal and one recording, and no further.
		if _, err := s.house.board.DeleteContact(s.within(time.Second), card.Contact, "the test"); err != nil {
			t.Fatal(err)
		}
		if err := s.house.eraseCall(s.within(time.Second), card); err != nil {
			t.Fatal(err)
		}
		cfg := s.house.booted
		s.stop()
		if len(left(t, dir, customer)) == 0 {
			t.Fatal("before: got the number nowhere, want it still there")
		}
		s.net = simnet.New()
		again, err := openHouse(cfg, s.world(), s.house.log)
		if err != nil {
			t.Fatal(err)
		}
		again.start()
		time.Sleep(5 * time.Second)
		if got := left(t, dir, customer); len(got) > 0 {
			t.Errorf("the number is left in %v", got)
		}
		if all, err := again.store.Records(store.Filter{}); len(all) > 0 || err != nil {
			t.Errorf("got %d cards, %v, want none", len(all), err)
		}
		boot, err := again.store.Load()
		if err != nil || len(boot.Erasing) > 0 || len(boot.Contacts) > 0 {
			t.Errorf("got %+v, %v, want the deletion done", boot.Erasing, err)
		}
		facts, err := again.store.Facts(0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		for _, f := range facts {
			if f.Kind == call.FactContactErased && f.Contact == card.Contact && f.Count == 1 && f.Reason == "by the test" {
				done++
			}
		}
		if done != 1 {
			t.Errorf("audit: got %d lines that it is done, want 1", done)
		}
		now, cancel := context.WithCancel(context.Background())
		cancel()
		again.stop(now)
		_ = s.net.Close()
	})
}

// The contacts of anonymous callers do not pile up.
func TestContactsOfAnonymousCallersGoAfterTheirTime(t *testing.T) {
	act(t, noWrapUp+queueFlow+"retention: {anonymous: 1h}\n", func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		one, _ := s.visit(ann, simphone.Anonymous())
		two, _ := s.visit(ann, simphone.Anonymous())
		lead, _ := s.visit(ann)
		_, err := s.house.board.ChangeContact(s.within(time.Second), two.Contact, "the test", func(c *desk.Contact, _ time.Time) error {
			c.Name = "Ned, a journalist"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(150 * time.Minute)
		for id, want := range map[desk.ContactID]bool{one.Contact: false, two.Contact: true, lead.Contact: true} {
			if _, there := s.house.board.Contacts().Contact(id); there != want {
				t.Errorf("%s: there %v, want %v", id, there, want)
			}
		}
		boot, err := s.house.store.Load()
		if err != nil || len(boot.Contacts) != 2 {
			t.Errorf("on disk: got %d, %v, want 2", len(boot.Contacts), err)
		}
	})
}

// Messages of a deleted contact go with it, with the mails of them that wait, and the callbacks, done and pending: in the
// whole data folder neither the number nor the name is left.
func TestADeletedContactsMessagesGo(t *testing.T) {
	mailed := strings.Replace(voicemailFlow, "wrap_up: 0s", "wrap_up: 0s, voicemail: {email: [desk@example.com]}", 1) +
		"voicemail: {mail: {server: \"127.0.0.1:1\", from: trunkline@example.com, plain: true}}\n" // nobody answers there
	live(t, mailed, func(s *story) {
		dir := s.house.config().Data()
		c := s.dial()
		s.answered(c)
		s.bye(c)
		time.Sleep(3 * time.Second)
		id := s.card().Contact
		_, err := s.house.board.ChangeContact(s.within(time.Second), id, "the test", func(c *desk.Contact, _ time.Time) error {
			c.Name = "Cleo Card"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s.muteCustomer = true
		c = s.dial()
		s.answered(c)
		time.Sleep(20 * time.Second)
		s.bye(c)
		time.Sleep(3 * time.Second)
		for n := range 2 { // one is done, one pending
			cb, err := s.house.board.RequestCallback(s.within(time.Second), call.CallbackRequest{Number: customer, Team: "support"})
			if err == nil && n == 0 {
				_, err = s.house.board.CloseCallback(s.within(time.Second), cb.ID, "sue", "")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if all := s.messages(); len(all) != 1 || all[0].Contact != id || len(wavs(t, dir)) != 1 || s.house.voice.mails.Waiting() != 1 {
			t.Fatalf("before: got %+v and %d mails, want one message of the contact, and its mail", all, s.house.voice.mails.Waiting())
		}
		words := strings.TrimSuffix(wavs(t, dir)[0], ".wav") + ".transcript.json"
		if err := os.WriteFile(words, []byte(`{"text": "this is Cleo Card"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{"mail", "hot.db", "callbacks-", "records-", "transcript"} {
			if got := strings.Join(left(t, dir, "Cleo Card"), " "); !strings.Contains(got, where) {
				t.Errorf("before: the name is in %s, want it in %s too", got, where)
			}
		}
		e, err := s.house.board.DeleteContact(s.within(time.Second), id, "the test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.house.erase(s.within(10*time.Second), e); err != nil {
			t.Fatal(err)
		}
		if all := s.messages(); len(all) > 0 || len(wavs(t, dir)) > 0 || s.house.voice.mails.Waiting() > 0 {
			t.Errorf("messages: got %+v, %v and %d mails, want none", all, wavs(t, dir), s.house.voice.mails.Waiting())
		}
		time.Sleep(2 * time.Hour) // in which the mail would have been tried again
		for _, text := range []string{customer, customer[1:], "Cleo Card", "Cleo"} {
			if got := left(t, dir, text); len(got) > 0 {
				t.Errorf("%q is left in %v", text, got)
			}
		}
	})
}
