package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/internal/golden"
)

const fixtures = "../testdata/config"

// environment is what the fixtures are expanded with.
var environment = map[string]string{
	"ACME_PASSWORD": "acme-carrier-secret",
	"CRM_SECRET":    "crm-receiver-secret",
	"ANN_PASSWORD":  "ann-correct-horse-battery",
	"BOB_PASSWORD":  "bob-correct-horse-battery",
	"SHORT":         "too-short",
	"PBX_DOMAIN":    "pbx.example.com",
	"MAX_CALLS":     "100",
}

func testChecks() Checks {
	return Checks{
		Prompts: []string{"welcome", "goodbye", "invalid-choice", "still-waiting", "callback-offer"},
		Sound: func(path string) error {
			text, err := os.ReadFile(path)
			if err == nil && !bytes.HasPrefix(text, []byte("RIFF")) {
				err = errors.New("no RIFF header")
			}
			return err
		},
		CallingCode: func(country string) (string, bool) {
			code, ok := map[string]string{"US": "1", "GB": "44", "DE": "49"}[country]
			return code, ok
		},
		Env: func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		},
	}
}

func fixtureNames(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(fixtures, folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("fixtures in %s: got %d, %v, want some", folder, len(files), err)
	}
	return files
}

// Every rule of the reader has a file that breaks it, named by the rule, and
// beside it what check says of that file.
func TestBadFilesSayWhatIsWrongAndWhatWouldBeRight(t *testing.T) {
	for _, file := range fixtureNames(t, "bad") {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			t.Chdir(filepath.Dir(file))
			c, err := Read(name, testChecks())
			if err == nil {
				t.Fatalf("Read: got %+v, want problems", c)
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error: got %T, want Problems", err)
			}
			for _, p := range problems {
				if p.Line == 0 || p.Column == 0 {
					t.Errorf("problem without a place: %v", p)
				}
			}
			for variable, value := range environment {
				if variable != "PBX_DOMAIN" && variable != "MAX_CALLS" && strings.Contains(err.Error(), value) {
					t.Errorf("the value of %s is in the error text", variable)
				}
			}
			golden.Equal(t, strings.TrimSuffix(name, ".yaml")+".err", []byte(err.Error()+"\n"))
		})
	}
}

func TestGoodFilesAreReadWithTheirWarnings(t *testing.T) {
	for _, file := range fixtureNames(t, "good") {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			t.Chdir(filepath.Dir(file))
			c, err := Read(name, testChecks())
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			var warnings strings.Builder
			for _, w := range c.Warnings {
				fmt.Fprintln(&warnings, w)
			}
			golden.Equal(t, strings.TrimSuffix(name, ".yaml")+".warnings", []byte(warnings.String()))
		})
	}
}

func readGood(t *testing.T, name string) *Config {
	t.Helper()
	c, err := Read(filepath.Join(fixtures, "good", name), testChecks())
	if err != nil {
		t.Fatalf("Read %s: %v", name, err)
	}
	return c
}

func TestWrittenValuesReplaceDefaultsAndOthersStay(t *testing.T) {
	c := readGood(t, "anchors.yaml")
	ann, bob := c.Agent("ann"), c.Agent("bob")
	if ann.CallLimit != 2 || bob.CallLimit != 2 {
		t.Errorf("call limits: got %d and %d, want 2 and 2 (merged)", ann.CallLimit, bob.CallLimit)
	}
	if got, want := bob.Password.Reveal(), "another long password"; got != want {
		t.Errorf("own key over merged: got %q, want %q", got, want)
	}
	if got, want := c.Team("sales").Ring, 20*time.Second; got != want {
		t.Errorf("merged ring: got %v, want %v", got, want)
	}
	if c.Team("sales").Recording || !c.Team("support").Recording {
		t.Error("recording: got it wrong, want false for sales and the default for support")
	}
	if got, want := c.Team("support").RingStart, 4*time.Second; got != want {
		t.Errorf("default ring_start: got %v, want %v", got, want)
	}
	if got := c.Flow("other").Steps; len(got) != 1 || got[0].Queue != "support" {
		t.Errorf("aliased flow: got %+v, want one queue step", got)
	}
}

func TestTheFilesOrderIsKept(t *testing.T) {
	c := readGood(t, "overlap.yaml")
	var got []string
	for _, trunk := range c.Trunks {
		got = append(got, trunk.ID)
	}
	if fmt.Sprint(got) != "[first second third]" {
		t.Errorf("trunks: got %v, want the file's order", got)
	}
	if got := c.Trunks[1].AcceptFrom[1].String(); got != "198.51.100.7/32" {
		t.Errorf("a bare address: got %s, want 198.51.100.7/32", got)
	}
}

func TestEveryVerbIsReadWithItsOptions(t *testing.T) {
	c := readGood(t, "flows.yaml")
	main := c.Flow("main").Steps
	if len(main) != 3 || main[0].Verb != Play || main[0].Play[0].Prompt != "welcome" || main[1].Play[0].Prompt != "greeting.wav" {
		t.Fatalf("main: got %+v, want welcome, greeting.wav and a queue", main)
	}
	queue := main[2]
	if queue.Verb != Queue || queue.Priority != 5 || queue.MaxWait != 90*time.Second {
		t.Errorf("queue: got %+v, want priority 5 and 90 s", queue)
	}
	overflow := c.Flow(queue.Unanswered.Flow).Steps
	if len(overflow) != 2 || overflow[0].Forward != "+14155550199" || overflow[0].CallerID != "caller" || overflow[1].Hangup != 486 {
		t.Errorf("unanswered by name: got %+v, want the steps of overflow", overflow)
	}
	ringing := c.Flow("ringing")
	if ringing.Answer != "late" || len(ringing.Steps) != 2 || ringing.Steps[1].Verb != Hangup || ringing.Steps[1].Hangup != 480 {
		t.Errorf("ringing: got %+v, want answer late and a hangup of 480", ringing)
	}
	nested := c.Flow("nested").Steps[0].Unanswered.Steps
	if len(nested) != 1 || nested[0].Unanswered.Flow != "overflow" {
		t.Errorf("nested unanswered: got %+v, want a queue that goes on to overflow", nested)
	}
}

// A default that is a flow's name gives way to steps.
func TestStepsOnTheSpotReplaceADefaultPath(t *testing.T) {
	nobody := "trunks: {acme: {host: a.example}}\nagents: {ann: {password: correct horse battery}}\nteams: {all: {agents: [ann]}}\n" +
		"flows: {main: [{queue: all, nobody: [{voicemail: all}]}]}\n"
	c, err := Parse("t.yaml", []byte(nobody), testChecks())
	if err != nil {
		t.Fatal(err)
	}
	to, led := c.Flow("main").Steps[0].NobodyPath()
	if !led || to.Flow != "" || len(to.Steps) != 1 || to.Steps[0].Voicemail != "all" {
		t.Errorf("nobody: got %+v, led %v, want the voicemail", to, led)
	}
}

func TestValuesAreExpandedOnce(t *testing.T) {
	c := readGood(t, "expansion.yaml")
	if got, want := c.Trunk("acme").Host, "sip.pbx.example.com"; got != want {
		t.Errorf("host: got %q, want %q", got, want)
	}
	if got, want := c.Trunk("acme").Password.Reveal(), "a carrier secret"; got != want {
		t.Errorf("password of a file: got %q, want %q without the line end", got, want)
	}
	if got, want := c.Agent("bob").Password.Reveal(), "${not expanded}"; got != want {
		t.Errorf("escaped: got %q, want %q", got, want)
	}
	if c.Calls.Max != 100 {
		t.Errorf("calls.max from the environment: got %d, want 100", c.Calls.Max)
	}

	checks := testChecks()
	checks.Env = func(string) (string, bool) { return "${ANN_PASSWORD} twelve", true }
	c, err := Parse("x.yaml", []byte(`agents: {ann: {password: "${P}"}}`), checks)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Agent("ann").Password.Reveal(), "${ANN_PASSWORD} twelve"; got != want {
		t.Errorf("a value with ${ in it: got %q, want %q", got, want)
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "trunkline.yaml")
	_, err := Read(missing, Checks{})
	if err == nil || !strings.Contains(err.Error(), missing) || !strings.Contains(err.Error(), "there is no file") {
		t.Errorf("missing file: got %v, want its name and that there is none", err)
	}
	if _, err := Read(t.TempDir(), Checks{}); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder: got %v, want that it is not a file", err)
	}
	if _, err := Read("/dev/zero", Checks{}); err == nil {
		t.Error("a device: got no error, want one at once")
	}
	_, err = Parse("latin1.yaml", []byte("domain: pbx\nname: M\xfcller\n"), Checks{})
	if err == nil || !strings.HasPrefix(err.Error(), "latin1.yaml:2:1: is not UTF-8") {
		t.Errorf("not UTF-8: got %v, want line 2", err)
	}
}

func TestRelativeNamesAreRelativeToTheFile(t *testing.T) {
	c, err := Parse("/etc/trunkline/trunkline.yaml", nil, Checks{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Data(), "/etc/trunkline/data"; got != want {
		t.Errorf("data: got %s, want %s", got, want)
	}
	if got, isFile := c.PromptFile("prompts/hello.wav"); !isFile || got != "/etc/trunkline/prompts/hello.wav" {
		t.Errorf("prompt: got %s, %v, want it beside the file", got, isFile)
	}
	if _, isFile := c.PromptFile("welcome"); isFile {
		t.Error("welcome: got a file, want a shipped prompt")
	}
}

// A script that asks a running switch has not the switch's environment.
func TestTheDataFolderIsFoundWithoutTheEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trunkline.yaml")
	text := "data_dir: /srv/trunkline\nagents: {ann: {password: \"${NOT_SET_ANYWHERE}\", unknown: 1}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadDataDir(file)
	if err != nil || got != "/srv/trunkline" {
		t.Errorf("ReadDataDir: got %q, %v, want /srv/trunkline", got, err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = ReadDataDir(file)
	if want := filepath.Join(filepath.Dir(file), "data"); err != nil || got != want {
		t.Errorf("ReadDataDir of an empty file: got %q, %v, want %s", got, err, want)
	}
	if got, err := ReadDataDir(file + ".not"); err == nil {
		t.Errorf("ReadDataDir of no file: got %q, want an error", got)
	}
}

func TestALaterProblemHasThePlaceOfItsKey(t *testing.T) {
	c := parse(t, "domain: a.example\nlisten:\n  sip: [\"udp://127.0.0.1:5060\", \"tcp://127.0.0.1:5060\"]\n")
	if got, want := c.Problem("listen.sip[1]", "is busy").Error(), "x.yaml:3:33: listen.sip[1]: is busy"; got != want {
		t.Errorf("problem: got %q, want %q", got, want)
	}
	if got, want := c.Problem("listen.http[0]", "is busy").Error(), "x.yaml:2:1: listen.http[0]: is busy"; got != want {
		t.Errorf("problem of a default: got %q, want %q", got, want)
	}
}
