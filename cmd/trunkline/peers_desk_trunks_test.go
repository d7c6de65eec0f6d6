//go:build peers && linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"trunkline/internal/realpeer"
)

// reoffered is a re-INVITE that sipp answers with a direction.
const reoffered = `<recv request="INVITE"/>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=carrier 1 %d IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=%s

]]></send>
<recv request="ACK"/>
`

// answersTests is a carrier that answers OPTIONS, and a call that is held, taken
// up and refreshed.
var answersTests = `<?xml version="1.0"?>
<scenario name="carrier">
<recv request="OPTIONS" optional="true" next="options"/>
<recv request="INVITE"/>
<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=c[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=c[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=carrier 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0

]]></send>
<recv request="ACK"/>
` + fmt.Sprintf(reoffered, 2, "recvonly") + fmt.Sprintf(reoffered, 3, "sendrecv") + fmt.Sprintf(reoffered, 4, "sendrecv") + `<recv request="BYE"/>
<send next="over"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="options"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=o[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="over"/>
</scenario>
`

// row wants a text in the row of a table that has a first text.
func (d *helpDesk) row(section, first string, texts ...string) {
	d.Helper()
	for _, text := range texts {
		d.comes(fmt.Sprintf("%s: %s has %s", section, first, text), fmt.Sprintf(`[...document.querySelectorAll('section[aria-label="%s"] tbody tr')].some(r => r.innerText.includes(%q) && r.innerText.includes(%q))`, section, first, text))
	}
}

// An administrator sees how each trunk is and why, which phones are there and
// which calls are up; sends a test call over a carrier's trunk; and reads the
// licences.
func TestPagesAnAdministratorSendsATestCall(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	carrier := s.sipp(realpeer.SippConfig{IP: s.host(6), Listen: true, Echo: true, Scenario: answersTests})
	registrar := s.sipp(realpeer.SippConfig{IP: s.host(9), Listen: true, Calls: 1, Scenario: sippRegistrar})
	s.edit("trunks:\n", fmt.Sprintf("trunks:\n  beta: {host: %q, options: 0s, caller_id: \"+14155550177\"}\n"+
		"  gamma: {host: %q, options: 0s, register: true, username: \"100200\", password: s3cret-of-other}\n", carrier.Addr(), registrar.Addr()))
	s.serve()
	ann := s.registered("ann", annTone)
	root := s.open(s.browser(), "root")
	root.do(chromedp.Navigate("http://" + s.http + "/#/house"))
	root.row("Trunks", "beta", "known", carrier.Addr().String(), "0 of")
	root.row("Trunks", "gamma", "refused", "wrong user or password")
	root.row("Phones", "Ann Lee", "baresip v1.0.0", "127.0.0.1:", "sip:ann")
	root.row("Phones", "Bob Ray", "None registered")

	ear := s.ear(customerTone)
	caller := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Accept(s.within(step)))
	s.customerHears(ear, annTone)
	root.row("Calls in progress", "+1 415 555 0123", "talk", "Ann Lee", "+1 415 555 0100")
	root.clean("house-call")
	root.narrow(func() { root.clean("house-call-360") })
	evaluate[bool](root, `document.querySelector('section[aria-label="Calls in progress"] a[href^="#/house/ladder/"]').click(), true`)
	root.comes("arrows of a call that goes on", `document.querySelectorAll('.ladder .message').length > 3`)
	root.press("Back to the switch")
	s.must(ann.Hangup(s.within(step)))
	s.over(caller)
	root.row("Last calls", "+1 415 555 0123", "Ladder")

	root.press("Try it: beta")
	root.do(chromedp.SendKeys("dialog input", "+14155550199"))
	root.press("Send a test call")
	for _, found := range []string{"a call to +14155550199 was answered", "our own tone comes back from the other side: sound goes both ways", "the carrier takes a hold", "the carrier takes the resuming", "the carrier takes a refresh of the session"} {
		root.sees(found)
	}
	root.comes("the end", `/In order: \d+ steps\./.test(document.querySelector('dialog').innerText)`)
	root.clean("test-call")
	root.narrow(func() { root.clean("test-call-360") })
	if trouble := carrier.Messages(); !strings.Contains(trouble, "BYE sip:") {
		t.Errorf("the carrier: got no BYE, want the test call hung up: %s", trouble)
	}
	root.keys("Escape")
	root.press("Licences")
	root.sees("github.com/pion/ice/v4")
	evaluate[bool](root, `[...document.querySelectorAll('summary')].find(s => s.innerText.includes('bbolt')).click(), true`)
	root.sees("Permission is hereby granted, free of charge")
	root.comes("the page's own too", `[...document.querySelectorAll('summary')].some(s => s.innerText.startsWith('preact'))`)
	s.lasts(100 * time.Millisecond)
	root.clean("licences")
	root.narrow(func() { root.clean("licences-360") })
	s.quietPages(root)
}
