package media

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// words are what the prompts of a language say, as its list has it.
func words(t testing.TB, language string) map[string]string {
	t.Helper()
	f, err := os.Open("sounds/" + language + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, said, ok := strings.Cut(lines.Text(), ": "); ok && !strings.HasPrefix(name, "#") {
			if all[name] != "" {
				t.Errorf("%s: got %s twice, want each name once", language, name)
			}
			all[name] = said
		}
	}
	return all
}

// heard is what prompts say one after the other.
func heard(t testing.TB, language string, prompts []string) string {
	t.Helper()
	all := words(t, language)
	var out []string
	for _, p := range prompts {
		if all[p] == "" {
			t.Fatalf("%s: there is no prompt %q", language, p)
		}
		out = append(out, all[p])
	}
	return strings.Join(out, " ")
}

func TestNumbersAreSpokenByTheGrammarOfTheLanguage(t *testing.T) {
	for _, c := range []struct {
		n      int
		en, es string
	}{
		{0, "zero", "cero"},
		{1, "one", "uno"},
		{13, "thirteen", "trece"},
		{20, "twenty", "veinte"},
		{21, "twenty one", "veintiuno"},
		{42, "forty two", "cuarenta y dos"},
		{100, "one hundred", "cien"},
		{101, "one hundred one", "ciento uno"},
		{116, "one hundred sixteen", "ciento dieciséis"},
		{200, "two hundred", "doscientos"},
		{555, "five hundred fifty five", "quinientos cincuenta y cinco"},
		{1000, "one thousand", "mil"},
		{1001, "one thousand one", "mil uno"},
		{2031, "two thousand thirty one", "dos mil treinta y uno"},
		{21000, "twenty one thousand", "veintiún mil"},
		{31100, "thirty one thousand one hundred", "treinta y un mil cien"},
		{100000, "one hundred thousand", "cien mil"},
		{101900, "one hundred one thousand nine hundred", "ciento un mil novecientos"},
		{999999, "nine hundred ninety nine thousand nine hundred ninety nine", "novecientos noventa y nueve mil novecientos noventa y nueve"},
	} {
		for language, want := range map[string]string{"en": c.en, "es": c.es} {
			if got := heard(t, language, SpokenNumber(language, c.n)); got != want {
				t.Errorf("%s: %d: got %q, want %q", language, c.n, got, want)
			}
		}
	}
	for _, n := range []int{-1, MostSpoken + 1} {
		if got := SpokenNumber("en", n); got != nil {
			t.Errorf("%d: got %q, want nothing", n, got)
		}
	}
	if got := strings.Join(SpokenNumber("xx", 42), " "); got != "num-4 num-2" {
		t.Errorf("a language without a grammar: got %q, want the digits", got)
	}
}

func TestTimesDatesAndDigitsAreSpoken(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		got      []string
		language string
		want     string
	}{
		{SpokenTime("en", at("2026-01-05 00:00")), "en", "midnight"},
		{SpokenTime("en", at("2026-01-05 00:05")), "en", "twelve oh five a.m."},
		{SpokenTime("en", at("2026-01-05 12:00")), "en", "noon"},
		{SpokenTime("en", at("2026-01-05 12:30")), "en", "twelve thirty p.m."},
		{SpokenTime("en", at("2026-01-05 15:00")), "en", "three p.m."},
		{SpokenTime("en", at("2026-01-05 23:59")), "en", "eleven fifty nine p.m."},
		{SpokenTime("es", at("2026-01-05 13:05")), "es", "una y cinco de la tarde"},
		{SpokenTime("es", at("2026-01-05 09:30")), "es", "nueve y treinta de la mañana"},
		{SpokenDate("en", at("2026-12-24 00:00")), "en", "Thursday December twenty fourth twenty twenty six"},
		{SpokenDate("en", at("2005-01-31 00:00")), "en", "Monday January thirty first two thousand five"},
		{SpokenDate("en", at("1908-07-30 00:00")), "en", "Thursday July thirtieth nineteen oh eight"},
		{SpokenDate("es", at("2026-05-01 00:00")), "es", "viernes primero de mayo de dos mil veintiséis"},
		{SpokenDigits("+1 (41) 5*#"), "en", "one four one five star hash"},
	} {
		if got := heard(t, c.language, c.got); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Whatever is spoken, there is a prompt for it.
func TestEveryValueHasItsPrompts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, MostSpoken).Draw(t, "n")
		when := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0).UTC()
		for _, language := range Languages() {
			all := slices.Concat(SpokenNumber(language, n), SpokenTime(language, when), SpokenDate(language, when), SpokenDigits("0123456789*#"))
			for _, p := range all {
				if _, ok := Prompt(language, p); !ok {
					t.Fatalf("%s: %d at %v: there is no prompt %q", language, n, when, p)
				}
			}
		}
	})
}

// The list of words, the files and the other languages' sentences belong together.
func TestEveryLanguageHasEveryPrompt(t *testing.T) {
	part := func(name string) bool {
		return name == "hundred" || name == "oh" || strings.HasPrefix(name, "num-") || strings.HasPrefix(name, "ordinal-")
	}
	for _, language := range Languages() {
		list := words(t, language)
		names := PromptNames(language)
		for name := range list {
			if !slices.Contains(names, name) {
				t.Errorf("%s: got no file for %s, want one: make prompts", language, name)
			}
		}
		for _, name := range names {
			if list[name] == "" {
				t.Errorf("%s: got %s.wav, want its words in the list", language, name)
			}
		}
		for _, name := range PromptNames("en") {
			if list[name] == "" && !part(name) {
				t.Errorf("%s: got no %s, want every sentence of English", language, name)
			}
		}
	}
}
