package metrics

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"trunkline/call"
	"trunkline/flight"
	"trunkline/recorder"
	"trunkline/sip"
	"trunkline/store"
)

// Sources are where the figures come from. None may block for long.
type Sources struct {
	Status func(context.Context) (call.Status, error)
	Sip    func() sip.Stats
	Store  func() store.Stats
	Flight func() flight.Stats
	// HEP tells how many packets went to the collector; nil: there is none.
	HEP func() (sent, dropped uint64)
	// Mail tells of the mails of voicemail messages; nil: there are none.
	Mail func() Mail
	// Version is that of the program.
	Version string
}

// Mail is what is told of mails: those that wait, and since the start recipients they were sent to, recipients who get
// none any more, and tries that are made again.
type Mail struct {
	Queued              int
	Sent, Failed, Again uint64
}

// phones is the label of legs that are no trunk's.
const phones = "phones"

// Meter counts, and answers Prometheus.
type Meter struct {
	from     Sources
	registry *prometheus.Registry

	ended, offers, oneWay *prometheus.CounterVec
	loss, jitter, mos     *prometheus.HistogramVec
	waited, behind        prometheus.Histogram
	sealed, voicemail     *prometheus.CounterVec
	callbacks             *prometheus.CounterVec
	recordings            prometheus.Gauge

	// Owned by who calls Fact.
	waiting map[call.ID]time.Time    // since when callers wait
	open    map[recorder.ID]struct{} // recordings that are being written

	mu    sync.Mutex
	asked time.Time
	last  call.Status
	good  bool
}

// New makes a Meter of its sources.
func New(from Sources) *Meter {
	m := &Meter{from: from, registry: prometheus.NewRegistry(), waiting: map[call.ID]time.Time{}, open: map[recorder.ID]struct{}{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trunkline_" + name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trunkline_" + name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}
	m.ended = counter("calls_ended_total", "Calls that have ended, by whom and why.", "by", "cause")
	m.offers = counter("offers_total", "Offers of calls to agents, by what became of them.", "outcome")
	m.oneWay = counter("legs_unheard_total", "Legs that somebody listened to and that were not heard for seconds, by likely cause.", "trunk", "cause")
	m.sealed = counter("recordings_sealed_total", "Recordings that were finished; bad: with a note of what went wrong.", "result")
	m.voicemail = counter("voicemail_total", "What happened to voicemail since the start: left, heard, deleted, failed (could not be kept), closed (after wrong codes), greeting (changed).", "event")
	m.callbacks = counter("callbacks_total", "What happened to callbacks since the start: requested, merged, offered, ignored, calling, answered, unanswered, failed, given_up, interrupted, expired, assigned, closed, called_in, stranded.", "team", "event")
	m.loss = histogram("rtp_loss_ratio", "RTP packets lost of those sent to us, one observation a leg.", []float64{0, .001, .005, .01, .02, .05, .1, .2, .5}, "trunk")
	m.jitter = histogram("rtp_jitter_seconds", "Interarrival jitter of RTP (RFC 3550), one observation a leg.", []float64{.001, .002, .005, .01, .02, .03, .05, .1, .2}, "trunk")
	m.mos = histogram("rtp_mos", "Mean opinion score of what we hear by the E-model (G.107), one observation a leg.", []float64{1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.25, 4.5}, "trunk")
	m.waited = histogram("queue_wait_seconds", "How long callers waited for an agent who then answered.", []float64{1, 5, 10, 20, 30, 60, 120, 300, 600, 1800}).WithLabelValues().(prometheus.Histogram)
	m.behind = histogram("switchboard_delay_seconds", "How long the oldest event of a turn waited for the switchboard.", []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1}).WithLabelValues().(prometheus.Histogram)
	m.recordings = prometheus.NewGauge(prometheus.GaugeOpts{Name: "trunkline_recordings_open", Help: "Recordings that are being written."})
	m.registry.MustRegister(m.recordings, snapshot{m}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers GET /metrics. A figure that cannot be had is left out.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Fact counts what happened. It never blocks; one goroutine at a time calls it.
func (m *Meter) Fact(f call.Fact) {
	trunk := string(f.Trunk)
	if f.Agent != "" || trunk == "" { // Trunk is the call's
		trunk = phones
	}
	if event, is := strings.CutPrefix(string(f.Kind), "callback."); is {
		m.callbacks.WithLabelValues(string(f.Team), event).Inc()
		return
	}
	switch f.Kind {
	case call.FactQueued:
		if _, there := m.waiting[f.Call]; !there {
			m.waiting[f.Call] = f.At
		}
	case call.FactConnected:
		if since, there := m.waiting[f.Call]; there {
			m.waited.Observe(f.At.Sub(since).Seconds())
			delete(m.waiting, f.Call)
		}
	case call.FactEnded:
		delete(m.waiting, f.Call)
		if f.Ending != nil {
			m.ended.WithLabelValues(string(f.Ending.By), string(f.Ending.Cause)).Inc()
		}
	case call.FactOfferEnded:
		m.offers.WithLabelValues(string(f.Outcome)).Inc()
	case call.FactRecordingStarted:
		m.open[f.Recording] = struct{}{}
		m.recordings.Set(float64(len(m.open)))
	case call.FactRecordingSealed:
		delete(m.open, f.Recording)
		m.recordings.Set(float64(len(m.open)))
		result := "good"
		if f.Reason != "" {
			result = "bad"
		}
		m.sealed.WithLabelValues(result).Inc()
	case call.FactVoicemailLeft, call.FactVoicemailHeard, call.FactVoicemailDeleted, call.FactVoicemailFailed, call.FactVoicemailClosed, call.FactGreeting:
		m.voicemail.WithLabelValues(strings.TrimPrefix(string(f.Kind), "voicemail.")).Inc()
	case call.FactOneWay:
		m.oneWay.WithLabelValues(trunk, f.Reason).Inc()
	case call.FactQuality:
		if q := f.Quality; q != nil && q.Heard.Packets > 0 {
			m.loss.WithLabelValues(trunk).Observe(q.Heard.Loss / 100)
			m.jitter.WithLabelValues(trunk).Observe(q.Heard.Jitter.Seconds())
			if q.Heard.MOS > 0 {
				m.mos.WithLabelValues(trunk).Observe(q.Heard.MOS)
			}
		}
	}
}

// Behind counts how long the oldest event of a turn had waited.
func (m *Meter) Behind(d time.Duration) { m.behind.Observe(d.Seconds()) }

// status is the switchboard's picture, at most a second old; false: it does
// not answer.
func (m *Meter) status() (call.Status, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); m.asked.IsZero() || now.Sub(m.asked) >= time.Second {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s, err := m.from.Status(ctx)
		m.asked, m.last, m.good = now, s, err == nil
	}
	return m.last, m.good
}
