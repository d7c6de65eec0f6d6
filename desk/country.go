package desk

import (
	"strconv"

	"github.com/nyaruka/phonenumbers"
)

// CallingCode gives the calling code of an ISO 3166 country, "1" for US, and
// false for a country that no numbering plan is known of.
func CallingCode(country string) (string, bool) {
	code := phonenumbers.GetCountryCodeForRegion(country)
	return strconv.Itoa(code), code != 0
}
