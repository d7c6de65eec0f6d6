package sip

import "github.com/emiago/sipgo/sip"

// Info sends an INFO inside the dialog (RFC 6086 §4: of the old kind, without an
// Info-Package), such as a digit. A challenge is answered once; what else becomes
// of it is not told, and nothing is sent before the dialog is up.
func (l *Leg) Info(contentType string, body []byte) {
	l.post(func() { l.doInfo(contentType, body) })
}

func (l *Leg) doInfo(contentType string, body []byte) {
	if l.phase != up {
		return
	}
	req, f := l.request(sip.INFO)
	h := sip.ContentTypeHeader(contentType)
	req.AppendHeader(&h)
	req.SetBody(body)
	if _, err := l.send(req, f); err != nil {
		l.e.grumble.say("INFO not sent", "leg", string(l.id), "addr", f.remote.String(), "err", err)
	}
}
