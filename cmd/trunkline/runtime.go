package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// tune fits the Go runtime to the work; an operator's GOGC and GOMAXPROCS win.
// Live data is small beside what a busy second of signalling allocates, so the
// collector may wait, but not so long that what lives on lies far apart: beside
// 1,000 calls that is 12 KiB a call. Each media shard is one goroutine that keeps its
// processor while it sends: with as many more processors the kernel shares the
// CPUs between sound and signalling, in turns shorter than Go's.
func tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.NumCPU())
	}
}

// What thrift goes by.
const (
	thriftEvery = 2 * time.Second
	thriftRest  = 15 * time.Second
	calmBytes   = 4 << 20 // allocated in thriftEvery, at most: few calls come or go
	worthwhile  = 4 << 20 // bytes of the heap in which nothing lives
)

// thrift decides when memory is given back: when calls have been set up and
// now talk. What the set-up has left is several times what a call needs, and
// the collector, which goes by what is allocated, would not come by for long.
type thrift struct {
	allocated uint64    // in all, at the last look
	spared    uint64    // what was held after the last time: the gaps between what lives stay
	last      time.Time // of giving back
}

// heap is what the runtime holds.
type heap struct {
	allocated uint64 // in all since the start
	live      uint64 // found by the last collection
	held      uint64 // objects, and the gaps between them
}

// due says whether it is worth giving memory back.
func (t *thrift) due(h heap, now time.Time) bool {
	fresh := h.allocated - t.allocated
	t.allocated = h.allocated
	idle := h.held - min(h.held, max(h.live, t.spared))
	return fresh <= calmBytes && idle >= worthwhile && now.Sub(t.last) >= thriftRest
}

// done takes what is left after giving back.
func (t *thrift) done(h heap, now time.Time) {
	t.allocated, t.spared, t.last = h.allocated, h.held, now
}

// spare gives memory back when it is due, until ctx is done.
func spare(ctx context.Context) {
	tick := time.NewTicker(thriftEvery)
	defer tick.Stop()
	var t thrift
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if t.due(heapNow(), time.Now()) {
			debug.FreeOSMemory()
			t.done(heapNow(), time.Now())
		}
	}
}

func heapNow() heap {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	held := s[2].Value.Uint64() + s[3].Value.Uint64() + s[4].Value.Uint64()
	return heap{allocated: s[0].Value.Uint64(), live: s[1].Value.Uint64(), held: held}
}
