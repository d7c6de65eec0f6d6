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
// as nil.
func mandatory(m sip.Message) (answerable, whole bool) {
	answerable = m.Via() != nil && m.CSeq() != nil && m.From() != nil && m.To() != nil && m.CallID() != nil
	if !answerable {
		return m.Via() != nil, false
	}
	if tag, _ := m.From().Params.Get("tag"); tag == "" {
		return true, false
	}
	return true, branch(m) != ""
}

// validate is the one check before every handler (RFC 3261 §8.2). It is never
// asked about an ACK, which must not be answered.
func validate(req *sip.Request, over transport) verdictOf {
	if req.SipVersion != "SIP/2.0" && !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		return verdictOf{code: 505, reason: "Version Not Supported"}
	}
	if req.CSeq().MethodName != req.Method {
		return verdictOf{code: 400, reason: "CSeq method does not match"}
	}
	if bad, what := badLength(req); bad {
		return verdictOf{code: 400, reason: what}
	}
	switch req.Recipient.Scheme {
	case "sip", "tel":
	case "sips": // RFC 3261 §26.2.2: not where others can read it
		if over != onTLS {
			return verdictOf{code: 416, reason: "Unsupported URI Scheme"}
		}
	default:
		return verdictOf{code: 416, reason: "Unsupported URI Scheme"}
	}
	if h := req.GetHeader("Max-Forwards"); h != nil {
		if mf := req.MaxForwards(); mf == nil || *mf > 255 {
			return verdictOf{code: 400, reason: "Bad Max-Forwards"}
		}
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
	return verdictOf{}
}

// badLength finds two Content-Length headers that differ, or one that
// promises more than the datagram holds (the parser refuses those).
func badLength(req *sip.Request) (bool, string) {
	n, seen := "", 0
	for _, h := range req.Headers() {
		if _, ok := h.(*sip.ContentLengthHeader); !ok {
			continue
		}
		if v := h.Value(); seen > 0 && v != n {
			return true, "Two Content-Length headers"
		} else {
			n = v
		}
		seen++
	}
	return false, ""
}

// required lists the option tags of Require that no policy of ours supports.
func required(req *sip.Request) string {
	var tags []string
	for _, t := range optionTags(req, "require") {
		if !understood(t) {
			tags = append(tags, t)
		}
	}
	return strings.Join(tags, ", ")
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
