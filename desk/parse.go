package desk

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Parse reads a number as a trunk of this Format in this country (ISO 3166
// two letters) writes it:
//
//   - auto: +…, 00… or the country's own international prefix, a number of the
//     country as dialled there, or bare E.164 digits, in this order;
//   - plus: +… only;
//   - e164: country code and number, with or without the plus;
//   - national: a number of the country, or +… or the international prefix.
//
// A withheld number ("", anonymous, …) is Anonymous without an error. What is
// no E.164 number comes back as its digits with ErrNotE164: short and
// emergency numbers, extensions, feature codes. Text that is no number at all
// is Anonymous with ErrNotE164.
func Parse(raw, country string, f Format) (Number, error) {
	if withheld(raw) {
		return Anonymous, nil
	}
	digits, ok := clean(raw)
	if !ok {
		return Anonymous, ErrNotE164
	}
	if n, ok := nanp(digits); ok {
		return n, nil
	}
	k := key{digits, country, f}
	if r, ok := parsed.get(k); ok {
		return r.number, r.err
	}
	var r result
	r.number, r.err = parse(digits, country, f)
	parsed.put(k, r)
	return r.number, r.err
}

// nanp is the short cut for the one plan whose international form has one
// spelling: +1, an area code and an exchange that begin with 2 to 9.
func nanp(digits string) (Number, bool) {
	if len(digits) != 12 || digits[0] != '+' || digits[1] != '1' || digits[2] < '2' || digits[5] < '2' {
		return "", false
	}
	for i := 2; i < 12; i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return "", false
		}
	}
	return Number(digits), true
}

// parse reads clean digits.
func parse(digits, country string, f Format) (Number, error) {
	if strings.ContainsAny(digits, "*#") {
		return short(digits)
	}
	if digits[0] == '+' {
		return international(digits[1:], digits)
	}
	switch f {
	case FormatPlus:
		return short(digits)
	case FormatE164:
		return international(digits, digits)
	}
	if isEmergency(digits, country) {
		return short(digits)
	}
	if n, ok := national(digits, country); ok {
		return n, nil
	}
	if rest, ok := strings.CutPrefix(digits, "00"); ok {
		return international(rest, digits)
	}
	if f != FormatNational {
		if n, ok := bare(digits); ok {
			return n, nil
		}
	}
	return short(digits)
}

// international reads country code and number. What the metadata does not
// know but has the shape of E.164 is taken as it is: a carrier knows its new
// number ranges before we do.
func international(digits, given string) (Number, error) {
	n, err := phonenumbers.Parse("+"+digits, "")
	if err == nil && possible(n) {
		return e164(n), nil
	}
	if len(digits) < minE164 || len(digits) > maxE164 || digits[0] == '0' {
		return short(given)
	}
	return Number("+" + digits), nil
}

// national reads a number as dialled in the country, which includes the
// country's international prefix (011, 00, 0011). It must exist: the same
// digits might be a short number or bare E.164.
func national(digits, country string) (Number, bool) {
	n, err := phonenumbers.Parse(digits, strings.ToUpper(country))
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return e164(n), true
}

// bare reads E.164 without its plus. It must exist.
func bare(digits string) (Number, bool) {
	if len(digits) < minE164 || len(digits) > maxE164 {
		return "", false
	}
	n, err := phonenumbers.Parse("+"+digits, "")
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return e164(n), true
}

func possible(n *phonenumbers.PhoneNumber) bool {
	return phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE
}

func e164(n *phonenumbers.PhoneNumber) Number {
	return Number("+" + strconv.Itoa(int(n.GetCountryCode())) + phonenumbers.GetNationalSignificantNumber(n))
}

// Format writes n as a trunk of this Format in this country wants it dialled:
// plus "+14155550100" (auto too), e164 "14155550100", national "4155550100"
// in the US, "02079460000" in GB. A national trunk gets numbers of other
// countries with the country's international prefix. Digits without an E.164
// form are written as they are.
func (n Number) Format(f Format, country string) string {
	if !n.IsE164() {
		return string(n)
	}
	switch f {
	case FormatE164:
		return string(n[1:])
	case FormatNational:
		return n.dialled(strings.ToUpper(country))
	}
	return string(n)
}

// dialled is n as somebody in the country dials it, digits only.
func (n Number) dialled(country string) string {
	p, err := phonenumbers.Parse(string(n), "")
	if err != nil || phonenumbers.GetCountryCodeForRegion(country) == 0 {
		return string(n)
	}
	var text string
	switch {
	case int(p.GetCountryCode()) != phonenumbers.GetCountryCodeForRegion(country):
		text = phonenumbers.FormatOutOfCountryCallingNumber(p, country)
	case p.GetCountryCode() == 1: // the NANP's 1 is a trunk prefix that 10-digit dialling leaves out
		return phonenumbers.GetNationalSignificantNumber(p)
	default:
		text = phonenumbers.Format(p, phonenumbers.NATIONAL)
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
