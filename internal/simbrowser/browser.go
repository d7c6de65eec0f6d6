package simbrowser

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"trunkline/internal/tone"
)

// Config is what a Browser starts from.
type Config struct {
	Conn  net.PacketConn // its socket; it is closed with the browser
	Codec string         // PCMU, PCMA or G722: the one it offers besides telephone-event; "": PCMU and PCMA
	Tone  float64        // what it says, Hz; 0: nothing

	// Opus is offered before the others, and these packets of it are what it says over and over,
	// whatever comes first in the answer; none: it offers none. Each is as long as Length.
	Opus   [][]byte
	Length time.Duration
}

// Browser is one page's RTCPeerConnection.
type Browser struct {
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	mux   ice.UDPMux
	hz    float64
	says  [][]byte
	each  time.Duration
	drop  func(int) bool

	up   chan struct{} // closed when connected
	gone chan struct{} // closed when it is over
	stop chan struct{}
	once sync.Once
	over sync.Once
	done sync.WaitGroup

	mu     sync.Mutex
	heard  []rtp.Packet
	muted  bool
	seq    uint16
	ts     uint32
	sample int
}

// codecs are those that a browser may offer.
var codecs = map[string]webrtc.RTPCodecParameters{
	"opus": {RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}, PayloadType: 111},
	"PCMU": {RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000, Channels: 1}, PayloadType: 0},
	"PCMA": {RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000, Channels: 1}, PayloadType: 8},
	"G722": {RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeG722, ClockRate: 8000, Channels: 1}, PayloadType: 9},
}

// New makes a browser. The caller must Close it.
func New(cfg Config) (*Browser, error) {
	var media webrtc.MediaEngine
	names := []string{"PCMU", "PCMA"}
	if cfg.Codec != "" {
		names = []string{cfg.Codec}
	}
	if len(cfg.Opus) > 0 {
		names = append([]string{"opus"}, names...)
	}
	for _, name := range names {
		if err := media.RegisterCodec(codecs[name], webrtc.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("simbrowser: %w", err)
		}
	}
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: 8000, SDPFmtpLine: "0-15"}, PayloadType: 126,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("simbrowser: %w", err)
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	b := &Browser{mux: webrtc.NewICEUDPMux(quiet.NewLogger("mux"), cfg.Conn), hz: cfg.Tone, says: cfg.Opus, each: cfg.Length, up: make(chan struct{}), gone: make(chan struct{}), stop: make(chan struct{})}
	var set webrtc.SettingEngine
	set.LoggerFactory = quiet
	set.SetIncludeLoopbackCandidate(true)
	set.SetICEUDPMux(b.mux)
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(set), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	var err error
	if b.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, fmt.Errorf("simbrowser: %w", err)
	}
	b.pc.OnConnectionStateChange(b.changed)
	b.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { b.hear(t) })
	b.track, err = webrtc.NewTrackLocalStaticRTP(codecs[names[0]].RTPCodecCapability, "sound", "page")
	if err == nil {
		var sender *webrtc.RTPSender
		if sender, err = b.pc.AddTrack(b.track); err == nil {
			sender.Transport().OnStateChange(func(st webrtc.DTLSTransportState) {
				if st == webrtc.DTLSTransportStateClosed || st == webrtc.DTLSTransportStateFailed {
					b.over.Do(func() { close(b.gone) })
				}
			})
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("simbrowser: %w", err), b.Close())
	}
	return b, nil
}

// Offer gives the browser's offer.
func (b *Browser) Offer() ([]byte, error) {
	offer, err := b.pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("simbrowser: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(offer); err != nil {
		return nil, fmt.Errorf("simbrowser: %w", err)
	}
	<-gathered
	return []byte(b.pc.LocalDescription().SDP), nil
}

// Answer takes the switch's answer; the browser connects, and then says its tone.
func (b *Browser) Answer(sdp []byte) error {
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(sdp)}); err != nil {
		return fmt.Errorf("simbrowser: %w", err)
	}
	return nil
}

// Up is closed when the browser is connected, Gone when it no longer is.
func (b *Browser) Up() <-chan struct{}   { return b.up }
func (b *Browser) Gone() <-chan struct{} { return b.gone }

func (b *Browser) changed(s webrtc.PeerConnectionState) {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		b.once.Do(func() {
			close(b.up)
			if len(b.says) > 0 {
				b.done.Go(b.talkOpus)
			} else if b.hz > 0 {
				b.done.Go(b.talk)
			}
		})
	case webrtc.PeerConnectionStateClosed, webrtc.PeerConnectionStateFailed:
		b.over.Do(func() { close(b.gone) })
	}
}

// Mute has the browser say nothing, not even silence, as one whose page is frozen.
func (b *Browser) Mute(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.muted = on
}

// Say sends a payload of 20 ms as its next packet, for who paces it himself.
func (b *Browser) Say(payload []byte) error {
	b.mu.Lock()
	p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: b.seq, Timestamp: b.ts}, Payload: payload}
	b.seq++
	b.ts += 160
	b.mu.Unlock()
	return b.track.WriteRTP(p)
}

// talk says the tone, in µ-law or whatever the codec is that begins like it.
func (b *Browser) talk() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	pcm := make([]int16, 160)
	for {
		b.mu.Lock()
		muted := b.muted
		tone.Sine(pcm, 8000, b.hz, -12, b.sample)
		b.sample += len(pcm)
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: b.seq, Timestamp: b.ts}, Payload: make([]byte, len(pcm))}
		for i, v := range pcm {
			p.Payload[i] = tone.EncodeMulaw(v)
		}
		if !muted {
			b.seq++
		}
		b.ts += uint32(len(pcm))
		b.mu.Unlock()
		if !muted {
			_ = b.track.WriteRTP(p) // a closed one says nothing
		}
		select {
		case <-tick.C:
		case <-b.stop:
			return
		}
	}
}

// Lose has the browser not send the packets of Opus, counted from 0, that which says; their numbers
// are missing then.
func (b *Browser) Lose(which func(int) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop = which
}

// talkOpus says the packets of Opus. Muted, it is silent as one with DTX: time goes on, numbers do not.
func (b *Browser) talkOpus() {
	tick := time.NewTicker(b.each)
	defer tick.Stop()
	for i := 0; ; i++ {
		b.mu.Lock()
		muted, lost := b.muted, b.drop != nil && b.drop(i)
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: b.seq, Timestamp: b.ts}, Payload: b.says[i%len(b.says)]}
		if !muted {
			b.seq++
		}
		b.ts += uint32(b.each * 48000 / time.Second)
		b.mu.Unlock()
		if !muted && !lost {
			_ = b.track.WriteRTP(p) // a closed one says nothing
		}
		select {
		case <-tick.C:
		case <-b.stop:
			return
		}
	}
}

func (b *Browser) hear(t *webrtc.TrackRemote) {
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.heard = append(b.heard, *p.Clone())
		b.mu.Unlock()
	}
}

// Heard gives the packets since the last time.
func (b *Browser) Heard() []rtp.Packet {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.heard
	b.heard = nil
	return got
}

// Hears gives the sound since the last time, of PCMU.
func (b *Browser) Hears() []int16 {
	var pcm []int16
	for _, p := range b.Heard() {
		if p.PayloadType != 0 {
			continue
		}
		for _, u := range p.Payload {
			pcm = append(pcm, tone.DecodeMulaw(u))
		}
	}
	return pcm
}

// Close ends it, as a page that is closed: DTLS says so.
func (b *Browser) Close() error {
	b.over.Do(func() { close(b.gone) })
	select {
	case <-b.stop:
		return nil
	default:
		close(b.stop)
	}
	err := b.pc.GracefulClose()
	b.done.Wait()
	return errors.Join(err, b.mux.Close())
}
