//go:build peers && linux

package main

import (
	"fmt"
	"strings"
	"testing"

	"trunkline/internal/realpeer"
	"trunkline/routing"
)

// refersOutside is a sipp that is ann's phone: it answers, and a while later hands the customer to
// bob by a REFER outside the call's dialog, which names that by Target-Dialog (RFC 4538).
const refersOutside = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="ann">
<recv request="INVITE" crlf="true"><action>
<ereg regexp="tag=([^;]+)" search_in="hdr" header="From:" assign_to="all,peer"/>
</action></recv>
<Reference variables="all"/>
` + annTakesIt + `<send retrans="500"><![CDATA[
REFER sip:%[1]s SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:ann@pbx.example.com>;tag=r[pid]
To: <sip:ann@pbx.example.com>
Call-ID: r///[call_id]
CSeq: 1 REFER
Contact: <sip:ann@[local_ip]:[local_port]>
Refer-To: <sip:bob@pbx.example.com>
Target-Dialog: [call_id];local-tag=[$peer];remote-tag=a[pid]
Content-Length: 0

]]></send>
<recv response="401" auth="true"/>
<send retrans="500"><![CDATA[
REFER sip:%[1]s SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:ann@pbx.example.com>;tag=r[pid]
To: <sip:ann@pbx.example.com>
Call-ID: r///[call_id]
CSeq: 2 REFER
Contact: <sip:ann@[local_ip]:[local_port]>
[authentication username=ann password=ann-password-1]
Refer-To: <sip:bob@pbx.example.com>
Target-Dialog: [call_id];local-tag=[$peer];remote-tag=a[pid]
Content-Length: 0

]]></send>
<recv response="202"/>
%[2]s<pause milliseconds="500"/>
</scenario>
`

func TestPeersSippPhoneRefersOutsideADialog(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	phone := s.sipp(realpeer.SippConfig{IP: s.host(5), Listen: true, Calls: 1, Hz: annTone, AuthURI: s.sip.String(), Scenario: fmt.Sprintf(refersOutside, s.sip, toldOrEnded(20, 4))})
	s.edit("password: ann-password-1}", fmt.Sprintf("password: ann-password-1, phones: [\"sip:ann@%s\"]}", phone.Addr()))
	s.serve()
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.customerHears(ear, annTone)
	bob := s.registered("bob", bobTone)
	s.must(bob.Accept(s.within(step)))
	s.customerHears(ear, bobTone)
	s.over(phone)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	if tr := s.closed(1).Transfers; len(tr) != 1 || tr[0].By != "ann" || tr[0].To.Agent != "bob" || tr[0].Outcome != routing.OutcomeAccepted {
		t.Errorf("receipt: got %+v, want ann's, to bob, accepted", tr)
	}
	for _, want := range []string{"Subscription-State: active", "Subscription-State: terminated", "message/sipfrag"} {
		if !strings.Contains(phone.Messages(), want) {
			t.Errorf("the phone was told: got no %q in\n%s", want, phone.Messages())
		}
	}
	s.flawless()
}
