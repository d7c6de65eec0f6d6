package media

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"trunkline/internal/simnet"
)

func TestShortagesNameTheLimitAndTheCure(t *testing.T) {
	tests := []struct {
		rule  string
		calls int
		files uint64
		pairs int
		want  []string // each in one sentence, in order
	}{
		{"enough of both", 500, 2700, 1000, nil},
		{"files", 500, 1024, 1000, []string{"the limit is 1024: raise it (LimitNOFILE=2700"}},
		{"ports", 500, 1 << 20, 999, []string{"media.ports has 999: widen it to 2000 ports"}},
		{"both", 500, 1024, 10, []string{"LimitNOFILE=2700", "media.ports has 10"}},
		{"files not known", 500, 0, 1000, nil},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			got := shortages(test.calls, test.files, test.pairs)
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %d sentences", got, len(test.want))
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q in it", got[i], want)
				}
			}
		})
	}
}

func TestStartSaysWhatWillBeShort(t *testing.T) {
	var log bytes.Buffer
	e, err := New(Config{PortMin: 20000, PortMax: 20007, Calls: 3, Network: simnet.New(), Emit: func(Event) {}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if got := log.String(); !strings.Contains(got, "calls.max cannot be reached") || !strings.Contains(got, "widen it to 12 ports") {
		t.Errorf("got log %q, want the shortage of ports", got)
	}
}

func TestExhaustedPortsSaySoWithTheCure(t *testing.T) {
	n := simnet.New()
	r := newRig(t, Config{PortMin: 20000, PortMax: 20003}, n, n, netip.MustParseAddr("10.0.0.1"))
	for i := range 3 {
		_, err := r.bridge.NewSession(SessionConfig{ID: "x", Bind: r.ours})
		if i < 2 && err != nil {
			t.Fatal(err)
		}
		if i == 2 && (!errors.Is(err, ErrNoPorts) || !strings.Contains(err.Error(), "all 2 pairs of 20000-20003") || !strings.Contains(err.Error(), "widen media.ports")) {
			t.Errorf("got %v, want ErrNoPorts with the range and the cure", err)
		}
	}
	if err := cured(os.NewSyscallError("socket", syscall.EMFILE)); !strings.Contains(err.Error(), "LimitNOFILE") || !errors.Is(err, syscall.EMFILE) {
		t.Errorf("got %v, want the cure", err)
	}
}
