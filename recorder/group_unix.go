//go:build unix

package recorder

import (
	"os/exec"
	"syscall"
)

// inGroup makes a program the head of a process group, so that it is killed
// with all that it started.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
