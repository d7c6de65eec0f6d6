package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/api"
)

// step is how long one step between real programs may take on a busy machine.
const step = 20 * time.Second

// edit changes one place of the site's configuration.
func (s *site) edit(old, now string) {
	s.Helper()
	text, err := os.ReadFile(s.file)
	if err != nil {
		s.Fatal(err)
	}
	if n := strings.Count(string(text), old); n != 1 {
		s.Fatalf("%q in the configuration: got %d, want 1", old, n)
	}
	s.write(filepath.Base(s.file), strings.Replace(string(text), old, now, 1))
}

// must ends the test on an error.
func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// deskPassword is the password of every person of these tests.
const deskPassword = "correct horse battery staple"

// deskSite is a house whose people sign in at the Help Desk.
func deskSite(t *testing.T, more string) *site {
	t.Helper()
	hash, err := api.HashPassword(deskPassword)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, "users:\n  sue: {name: Sue Park, role: supervisor, login: \""+hash+"\"}\n  root: {role: admin, login: \""+hash+"\"}\n"+more)
	s.edit("ann: {name: Ann Lee, password: ann-password-1}", "ann: {name: Ann Lee, password: ann-password-1, extension: \"101\", login: \""+hash+"\"}")
	s.edit("bob: {name: Bob Ray, password: bob-password-1}", "bob: {name: Bob Ray, password: bob-password-1, login: \""+hash+"\"}")
	return s
}
