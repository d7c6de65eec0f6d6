package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What serve refuses, it refuses before anything runs, naming the place and
// the cure; check says the same.
func TestBinaryServeNamesFileLineAndCure(t *testing.T) {
	t.Parallel()
	busy, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	wav := strings.Repeat("no sound ", 100)
	for name, c := range map[string]struct {
		yaml  string // in place of the site's; %s: a line of it that is right
		code  int
		says  []string
		check bool // check finds it too
	}{
		"a key that is none":    {"", exitUsage, []string{":3:1: ", "did you mean domain?"}, true},
		"no such team":          {"", exitUsage, []string{":18:18: ", `"suport"`, "did you mean support?"}, true},
		"a name twice":          {"", exitUsage, []string{":15:3: ", "agents.bob", "line 13"}, true},
		"a short range":         {"", exitUsage, []string{":7:", "media.ports", "20000-200"}, true},
		"a prompt not there":    {"", exitUsage, []string{":18:17: ", "nowhere.wav", "check the path"}, true},
		"a prompt that is none": {"", exitUsage, []string{":18:17: ", "noise.wav", "make it a WAV file"}, true},
		"a short password":      {"", exitUsage, []string{":14:34: ", "agents.bob.password", "12 or more"}, true},
		"no such country":       {"", exitUsage, []string{":5:10: ", "country"}, true},
		"a busy port":           {busy.LocalAddr().String(), exitUsage, []string{":5:16: ", busy.LocalAddr().String(), "another program"}, true},
		"an address not ours":   {"", exitUsage, []string{":5:16: ", "192.0.2.1:5060", "does not have the address"}, true},
		"data_dir is a file":    {"", exitUsage, []string{":3:11: ", "data_dir", "taken"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteTeam+siteFlow)
			s.write("noise.wav", wav)
			s.write("taken", "a file\n")
			s.change(name, c.yaml)
			out, code := s.command("serve", "-c", s.file)
			if code != c.code {
				t.Errorf("serve: got exit code %d, want %d", code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("serve: got no %q in\n%s", want, out)
				}
			}
			if c.code == exitUsage && !strings.Contains(out, s.file+c.says[0][:1]) {
				t.Errorf("serve: got no file name in\n%s", out)
			}
			if !c.check {
				return
			}
			checked, code := s.command("check", "-c", s.file)
			if code != c.code || checked != out {
				t.Errorf("check: got exit code %d and\n%s\nwant %d and what serve said\n%s", code, checked, c.code, out)
			}
		})
	}
}

// change makes the site's configuration wrong in the way of that name.
func (s *site) change(how, with string) {
	s.Helper()
	text, err := os.ReadFile(s.file)
	if err != nil {
		s.Fatal(err)
	}
	change := map[string][2]string{
		"a key that is none":    {"domain: pbx", "# the first line\ndomian: pbx"},
		"no such team":          {"queue: support", "queue: suport"},
		"a name twice":          {"agents:\n", "agents:\n  bob: {phones: [\"sip:bob@127.0.0.9\"]}\n"},
		"a short range":         {"20000-20399", "20000-20002"},
		"a prompt not there":    {"{queue: support}", "{play: nowhere.wav}, {queue: support}"},
		"a prompt that is none": {"{queue: support}", "{play: noise.wav}, {queue: support}"},
		"a short password":      {"bob-password-1", "bob"},
		"no such country":       {"country: US", "timezone: UTC\ncountry: USA"},
		"a busy port":           {"udp://" + s.sip.String(), "udp://" + with},
		"an address not ours":   {"udp://" + s.sip.String(), "udp://192.0.2.1:5060"},
		"data_dir is a file":    {"data_dir: data", "data_dir: taken"},
	}[how]
	if strings.Count(string(text), change[0]) != 1 {
		s.Fatalf("%s: got %d of %q in the configuration, want 1", how, strings.Count(string(text), change[0]), change[0])
	}
	s.write("trunkline.yaml", "# a switch\n"+strings.Replace(string(text), change[0], change[1], 1))
}

func TestBinaryMissingConfigurationIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	for _, command := range []string{"serve", "check"} {
		out, code := s.command(command, "-c", "nowhere.yaml")
		if code != exitUsage || !strings.Contains(out, "nowhere.yaml") || !strings.Contains(out, "check the path") {
			t.Errorf("%s: got exit code %d and %q, want 2, the name and the cure", command, code, out)
		}
	}
	if out, code := s.command("status", "--data-dir", s.dir); code != exitNotRunning || !strings.Contains(out, "trunkline serve") {
		t.Errorf("status: got exit code %d and %q, want 3 and the cure", code, out)
	}
}

func TestBinarySecondSwitchOnOneFolderIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	out, code := s.command("serve", "-c", s.file)
	if want := fmt.Sprintf("process %d", s.child.cmd.Process.Pid); code != exitFailed || !strings.Contains(out, want) {
		t.Errorf("the second: got exit code %d and %q, want 1 and %q", code, out, want)
	}
	if s.status().Draining {
		t.Error("the first is disturbed: got draining, want serving")
	}
	if out, code := s.command("check", "-c", s.file); code != exitOK {
		t.Errorf("check beside the running switch: got exit code %d, want 0\n%s", code, out)
	}
}

// What others of the machine can reach: a socket that is ours alone, /healthz,
// and the Help Desk's page, which asks who is there.
func TestBinaryOrdersAreOnlyGivenOverThePrivateSocket(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	for name, want := range map[string]os.FileMode{"": 0o700, "control.sock": 0o600, "hot.db": 0o600, "recordings": 0o700} {
		info, err := os.Stat(filepath.Join(s.dir, "data", name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("data/%s: got %v, %v, want mode %v", name, info.Mode().Perm(), err, want)
		}
	}
	for path, want := range map[string]string{"/healthz": "200", "/status": "404", "/calls": "404", "/reload": "404", "/": "200", "/debug/pprof/": "404"} {
		if got := s.httpStatus("GET", path); got != want {
			t.Errorf("GET %s over TCP: got %s, want %s", path, got, want)
		}
		if got := s.httpStatus("POST", path); got == "200" {
			t.Errorf("POST %s over TCP: got 200, want a refusal", path)
		}
	}
}

// httpStatus asks over TCP.
func (s *site) httpStatus(method, path string) string {
	s.Helper()
	conn, err := net.Dial("tcp", s.http)
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method, path)
	answer := make([]byte, 12)
	if _, err := conn.Read(answer); err != nil {
		s.Fatal(err)
	}
	_, status, _ := strings.Cut(string(answer), " ")
	return status
}
