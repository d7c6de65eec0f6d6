package desk

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ErrNotE164 says that what was parsed is no E.164 number. The Number beside
// it holds the digits as given (a short number, an emergency number, an
// extension, a feature code), or is empty when there was nothing to dial in it.
var ErrNotE164 = errors.New("not an E.164 number")

// Number is a phone number: E.164 with its plus ("+14155550100"), the bare
// digits (also * and #) of a number that has no E.164 form, or "" for an
// anonymous caller. Numbers made by Parse are equal exactly when they are the
// same number.
type Number string

// Anonymous is the Number of a caller who withholds it.
const Anonymous Number = ""

// IsE164 tells whether n has an international form.
func (n Number) IsE164() bool { return strings.HasPrefix(string(n), "+") }

// String returns the number in full; logs must be given the Number itself,
// which masks its middle.
func (n Number) String() string { return string(n) }

// LogValue masks the middle of the number: "+1415…00". Numbers of up to four
// digits (911, an extension) name no person and are shown.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Masked()) }

// Masked returns the number as logs may show it.
func (n Number) Masked() string {
	switch l := len(n); {
	case l == 0:
		return "anonymous"
	case l <= 4:
		return string(n)
	case l < 9:
		return string(n[:2]) + "…"
	default:
		return string(n[:5]) + "…" + string(n[l-2:])
	}
}

// Format is a way to write a number on the wire, as trunks are configured.
type Format string

const (
	FormatAuto     Format = "auto"     // reading: whatever can be understood; writing: as plus
	FormatPlus     Format = "plus"     // +14155550100
	FormatE164     Format = "e164"     // 14155550100
	FormatNational Format = "national" // 4155550100, 020 7946 0000 without its spaces; other countries as they are dialled abroad
)

// ParseFormat reads a Format's name; empty is FormatAuto. Its error lists
// what would be right.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case "":
		return FormatAuto, nil
	case FormatAuto, FormatPlus, FormatE164, FormatNational:
		return f, nil
	}
	return "", fmt.Errorf("unknown number format %q: want auto, plus, e164 or national", name)
}

// The bounds of an E.164 number's digits, country code included (ITU-T E.164
// §6.1), and of what is kept of a number that is none.
const (
	minE164  = 7
	maxE164  = 15
	maxShort = 20
	maxRaw   = 64
)

// clean reduces raw to an optional plus and digits, * and #, dropping the
// separators that people write. It refuses anything else: letters are names,
// not numbers. The result of an already clean number is raw itself.
func clean(raw string) (digits string, ok bool) {
	raw = strings.TrimSpace(raw)
	if len(raw) >= 4 && strings.EqualFold(raw[:4], "tel:") {
		raw = raw[4:]
	}
	if i := strings.IndexByte(raw, ';'); i >= 0 { // RFC 3966 §3: parameters
		raw = raw[:i]
	}
	if len(raw) == 0 || len(raw) > maxRaw {
		return "", false
	}
	plain := true
	for i := range len(raw) {
		switch c := raw[i]; {
		case c >= '0' && c <= '9', c == '*', c == '#':
		case c == '+' && strings.Trim(raw[:i], " (") == "": // first, or within an opening bracket
		case strings.IndexByte(" -.()/", c) >= 0:
			plain = false
		default:
			return "", false
		}
	}
	if plain {
		return raw, raw != "+"
	}
	var b strings.Builder
	for i := range len(raw) {
		if strings.IndexByte(" -.()/", raw[i]) < 0 {
			b.WriteByte(raw[i])
		}
	}
	digits = b.String()
	return digits, digits != "" && digits != "+"
}

// withheld tells whether a user part says that the caller hides: RFC 3323
// §4.1.1.3 and what carriers write instead.
func withheld(raw string) bool {
	switch strings.ToLower(strings.TrimSpace(raw)) {
	case "", "anonymous", "unavailable", "unknown", "restricted", "private", "withheld", "blocked":
		return true
	}
	return false
}

// short keeps the digits of what is no E.164 number.
func short(digits string) (Number, error) {
	if len(digits) > maxShort || digits[0] == '+' {
		return Anonymous, ErrNotE164
	}
	return Number(digits), ErrNotE164
}
