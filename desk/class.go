package desk

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Class says what dialling a number from a country means for dial rules.
type Class uint8

const (
	ClassUnknown       Class = iota // not in any numbering plan we know, or anonymous
	ClassEmergency                  // 911, 112, …: dialled as it is, past every limit
	ClassShort                      // digits without an E.164 form: services, extensions, feature codes
	ClassNational                   // an ordinary number of the country
	ClassInternational              // an ordinary number of another country, also one that shares the country code
	ClassPremium                    // premium rate, of whatever country
)

var classNames = [...]string{"unknown", "emergency", "short", "national", "international", "premium"}

// String returns the class's name.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// Class tells what n is when it is dialled in the country (ISO 3166 two
// letters). A number the metadata does not know as existing is ClassUnknown,
// also when it only has too many digits: carriers cut those off.
func (n Number) Class(country string) Class {
	country = strings.ToUpper(country)
	if !n.IsE164() {
		switch {
		case n == Anonymous:
			return ClassUnknown
		case isEmergency(string(n), country):
			return ClassEmergency
		}
		return ClassShort
	}
	p, err := phonenumbers.Parse(string(n), "")
	if err != nil {
		return ClassUnknown
	}
	switch phonenumbers.GetNumberType(p) {
	case phonenumbers.PREMIUM_RATE:
		return ClassPremium
	case phonenumbers.UNKNOWN:
		return ClassUnknown
	}
	if phonenumbers.IsValidNumberForRegion(p, country) {
		return ClassNational
	}
	return ClassInternational
}

// KnownCountry tells whether numbers of a country (ISO 3166 two letters) can
// be read.
func KnownCountry(country string) bool {
	return phonenumbers.GetCountryCodeForRegion(strings.ToUpper(country)) != 0
}

func isEmergency(digits, country string) bool {
	if len(digits) > 6 {
		return false
	}
	return phonenumbers.IsEmergencyNumber(digits, strings.ToUpper(country))
}
