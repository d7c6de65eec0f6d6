//go:build peers && linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
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
