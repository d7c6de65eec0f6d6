package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"trunkline/config"
)

// BenchmarkFlows reads and checks a file of 200 flows, each with menus, hours and queues, as check, serve and a reload do,
// and maps it for the switchboard, as serve and a reload do too; the runtime is set as in the switch. first-ms is the
// process's first time, which decodes the shipped prompts; the bar holds for the mean of all later ones.
func BenchmarkFlows(b *testing.B) {
	const bar = 100 * time.Millisecond
	file := flowsFile(b, 200)
	load := func() {
		c, err := config.Read(file, checks())
		if err != nil {
			b.Fatal(err)
		}
		s, err := setup(c, nil)
		if err != nil {
			b.Fatal(err)
		}
		if len(c.Warnings) > 0 || len(s.Flows) != 200 {
			b.Fatalf("got %d flows and warnings %v, want 200 and none", len(s.Flows), c.Warnings)
		}
	}
	procs, percent := runtime.GOMAXPROCS(0), debug.SetGCPercent(100)
	defer func() { runtime.GOMAXPROCS(procs); debug.SetGCPercent(percent) }()
	tune()
	began := time.Now()
	load()
	first := time.Since(began)
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if _, err := config.Read(file, checks()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check and load", func(b *testing.B) {
		for b.Loop() {
			load()
		}
		b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
		if mean := b.Elapsed() / time.Duration(b.N); mean > bar {
			b.Errorf("200 flows: got %v, want at most %v", mean, bar)
		}
	})
}

// flowsFile writes a configuration of so many flows, and gives its name.
func flowsFile(b *testing.B, flows int) string {
	b.Helper()
	dir := b.TempDir()
	sound, err := os.ReadFile("../../media/sounds/en/still-waiting.wav")
	if err != nil {
		b.Fatal(err)
	}
	var y strings.Builder
	y.WriteString("country: US\ntrunks:\n  acme: {host: sip.acme.example}\nhours:\n")
	for i := range 10 {
		fmt.Fprintf(&y, "  h%d: {timezone: Europe/Berlin, week: {mon-fri: [09:00-12:00, 13:00-1%d:30], \"sat, sun\": 10:00-12:00}, holidays: [12-24..12-26, 2027-01-01]}\n", i, i%3+6)
	}
	y.WriteString("agents:\n")
	for i := range 50 {
		fmt.Fprintf(&y, "  a%d: {password: \"correct horse battery\", extension: \"1%02d\", skills: {spanish: %d}}\n", i, i, i%5+1)
	}
	y.WriteString("teams:\n")
	for i := range 50 {
		fmt.Fprintf(&y, "  t%d: {agents: [a%d, a%d]}\n", i, i, (i+1)%50)
	}
	y.WriteString("numbers:\n")
	for i := range flows {
		fmt.Fprintf(&y, "  \"+1415555%04d\": {flow: f%d}\n", 100+i, i)
	}
	y.WriteString("flows:\n")
	for i := range flows {
		own := fmt.Sprintf("greeting%d.wav", i%20)
		if i < 20 {
			if err := os.WriteFile(filepath.Join(dir, own), sound, 0o600); err != nil {
				b.Fatal(err)
			}
		}
		fmt.Fprintf(&y, flowText, i, own, i%10, (i+1)%flows, i%50, i%50, (i+7)%50)
	}
	file := filepath.Join(dir, "trunkline.yaml")
	if err := os.WriteFile(file, []byte(y.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

const flowText = `  f%d:
    - play: [welcome, %s]
    - match: caller
      cases:
        "+49, +43": [{set: {language: es}}]
        anonymous: [{hangup: 480}]
    - hours: h%d
      closed:
        - menu: [still-waiting, {time: "{now}"}]
          choices: {"0": f%d, "9": repeat}
          otherwise: [{play: goodbye}, {hangup: 480}]
    - menu: [welcome, {number: 42}]
      choices:
        "1": {name: Sales, to: [{queue: t%d, max_wait: 2m, unanswered: [{forward: "+14155550199", trunks: [acme]}, {hangup: 480}]}]}
        "2": [{set: {topic: billing}}]
        "*": repeat
      timeout: 4s
      invalid: [invalid-choice]
      otherwise: [{set: {topic: none}}]
    - queue: t%d
      priority: 5
      skills: {spanish: 3}
      relax: [{after: 1m, skills: {spanish: 1}}]
      overflow: [{after: 90s, teams: [t%d]}]
      sticky: {wait: 30s, within: 7d}
      announce: {position: true, wait: true, prompts: [still-waiting], first: 10s, every: 1m}
      exit: {"1": [{play: goodbye}, {hangup: 480}]}
      max_wait: 10m
      unanswered: [{play: goodbye}, {hangup: 480}]
`
