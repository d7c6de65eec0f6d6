//go:build peers && linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sipvicious runs one of its programs from a host of the site's network against
// the switch, in bounded time, and returns what it said.
func (s *site) sipvicious(program string, host byte, args ...string) string {
	s.Helper()
	ip := s.host(host).String()
	ctx := s.within(40 * time.Second)
	args = append([]string{"-b", ip, "-x", ip, "-P", strconv.Itoa(int(s.freePort("udp"))), "-p", strconv.Itoa(int(s.sip.Port()))}, args...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir)
	out, err := cmd.CombinedOutput()
	s.Logf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	return string(out)
}

// The tool that every switch on the internet meets within the hour finds
// nothing: no server, no extension, no password.
func TestPeersSipviciousFindsNoExtensionAndNoPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	names, passwords := filepath.Join(s.dir, "names"), filepath.Join(s.dir, "passwords")
	s.must(os.WriteFile(names, []byte("100\n101\nann\nzoe\nbob\nadmin\n"), 0o600))
	s.must(os.WriteFile(passwords, []byte(strings.Repeat("wrong\n", 60)+"ann-password-1\n"), 0o600))
	target := s.host(1).String()

	if out := s.sipvicious("svmap", 20, target); strings.Contains(out, s.sip.String()) {
		t.Errorf("svmap found the switch:\n%s", out)
	}
	for i, method := range []string{"REGISTER", "INVITE", "OPTIONS"} {
		out := s.sipvicious("svwar", byte(21+i), "--force", "-m", method, "-d", names, "--maximumtime", "5", target)
		for _, name := range []string{"ann", "bob", "100"} {
			for _, line := range strings.Split(out, "\n") {
				if strings.Contains(line, "| "+name+" ") {
					t.Errorf("svwar -m %s found %s: %s", method, name, line)
				}
			}
		}
	}
	if out := s.sipvicious("svcrack", 30, "-u", "ann", "-d", passwords, "--maximumtime", "5", target); strings.Contains(out, "ann-password-1") {
		t.Errorf("svcrack found the password:\n%s", out)
	}
	for _, b := range s.status().Bans {
		if b.Rule == "failures" { // it sends from 127.0.0.1, whatever it is told
			return
		}
	}
	t.Errorf("bans: got %+v, want the guesser's", s.status().Bans)
}
