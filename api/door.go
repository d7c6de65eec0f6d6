package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Socket is the control socket's name in the data folder.
const Socket = "control.sock"

// lockName is the file whose lock says that a switch runs on this folder.
const lockName = "control.lock"

// maxSocketPath is what a sockaddr_un holds, without its final zero.
const maxSocketPath = 107

// ErrRunning says that another switch runs on the same data folder.
var ErrRunning = errors.New("another trunkline is running on this data_dir")

// Door is the control socket of one data folder, claimed for this process.
// Requests that come before Serve wait.
type Door struct {
	path     string
	lock     *os.File
	listener net.Listener
}

// Open claims the data folder and opens its control socket, making the folder
// (mode 0700) if it is missing. While another process has it, the error is
// ErrRunning with that process's number. A socket that a crash left is replaced.
func Open(dir string) (*Door, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w: make it, or name a folder that this user may make", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w: it must belong to the user that runs trunkline", err)
	}
	lock, err := claim(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	d := &Door{path: filepath.Join(dir, Socket), lock: lock}
	if d.listener, err = listenPrivate(dir, d.path); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// claim takes the lock of a data folder and writes our process number into it.
func claim(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w: let the user that runs trunkline write there", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data_dir: cannot lock %s: %w: put data_dir on a local disk", path, err)
		}
		text, _ := io.ReadAll(io.LimitReader(f, 20))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return nil, fmt.Errorf("%w (process %d): stop it, or give this one another data_dir", ErrRunning, pid)
		}
		return nil, fmt.Errorf("%w: stop it, or give this one another data_dir", ErrRunning)
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		f.Close()
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	return f, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// listenPrivate opens the socket where nobody else can reach it, gives it
// mode 0600 and moves it to its place, so that there is no moment at which
// others could connect. The move replaces what a crash left.
func listenPrivate(dir, path string) (net.Listener, error) {
	private, err := os.MkdirTemp(dir, ".s") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	defer os.RemoveAll(private)
	first := filepath.Join(private, "s")
	if len(first) > maxSocketPath || len(path) > maxSocketPath {
		return nil, fmt.Errorf("data_dir: %s is too long for a socket's address: use a path of at most %d characters", dir, maxSocketPath-len("/.s0123456789/s"))
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: first, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // it would remove the first path; Close removes the right one
	if err := errors.Join(os.Chmod(first, 0o600), os.Rename(first, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// Close closes the socket and gives the data folder free. It may be repeated.
func (d *Door) Close() error {
	if d.lock == nil {
		return nil
	}
	os.Remove(d.path) // before the lock goes: afterwards it may be another's
	err := d.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	err = errors.Join(err, d.lock.Close())
	d.lock = nil
	return err
}

// ListenTCP opens the listeners of listen.http, "http://host:port" and
// "https://host:port". An error names the URL and the cure, and closes what was
// opened.
func ListenTCP(urls []string) ([]Listener, error) {
	var all []Listener
	for _, text := range urls {
		u, err := url.Parse(text)
		if err == nil {
			var l net.Listener
			if l, err = net.Listen("tcp", u.Host); err == nil {
				all = append(all, Listener{Listener: l, TLS: u.Scheme == "https"})
				continue
			}
		}
		for _, l := range all {
			l.Close()
		}
		return nil, fmt.Errorf("listen.http: %s: %w", text, cureOf(err))
	}
	return all, nil
}

// cureOf adds what helps against the usual errors of opening a socket.
func cureOf(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program has the port; stop it (ss -ltnp shows it), or write another", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 need root; write a higher one", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this machine has no such address; write 127.0.0.1 or 0.0.0.0", err)
	}
	return err
}
