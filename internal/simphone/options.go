package simphone

import "slices"

// Option changes a request before it is sent: of Dial, Request, Reinvite.
type Option func(*options)

type options struct {
	from, fromURI, display string
	toUser, uri            string
	anonymous              bool
	headers                []Header
	without                []string
	contentType            string
	body                   []byte
	noOffer                bool
	codecs                 []Codec
	tone                   *float64
	dir                    Direction
	zero                   bool
}

func collect(opts []Option) *options {
	o := &options{}
	for _, f := range opts {
		f(o)
	}
	return o
}

// From sets the user part of the From URI: the caller's number.
func From(user string) Option { return func(o *options) { o.from = user } }

// FromURI sets the whole From URI.
func FromURI(uri string) Option { return func(o *options) { o.fromURI = uri } }

// Display sets the caller's display name.
func Display(name string) Option { return func(o *options) { o.display = name } }

// Anonymous hides the caller: RFC 3323 §4.1.
func Anonymous() Option { return func(o *options) { o.anonymous = true } }

// To sets the user part of the To URI, where it is not the one dialled.
func To(user string) Option { return func(o *options) { o.toUser = user } }

// URI sets the Request-URI.
func URI(uri string) Option { return func(o *options) { o.uri = uri } }

// WithHeader adds a header, in place of one that the phone writes itself (not Via).
func WithHeader(name, value string) Option {
	return func(o *options) { o.headers = append(o.headers, Header{name, value}) }
}

// WithoutHeader leaves a header out.
func WithoutHeader(name string) Option {
	return func(o *options) { o.without = append(o.without, name) }
}

// Body sets the body of a request, in place of a description.
func Body(contentType string, b []byte) Option {
	return func(o *options) { o.contentType, o.body = contentType, b }
}

// NoOffer sends an INVITE without a description: the answer goes into the ACK.
func NoOffer() Option { return func(o *options) { o.noOffer = true } }

// Codecs sets the codecs of this call, preferred first.
func Codecs(codecs ...Codec) Option { return func(o *options) { o.codecs = codecs } }

// SaysTone sets what this call says; 0 is silence.
func SaysTone(hz float64) Option { return func(o *options) { o.tone = &hz } }

// InDirection sets the direction that a re-INVITE or UPDATE asks for.
func InDirection(d Direction) Option { return func(o *options) { o.dir = d } }

// apply writes the options' headers into m.
func (o *options) apply(m *Message) {
	if o == nil {
		return
	}
	for i, h := range o.headers {
		if slices.ContainsFunc(o.headers[:i], func(e Header) bool { return e.Name == h.Name }) {
			m.Add(h.Name, h.Value)
		} else {
			m.Set(h.Name, h.Value)
		}
	}
	m.Headers = slices.DeleteFunc(m.Headers, func(h Header) bool { return slices.Contains(o.without, h.Name) })
	if o.body != nil {
		m.setBody(o.contentType, o.body)
	}
}

func (m *Message) setBody(contentType string, b []byte) {
	m.Body = b
	m.Set("Content-Type", contentType)
}
