package sip

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// listing is the 200 to a REGISTER: all bindings with their remaining time
// (RFC 3261 §10.3 step 8), and Date, by which phones set their clocks.
func listing(req *sip.Request, kept []Binding, now time.Time) *sip.Response {
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", nil)
	for _, b := range kept {
		left := int((b.Expires.Sub(now) + time.Second - 1) / time.Second)
		v := "<" + b.URI + ">;expires=" + strconv.Itoa(left)
		if instance, regID, ok := strings.Cut(b.Instance, ";reg-id="); instance != "" {
			v += ";+sip.instance=" + quote(instance)
			if ok {
				v += ";reg-id=" + regID
			}
		}
		res.AppendHeader(sip.NewHeader("Contact", v))
	}
	res.AppendHeader(sip.NewHeader("Date", now.UTC().Format(http.TimeFormat)))
	return res
}

const (
	maxCallID    = 256 // bytes kept of a Call-ID
	maxUserAgent = 128 // and of a User-Agent
)

// clip is a copy of the front of s: what is kept of a message must not hold on
// to all of it.
func clip(s string, n int) string { return strings.Clone(s[:min(len(s), n)]) }

var errNoCSeq = errors.New("no Call-ID or CSeq")

// readPath takes the proxies that the REGISTER came through (RFC 3327 §5.3). They
// are named in the Route of what goes to the phone; it is sent to where the
// REGISTER came from, which is the nearest of them, and nowhere else.
func (reg *registration) readPath(req *sip.Request) error {
	var all []string
	for _, h := range headersOf(req, "Path") {
		all = append(all, h.Value())
	}
	reg.path = strings.Join(all, ", ")
	if reg.path == "" {
		reg.outbound = listed(headersOf(req, "Supported"), tagOutbound) || listed(headersOf(req, "k"), tagOutbound)
		return nil
	}
	uris := pathOf(reg.path)
	if len(reg.path) > maxPath || len(uris) == 0 {
		return errPath
	}
	// RFC 5626 §6: only if the first proxy keeps the flow.
	reg.outbound = listed(headersOf(req, "Supported"), tagOutbound) && uris[len(uris)-1].UriParams.Has("ob")
	return nil
}

var errPath = errors.New("bad Path")

const maxPath = 1024 // bytes

// pathOf reads a Path's URIs, nearest first; none if one of them is malformed.
func pathOf(path string) []sip.Uri {
	var uris []sip.Uri
	for _, v := range splitQuoted(path, ',') {
		_, rest, ok := strings.Cut(v, "<")
		text, _, closed := strings.Cut(rest, ">")
		var u sip.Uri
		if !ok || !closed || sip.ParseUri(text, &u) != nil || u.Host == "" {
			return nil
		}
		u.Headers = nil
		uris = append(uris, u)
	}
	return uris
}

// readRegistration takes out of a REGISTER what its rules need.
func readRegistration(req *sip.Request, local string) (*registration, error) {
	if req.CallID() == nil || req.CSeq() == nil {
		return nil, errNoCSeq
	}
	reg := &registration{
		callID: clip(req.CallID().Value(), maxCallID), cseq: req.CSeq().SeqNo,
		source: sourceOf(req.Source()), transport: strings.ToLower(req.Transport()), local: local,
	}
	if via := req.Via(); via != nil {
		reg.symmetric = via.Params.Has("rport")
	}
	if err := reg.readPath(req); err != nil {
		return nil, err
	}
	if h := req.GetHeader("User-Agent"); h != nil {
		reg.agent = strings.ToValidUTF8(clip(h.Value(), maxUserAgent), "")
	}
	if h := req.GetHeader("allow-events"); h != nil {
		reg.events = strings.ToValidUTF8(clip(h.Value(), maxUserAgent), "")
	}
	if h := req.GetHeader("Expires"); h != nil {
		reg.expires, reg.timed = strings.TrimSpace(h.Value()), true
	}
	var values []string
	for _, h := range req.Headers() {
		if name := h.Name(); strings.EqualFold(name, "Contact") || strings.EqualFold(name, "m") {
			values = append(values, h.Value())
		}
	}
	var err error
	if reg.contacts, reg.star, err = parseContacts(values); err != nil {
		return nil, err
	}
	for _, c := range reg.contacts {
		if strings.HasPrefix(c.key, "sips:") && reg.transport != "tls" {
			return nil, fmt.Errorf("%w: a sips URI is registered over TLS, this came over %s", errContact, reg.transport)
		}
	}
	return reg, nil
}
