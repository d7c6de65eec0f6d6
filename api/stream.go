package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/store"
)

// Facts are streamed from the journal: a fact is shown once it is on disk, so
// that its number is its own for ever, also after a crash.

const (
	// streamRing is how many of the latest facts are kept for readers who are
	// up to date; who is further behind reads the disk.
	streamRing = 4096
	// streamGather is how long facts are gathered before the journal is asked
	// whether they are on disk.
	streamGather = 25 * time.Millisecond
	// streamCrowd is how many facts are a crowd: what comes next is gathered
	// for streamGatherMost, so that the journal is not hurried into four times
	// as many transactions by those who read along.
	streamCrowd      = 50
	streamGatherMost = 100 * time.Millisecond
	// streamWrite bounds one write to a reader: who does not take it is
	// dropped, and comes back with Last-Event-ID.
	streamWrite = 10 * time.Second
	// streamIdle is how often a silent stream says that it lives.
	streamIdle = 15 * time.Second
	// streamPage is how many facts are read from the disk at once.
	streamPage = 500
	// maxStreams bounds the readers.
	maxStreams = 2500
)

// Stream hands facts to those who read along. Publish is called by the
// switchboard's loop: it appends to a list, and never waits for a reader.
type Stream struct {
	facts func(after uint64, most int) ([]call.Fact, error) // the journal
	sync  func(context.Context) error                       // nil: everything is on disk

	mu      sync.Mutex
	fresh   []call.Fact   // not on disk yet, or not known to be
	ring    []line        // on disk, the latest, in order
	durable uint64        // the last number on disk
	more    chan struct{} // closed when there is more
	readers int
	dropped uint64 // readers who did not take what was written
	poke    chan struct{}
}

// line is one fact as it is sent.
type line struct {
	seq  uint64
	text []byte    // as a server-sent event
	data []byte    // as JSON; within text
	fact call.Fact // zero where retention has taken it
}

// NewStream makes a Stream over a journal that ends with the fact last. Run
// serves it.
func NewStream(last uint64, facts func(uint64, int) ([]call.Fact, error), sync func(context.Context) error) *Stream {
	return &Stream{facts: facts, sync: sync, durable: last, more: make(chan struct{}), poke: make(chan struct{}, 1)}
}

// Publish takes facts that were handed to the journal. It never blocks.
func (s *Stream) Publish(f call.Fact) {
	s.mu.Lock()
	if len(s.fresh) < 4*streamRing { // a disk that takes nothing: they are read from it later
		s.fresh = append(s.fresh, f)
	} else {
		s.fresh[len(s.fresh)-1] = f
	}
	s.mu.Unlock()
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// Run waits for facts to be on disk and wakes the readers, until ctx is done.
func (s *Stream) Run(ctx context.Context) {
	gather := streamGather
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.poke:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gather):
		}
		s.mu.Lock()
		fresh := s.fresh
		s.fresh = nil
		s.mu.Unlock()
		if len(fresh) == 0 {
			continue
		}
		if gather = streamGather; len(fresh) > streamCrowd {
			gather = streamGatherMost
		}
		for s.sync != nil {
			err := s.sync(ctx)
			if err == nil || errors.Is(err, store.ErrLost) || errors.Is(err, store.ErrClosed) {
				break
			}
			if ctx.Err() != nil {
				return
			}
			select { // the disk fails: they are shown when it has them
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		s.wake(fresh)
	}
}

// wake puts facts into the ring and wakes the readers.
func (s *Stream) wake(fresh []call.Fact) {
	lines := make([]line, 0, len(fresh))
	for _, f := range fresh {
		lines = append(lines, lineOf(f))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lines {
		if n := len(s.ring); n > 0 && s.ring[n-1].seq+1 != l.seq {
			s.ring = nil // a gap: what is older is read from the disk
		}
		s.ring = append(s.ring, l)
	}
	if n := len(s.ring) - streamRing; n > 0 {
		s.ring = s.ring[n:]
	}
	s.durable = fresh[len(fresh)-1].Seq
	close(s.more)
	s.more = make(chan struct{})
}

// lineOf is a fact as a server-sent event.
func lineOf(f call.Fact) line {
	text, err := json.Marshal(f)
	if err != nil { // cannot be: its fields are texts, numbers and times
		text = []byte(`{}`)
	}
	event := fmt.Appendf(nil, "id: %d\nevent: %s\ndata: ", f.Seq, f.Kind)
	begin := len(event)
	event = append(append(event, text...), "\n\n"...)
	return line{seq: f.Seq, text: event, data: event[begin : begin+len(text)], fact: f}
}

// after gives what comes after a number: lines, or the channel that is closed
// when there are some.
func (s *Stream) after(seq uint64) ([]line, <-chan struct{}, error) {
	s.mu.Lock()
	more, durable := s.more, s.durable
	if seq >= durable {
		s.mu.Unlock()
		return nil, more, nil
	}
	if n := len(s.ring); n > 0 && s.ring[0].seq <= seq+1 {
		lines := s.ring[seq+1-s.ring[0].seq:]
		s.mu.Unlock()
		return lines, more, nil // the ring is appended to, never changed where it was read
	}
	s.mu.Unlock()
	facts, err := s.facts(seq, streamPage)
	if err != nil {
		return nil, nil, err
	}
	var lines []line
	for _, f := range facts {
		if f.Seq <= durable {
			lines = append(lines, lineOf(f))
		}
	}
	if len(lines) == 0 { // retention has taken them
		lines = []line{{seq: durable}}
	}
	return lines, more, nil
}

// last is the number of the latest fact that is on disk.
func (s *Stream) last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}

// enter counts a reader; false: there are too many.
func (s *Stream) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers >= maxStreams {
		return false
	}
	s.readers++
	return true
}

func (s *Stream) leave(dropped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	if dropped {
		s.dropped++
	}
}

// serve sends facts after a number until the reader goes, does not take what
// is written, or stop is closed.
func (s *Stream) serve(w http.ResponseWriter, r *http.Request, seq uint64, stop <-chan struct{}) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	send := func(texts ...[]byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(streamWrite))
		for _, text := range texts {
			if _, err := w.Write(text); err != nil {
				return false
			}
		}
		return out.Flush() == nil
	}
	idle := time.NewTimer(streamIdle)
	defer idle.Stop()
	taken := send([]byte("retry: 2000\n\n"))
	for taken {
		lines, more, err := s.after(seq)
		if err != nil {
			break // the reader comes back with its position
		}
		if len(lines) > 0 {
			texts := make([][]byte, len(lines))
			for i, l := range lines {
				texts[i] = l.text
			}
			taken = send(texts...)
			seq = lines[len(lines)-1].seq
			continue
		}
		idle.Reset(streamIdle)
		select {
		case <-r.Context().Done():
			s.leave(false)
			return
		case <-stop:
			s.leave(false)
			return
		case <-more:
		case <-idle.C:
			taken = send([]byte(": still here\n\n"))
		}
	}
	s.leave(!taken)
}
