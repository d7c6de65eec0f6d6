package sip

import (
	"maps"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// headerParsers are sipgo's, more tolerant: what one of them rejects is kept
// unread, so that the request can be answered 400. Scar: sipgo gives up the
// whole message in silence, and its sender repeats it for 32 s. Not among them
// is Contact, which the registrar reads itself and Contact() on demand: a
// phone's owner must learn why it does not register.
func headerParsers() map[string]sip.HeaderParser {
	ps := maps.Clone(sip.DefaultHeadersParser())
	// RFC 3261 §8.2: a malformed header that is not needed is ignored.
	for _, name := range []string{"contact", "m", "refer-to", "referred-by"} {
		delete(ps, name)
	}
	for name, parse := range ps {
		full := fullNames[name]
		ps[name] = func(given []byte, text string) (sip.Header, error) {
			h, err := parse(given, tidy(full, text))
			if err == nil || err.Error() == "comma detected" { // sipgo's errComaDetected: a list goes on
				return h, err
			}
			return &unread{sip.NewHeader(full, text)}, nil
		}
	}
	return ps
}

// fullNames are the headers that sipgo parses, compact forms included (RFC 3261
// §7.3.3).
var fullNames = map[string]string{
	"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "c": "Content-Type", "l": "Content-Length",
	"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "content-type": "Content-Type", "content-length": "Content-Length",
	"cseq": "CSeq", "max-forwards": "Max-Forwards", "route": "Route", "record-route": "Record-Route",
}

// unread is a header that its parser rejected, as it came.
type unread struct{ sip.Header }

// spoilt names the first header of m that could not be read. lost: it is the
// topmost Via, and nobody can be answered.
func spoilt(m interface{ Headers() []sip.Header }) (name string, lost bool) {
	via := false
	for _, h := range m.Headers() {
		u, bad := h.(*unread)
		if !bad {
			_, isVia := h.(*sip.ViaHeader)
			via = via || isVia
			continue
		}
		if name == "" {
			name = u.Name()
		}
		lost = lost || !via && u.Name() == "Via"
	}
	return name, lost
}

// tidy removes from a Via the blanks that are legal (RFC 3261 §25.1: SEMI,
// COLON, SLASH) and that sipgo stumbles over: before the parameters it takes
// them for a bad port, and loses host and parameters in silence. The length
// stays, as the parser tells where a list goes on.
func tidy(name, text string) string {
	if name != "Via" {
		return text
	}
	end := strings.IndexAny(text, ";,")
	if end < 0 {
		end = len(text)
	}
	head := text[:end]
	if strings.Count(head, " ") == 1 && !strings.Contains(head, "\t") {
		return text // as everybody writes it
	}
	// protocol / version / transport LWS host : port
	parts := strings.SplitN(head, "/", 3)
	if len(parts) < 3 {
		return text
	}
	transport, by, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(parts[2], "\t", " "), " "), " ")
	short := strings.TrimSpace(parts[0]) + "/" + strings.TrimSpace(parts[1]) + "/" + transport + " " + strings.ReplaceAll(by, " ", "")
	if len(short) > len(head) {
		return text
	}
	return strings.Repeat(" ", len(head)-len(short)) + short + text[end:]
}
