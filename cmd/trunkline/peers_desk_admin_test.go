//go:build peers && linux

package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestPagesAnAdministratorLooksAfterTheSwitch(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	s.deskPhone("ann", annTone)
	call := s.caller()
	s.must(call.WaitAnswered(s.within(step)))
	s.must(call.Hangup(s.within(step)))
	id := s.closed(1).ID
	root := s.open(s.browser(), "root")
	root.do(chromedp.Navigate("http://" + s.http + "/#/house"))
	root.sees("The file is what runs.")
	root.sees("They are kept for")

	s.edit("wrap_up: 45s", "wrap_up: 30s")
	root.press("Look at the file")
	root.sees("teams.support.wrap_up: 45s → 30s")
	root.press("Reload…")
	root.sees("Calls in progress are not touched.")
	root.clean("reload-asked")
	root.press("Reload")
	root.sees("Reloaded: 1 change is in force.")
	root.sees("The file is what runs.")
	s.edit("wrap_up: 30s", "wrap_up: soon")
	root.press("Look at the file")
	root.sees("trunkline.yaml:")
	root.sees("teams.support.wrap_up")
	root.clean("house-problem")
	root.narrow(func() { root.clean("house-problem-360") })

	root.press("Try it: acme")
	root.press("Try without a call")
	root.comes("the end", `/steps failed|In order/.test(document.body.innerText)`)
	root.clean("trunk-tried")
	root.keys("Escape")

	root.do(chromedp.Navigate("http://" + s.http + "/#/house/ladder/" + string(id)))
	root.comes("arrows", `document.querySelectorAll('.ladder .message').length > 3`)
	root.sees("200 OK (INVITE)")
	if wide := evaluate[float64](root, `document.querySelector('.ladder').getBoundingClientRect().width`); wide < 300 {
		t.Errorf("the drawing: got %.0f px, want it to be readable", wide)
	}
	root.clean("ladder")
	root.narrow(func() { root.clean("ladder-360") })
	if size := evaluate[int](root, `fetch(document.querySelector('a[download]').href).then(r => r.arrayBuffer()).then(b => new DataView(b).getUint32(0, true) === 0xa1b2c3d4 || new DataView(b).getUint32(0, true) === 0xa1b23c4d ? b.byteLength : 0)`); size < 500 {
		t.Errorf("the pcap: got %d bytes, want the messages", size)
	}
	if got := root.reports(); len(got) > 0 {
		t.Errorf("the page: got %v, want no report", got)
	}
}
