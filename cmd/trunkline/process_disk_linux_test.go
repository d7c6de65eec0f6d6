package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"trunkline/internal/simphone"
	"trunkline/recorder"
)

// limitFiles bounds the size of every file that the switch writes; beyond it
// a write fails, as on a full disk.
func (s *site) limitFiles(size uint64) {
	s.Helper()
	limit := syscall.Rlimit{Cur: size, Max: ^uint64(0)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(s.child.cmd.Process.Pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		s.Fatal(errno)
	}
}

func TestBinaryFullDiskEndsTheRecordingAndNotTheCall(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(carrier, ann, annTone)
	path := s.card().Recordings[0].Path
	var size uint64
	s.eventually("a second of the recording is on disk", func() bool {
		info, err := os.Stat(path)
		if err == nil {
			size = uint64(info.Size())
		}
		return size > 44+32000
	})
	size += 16_000 // room for half a second
	s.limitFiles(size)
	s.logged("a recording ended early")
	sound, err := c.Listen(s.Context(), time.Second)
	if err != nil || !sound.Has(annTone) || sound.LongestSilence() > pause {
		t.Errorf("the call after its recording: got %v, %v, want ann's tone without a pause", sound, err)
	}
	a.MustHear(t, customerTone)
	s.limitFiles(^uint64(0)) // space again
	c.MustBye(t)
	card := s.sealed()
	if card.Recordings[0].Note == "" {
		t.Error("the card: got no note on the recording, want why it ended early")
	}
	side, err := recorder.ReadSidecar(path)
	if err != nil || !side.Sealed || len(side.Marks) == 0 || side.Marks[len(side.Marks)-1].Kind != recorder.MarkCut {
		t.Errorf("sidecar: got %+v, %v, want sealed, and cut", side, err)
	}
	kept := readWAV(t, path)
	if most := time.Duration(size) * time.Second / 32000; kept.length() < time.Second || kept.length() > most {
		t.Errorf("recording: got %v, want what fitted in, at most %v", kept.length(), most)
	}
	kept.wantTones(t, annTone)
	if got := s.ask("agent", "bob", "away"); !strings.Contains(got, "away") {
		t.Errorf("an order after the disk has space again: got %q", got)
	}

}
