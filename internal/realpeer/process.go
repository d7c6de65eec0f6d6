//go:build linux

package realpeer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopPatience is how long a peer may take to unregister and leave.
const stopPatience = 3 * time.Second

// Missing names the programs that are not installed.
func Missing(programs ...string) (missing []string) {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// process is one child. Its output goes to a file in its folder.
type process struct {
	name  string
	out   string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when it has been waited for
	err   error         // of Wait; valid after done
}

// start runs a program. The goroutine that started it keeps its thread until the
// child has ended: the kernel ties the child's death signal to that thread.
func start(dir, name string, env []string, args ...string) (*process, error) {
	p := &process{name: name, out: filepath.Join(dir, name+".out"), done: make(chan struct{})}
	out, err := os.Create(p.out)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		out.Close()
		return nil, err
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer out.Close()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Log is everything the peer has printed so far.
func (p *process) Log() string {
	b, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// PID is the child's process id.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *process) Done() <-chan struct{} { return p.done }

// Kill ends the child at once, without a word on the wire: a phone that died.
func (p *process) Kill() {
	_ = p.cmd.Process.Kill() // already gone is as good
	<-p.done
}

// Stop asks the child to end, and kills it after 3 s. It is idempotent.
func (p *process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.leave(stopPatience)
}

// leave waits for the end that was asked for, then kills.
func (p *process) leave(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

// WaitLog blocks until the peer has printed text.
func (p *process) WaitLog(ctx context.Context, text string) error {
	return p.poll(ctx, fmt.Sprintf("printed %q", text), func() bool { return strings.Contains(p.Log(), text) })
}

// poll blocks until ok, the end of the child, or the context.
func (p *process) poll(ctx context.Context, what string, ok func() bool) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-p.done:
			if ok() {
				return nil
			}
			return fmt.Errorf("%s ended (%v) and has not %s:\n%s", p.name, p.err, what, tail(p.Log()))
		case <-ctx.Done():
			return fmt.Errorf("%s has not %s: %w\n%s", p.name, what, context.Cause(ctx), tail(p.Log()))
		}
	}
	return nil
}

// tail is the end of a log.
func tail(s string) string {
	const most = 3000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// errPorts is returned when no run of ports is free.
var errPorts = errors.New("no free ports")

// Where the peers' ports lie; the first is even.
const (
	firstPort = 10000
	lastPort  = 19999
)

// freePorts finds n ports in a row from an even one that are free for UDP and
// TCP on ip, and for UDP everywhere: phones bind their RTP to no address. They
// are free when it returns, which is all that can be promised. They lie below
// those that the kernel gives out: there, somebody may still send RTP to whoever
// had the port before, and the phones hear anybody.
func freePorts(ip netip.Addr, n int) (uint16, error) {
	given.Lock()
	defer given.Unlock()
	for range 200 {
		if given.next == 0 || int(given.next)+n > lastPort {
			given.next = uint16(firstPort + rand.IntN((lastPort-firstPort)/2))
		}
		first := (given.next + 1) &^ 1
		given.next = first + uint16(n)
		if allFree(ip, first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("%d in a row on %v: %w", n, ip, errPorts)
}

// given has ports given out in order, from a random one: to try a port takes it for a moment, also
// from the peer that was given it and has not bound it yet.
var given struct {
	sync.Mutex
	next uint16
}

func allFree(ip netip.Addr, first uint16, n int) bool {
	for i := range n {
		addr := netip.AddrPortFrom(ip, first+uint16(i))
		for _, at := range []netip.AddrPort{addr, netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())} {
			u, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
			if err != nil {
				return false
			}
			u.Close()
		}
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
