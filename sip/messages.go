package sip

import (
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// waiting is how many messages are in an account's voicemail.
type waiting struct{ fresh, old int }

// Messages tells how many messages wait for an account: new ones, and those that were heard. Who has subscribed to that is
// told when it changes; phones that are registered without a subscription are told unasked (RFC 3842 §3). It never blocks.
func (e *Endpoint) Messages(id AccountID, fresh, old int) {
	w := e.watchers
	now := waiting{fresh, old}
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.messages[id]
	w.messages[id] = now
	asked := false
	for _, s := range w.subs {
		if s.event == messageSummary && s.watched == id && s.ending == "" {
			asked = true
			s.due = s.due || before != now
		}
	}
	// One that is told again has a phone that has just registered: it knows nothing yet.
	if !asked && (before != now || known && now != (waiting{})) {
		w.unasked[id] = true
	}
	w.nudge()
}

// summary is the state of an account's messages (RFC 3842 §5.2). The lock is held.
func (w *watchers) summary(id AccountID) string {
	n, some := w.messages[id], "no"
	if n.fresh > 0 {
		some = "yes"
	}
	return fmt.Sprintf("Messages-Waiting: %s\r\nMessage-Account: sip:%s@%s\r\nVoice-Message: %d/%d (0/0)\r\n", some, escapeUser(string(id)), w.e.cfg.Domain, n.fresh, n.old)
}

// tellUnasked sends the state of an account's messages to its registered phones, outside any dialog.
func (w *watchers) tellUnasked(id AccountID, body string) {
	for _, c := range w.e.phones.contacts(id) {
		if c.Static {
			continue
		}
		b, ok := w.e.phones.binding(c.ID)
		if !ok {
			continue
		}
		to, err := w.e.resolvePhone(b.Contact)
		if err != nil {
			continue
		}
		f, err := w.e.flowTo(to.addr, to.way, to.prefer)
		if err != nil {
			continue
		}
		req := sip.NewRequest(sip.NOTIFY, to.uri)
		req.AppendHeader(w.e.via(f))
		for i := range to.routes {
			req.AppendHeader(&sip.RouteHeader{Address: to.routes[i]})
		}
		req.AppendHeader(maxForwards())
		req.AppendHeader(&sip.FromHeader{
			Address: sip.Uri{Scheme: "sip", User: string(id), Host: w.e.cfg.Domain},
			Params:  sip.HeaderParams{{K: "tag", V: w.e.newTag()}},
		})
		req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: string(id), Host: w.e.cfg.Domain}})
		callID := sip.CallIDHeader(random(22))
		req.AppendHeader(&callID)
		req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.NOTIFY})
		req.AppendHeader(w.e.contact(f, to.uri.Scheme == "sips"))
		req.AppendHeader(sip.NewHeader("Event", messageSummary))
		req.AppendHeader(sip.NewHeader("Subscription-State", "terminated;reason=noresource")) // there is none
		req.AppendHeader(sip.NewHeader("User-Agent", product))
		h := sip.ContentTypeHeader(summaryType)
		req.AppendHeader(&h)
		req.SetBody([]byte(body))
		_, _ = w.e.clients.start(req, f, unheeded{})
	}
}

// unheeded owns a request whose response says nothing: a phone that does not know message-summary refuses it.
type unheeded struct{}

func (unheeded) onResponse(t *clientTx, res *sip.Response) {
	if res.StatusCode >= 200 {
		t.finish()
	}
}

func (unheeded) onFailure(*clientTx, error) {}
