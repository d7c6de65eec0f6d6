//go:build peers && linux

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// inOwnNetwork has a test run in a network of its own, which has loopback and what the test adds: in a
// process of its own. false: that process has run it.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv("ALONE") == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v", "-test.outputdir", t.ArtifactDir())
	cmd.Env = append(os.Environ(), "ALONE="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if id := os.Getuid(); id != 0 { // who is nobody in particular may do so in a user namespace
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: id, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in a network of its own: %v", err)
	}
	t.Logf("%s", out)
	return false
}

// ip changes the network.
func (s *site) ip(args string) {
	s.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		s.Fatalf("ip %s: %v %s", args, err, out)
	}
}

// Whoever goes from a cable to the air talks on: the customer hears music until the machine has
// a network, and the page comes back by the new one.
func TestPagesACallOutlivesItsInterface(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	s := deskSite(t, soloTeam+siteFlow)
	s.ip("link set dev lo up")
	for name, far := range map[string]string{"cable": "wall", "air": "mast"} {
		s.ip("link add " + name + " type veth peer name " + far)
		s.ip("link set dev " + far + " up")
	}
	has := func(name, addr string) {
		s.ip("addr add " + addr + "/24 dev " + name)
		s.ip("link set dev " + name + " up")
		s.ip("route add default dev " + name)
	}
	has("cable", "192.0.2.2")
	s.serve()
	ann := s.openPhone(s.browser(chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required")), "ann", annTone)
	ann.sees("Available")
	c := s.caller()
	ann.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	ann.hears(customerTone)
	ann.comes("it goes by the cable", `ear.pc.localDescription.sdp.includes(' 192.0.2.2 ')`)

	s.ip("addr del 192.0.2.2/24 dev cable")
	s.ip("link set dev cable down")
	s.hears("the customer, while there is no network,", c)
	has("air", "198.51.100.2")
	began := time.Now()
	s.must(c.Hears(s.within(step), annTone))
	t.Logf("the customer hears the agent again %v after there is another network", time.Since(began).Round(10*time.Millisecond))
	ann.hears(customerTone)
	ann.comes("it goes by the air", `ear.pc.localDescription.sdp.includes(' 198.51.100.2 ')`)
	ann.press("End")
	wantOffers(t, s.closed(1), "ann accepted")
	s.quietPages(ann.helpDesk)
	s.flawless()
}
