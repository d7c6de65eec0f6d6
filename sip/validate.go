package sip

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// verdictOf is what validation makes of a request: 0 is fine.
type verdictOf struct {
	code   int
	reason string
	header sip.Header // Unsupported of a 420, Accept of a 415
}

// repair undoes what sipgo's parser makes of legal white space around "=" and
// ";" (RFC 3261 §25.1): «;tag = x» would lose the tag.
func repair(m sip.Message) {
	if h := m.From(); h != nil {
		trimParams(h.Params)
	}
	if h := m.To(); h != nil {
		trimParams(h.Params)
	}
	if h := m.Via(); h != nil {
		trimParams(h.Params)
	}
	if h := m.CSeq(); h != nil {
		h.MethodName = sip.RequestMethod(strings.TrimSpace(string(h.MethodName)))
	}
}

func trimParams(ps sip.HeaderParams) {
	for i := range ps {
		k := ps[i].K
		if k == "" || k[0] == ' ' || k[0] == '\t' || k[len(k)-1] == ' ' || k[len(k)-1] == '\t' {
			ps[i].K = strings.TrimSpace(k)
		}
		if k = ps[i].K; k == "TAG" || k == "Tag" {
			ps[i].K = "tag"
		}
		if v := ps[i].V; v != "" && (v[0] == ' ' || v[len(v)-1] == ' ' || v[0] == '\t' || v[len(v)-1] == '\t') {
			ps[i].V = strings.TrimSpace(v)
		}
	}
}

// mandatory reports whether the headers without which nothing can be answered
// or matched are there (RFC 3261 §8.1.1). Parsers let their absence through
// as nil. A branch and a From tag may be missing: peers of RFC 2543 know neither
// (§12.1.1, §17.2.3).
func mandatory(m sip.Message) bool {
	return m.Via() != nil && m.CSeq() != nil && m.From() != nil && m.To() != nil && m.CallID() != nil
}

// validate is the second check before every handler (RFC 3261 §8.2); lint was
// the first. It is never asked about an ACK, which must not be answered.
func validate(req *sip.Request, over transport) verdictOf {
	// RFC 3261 §26.2.2: not where others can read it.
	if req.Recipient.Scheme == "sips" && over != onTLS {
		return verdictOf{code: 416, reason: "Unsupported URI Scheme"}
	}
	if req.Method != sip.CANCEL {
		if tags := required(req); tags != "" {
			return verdictOf{code: 420, reason: "Bad Extension", header: sip.NewHeader("Unsupported", tags)}
		}
	}
	if len(req.Body()) > 0 && (req.Method == sip.INVITE || req.Method == sip.UPDATE) {
		if _, ok := sdpOf(req); !ok {
			return verdictOf{code: 415, reason: "Unsupported Media Type", header: sip.NewHeader("Accept", "application/sdp")}
		}
	}
	if req.Method == sip.INVITE && !takesSDP(req) { // RFC 3261 §20.1
		return verdictOf{code: 406, reason: "Not Acceptable"}
	}
	return verdictOf{}
}

// takesSDP reports whether the peer accepts the body of our answer.
func takesSDP(req *sip.Request) bool {
	all := headersOf(req, "Accept")
	for _, h := range all {
		for _, kind := range strings.Split(h.Value(), ",") {
			kind, _, _ = strings.Cut(kind, ";")
			switch strings.ToLower(strings.TrimSpace(kind)) {
			case sdpType, "application/*", "*/*", "*", "":
				return true
			}
		}
	}
	return len(all) == 0
}

// required lists the option tags of Require that no policy of ours supports.
func required(req *sip.Request) string {
	var tags []string
	for _, t := range optionTags(req, "Require") {
		registers := req.Method == sip.REGISTER && (strings.EqualFold(t, tagPath) || strings.EqualFold(t, tagOutbound))
		if !understood(t) && !registers {
			tags = append(tags, t)
		}
	}
	return strings.Join(tags, ", ")
}

// headersOf lists a message's headers of a name. Unlike sipgo's GetHeaders it
// allocates nothing when there are none.
func headersOf(m sip.Message, name string) []sip.Header {
	var found []sip.Header
	for _, h := range m.(interface{ Headers() []sip.Header }).Headers() {
		if n := h.Name(); len(n) == len(name) && strings.EqualFold(n, name) {
			found = append(found, h)
		}
	}
	return found
}

func branch(m sip.Message) string {
	v := m.Via()
	if v == nil {
		return ""
	}
	b, _ := v.Params.Get("branch")
	return b
}

func tagOf(ps sip.HeaderParams) string {
	t, _ := ps.Get("tag")
	return t
}
