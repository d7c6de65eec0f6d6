//go:build linux

package realpeer

import (
	"fmt"
	"strings"
	"time"
)

// scenario is the XML for sipp.
func (cfg SippConfig) scenario() string {
	body := cfg.calling()
	if cfg.Listen {
		body = cfg.listeningScenario()
	}
	return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"carrier\">\n" + body + "</scenario>\n"
}

// send is a <send> element. A body gets its length from sipp.
func send(attributes, message string) string {
	return "<send" + attributes + "><![CDATA[\n" + message + "]]></send>\n"
}

// head are the headers of a request of the calling side.
func (cfg SippConfig) head(method, first, to string, cseq int) string {
	return fmt.Sprintf(`%s
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:%s@[local_ip]:[local_port]>;tag=[pid]sipp[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>%s
Call-ID: [call_id]
CSeq: %d %s
Contact: <sip:%s@[local_ip]:[local_port]>
`, first, cfg.Caller, to, cseq, method, cfg.Caller)
}

// calling is the side that places the call.
func (cfg SippConfig) calling() string {
	const uri = "sip:[service]@[remote_ip]:[remote_port]"
	s := send(` retrans="500"`, cfg.head("INVITE", "INVITE "+uri+" SIP/2.0", "", 1)+
		"Content-Type: application/sdp\nContent-Length: [len]\n\n"+cfg.sdp())
	s += `<recv response="100" optional="true"/>` + "\n"
	failed := cfg.head("ACK", "ACK "+uri+" SIP/2.0", "[peer_tag_param]", 1) + "Content-Length: 0\n\n"
	switch {
	case cfg.Cancel > 0:
		s += `<recv response="180"/>` + "\n" + pauseFor(cfg.Cancel)
		s += send(` retrans="500"`, "CANCEL "+uri+` SIP/2.0
[last_Via:]
Max-Forwards: 70
[last_From:]
To: <sip:[service]@[remote_ip]:[remote_port]>
[last_Call-ID:]
CSeq: 1 CANCEL
Content-Length: 0

`)
		s += `<recv response="200"/>` + "\n" + `<recv response="487"/>` + "\n"
		return s + send("", failed)
	case cfg.Expect >= 300:
		s += optional18x + fmt.Sprintf("<recv response=\"%d\"/>\n", cfg.Expect)
		return s + send("", failed)
	}
	s += optional18x + `<recv response="200" rrs="true"/>` + "\n"
	if cfg.NoACK {
		return s + `<recv request="BYE"/>` + "\n" + send("", replyTo("200 OK"))
	}
	s += send("", cfg.inDialog("ACK", 1)) + cfg.stream() + cfg.presses()
	if cfg.Talk == 0 {
		return s + `<recv request="BYE"/>` + "\n" + send("", replyTo("200 OK"))
	}
	return s + pauseFor(cfg.Talk) + send(` retrans="500"`, cfg.inDialog("BYE", 2)) + `<recv response="200"/>` + "\n"
}

// optional18x lets the callee ring as it likes.
const optional18x = `<recv response="180" optional="true"/>
<recv response="181" optional="true"/>
<recv response="182" optional="true"/>
<recv response="183" optional="true"/>
`

// inDialog is a request that follows the route set to the callee's Contact.
func (cfg SippConfig) inDialog(method string, cseq int) string {
	return fmt.Sprintf(`%[1]s [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
Max-Forwards: 70
From: <sip:%[2]s@[local_ip]:[local_port]>;tag=[pid]sipp[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: %[3]d %[1]s
Contact: <sip:%[2]s@[local_ip]:[local_port]>
Content-Length: 0

`, method, cfg.Caller, cseq)
}

// replyTo answers the request just received.
func replyTo(status string) string {
	return "SIP/2.0 " + status + `
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

`
}

func pauseFor(d time.Duration) string {
	return fmt.Sprintf("<pause milliseconds=\"%d\"/>\n", d.Milliseconds())
}

// taken is a response to the INVITE, with our tag.
func (cfg SippConfig) taken(status string, sdp bool) string {
	s := "SIP/2.0 " + status + `
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]sipp[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
`
	if !sdp {
		return s + "Content-Length: 0\n\n"
	}
	return s + "Content-Type: application/sdp\nContent-Length: [len]\n\n" + cfg.sdp()
}

// inviteParties keeps From and To of the INVITE for our own BYE.
const inviteParties = `<recv request="INVITE" crlf="true" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>
</action></recv>
`

// listeningScenario is the side that takes the call. A CANCEL while it rings makes
// the call fail, as sipp sees it.
func (cfg SippConfig) listeningScenario() string {
	s := `<recv request="INVITE" crlf="true" rrs="true"/>` + "\n"
	if cfg.Talk > 0 {
		s = inviteParties
	}
	s += send("", replyTo("100 Trying"))
	if cfg.Early {
		s += send("", cfg.taken("183 Session Progress", true)) + cfg.stream()
	} else {
		s += send("", cfg.taken("180 Ringing", false))
	}
	if cfg.Rings {
		return strings.Replace(s, `rrs="true"/>`, `rrs="true"><action><ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="cseq"/></action></recv>`, 1) +
			`<recv request="CANCEL"/>` + "\n" + send("", cfg.taken("200 OK", false)) +
			send(` retrans="500"`, strings.Replace(cfg.taken("487 Request Terminated", false), "[last_CSeq:]", "CSeq: [$cseq] INVITE", 1)) + `<recv request="ACK"/>` + "\n"
	}
	if cfg.Ring > 0 {
		s += pauseFor(cfg.Ring)
	}
	if cfg.Refuse > 0 {
		return s + send(` retrans="500"`, cfg.taken(fmt.Sprintf("%d Refused", cfg.Refuse), false)) + `<recv request="ACK"/>` + "\n"
	}
	s += send(` retrans="500"`, cfg.taken("200 OK", true)) + `<recv request="ACK"/>` + "\n"
	if !cfg.Early {
		s += cfg.stream()
	}
	if cfg.Talk > 0 {
		s += pauseFor(cfg.Talk) + send(` retrans="500"`, `BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
Max-Forwards: 70
From:[$to];tag=[pid]sipp[call_number]
To:[$from]
Call-ID: [call_id]
CSeq: 1 BYE
Content-Length: 0

`) + `<recv response="200"/>` + "\n"
		return s
	}
	return s + `<recv request="BYE"/>` + "\n" + send("", replyTo("200 OK"))
}
