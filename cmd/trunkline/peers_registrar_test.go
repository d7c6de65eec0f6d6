//go:build peers && linux

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/realpeer"
)

// sippRegistrar challenges a REGISTER, checks the digest by itself, and grants
// two minutes; then it waits for the un-REGISTER.
const sippRegistrar = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="registrar">
<recv request="REGISTER"/>
<send><![CDATA[
SIP/2.0 401 Unauthorized
[last_Via:]
[last_From:]
[last_To:];tag=r[call_number]
[last_Call-ID:]
[last_CSeq:]
WWW-Authenticate: Digest realm="acme", nonce="sipp-nonce-1", algorithm=MD5, qop="auth"
Content-Length: 0

]]></send>
<recv request="REGISTER">
<action><verifyauth assign_to="good" username="100200" password="s3cret-of-acme"/></action>
</recv>
<nop hide="true" test="good" next="granted"/>
<send next="over"><![CDATA[
SIP/2.0 403 Forbidden
[last_Via:]
[last_From:]
[last_To:];tag=r[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="granted"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=r[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Contact:]
Expires: 120
Content-Length: 0

]]></send>
<recv request="REGISTER"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=r[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="over"/>
</scenario>
`

func TestPeersSippIsARegistrar(t *testing.T) {
	for _, c := range []struct{ name, password, state, why string }{
		{"right", "s3cret-of-acme", "registered", "registered at udp:"},
		{"wrong", "s3cret-of-other", "refused", "wrong user or password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteTeam+siteFlow)
			registrar := s.sipp(realpeer.SippConfig{IP: s.host(6), Listen: true, Calls: 1, Scenario: sippRegistrar})
			s.edit("trunks:\n", fmt.Sprintf("trunks:\n  beta: {host: \"%s\", options: 0s, register: true, username: \"100200\", password: %s}\n", registrar.Addr(), c.password))
			s.serve()
			var beta api.Trunk
			s.comes("the trunk is "+c.state, func() bool {
				for _, x := range s.status().Trunks {
					if x.ID == "beta" {
						beta = x
					}
				}
				return beta.State == c.state
			})
			if !strings.Contains(beta.Why, c.why) || beta.Up != (c.state == "registered") {
				t.Errorf("got %+v, want it to say %q", beta, c.why)
			}
			if left := time.Until(beta.Until); beta.Up && (left < 100*time.Second || left > 121*time.Second) {
				t.Errorf("until: got %v, want the two minutes that sipp granted", left)
			}
			s.signal(syscall.SIGTERM)
			s.over(registrar)
			if got := strings.Contains(registrar.Messages(), "Expires: 0\r\n"); got != beta.Up {
				t.Errorf("un-registered at the end: got %v, want %v", got, beta.Up)
			}
		})
	}
}
