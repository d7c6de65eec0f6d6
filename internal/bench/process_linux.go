package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// binary builds the switch once a run.
func binary(tb testing.TB) string {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "trunkline")
	build := exec.Command("go", "build", "-o", out, "trunkline/cmd/trunkline")
	if msg, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build: %v\n%s", err, msg)
	}
	return out
}

// process is a child whose CPU and memory are read from /proc.
type process struct {
	tb  testing.TB
	cmd *exec.Cmd
	log *bytes.Buffer
}

func start(tb testing.TB, name string, args ...string) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: exec.Command(name, args...), log: &bytes.Buffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.stop)
	return p
}

func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
	if p.tb.Failed() {
		var text strings.Builder
		for line := range strings.Lines(p.log.String()) {
			if !strings.Contains(line, "level=INFO") {
				text.WriteString(line)
			}
		}
		p.tb.Logf("the process said:\n%s", text.String()[max(0, text.Len()-4000):])
	}
}

// cpu is the process's user and system time so far, by its own clock.
func (p *process) cpu() time.Duration {
	var ts unix.Timespec
	clock := int32(^p.cmd.Process.Pid)<<3 | 2 // CPUCLOCK_SCHED of the process, see clock_getcpuclockid(3)
	if err := unix.ClockGettime(clock, &ts); err != nil {
		p.tb.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// peakMiB is the largest resident size so far.
func (p *process) peakMiB() float64 { return p.statusKiB("VmHWM:") / 1024 }

// statusKiB is a size in /proc/pid/status.
func (p *process) statusKiB(name string) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.tb.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name); ok {
			kb, _ := strconv.Atoi(strings.Fields(v)[0])
			return float64(kb)
		}
	}
	return 0
}
