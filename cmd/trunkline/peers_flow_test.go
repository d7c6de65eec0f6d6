//go:build peers && linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/realpeer"
	"trunkline/internal/testmail"
)

const peersMenu = `flows:
  main:
    - menu: [for-sales, press-1, for-support, press-2]
      choices:
        "1": {name: Sales, to: [{hangup: }]}
        "2": {name: Billing, to: account}
      otherwise: [{hangup: }]
  account:
    - menu: for-billing
      choices:
        "47": {name: Gold, to: [{queue: support}]}
      otherwise: [{hangup: }]
`

// The digits have an SSRC of their own, and come among the sound.
func TestPeersCarrierDialsThroughMenus(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+peersMenu)
	s.serve()
	ann := s.registered("ann", annTone)
	carrier := s.sipp(realpeer.SippConfig{Echo: true, Press: "247"})
	s.must(ann.Accept(s.within(step)))
	s.tape(2 * time.Second)
	s.must(ann.Hangup(s.within(step)))
	s.over(carrier)
	card := s.closed(1)
	wantOffers(t, card, "ann accepted")
	var got []string
	for _, c := range card.Choices {
		got = append(got, c.Digits+" "+c.Name)
	}
	if want := "2 Billing, 47 Gold"; strings.Join(got, ", ") != want {
		t.Errorf("choices on the card: got %q, want %s", got, want)
	}
	if !strings.Contains(ann.Log(), "· Gold\"") {
		t.Error("the agent's phone: got no From with the last choice at its end")
	}
	s.phoneHeard("ann, through the carrier,", ann, annTone)
	s.flawless()
}

// What sipp says after the tone is a message: listed, and mailed with its sound.
func TestPeersCarrierLeavesAMessageThatIsMailed(t *testing.T) {
	t.Parallel()
	server := testmail.Serve(t, nil)
	s := newSite(t, strings.Replace(siteTeam, "wrap_up", "voicemail: {greeting: goodbye, email: [desk@example.com]}, wrap_up", 1)+
		"flows:\n  main: [{voicemail: support}]\nvoicemail: {mail: {server: \""+server.Addr()+"\", from: trunkline@example.com, plain: true}}\n")
	s.serve()
	carrier := s.sipp(realpeer.SippConfig{Hz: customerTone, Talk: 10 * time.Second})
	s.over(carrier)
	var messages []api.VoicemailMessage
	s.comes("the message is listed", func() bool {
		code, body := s.bearer(api.ScopeSupervisor, "").request("GET", "/v1/voicemail", "")
		if err := json.Unmarshal([]byte(body), &messages); code != 200 || err != nil {
			t.Fatalf("GET /v1/voicemail: got %d, %v, %s", code, err, body)
		}
		return len(messages) == 1
	})
	if m := messages[0]; m.Box.Team != "support" || m.Caller != customer || !m.New || m.Seconds < 2 || m.Seconds > 10 {
		t.Errorf("message: got %+v, want a new one of the customer for support, of what was said after the tone", m)
	}
	mail := server.Wait(1)[0]
	if mail.From != "MAIL FROM:<trunkline@example.com> BODY=8BITMIME" || mail.To != "RCPT TO:<desk@example.com>\n" {
		t.Errorf("envelope: got %q, %q, want it from trunkline to desk", mail.From, mail.To)
	}
	wav, err := mail.Sound()
	s.must(err)
	file := filepath.Join(s.dir, "mailed.wav")
	s.must(os.WriteFile(file, wav, 0o600))
	rec, err := realpeer.ReadWAV(file, 0)
	if err != nil || !rec.Hears(customerTone) || rec.HearsOther(customerTone) || rec.Seconds() < 2 {
		t.Errorf("the mailed sound: got %v (%v), want %.0f Hz alone", rec, err, float64(customerTone))
	}
	s.flawless()
}

// A softphone at its voicemail: *97 plays them, one is kept by 3, one deleted by 2,
// and a desk phone's lamp says each time how many are left.
func TestPeersBaresipHearsItsVoicemail(t *testing.T) {
	t.Parallel()
	const other = 840.0
	s := newSite(t, strings.Replace(siteTeam, "wrap_up", "voicemail: {greeting: goodbye}, wrap_up", 1)+"flows:\n  main: [{voicemail: support}]\n")
	s.serve()
	list := func() (all []api.VoicemailMessage) {
		code, body := s.bearer(api.ScopeSupervisor, "").request("GET", "/v1/voicemail", "")
		if err := json.Unmarshal([]byte(body), &all); code != 200 || err != nil {
			t.Fatalf("GET /v1/voicemail: got %d, %v, %s", code, err, body)
		}
		return all
	}
	ann, bob := s.registered("ann", annTone), s.deskPhone("bob", bobTone)
	lamp := func(want string) { // on the desk phone of a colleague, who hears the team's messages too
		t.Helper()
		s.comes("the lamp says "+want, func() bool {
			last := ""
			for _, m := range bob.Received() {
				if m.Method == "NOTIFY" && m.Get("Event") == "message-summary" {
					last = string(m.Body)
				}
			}
			return strings.Contains(last, "Voice-Message: "+want+" (0/0)")
		})
	}
	for n, hz := range []float64{customerTone, other} {
		s.over(s.sipp(realpeer.SippConfig{Hz: hz, Talk: 8 * time.Second}))
		lamp(fmt.Sprintf("%d/0", n+1))
	}
	s.must(ann.Dial(s.within(step), "*97"))
	_, err := ann.WaitEvent(s.within(step), "CALL_ESTABLISHED")
	s.must(err)
	press := func(keys string) {
		t.Helper()
		s.press(func(key string) {
			_, err := ann.Command(s.within(step), "sndcode", key)
			s.must(err)
		}, keys)
	}
	s.lasts(time.Second)
	press("11") // to the first, and it is heard
	s.lasts(3 * time.Second)
	press("3")
	s.comes("the first is kept", func() bool { return slices.ContainsFunc(list(), func(m api.VoicemailMessage) bool { return !m.New }) })
	lamp("1/1")
	s.lasts(3 * time.Second) // it says so, and goes on to the second
	press("1")
	s.lasts(3 * time.Second)
	press("2")
	s.comes("the second is deleted", func() bool { return len(list()) == 1 })
	lamp("0/1")
	if m := list()[0]; m.New || m.By != "ann" {
		t.Errorf("what is left: got %+v, want the first, heard by ann", m)
	}
	s.must(ann.Hangup(s.within(step)))
	s.phoneHeardAll("ann", ann, customerTone, other)
	s.flawless()
}
