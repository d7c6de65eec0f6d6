//go:build peers && linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/realpeer"
	"trunkline/routing"
)

// press has a phone send keys, at the pace of a finger.
func (s *site) press(send func(key string), keys string) {
	s.Helper()
	for _, k := range keys {
		send(string(k))
		s.lasts(250 * time.Millisecond)
	}
}

// sipp is the carrier of the number to which a real phone transfers.
func TestPeersCarrierOfTheThirdLeg(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		far     realpeer.SippConfig
		outcome routing.Outcome
		sip     int
	}{
		{"answers", realpeer.SippConfig{Echo: true, Ring: 300 * time.Millisecond}, routing.OutcomeAccepted, 200},
		{"is busy", realpeer.SippConfig{Refuse: 486, Ring: 300 * time.Millisecond}, routing.OutcomeBusy, 486},
		{"rings for ever", realpeer.SippConfig{Rings: true}, routing.OutcomeNoAnswer, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteTeam+siteFlow+"dial: {trunks: [beta]}\ncontrols: {transfer_ring: 5s}\n")
			far := s.forwarding(x.far)
			s.serve()
			ann := s.registered("ann", annTone)
			ear := s.ear(customerTone)
			carrier := s.sipp(realpeer.SippConfig{Ear: ear})
			s.must(ann.Accept(s.within(step)))
			s.customerHears(ear, annTone)
			_, err := ann.Command(s.within(step), "transfer", "sip:+14155550199@"+s.sip.String())
			s.must(err)
			s.comes("the transfer has its outcome", func() bool {
				tr := s.card().Transfers
				return len(tr) == 1 && tr[0].Outcome != ""
			})
			if x.outcome == routing.OutcomeAccepted {
				s.customerHears(ear, customerTone)
				_, err = ann.WaitEvent(s.within(step), "CALL_CLOSED")
				s.must(err)
			} else { // baresip 1.0.0 hangs up by itself: the customer is not lost of it
				s.customerHearsMusic(ear)
				s.state("queue")
			}
			if tr := s.card().Transfers[0]; tr.Outcome != x.outcome || x.sip != 0 && tr.SIP != x.sip || tr.RecordingStopped.IsZero() == (x.outcome == routing.OutcomeAccepted) {
				t.Errorf("receipt: got %+v, want %s, %d, the recording stopped by a success alone", tr, x.outcome, x.sip)
			}
			s.bearer(api.ScopeSupervisor, "").order(string(s.card().ID), "hangup", "", 204)
			s.over(far)
			s.over(carrier)
			s.flawless()
		})
	}
}

// Keys of both phones: hold, a paused recording, a transfer.
func TestPeersLinphonePressesKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.linphone("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Answer(s.within(step)))
	s.customerHears(ear, annTone)
	press := func(key string) { s.must(ann.Command(key)) }
	s.press(press, "*8")
	s.state("hold")
	s.customerHearsMusic(ear)
	s.press(press, "*8")
	s.state("talk")
	s.customerHears(ear, annTone)
	s.press(press, "*1")
	s.comes("the recording is paused", func() bool {
		r := s.card().Recordings
		return len(r) == 1 && len(r[0].Pauses) == 1 && r[0].Pauses[0].By == "ann"
	})
	s.must(ann.Command("terminate"))
	s.over(carrier)
	s.flawless()
}

func TestPeersBaresipTransfersByKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.edit("password: bob-password-1", `password: bob-password-1, extension: "102"`)
	s.serve()
	ann := s.registered("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Accept(s.within(step)))
	s.customerHears(ear, annTone)
	bob := s.registered("bob", bobTone)
	s.press(func(key string) {
		_, err := ann.Command(s.within(step), "sndcode", key)
		s.must(err)
	}, "*2102#")
	s.must(bob.Accept(s.within(step)))
	s.customerHears(ear, bobTone)
	_, err := ann.WaitEvent(s.within(step), "CALL_CLOSED")
	s.must(err)
	s.tape(2 * time.Second)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	s.transferred("ann", "bob")
	s.flawless()
}

// annTakesIt is a sipp that is ann's phone and rings, answers and says its tone for 3 s.
const annTakesIt = `<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=a[pid]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:ann@[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=a[pid]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:ann@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

]]></send>
<recv request="ACK"/>
<nop><action><exec rtp_stream="tone.raw,-1,0"/></action></nop>
<pause milliseconds="3000"/>
`

// asksByPhone is a sipp that is ann's phone: it answers, calls bob besides, and leaves the
// customer with bob by REFER with Replaces. A Call-ID with /// in it belongs, for sipp, to the
// call whose Call-ID comes after.
const asksByPhone = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="ann">
<recv request="INVITE" crlf="true" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>
<ereg regexp="sip:[^>]+" search_in="hdr" header="Contact:" assign_to="peer"/>
</action></recv>
` + annTakesIt + `<send retrans="500"><![CDATA[
INVITE sip:bob@%[1]s SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:ann@pbx.example.com>;tag=b[pid]
To: <sip:bob@pbx.example.com>
Call-ID: b///[call_id]
CSeq: 1 INVITE
Contact: <sip:ann@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 2 1 IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

]]></send>
<recv response="100" optional="true"/>
<recv response="401" auth="true"/>
<send><![CDATA[
ACK sip:bob@%[1]s SIP/2.0
[last_Via:]
Max-Forwards: 70
From: <sip:ann@pbx.example.com>;tag=b[pid]
[last_To:]
Call-ID: b///[call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
INVITE sip:bob@%[1]s SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:ann@pbx.example.com>;tag=b[pid]
To: <sip:bob@pbx.example.com>
Call-ID: b///[call_id]
CSeq: 2 INVITE
Contact: <sip:ann@[local_ip]:[local_port]>
[authentication username=ann password=ann-password-1]
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 2 1 IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200"><action>
<ereg regexp="tag=([^;]+)" search_in="hdr" header="To:" assign_to="all,tag"/>
<ereg regexp="sip:[^>]+" search_in="hdr" header="Contact:" assign_to="other"/>
</action></recv>
<Reference variables="all"/>
<send><![CDATA[
ACK [$other] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:ann@pbx.example.com>;tag=b[pid]
[last_To:]
Call-ID: b///[call_id]
CSeq: 2 ACK
Content-Length: 0

]]></send>
<pause milliseconds="300"/>
<send retrans="500"><![CDATA[
REFER [$peer] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From:[$to];tag=a[pid]
To:[$from]
Call-ID: [call_id]
CSeq: 1 REFER
Contact: <sip:ann@[local_ip]:[local_port]>
Refer-To: <sip:bob@pbx.example.com?Replaces=b%%2F%%2F%%2F[call_id]%%3Bto-tag%%3D[$tag]%%3Bfrom-tag%%3Db[pid]>
Referred-By: <sip:ann@pbx.example.com>
Content-Length: 0

]]></send>
<recv request="BYE" optional="true" next="10"/>
<recv response="202" next="11"/>
<label id="10"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<recv response="202"/>
%[2]s<nop next="12"/>
<label id="11"/>
%[3]s<label id="12"/>
<pause milliseconds="500"/>
</scenario>
`

// toldOrEnded answers n NOTIFYs and BYEs, in whatever order they come; its labels begin with
// first. A BYE of the other dialog may even come before REFER's 202.
func toldOrEnded(first, n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, `<recv request="NOTIFY" optional="true" next="%[1]d"/>
<recv request="BYE" next="%[1]d"/>
<label id="%[1]d"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
`, first+i)
	}
	return all.String()
}

// A desk phone's own way to ask first, by a phone that is none of ours.
func TestPeersSippPhoneJoinsItsTwoCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	phone := s.sipp(realpeer.SippConfig{IP: s.host(5), Listen: true, Calls: 1, Hz: annTone, AuthURI: "bob@" + s.sip.String(), Scenario: fmt.Sprintf(asksByPhone, s.sip, toldOrEnded(20, 3), toldOrEnded(30, 4))})
	s.edit("password: ann-password-1}", fmt.Sprintf("password: ann-password-1, phones: [\"sip:ann@%s\"]}", phone.Addr()))
	s.serve()
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.customerHears(ear, annTone)
	bob := s.registered("bob", bobTone)
	s.must(bob.Accept(s.within(step)))
	s.customerHears(ear, bobTone)
	s.over(phone)
	s.lasts(2 * time.Second)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	card := s.closed(1)
	for n := 1; card.Direction != ""; n++ { // the one of the customer
		card = s.closed(n)
	}
	if tr := card.Transfers; len(tr) != 1 || tr[0].By != "ann" || tr[0].To.Agent != "bob" || tr[0].Outcome != routing.OutcomeAccepted {
		t.Errorf("receipt: got %+v, want ann's, to bob, accepted", tr)
	}
	s.phoneHeard("bob", bob, customerTone)
	s.flawless()
}
