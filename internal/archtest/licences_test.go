package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README names every module that the binary contains.
func TestReadmeNamesWhatTheBinaryContains(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(readme), "## Licences")
	if !ok {
		t.Fatal("README.md: got no section about licences")
	}
	list, _, _ = strings.Cut(list, "\n## ")
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/trunkline")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`/v\d+$`)
	for path := range strings.FieldsSeq(string(out)) {
		path = version.ReplaceAllString(path, "")
		name := path[strings.LastIndex(path, "/")+1:]
		if path != strings.TrimSuffix(module, "/") && !regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).MatchString(list) {
			t.Errorf("README.md, licences: got no %s, want it", path)
		}
	}
}
