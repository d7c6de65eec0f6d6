package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/simphone"
)

// testTone is what a test call says, so that whoever answers hears it.
const testTone = 440

// Run is `trunkline call`: it asks the switch for a one-time credential, calls
// in with it, reports signalling and sound as they happen, and hangs up. It
// fails when the call is not answered or no sound comes.
func (c *callCmd) Run(t *terminal) error {
	ctx, stop := signal.NotifyContext(t.ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var pass api.TestCall
	err := c.ask(t, func(ctx context.Context, client *api.Client) (err error) {
		pass, err = client.TestCall(ctx, c.To)
		return err
	})
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	return c.call(ctx, client, pass, t.out)
}

func (c *callCmd) call(ctx context.Context, client *api.Client, pass api.TestCall, out io.Writer) error {
	to, err := netip.ParseAddrPort(pass.Address)
	if err != nil {
		return fmt.Errorf("the switch's address: %w", err)
	}
	conn, err := dialFrom(to)
	if err != nil {
		return err
	}
	began := time.Now()
	var mu sync.Mutex // the phone's goroutine and ours both speak
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%7.2fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	phone, err := simphone.New(simphone.Config{
		Conn: conn, Peer: to, User: pass.User, Password: pass.Password, Domain: pass.Domain, Agent: "trunkline call", Tone: testTone,
		OnMessage: func(m *simphone.Message) { say("%s", arrow(m)) },
	})
	if err != nil {
		return err
	}
	defer phone.Close()
	fmt.Fprintf(out, "Calling %s as %s over %s, saying a tone of %d Hz. Ctrl-C hangs up.\n", pass.Number, c.From, to, testTone)
	leg := phone.Dial(pass.Number, simphone.From(c.From))
	ringing, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	err = leg.WaitAnswered(ringing)
	heard := err == nil && c.watch(ctx, client, leg, say)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	hungUp := leg.Hangup(bounded)
	switch {
	case err != nil:
		return fmt.Errorf("the call was not answered: %w", err)
	case hungUp != nil:
		return fmt.Errorf("hanging up: %w", hungUp)
	}
	h := leg.Heard()
	say("sound: %d packets, %d lost, %d reordered, longest gap %v", h.Packets, h.Lost, h.Reordered, h.LongestGap.Round(time.Millisecond))
	if !heard {
		return errors.New("the call was answered, but no sound came: see the log of the switch")
	}
	return nil
}

// watch says every second what is heard and how far the call has come, where
// that changed, until an agent has talked for as long as was asked, or nobody
// answered in time.
func (c *callCmd) watch(ctx context.Context, client *api.Client, leg *simphone.Call, say func(string, ...any)) (heard bool) {
	giveUp := time.Now().Add(c.Wait)
	var hears, where string
	for ctx.Err() == nil && time.Now().Before(giveUp) {
		sound, err := leg.Listen(ctx, time.Second)
		if _, ended := leg.End(); ended || errors.Is(err, simphone.ErrClosed) {
			return heard
		}
		heard = heard || len(sound.Samples) > 0
		if now := describe(sound); now != hears {
			hears = now
			say("hears %s", now)
		}
		now, talking := c.progress(ctx, client)
		if now == where {
			continue
		}
		where = now
		say("%s", now)
		if talking {
			giveUp = time.Now().Add(c.For)
		}
	}
	return heard
}

// progress asks the switch what it makes of our call.
func (c *callCmd) progress(ctx context.Context, client *api.Client) (text string, talking bool) {
	s, err := client.Status(ctx)
	if err != nil {
		return "the switch does not answer: " + err.Error(), false
	}
	for _, live := range s.Calls {
		if live.Trunk == string(call.TestTrunk) && strings.HasSuffix(live.Caller, strings.TrimPrefix(c.From, "+")) {
			if live.Agent != "" {
				return "in " + live.State + " with " + live.Agent, live.State == string(call.SegmentTalk)
			}
			return "in " + live.State, live.State == string(call.SegmentForward)
		}
	}
	return "the switch has ended the call", false
}

// describe names what is heard: a clear tone, other sound with its level, or silence.
func describe(s simphone.Sound) string {
	switch tones := s.Tones(); {
	case len(s.Samples) == 0:
		return "nothing: no packets come"
	case s.Silent():
		return "silence"
	case len(tones) == 1:
		return fmt.Sprintf("a tone of %.0f Hz", tones[0].Hz)
	}
	return fmt.Sprintf("sound at %.0f dBFS", s.RMS())
}

// dialFrom opens a UDP socket on the address that reaches to.
func dialFrom(to netip.AddrPort) (net.PacketConn, error) {
	probe, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	ip := probe.LocalAddr().(*net.UDPAddr).IP
	_ = probe.Close()
	return net.ListenUDP("udp", &net.UDPAddr{IP: ip})
}

// arrow is a message in one line: its direction and its first line.
func arrow(m *simphone.Message) string {
	dir := "<-"
	if m.Out {
		dir = "->"
	}
	line, _, _ := strings.Cut(string(m.Bytes()), "\r\n")
	line = strings.TrimPrefix(strings.TrimSuffix(line, " SIP/2.0"), "SIP/2.0 ")
	return dir + " " + line
}
