package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

const (
	maxContactURI  = 512 // bytes of one contact's URI
	maxContactList = 10  // contacts of one REGISTER
	maxInstance    = 128 // bytes of +sip.instance
)

// contact is one value of a Contact header.
type contact struct {
	uri       string         // as sent: phones look for it in our 200
	key       string         // canonical form of uri: same phone, same key
	host      string         // of uri, in lower case, without brackets
	addr      netip.AddrPort // of uri, if its host is an address
	transport string         // "udp", "tcp", "tls"; empty: the URI does not say
	expires   string         // parameter as sent
	timed     bool           // the parameter is there
	instance  string         // +sip.instance (RFC 5626 §4.1) with reg-id, if any
}

var errContact = errors.New("bad Contact")

// parseContacts reads the values of all Contact headers of a request, each
// perhaps a list. star tells that the value is "*", which stands alone. A
// value that cannot be read or called is errContact, which quotes it.
func parseContacts(values []string) (list []contact, star bool, err error) {
	for _, v := range values {
		for rest := v; ; {
			var c contact
			rest = strings.TrimLeft(rest, " \t")
			if after, ok := strings.CutPrefix(rest, "*"); ok {
				if star = true; strings.TrimSpace(after) != "" {
					return nil, false, fmt.Errorf("%w: * stands alone, got %s", errContact, excerpt(v))
				}
				break
			}
			if c, rest, err = parseContact(rest); err != nil {
				return nil, false, fmt.Errorf("%w: %w in %s", errContact, err, excerpt(v))
			}
			if list = append(list, c); len(list) > maxContactList {
				return nil, false, fmt.Errorf("%w: more than %d", errContact, maxContactList)
			}
			if rest == "" {
				break
			}
			rest = rest[1:] // the comma
		}
	}
	if star && (len(list) > 0 || len(values) > 1) {
		return nil, false, fmt.Errorf("%w: * beside others", errContact)
	}
	return list, star, nil
}

// parseContact reads one contact from the front of s; rest is empty or starts
// with a comma. sipgo's parser is not used here: it splits quoted parameters
// at semicolons and keeps blanks in their names.
func parseContact(s string) (c contact, rest string, err error) {
	if strings.HasPrefix(s, `"`) { // display name
		if _, s, err = quoted(s); err != nil {
			return c, "", err
		}
		if s = strings.TrimLeft(s, " \t"); !strings.HasPrefix(s, "<") {
			return c, "", errors.New("no < after the display name")
		}
	}
	at := strings.IndexAny(s, "<;,")
	var text string
	if at >= 0 && s[at] == '<' {
		end := strings.IndexByte(s[at:], '>')
		if end < 0 {
			return c, "", errors.New("no closing >")
		}
		text, s = s[at+1:at+end], s[at+end+1:]
	} else { // RFC 3261 §20.10: without <> the parameters are the header's
		if at < 0 {
			at = len(s)
		}
		text, s = strings.TrimRight(s[:at], " \t"), s[at:]
	}
	if err = c.setURI(text); err != nil {
		return c, "", err
	}
	regID := ""
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == ',' {
			break
		}
		if s[0] != ';' {
			return c, "", errors.New("no ; before a parameter")
		}
		var name, value string
		if name, value, s, err = contactParam(s[1:]); err != nil {
			return c, "", err
		}
		switch name {
		case "expires":
			c.expires, c.timed = value, true
		case "+sip.instance":
			c.instance = clip(value, maxInstance)
		case "reg-id":
			regID = clip(value, 10)
		}
	}
	if c.instance != "" && regID != "" {
		c.instance += ";reg-id=" + regID // RFC 5626 §4.2: each flow is a binding
	}
	return c, s, nil
}

// contactParam reads name[=value] from the front of s, name in lower case.
func contactParam(s string) (name, value, rest string, err error) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		end = len(s)
	}
	name, s = strings.ToLower(strings.Trim(s[:end], " \t")), s[end:]
	if !strings.HasPrefix(s, "=") {
		return name, "", s, nil
	}
	s = strings.TrimLeft(s[1:], " \t")
	if strings.HasPrefix(s, `"`) {
		value, s, err = quoted(s)
		return name, value, s, err
	}
	if end = strings.IndexAny(s, ";,"); end < 0 {
		end = len(s)
	}
	return name, strings.TrimRight(s[:end], " \t"), s[end:], nil
}

// quoted reads a quoted-string from the front of s (RFC 3261 §25.1).
func quoted(s string) (value, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				return "", "", errors.New("no closing quote")
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("no closing quote")
}

// setURI takes the contact's URI after seeing that we could call it: it will
// be the Request-URI of our INVITE.
func (c *contact) setURI(text string) error {
	if len(text) > maxContactURI {
		return fmt.Errorf("a URI of %d bytes", len(text))
	}
	for i := range len(text) {
		if b := text[i]; b <= ' ' || b >= 0x7f || strings.IndexByte("<>\"\\", b) >= 0 {
			return errors.New("a URI with an illegal character")
		}
	}
	// RFC 3261 §19.1.1: no headers in a Request-URI.
	text, _, _ = strings.Cut(text, "?")
	var u sip.Uri
	if err := sip.ParseUri(text, &u); err != nil {
		return errors.New("not a URI")
	}
	switch {
	case u.Scheme != "sip" && u.Scheme != "sips":
		return fmt.Errorf("we cannot call the scheme %.10s", u.Scheme)
	case u.Host == "" || u.Wildcard || strings.ContainsAny(u.Host, "@,;=&+$/%!*'()~"):
		return errors.New("a URI without a host")
	case u.Port < 0 || u.Port > 65535 || u.HierarhicalSlashes:
		return errors.New("not a URI")
	}
	c.uri, c.key, c.transport = strings.Clone(text), uriKey(&u), ""
	for _, p := range u.UriParams {
		if strings.EqualFold(p.K, "transport") {
			c.transport = strings.ToLower(p.V)
		}
	}
	switch c.transport {
	case "", "udp", "tcp", "tls":
	default:
		return fmt.Errorf("we have no transport %.10s", c.transport)
	}
	if u.Scheme == "sips" {
		c.transport = "tls" // RFC 3261 §26.2.2
	}
	c.host = strings.ToLower(strings.Trim(u.Host, "[]"))
	if ip, err := netip.ParseAddr(c.host); err == nil {
		c.addr = netip.AddrPortFrom(ip.Unmap(), uint16(u.Port))
		if u.Port == 0 {
			c.addr = netip.AddrPortFrom(ip.Unmap(), transportOf(c.transport).port())
		}
	}
	return nil
}

// uriKey is a form of a URI that is the same for URIs that RFC 3261 §19.1.4
// calls equal, as far as an equality with keys can be: the order and case of
// parameters, the case of the host and escapes do not matter; an additional
// parameter does.
func uriKey(u *sip.Uri) string {
	params := make([]string, 0, len(u.UriParams))
	for _, p := range u.UriParams {
		params = append(params, strings.ToLower(p.K+"="+p.V))
	}
	sort.Strings(params)
	return strings.ToLower(u.Scheme) + ":" + unescape(u.User) + "@" + strings.ToLower(u.Host) +
		":" + strconv.Itoa(u.Port) + ";" + strings.Join(params, ";")
}

// unescape undoes %HH; what is no escape stays as it is.
func unescape(s string) string {
	if t, err := url.PathUnescape(s); err == nil {
		return t
	}
	return s
}

// excerpt quotes at most 60 bytes of what a stranger sent, in printable ASCII.
func excerpt(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.QuoteToASCII(s)
}
