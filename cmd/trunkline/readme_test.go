package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"trunkline/config"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The first configuration that a newcomer copies is good, and the mistake
// that README.md shows is told as it says.
func TestTheFirstConfigurationOfTheREADMEIsGood(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := yamlBlock.FindSubmatch(text)
	if m == nil {
		t.Fatal("README.md: got no configuration, want one")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bob.secret"), []byte("bob-correct-horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANN_PASSWORD", "ann-correct-horse")
	t.Chdir(dir)
	c, err := config.Parse("trunkline.yaml", m[1], checks())
	if err != nil {
		t.Fatalf("README.md's configuration: %v", err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("README.md's configuration: got the warnings %v, want none", c.Warnings)
	}
	if _, err := setup(c, nil); err != nil {
		t.Errorf("wiring README.md's configuration: %v", err)
	}
	mistaken := strings.Replace(string(m[1]), "queue: support", "queue: suport", 1)
	_, err = config.Parse("trunkline.yaml", []byte(mistaken), checks())
	if err == nil || !strings.Contains(string(text), "    "+err.Error()+"\n") {
		t.Errorf("README.md: got no line %q, want what check says of the mistake", err)
	}
}
