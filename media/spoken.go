package media

import (
	"strconv"
	"strings"
	"time"
)

// A tongue is how a language puts values together from its prompts.
type tongue struct {
	number func(n int) []string
	clock  func(hour, minute int) []string
	date   func(t time.Time) []string
}

var tongues = map[string]tongue{
	"en": {englishNumber, englishClock, englishDate},
	"es": {spanishNumber, spanishClock, spanishDate},
}

// tongueOf is the language's, or one that spells: the prompts of a language that the operator has added.
func tongueOf(language string) tongue {
	if t, ok := tongues[language]; ok {
		return t
	}
	spell := func(n int) []string { return SpokenDigits(strconv.Itoa(n)) }
	return tongue{
		number: spell,
		clock:  func(h, m int) []string { return append(spell(h), spell(m)...) },
		date:   func(t time.Time) []string { return append(spell(t.Day()), spell(int(t.Month()))...) },
	}
}

// MostSpoken is the largest number that can be spoken.
const MostSpoken = 999_999

// SpokenNumber is the prompts that say a whole number in a language, from 0 to MostSpoken; none for another one.
func SpokenNumber(language string, n int) []string {
	if n < 0 || n > MostSpoken {
		return nil
	}
	return tongueOf(language).number(n)
}

// SpokenDigits is the prompts that say the keys in a text one by one; what is none is passed over.
func SpokenDigits(text string) []string {
	var out []string
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			out = append(out, "num-"+string(r))
		case r == '*':
			out = append(out, "digit-star")
		case r == '#':
			out = append(out, "digit-hash")
		}
	}
	return out
}

// SpokenTime is the prompts that say a time of day as the clock of t shows it.
func SpokenTime(language string, t time.Time) []string {
	return tongueOf(language).clock(t.Hour(), t.Minute())
}

// SpokenDate is the prompts that say the day of t: weekday, month, day and year.
func SpokenDate(language string, t time.Time) []string { return tongueOf(language).date(t) }

func num(n int) string { return "num-" + strconv.Itoa(n) }

func dayPrompt(t time.Time) string   { return "day-" + strings.ToLower(t.Weekday().String()) }
func monthPrompt(t time.Time) string { return "month-" + strings.ToLower(t.Month().String()) }

func englishNumber(n int) []string {
	switch {
	case n < 20:
		return []string{num(n)}
	case n < 100 && n%10 == 0:
		return []string{num(n)}
	case n < 100:
		return []string{num(n - n%10), num(n % 10)}
	case n < 1000:
		return englishRest([]string{num(n / 100), "hundred"}, n%100)
	}
	return englishRest(append(englishNumber(n/1000), "thousand"), n%1000)
}

func englishRest(out []string, rest int) []string {
	if rest == 0 {
		return out
	}
	return append(out, englishNumber(rest)...)
}

// englishClock is of twelve hours: three oh five p.m.
func englishClock(hour, minute int) []string {
	if minute == 0 && hour%12 == 0 {
		return []string{map[int]string{0: "midnight", 12: "noon"}[hour]}
	}
	half := "a-m"
	if hour >= 12 {
		half = "p-m"
	}
	out := []string{num((hour+11)%12 + 1)}
	switch {
	case minute > 0 && minute < 10:
		out = append(out, "oh", num(minute))
	case minute > 0:
		out = append(out, englishNumber(minute)...)
	}
	return append(out, half)
}

func englishDate(t time.Time) []string {
	out := []string{dayPrompt(t), monthPrompt(t)}
	switch day := t.Day(); {
	case day <= 20, day == 30:
		out = append(out, "ordinal-"+strconv.Itoa(day))
	default:
		out = append(out, num(day-day%10), "ordinal-"+strconv.Itoa(day%10))
	}
	return append(out, englishYear(t.Year())...)
}

// englishYear says 2026 as twenty twenty-six, and 2005 as two thousand five.
func englishYear(year int) []string {
	if year < 1100 || year > 9999 || year%1000 < 10 {
		return englishNumber(year)
	}
	out := englishNumber(year / 100)
	switch rest := year % 100; {
	case rest == 0:
		return append(out, "hundred")
	case rest < 10:
		return append(out, "oh", num(rest))
	default:
		return append(out, englishNumber(rest)...)
	}
}

func spanishNumber(n int) []string {
	switch {
	case n < 30, n < 100 && n%10 == 0:
		return []string{num(n)}
	case n < 100:
		return []string{num(n - n%10), "and", num(n % 10)}
	case n == 100:
		return []string{"hundred-whole"}
	case n < 200:
		return append([]string{"hundred-more"}, spanishNumber(n-100)...)
	case n < 1000 && n%100 == 0:
		return []string{num(n)}
	case n < 1000:
		return append([]string{num(n - n%100)}, spanishNumber(n%100)...)
	}
	var out []string
	if n >= 2000 { // mil, not un mil
		out = beforeNoun(spanishNumber(n / 1000))
	}
	out = append(out, "thousand")
	if n%1000 == 0 {
		return out
	}
	return append(out, spanishNumber(n%1000)...)
}

// beforeNoun shortens uno: veintiún mil, treinta y un mil.
func beforeNoun(out []string) []string {
	switch last := len(out) - 1; out[last] {
	case "num-1":
		out[last] = "one-before-noun"
	case "num-21":
		out[last] = "twenty-one-before-noun"
	}
	return out
}

// spanishClock is of twelve hours: la una y cinco de la tarde.
func spanishClock(hour, minute int) []string {
	if minute == 0 && hour%12 == 0 {
		return []string{map[int]string{0: "midnight", 12: "noon"}[hour]}
	}
	half := "a-m"
	if hour >= 12 {
		half = "p-m"
	}
	h := (hour+11)%12 + 1
	out := []string{num(h)}
	if h == 1 {
		out[0] = "one-feminine"
	}
	if minute > 0 {
		out = append(append(out, "and"), spanishNumber(minute)...)
	}
	return append(out, half)
}

func spanishDate(t time.Time) []string {
	day := spanishNumber(t.Day())
	if t.Day() == 1 {
		day = []string{"ordinal-1"}
	}
	out := append([]string{dayPrompt(t)}, day...)
	return append(append(out, "of", monthPrompt(t), "of"), spanishNumber(t.Year())...)
}
