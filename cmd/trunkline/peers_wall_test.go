//go:build peers && linux

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"trunkline/call"
	"trunkline/internal/realpeer"
)

// wallTeams are three teams: nobody is there for support, whose wallboard warns
// soon, ann is for sales, and bob supervises.
const wallTeams = "teams:\n" +
	"  support: {name: Support, agents: [carol], wrap_up: 0s, service_level: 1s, wallboard: {wait: {warn: 1s, alarm: 3s}, waiting: {warn: 1}}}\n" +
	"  sales: {name: Sales, agents: [ann], wrap_up: 0s}\n" +
	"  leads: {name: Leads, agents: [bob], wrap_up: 0s}\n" +
	"flows:\n  main: [{queue: support, unanswered: [{hangup: 486}]}]\n"

// wallSite has the three teams.
func wallSite(t *testing.T) *site {
	t.Helper()
	s := deskSite(t, wallTeams)
	s.edit("bob: {name: Bob Ray, ", "carol: {name: Carol Day, password: carol-password-1}\n  bob: {name: Bob Ray, role: supervisor, ")
	return s
}

// shifts notes what moves by itself in the page.
var shifts = page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.shifts = [];
new PerformanceObserver(l => { for (const e of l.getEntries()) shifts.push(e.value.toFixed(4) + ' ' + e.sources.map(s => s.node?.outerHTML?.slice(0, 120)).join(' | ')); }).observe({ type: 'layout-shift', buffered: true });`}

// still wants that nothing has moved since the page came to rest.
func (d *helpDesk) still(screen string) {
	d.Helper()
	if moved := evaluate[[]string](d, `shifts`); len(moved) > 0 {
		d.Errorf("%s: got movement %s, want none", screen, strings.Join(moved, "\n"))
	}
}

// tile wants a text in a team's tile.
func (d *helpDesk) tile(team, text string) {
	d.Helper()
	d.comes(team+"'s tile says "+text, `document.querySelector('section.tile[aria-label="`+team+`"]')?.innerText.replace(/\s+/g, ' ').includes("`+text+`")`)
}

// What a supervisor orders from the wallboard, of real callers: one is taken,
// one assigned, one finds the queue closed; agents are set away and back. All
// of it is kept, with who ordered it.
func TestPagesASupervisorOrdersFromTheWallboard(t *testing.T) {
	t.Parallel()
	s := wallSite(t)
	s.serve()
	b := s.webBrowser()
	sue := s.open(b, "sue", shifts) // watches; presses nothing
	sue.do(chromedp.Navigate("http://" + s.http + "/#/wall"))
	sue.tile("Support", "Waiting 0 Longest wait – Within 0:01 –")
	sue.tile("Support", "Available 0 Busy 0 Wrap-up 0 Away 0 Off duty 0 No phone 1")
	ann, bob := s.openPhone(b, "ann", annTone), s.openPhone(b, "bob", bobTone)
	bob.press("Wallboard")
	bob.sees("Nobody waits.")
	sue.tile("Sales", "Available 1")
	sue.tile("Leads", "Available 1")
	evaluate[bool](sue, `shifts.length = 0, true`)

	ear := s.ear(customerTone)
	first := s.sipp(realpeer.SippConfig{Ear: ear})
	sue.tile("Support", "Waiting 1 Warning")
	sue.tile("Support", "Alarm")
	bob.clean("wall-waiting")
	bob.narrow(func() { bob.clean("wall-waiting-360") })
	bob.press("Take it: +1 415 555 0123")
	bob.sees("Incoming call")
	bob.press("Answer")
	s.customerHears(ear, bobTone)
	sue.tile("Support", "Waiting 0 Longest wait – Within 0:01 0% Alarm") // it took more than a second
	sue.tile("Support", "Answered 1")
	sue.tile("Leads", "Busy 1")
	bob.press("End")
	s.over(first)
	ear.Close()

	ear = s.ear(customerTone)
	second := s.sipp(realpeer.SippConfig{Ear: ear})
	bob.press("Assign: +1 415 555 0123")
	bob.sees("Who takes the call of +1 415 555 0123?")
	bob.clean("wall-assign")
	bob.narrow(func() { bob.clean("wall-assign-360") })
	bob.keys("Escape")
	bob.press("Assign: +1 415 555 0123")
	bob.press("Assign to Ann Lee")
	bob.sees("It is Ann Lee's.")
	ann.sees("Incoming call")
	ann.press("Answer")
	s.customerHears(ear, annTone)
	sue.tile("Support", "Answered 2")
	ann.press("End")
	s.over(second)
	ear.Close()

	bob.press("Close the queue: Support")
	bob.sees("Close the queue of Support?")
	bob.clean("wall-close")
	bob.press("Keep")
	bob.press("Close the queue: Support")
	bob.press("Close the queue")
	sue.tile("Support", "Closed")
	s.over(s.sipp(realpeer.SippConfig{Expect: 486, Ear: s.ear(customerTone)}))
	bob.press("Open the queue: Support")
	bob.comes("the queue is open", `document.querySelector('[aria-label="Close the queue: Support"]')`)

	bob.press("Set away: Ann Lee")
	bob.sees("Set Ann Lee away?")
	bob.clean("wall-away")
	bob.do(chromedp.SendKeys("dialog input", "Training\r"))
	ann.sees("Away, Training")
	sue.tile("Sales", "Away 1")
	bob.press("Set active: Ann Lee")
	ann.sees("Available")

	// An agent has no wallboard, and is refused in words.
	if there := evaluate[bool](ann.helpDesk, `[...document.querySelectorAll('nav a')].some(a => a.innerText.includes('Wallboard'))`); there {
		t.Error("the agent's page: got a wallboard, want none")
	}
	for path, body := range map[string]string{"/v1/teams/sales/close": "", "/v1/calls/X/assign": `{"agent": "ann"}`, "/v1/agents/bob/status": `{"active": false}`} {
		got := evaluate[string](ann.helpDesk, `fetch("`+path+`", { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '`+body+`' }).then(async r => r.status + ' ' + (await r.json()).detail)`)
		if !strings.HasPrefix(got, "403 ") || !strings.Contains(got, "this needs") {
			t.Errorf("POST %s as an agent: got %s, want 403 and why", path, got)
		}
	}
	sue.still("the wallboard")
	s.quietPages(ann.helpDesk, bob.helpDesk, sue)
	s.kill()
	said := map[call.FactKind]int{}
	for _, f := range s.facts() {
		if f.Reason == "by bob" {
			said[f.Kind]++
		}
	}
	for kind, want := range map[call.FactKind]int{call.FactAssigned: 2, call.FactQueueClosed: 1, call.FactQueueOpened: 1, call.FactAgentOrdered: 2} {
		if said[kind] != want {
			t.Errorf("facts %s by bob: got %d, want %d", kind, said[kind], want)
		}
	}
}

// An administrator makes an address for a screen; it shows figures and nothing
// of the caller, also on a wall of 1920 × 1080; it says when the switch is away,
// and ends when it is withdrawn.
func TestPagesAScreenOnTheWallShowsFiguresAlone(t *testing.T) {
	t.Parallel()
	s := wallSite(t)
	s.serve()
	b := s.browser()
	root := s.open(b, "root")
	root.do(chromedp.Navigate("http://" + s.http + "/#/wall"))
	root.press("Screens…")
	root.do(chromedp.SendKeys("dialog input", "The hall\r"))
	root.sees("It is shown this once.")
	root.clean("wall-address")
	root.narrow(func() { root.clean("wall-address-360") })
	address := evaluate[string](root, `document.querySelector('dialog input[readonly]').value`)
	hall := s.tab(b, address, shifts)
	hall.do(chromedp.EmulateViewport(1920, 1080))
	hall.tile("Support", "Waiting 0")
	s.lasts(1500 * time.Millisecond) // the first answers have settled
	evaluate[bool](hall, `shifts.length = 0, true`)
	caller := s.sipp(realpeer.SippConfig{Ear: s.ear(customerTone)})
	hall.tile("Support", "Waiting 1 Warning")
	hall.tile("Support", "Alarm")
	hall.clean("screen")
	if low := evaluate[int](hall, `document.documentElement.scrollHeight - innerHeight`); low > 0 {
		t.Errorf("the screen of 1080 lines: got %d px below its edge, want all of it to be seen", low)
	}
	hall.still("the screen")
	hall.narrow(func() { hall.clean("screen-360") })
	hall.do(chromedp.EmulateViewport(1920, 1080))
	for what, text := range map[string]string{
		"the screen":   evaluate[string](hall, `document.documentElement.outerHTML`),
		"what it asks": evaluate[string](hall, `fetch('/v1/wall', { headers: { Authorization: 'Bearer ' + location.hash.slice(1) } }).then(r => r.text())`),
	} {
		for _, secret := range []string{"0123", "Carol", "Ann", s.live().ID} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: got %q in it, want figures alone: %s", what, secret, text)
			}
		}
	}
	for _, path := range []string{"/v1/calls", "/v1/status", "/v1/agents", "/v1/records", "/v1/teams", "/v1/facts", "/v1/tokens"} {
		if got := evaluate[int](hall, `fetch('`+path+`', { headers: { Authorization: 'Bearer ' + location.hash.slice(1) } }).then(r => r.status)`); got != 403 {
			t.Errorf("%s as the screen: got %d, want 403", path, got)
		}
	}
	caller.Stop()
	s.kill()
	hall.sees("The switch does not answer. These are the figures of")
	hall.clean("screen-lost")
	s.serve()
	hall.comes("the screen goes on", `!document.body.innerText.includes('does not answer')`)
	root.sees("The hall")
	root.press("Withdraw: The hall")
	root.press("Withdraw")
	hall.sees("This address was withdrawn")
	said := s.ask("token", "new", "kitchen", "--scope", "wall") // an operator makes one, too
	kitchen := s.tab(b, "http://"+s.http+"/wall.html#"+regexp.MustCompile(`tl_\S+`).FindString(said))
	kitchen.tile("Support", "Waiting 0")
	if n := evaluate[int](hall, `document.querySelectorAll('.tile').length`); n != 0 {
		t.Errorf("the screen: got %d tiles, want none", n)
	}
	evaluate[bool](hall, `location.hash = '`+strings.SplitN(evaluate[string](kitchen, `location.href`), "#", 2)[1]+`', true`) // typed into the same tab
	hall.tile("Support", "Waiting 0")
	s.quietPages(root, hall, kitchen)
}

// All teams fit a wall of 1920 × 1080, three, eight or twelve of them, and long
// waits fit their tiles.
func TestPagesAWallOfManyTeamsFitsItsScreen(t *testing.T) {
	t.Parallel()
	teams := func(n int) string {
		text := "teams:\n"
		for i := range n {
			text += fmt.Sprintf("  team%02d: {name: \"Customer care, line %d\", agents: [ann], wrap_up: 0s}\n", i, i+1)
		}
		return text
	}
	s := deskSite(t, teams(3)+"flows:\n  main: [{queue: team00}]\n")
	s.serve()
	token := regexp.MustCompile(`tl_\S+`).FindString(s.ask("token", "new", "hall", "--scope", "wall"))
	hall := s.tab(s.browser(), "http://"+s.http+"/wall.html#"+token)
	hall.do(chromedp.EmulateViewport(1920, 1080))
	for _, n := range []int{3, 8, 12} {
		if n > 3 {
			s.write("trunkline.yaml", regexp.MustCompile(`(?s)teams:\n.*flows:`).ReplaceAllString(string(s.text()), teams(n)+"flows:"))
			if _, err := s.client().Reload(s.within(step)); err != nil {
				t.Fatal(err)
			}
		}
		hall.comes(fmt.Sprintf("%d teams", n), fmt.Sprintf(`document.querySelectorAll('.tile').length === %d`, n))
		// Widths of what a busy day shows, in the place of what is there.
		if wide := evaluate[[]string](hall, `[...document.querySelectorAll('.figure')].flatMap((f, i) => { const dd = f.querySelector('.big'), was = dd.textContent; dd.textContent = ['123', '59:59', '100%'][i % 3]; const over = dd.scrollWidth - dd.clientWidth; const got = dd.textContent; dd.textContent = was; return over > 0 ? [got + ' by ' + over] : []; })`); len(wide) > 0 {
			t.Errorf("%d teams: got figures wider than their place: %v", n, wide)
		}
		hall.clean(fmt.Sprintf("screen-of-%d", n))
		if low := evaluate[int](hall, `document.documentElement.scrollHeight - innerHeight`); low > 0 {
			t.Errorf("%d teams: got %d px below the screen's edge, want all of them to be seen", n, low)
		}
	}
	s.quietPages(hall)
}

// A supervisor orders by keyboard alone; a caller who goes while the supervisor
// chooses is said to have gone.
func TestPagesTheWallboardByKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := wallSite(t)
	s.serve()
	s.deskPhone("bob", bobTone)
	s.deskPhone("ann", annTone)
	bob := s.open(s.browser(), "bob")
	bob.do(chromedp.Navigate("http://" + s.http + "/#/wall"))
	gone := s.caller()
	s.must(gone.WaitAnswered(s.within(step)))
	bob.sees("+1 415 555 0123")
	bob.reach("Assign: +1 415 555 0123")
	bob.keys("Enter")
	bob.sees("Who takes the call of +1 415 555 0123?")
	s.must(gone.Hangup(s.within(step)))
	bob.sees("+1 415 555 0123 waits no longer.")
	bob.comes("the dialog has closed", `!document.querySelector('dialog')`)
	bob.tile("Support", "Abandoned 1")

	taken := s.caller()
	s.must(taken.WaitAnswered(s.within(step)))
	bob.sees("+1 415 555 0123")
	bob.reach("Take it: +1 415 555 0123")
	bob.keys("Enter")
	bob.sees("Incoming call")
	bob.keys("A")
	s.must(taken.Hears(s.within(step), bobTone))
	bob.keys("E")
	_, err := taken.WaitEnded(s.within(step))
	s.must(err)

	bob.sees("Nobody waits.")
	moved := s.caller()
	s.must(moved.WaitAnswered(s.within(step)))
	bob.sees("+1 415 555 0123")
	bob.reach("Assign: +1 415 555 0123")
	bob.keys("Enter")
	bob.reach("Move to Sales")
	bob.keys("Enter")
	bob.sees("It waits for Sales.")
	bob.tile("Sales", "Busy 1") // ann is rung
	s.must(moved.Hangup(s.within(step)))

	bob.reach("Close the queue: Support")
	bob.keys("Enter")
	bob.reach("Close the queue")
	bob.keys("Enter")
	bob.tile("Support", "Closed")
	bob.reach("Open the queue: Support")
	bob.keys("Enter")
	bob.comes("the queue is open", `document.querySelector('[aria-label="Close the queue: Support"]')`)
	bob.reach("Set away: Ann Lee")
	bob.keys("Enter")
	bob.reach("Set away")
	bob.keys("Enter")
	bob.sees("Away, set by a supervisor")
	bob.reach("Set active: Ann Lee")
	bob.keys("Enter")
	bob.tile("Sales", "Available 1")
	s.quietPages(bob)
}
