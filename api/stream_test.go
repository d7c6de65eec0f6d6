package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/call"
)

// shelf is a journal in memory.
type shelf struct {
	mu    sync.Mutex
	facts []call.Fact
	disk  uint64 // how many are on disk
}

func (s *shelf) read(after uint64, most int) ([]call.Fact, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after >= s.disk {
		return nil, nil
	}
	return append([]call.Fact(nil), s.facts[after:min(s.disk, after+uint64(most))]...), nil
}

func (s *shelf) sync(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk = uint64(len(s.facts))
	return nil
}

// append is the switchboard's: the journal first, then the stream.
func (s *shelf) append(to *Stream, n int) {
	for range n {
		s.mu.Lock()
		f := call.Fact{Seq: uint64(len(s.facts) + 1), Kind: call.FactArrived, Call: "A"}
		s.facts = append(s.facts, f)
		s.mu.Unlock()
		to.Publish(f)
	}
}

// streaming serves a Stream over TCP until the test ends.
func streaming(t *testing.T, j *shelf) (*Stream, string) {
	t.Helper()
	s := NewStream(j.disk, j.read, j.sync)
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
		if !s.enter() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		s.serve(w, r, after, stop)
	}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { close(stop); srv.Close(); cancel(); <-done })
	return s, srv.URL
}

// follow reads the numbers that come after one.
func follow(t *testing.T, url string, after uint64) (next func() uint64, leave func()) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", strconv.FormatUint(after, 10))
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %v, %v, want a stream", resp, err)
	}
	in := bufio.NewScanner(resp.Body)
	return func() uint64 {
		for in.Scan() {
			if id, ok := strings.CutPrefix(in.Text(), "id: "); ok {
				n, _ := strconv.ParseUint(id, 10, 64)
				return n
			}
		}
		t.Errorf("the stream ended: %v", in.Err())
		return 0
	}, func() { resp.Body.Close() }
}

func TestAReaderResumesWithoutLossAndWithoutRepeats(t *testing.T) {
	j := &shelf{}
	s, url := streaming(t, j)
	j.append(s, 3*streamRing) // far more than the ring: the old ones come from the disk
	seq := uint64(0)
	for round := range 5 {
		next, leave := follow(t, url, seq)
		for range streamRing / 2 {
			if got := next(); got != seq+1 {
				t.Fatalf("round %d: got %d after %d, want the next", round, got, seq)
			}
			seq++
		}
		leave()
		j.append(s, 10) // while nobody reads
	}
	next, leave := follow(t, url, seq)
	defer leave()
	all := uint64(3*streamRing + 50)
	for seq < all {
		if got := next(); got != seq+1 {
			t.Fatalf("got %d after %d, want the next", got, seq)
		}
		seq++
	}
	j.append(s, 1)
	if got := next(); got != all+1 {
		t.Errorf("live: got %d, want %d", got, all+1)
	}
}

// A fact that a crash would forget must not be shown: its number would be
// given to another.
func TestAFactIsShownOnceItIsOnDisk(t *testing.T) {
	j := &shelf{}
	var disk sync.Mutex
	disk.Lock()
	failed := make(chan struct{}, 10)
	s := NewStream(0, j.read, func(ctx context.Context) error {
		if !disk.TryLock() {
			select {
			case failed <- struct{}{}:
			default:
			}
			return errors.New("disk full")
		}
		defer disk.Unlock()
		return j.sync(ctx)
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	j.append(s, 1)
	<-failed
	lines, more, err := s.after(0)
	if len(lines) > 0 || err != nil || s.last() != 0 {
		t.Errorf("while the disk fails: got %d lines, %v, want none", len(lines), err)
	}
	disk.Unlock()
	<-more
	if lines, _, _ := s.after(0); len(lines) != 1 || lines[0].seq != 1 {
		t.Errorf("when it is on disk: got %v, want it", lines)
	}
	cancel()
	<-done
}

// stuck is a reader that never reads.
func stuck(t testing.TB, url string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")
	return c
}

func TestTheSwitchboardNeverWaitsForAReader(t *testing.T) {
	j := &shelf{}
	s, url := streaming(t, j)
	for range 20 {
		defer stuck(t, url).Close()
	}
	began := time.Now()
	j.append(s, 20_000)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("20,000 facts before 20 readers who do not read: got %v, want none of it waiting", took)
	}
	next, leave := follow(t, url, 19_990)
	defer leave()
	if got := next(); got != 19_991 {
		t.Errorf("a reader beside them: got %d, want 19991", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ring) > streamRing {
		t.Errorf("kept: got %d facts, want at most %d", len(s.ring), streamRing)
	}
}

func TestReadersAreBounded(t *testing.T) {
	s := NewStream(0, nil, nil)
	for range maxStreams {
		if !s.enter() {
			t.Fatal("got a reader refused below the bound")
		}
	}
	if s.enter() {
		t.Error("got one more than the bound, want it refused")
	}
	s.leave(true)
	if !s.enter() || s.dropped != 1 {
		t.Errorf("after one was dropped: got %d dropped, want room again", s.dropped)
	}
}

// What 2,000 readers cost the switchboard: the time of one Publish, with none
// and with all of them reading along.
func BenchmarkPublish(b *testing.B) {
	for _, readers := range []int{0, 2000} {
		b.Run(strconv.Itoa(readers)+"-readers", func(b *testing.B) {
			j := &shelf{}
			s := NewStream(0, j.read, nil)
			ctx, cancel := context.WithCancel(context.Background())
			var all sync.WaitGroup
			all.Go(func() { s.Run(ctx) })
			for range readers {
				all.Go(func() {
					seq := uint64(0)
					for {
						lines, more, _ := s.after(seq)
						if len(lines) > 0 {
							seq = lines[len(lines)-1].seq
							continue
						}
						select {
						case <-more:
						case <-ctx.Done():
							return
						}
					}
				})
			}
			seq := uint64(0)
			for b.Loop() {
				seq++
				s.Publish(call.Fact{Seq: seq, Kind: call.FactArrived, Call: "A"})
			}
			cancel()
			all.Wait()
		})
	}
}
