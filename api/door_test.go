package api

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestTheDoorIsForItsOwnerAlone(t *testing.T) {
	dir := folder(t)
	door, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, Socket): 0o600, filepath.Join(dir, lockName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s: got %o, want %o", path, got, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder: got %v, %v, want the socket and the lock alone", entries, err)
	}
}

func TestAFolderThatWasOpenIsClosed(t *testing.T) {
	dir := folder(t)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	door, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode: got %v, %v, want 0700", info.Mode(), err)
	}
}

func TestASecondInstanceIsRefusedByName(t *testing.T) {
	dir := folder(t)
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir)
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second: got %v, want ErrRunning with the process's number", err)
	}
	if _, err := net.Dial("unix", filepath.Join(dir, Socket)); err != nil {
		t.Errorf("the first's socket after the second's try: got %v, want it to answer", err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Errorf("Close twice: got %v, want nil", err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatalf("after Close: got %v, want the door", err)
	}
	again.Close()
}

// A crash leaves the socket's file; nobody listens there.
func TestAStaleSocketIsReplaced(t *testing.T) {
	dir := folder(t)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, Socket), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	if err := os.WriteFile(filepath.Join(dir, lockName), []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(dir).Version(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("asking there: got %v, want ErrNotRunning", err)
	}
	door, err := Open(dir)
	if err != nil {
		t.Fatalf("Open: got %v, want the stale socket replaced", err)
	}
	defer door.Close()
	c, err := net.Dial("unix", filepath.Join(dir, Socket))
	if err != nil {
		t.Fatalf("the new socket: %v", err)
	}
	c.Close()
}

func TestAPathTooLongForASocketIsSaid(t *testing.T) {
	dir := filepath.Join(folder(t), strings.Repeat("x", 100))
	_, err := Open(dir)
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("Open: got %v, want that the path is too long", err)
	}
	if _, err := Open(dir); errors.Is(err, ErrRunning) {
		t.Errorf("the second try: got %v, want the lock given back", err)
	}
}

func TestAFolderThatCannotBeMadeIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "data")); err == nil || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("Open below a file: got %v, want an error about data_dir", err)
	}
}

func TestABusyPortIsNamedWithItsCure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := "http://" + l.Addr().String()
	got, err := ListenTCP([]string{"http://127.0.0.1:0", busy})
	if err == nil || got != nil || !strings.Contains(err.Error(), busy) || !strings.Contains(err.Error(), "another program") {
		t.Errorf("ListenTCP: got %v, %v, want the URL and what to do", got, err)
	}
	if _, err := ListenTCP([]string{"http://192.0.2.1:80"}); err == nil || !strings.Contains(err.Error(), "no such address") {
		t.Errorf("an address of others: got %v, want that this machine has none such", err)
	}
}
