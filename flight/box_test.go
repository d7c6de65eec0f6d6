package flight

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var began = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func said(at time.Duration, first, callID string, size int) Message {
	text := first + "\r\nCall-ID: " + callID + "\r\nX: "
	return Message{At: began.Add(at), Raw: []byte(text + strings.Repeat("x", max(0, size-len(text))))}
}

func invite(at time.Duration, callID string) Message {
	return said(at, "INVITE sip:a SIP/2.0", callID, 500)
}

func sound(n uint64) func() Sound { return func() Sound { return Sound{Codec: "PCMU", Heard: n} } }

func TestMessagesBeforeAndAfterTheSeatAreTheCalls(t *testing.T) {
	b := NewBox(Config{})
	b.Message(invite(0, "c1"))
	b.Message(said(1, "SIP/2.0 100 Trying", "c1", 0))
	b.Message(said(1, "OPTIONS sip:a SIP/2.0", "o1", 0)) // of no call
	b.Message(said(1, "no Call-ID", "", 0))
	b.Seat("A", "c1", "trunk acme", sound(1))
	b.Note("A", began.Add(2), "call.arrived")
	b.Message(invite(3, "c2"))
	b.Seat("A", "c2", "agent ann", nil)
	b.Message(said(4, "SIP/2.0 200 OK", "c2", 0))
	b.Leave("A", "c1", Sound{Codec: "PCMU", Heard: 7})
	b.End("A", began.Add(5))
	b.Message(said(6, "SIP/2.0 200 OK", "c1", 0)) // of the BYE, after the end
	c, there := b.Call("A")
	if !there || len(c.Messages) != 5 || len(c.Notes) != 1 || len(c.Legs) != 2 || c.Ended.IsZero() {
		t.Fatalf("got %+v, %v, want five messages, a note and two legs", c, there)
	}
	if c.Legs[0].Name != "trunk acme" || len(c.Legs[0].Sounds) != 1 || c.Legs[0].Sounds[0].Heard != 7 {
		t.Errorf("the first leg: got %+v, want acme's with its last sound", c.Legs[0])
	}
	for i := 1; i < len(c.Messages); i++ {
		if c.Messages[i].At.Before(c.Messages[i-1].At) {
			t.Errorf("messages: got %v before %v, want the order of time", c.Messages[i-1].At, c.Messages[i].At)
		}
	}
	if _, there := b.Call("B"); there {
		t.Error("a call that never was: got one, want none")
	}
	if s := b.Stats(); s.Calls != 1 || s.Strays != 0 {
		t.Errorf("stats: got %+v, want one call and no stray", s)
	}
}

func TestOneCallKeepsItsFirstAndItsLatestMessages(t *testing.T) {
	b := NewBox(Config{PerCall: 64 << 10})
	b.Message(invite(0, "c1"))
	b.Seat("A", "c1", "trunk acme", nil)
	for i := range 1000 {
		b.Message(said(time.Duration(i+1), "INFO sip:a SIP/2.0", "c1", 1000))
		b.Note("A", began.Add(time.Duration(i+1)), "fact")
	}
	c, _ := b.Call("A")
	st := b.Stats()
	if st.Bytes > 64<<10 || c.Dropped == 0 || c.Messages[0].At != began || c.Messages[len(c.Messages)-1].At != began.Add(1000) {
		t.Errorf("got %d bytes, %d dropped, from %v to %v, want at most 64 KiB with the first and the last", st.Bytes, c.Dropped, c.Messages[0].At, c.Messages[len(c.Messages)-1].At)
	}
}

func TestForgedInvitesDoNotPushOutCalls(t *testing.T) {
	b := NewBox(Config{Bytes: 8 << 20})
	b.Message(invite(0, "real"))
	b.Seat("A", "real", "trunk acme", nil)
	for i := range 100_000 {
		b.Message(said(0, "INVITE sip:a SIP/2.0", fmt.Sprint("forged", i), 1200))
	}
	st := b.Stats()
	if st.Bytes > strayBytes+16<<10 || st.Strays > strayCalls+1 || len(b.dialogs) > strayCalls+2 {
		t.Errorf("got %+v with %d Call-IDs, want at most %d strays in %d bytes", st, len(b.dialogs), strayCalls, strayBytes)
	}
	if c, there := b.Call("A"); !there || len(c.Messages) != 1 {
		t.Errorf("the call: got %v, %d messages, want it whole", there, len(c.Messages))
	}
	one := NewBox(Config{})
	for range 10_000 { // of one Call-ID
		one.Message(said(0, "INVITE sip:a SIP/2.0", "forged", 1200))
	}
	if st := one.Stats(); st.Bytes > 64<<10 {
		t.Errorf("one forged Call-ID: got %d bytes, want a stray's room", st.Bytes)
	}
}

func TestEndedCallsAreBoundedByAgeNumberAndBytes(t *testing.T) {
	call := func(b *Box, i int) string {
		id := fmt.Sprintf("C%05d", i)
		at := time.Duration(i) * time.Second
		b.Message(said(at, "INVITE sip:a SIP/2.0", id, 4000))
		b.Seat(id, id, "trunk acme", nil)
		b.End(id, began.Add(at))
		return id
	}
	there := func(b *Box, i int) bool { _, ok := b.Call(fmt.Sprintf("C%05d", i)); return ok }

	number := NewBox(Config{Calls: 10})
	age := NewBox(Config{Keep: 30 * time.Second})
	bytes := NewBox(Config{Bytes: 100_000})
	for i := range 100 {
		call(number, i)
		call(age, i)
		call(bytes, i)
	}
	if there(number, 89) || !there(number, 90) {
		t.Error("by number: want the last ten alone")
	}
	if there(age, 68) || !there(age, 69) {
		t.Error("by age: want those of the last 30 s alone")
	}
	if st := bytes.Stats(); st.Bytes > 100_000 || st.Calls < 20 || !there(bytes, 99) {
		t.Errorf("by bytes: got %+v, want at most 100,000 of the latest", st)
	}
	for _, b := range []*Box{number, age, bytes} {
		if len(b.dialogs) != len(b.calls) {
			t.Errorf("Call-IDs: got %d for %d calls", len(b.dialogs), len(b.calls))
		}
	}
}

// Live calls alone may fill the whole box: then they lose their own middle.
func TestLiveCallsShareTheBytes(t *testing.T) {
	b := NewBox(Config{Bytes: 200_000})
	for i := range 40 {
		id := fmt.Sprint("c", i)
		b.Message(invite(0, id))
		b.Seat(id, id, "trunk acme", nil)
		for j := range 40 {
			b.Message(said(time.Duration(j), "INFO sip:a SIP/2.0", id, 1000))
		}
	}
	if st := b.Stats(); st.Bytes > 200_000 || st.Dropped == 0 || st.Calls != 40 {
		t.Errorf("got %+v, want 40 calls in 200,000 bytes", st)
	}
}

func TestTheSoundIsLookedAtWhileALegLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBox(Config{PerCall: 1 << 20})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		n := uint64(0)
		b.Seat("A", "c1", "trunk acme", func() Sound { n += 250; return Sound{Codec: "PCMU", Heard: n} })
		b.Seat("A", "c2", "agent ann", func() Sound { return Sound{} }) // nothing agreed
		time.Sleep(21 * time.Second)
		c, _ := b.Call("A")
		if got := c.Legs[0].Sounds; len(got) != 4 || got[3].Heard != 1000 || len(c.Legs[1].Sounds) != 0 {
			t.Errorf("after 21 s: got %+v, want four looks at the first leg alone", c.Legs)
		}
		time.Sleep(2 * time.Hour)
		c, _ = b.Call("A")
		got := c.Legs[0].Sounds
		if len(got) > soundsKept || got[len(got)-1].At.Sub(got[len(got)-2].At) != 5*time.Second || got[0].Heard != 250 {
			t.Errorf("after two hours: got %d looks, want at most %d, the first and all of the latest", len(got), soundsKept)
		}
		b.Leave("A", "c1", Sound{Codec: "PCMU", Heard: 9})
		b.Leave("A", "c1", Sound{Codec: "PCMU", Heard: 10}) // a second end
		had := n
		time.Sleep(time.Minute)
		if c, _ = b.Call("A"); n != had || c.Legs[0].Sounds[len(c.Legs[0].Sounds)-1].Heard != 9 {
			t.Error("after its end: got further looks, want none")
		}
		b.End("A", time.Now())
		time.Sleep(2 * time.Hour)
		if st := b.Stats(); st.Calls != 0 || st.Bytes != 0 {
			t.Errorf("two hours after the end: got %+v, want nothing", st)
		}
		stop()
		<-done
	})
}

// What a message of a call costs its sender: the figure in docs/performance.md.
func BenchmarkMessage(bench *testing.B) {
	text := crlf("SIP/2.0 200 OK\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKabcdefghijk\nFrom: <sip:+14155550123@10.0.0.9>;tag=1\nTo: <sip:+14155550100@10.0.0.1>;tag=2\nCSeq: 1 INVITE\nCall-ID: 0123456789abcdef\nContact: <sip:10.0.0.1:5060>\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\nContent-Type: application/sdp\nContent-Length: 200\n\nv=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\nm=audio 20000 RTP/AVP 0 8 101\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=ptime:20\n")
	b := NewBox(Config{})
	m := invite(0, "0123456789abcdef")
	b.Message(m)
	b.Seat("A", "0123456789abcdef", "trunk acme", nil)
	raw := []byte(text)
	bench.ReportAllocs()
	for bench.Loop() {
		b.Message(Message{At: began, Raw: Redact(raw)})
	}
}
