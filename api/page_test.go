package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// make vendor makes it; nobody edits it.
func TestTheBundleOfOthersCodeIsWhatMakeVendorMade(t *testing.T) {
	text, err := pageFiles.ReadFile("page/lib/ui.js")
	want, err2 := os.ReadFile("bundle/ui.js.sha256")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); got != strings.TrimSpace(string(want)) {
		t.Errorf("page/lib/ui.js: got the hash %s, want %s: run make vendor", got, want)
	}
	var made struct {
		Dependencies, DevDependencies map[string]string
	}
	wish, err := os.ReadFile("bundle/package.json")
	if err != nil || json.Unmarshal(wish, &made) != nil {
		t.Fatal(err)
	}
	licences, _ := pageFiles.ReadFile("page/lib/LICENSES.txt")
	for name, version := range made.Dependencies {
		if !strings.Contains(string(licences), "== "+name+" "+version) {
			t.Errorf("LICENSES.txt: got no licence of %s %s, want it shipped", name, version)
		}
	}
}

func TestThePageIsSmallAndRunsNoInlineScript(t *testing.T) {
	sent := 0
	for name, a := range assets() {
		if name == "/" || strings.HasSuffix(name, ".txt") {
			continue
		}
		n := len(a.plain)
		if a.zipped != nil {
			n = len(a.zipped)
		}
		sent += n
		if strings.HasSuffix(name, ".js") && a.kind != "text/javascript; charset=utf-8" {
			t.Errorf("%s: got the type %s", name, a.kind)
		}
		for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "dangerouslySetInnerHTML"} {
			if !strings.HasPrefix(name, "/lib/") && strings.Contains(string(a.plain), sink) {
				t.Errorf("%s: got %s, want text to stay text", name, sink)
			}
		}
	}
	if sent > 150<<10 {
		t.Errorf("all files of the page: got %d bytes sent, want 150 KiB at most", sent)
	}
	index := string(assets()["/"].plain)
	if m := regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|\son[a-z]+=|<style`).FindString(index); m != "" {
		t.Errorf("index.html: got %q, want nothing inline", m)
	}
}
