//go:build peers && linux

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/store"
)

// filter sets a field above the list of calls.
func (d *helpDesk) filter(label, text string) {
	d.Helper()
	d.comes(label, fmt.Sprintf(`(() => { const l = [...document.querySelectorAll('.filters label')].find(l => l.firstChild.data === %q), i = l?.querySelector('input, select'); if (!i) return false;
		i.value = %q; i.dispatchEvent(new Event(i.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true })); return true; })()`, label, text))
}

// listed waits until so many calls are in the list.
func (d *helpDesk) listed(n int) {
	d.Helper()
	d.comes(fmt.Sprintf("%d calls", n), fmt.Sprintf(`document.querySelectorAll('main a.item').length === %d`, n))
}

// past puts closed calls into the journal of a switch that does not run, in order.
func (s *site) past(callers ...desk.Number) {
	s.Helper()
	st, err := store.Open(filepath.Join(s.dir, "data"), store.Options{})
	s.must(err)
	at := time.Now().Add(-time.Hour)
	const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // of a ULID: ten digits of the time, sixteen of our own
	when := strings.Map(func(r rune) rune { return rune(crockford[strings.IndexRune("0123456789abcdefghijklmnopqrstuv", r)]) }, fmt.Sprintf("%010s", strconv.FormatInt(at.UnixMilli(), 32)))
	for i, caller := range callers {
		st.Append(call.Closed{Record: call.Record{
			ID: call.ID(fmt.Sprintf("%s%016d", when, i)), Direction: call.Inbound, Caller: caller, Dialled: ourNumber, Initiated: at, Ended: at.Add(time.Second),
			Ending: call.Ending{By: call.ByCaller}, Segments: []call.Segment{{Kind: call.SegmentFlow, From: at, To: at.Add(time.Second)}},
		}})
	}
	s.must(st.Close())
}

// Older calls that come late, when somebody has typed on, are not put below what was found since; and what one person looked
// for is not there for the next who signs in.
func TestPagesOlderCallsBelongToTheirList(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	callers := []desk.Number{"+442079460000"}
	for range 59 {
		callers = append(callers, customer)
	}
	s.past(callers...)
	s.serve()
	sue := s.open(s.browser(), "sue")
	sue.listed(50)
	evaluate[bool](sue, `window.late = 0, window.plain = fetch, window.fetch = async (at, ...how) => {
		if (!String(at).includes('before=')) return plain(at, ...how);
		await new Promise(r => { window.release = r; });
		try { return await plain(at, ...how); } finally { setTimeout(() => late++, 100); } }, true`)
	sue.press("Older calls")
	sue.comes("it is asked for", `window.release`)
	sue.filter("Search", "020 7946 0000")
	sue.listed(1)
	evaluate[bool](sue, `release(), true`)
	sue.comes("it is answered", `late === 1`)
	sue.listed(1)
	sue.press("Clear")
	sue.listed(50)
	evaluate[bool](sue, `window.fetch = plain, true`)
	sue.press("Older calls")
	sue.listed(60)

	sue.filter("Search", "020 7946 0000")
	sue.listed(1)
	sue.press("Your account")
	sue.press("Sign out")
	sue.comes("the form", `document.querySelector('input[name=account]') !== null`)
	sue.do(chromedp.SendKeys("input[name=account]", "root"), chromedp.SendKeys("input[name=password]", deskPassword+"\r"))
	sue.listed(50)
	if got := evaluate[string](sue, `document.querySelector('.filters input').value`); got != "" {
		t.Errorf("the next one's search: got %q, want none", got)
	}
	s.quietPages(sue)
}
