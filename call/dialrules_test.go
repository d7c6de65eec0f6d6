package call

import (
	"testing"

	"trunkline/desk"
)

func TestDialRules(t *testing.T) {
	us := DialRules{Country: "US", Allow: []string{"national"}}
	wide := DialRules{Country: "GB", Allow: []string{"national", "+44", "+1"}, Deny: []string{"+1900", "+4470"}, Emergency: []string{"999"}}
	none := DialRules{Country: "US"}
	paid := DialRules{Country: "US", Allow: []string{"+1900"}}
	for _, c := range []struct {
		rules     DialRules
		text      string
		code      int
		number    desk.Number
		emergency bool
	}{
		{us, "+14155550177", 0, "+14155550177", false},
		{us, "(415) 555-0177", 0, "+14155550177", false},
		{us, "4155550177", 0, "+14155550177", false},
		{us, "911", 0, "911", true},
		{us, "+442079460000", 403, "+442079460000", false},
		{us, "011442079460000", 403, "+442079460000", false},
		{us, "+19005550177", 403, "+19005550177", false},
		{us, "ann", 484, "", false},
		{us, "", 484, "", false},
		{us, "41555501x7", 484, "", false},
		{us, "+1 415 555 0177;ext=9", 484, "", false},
		{us, "*72", 484, "", false},
		{none, "4155550177", 403, "+14155550177", false},
		{none, "911", 0, "911", true},
		{wide, "+447012345678", 403, "+447012345678", false},
		{wide, "+19005550177", 403, "+19005550177", false},
		{wide, "+14155550177", 0, "+14155550177", false},
		{wide, "020 7946 0000", 0, "+442079460000", false},
		{wide, "999", 0, "999", true},
		{wide, "112", 484, "", false},
		{paid, "+19005550177", 0, "+19005550177", false},
	} {
		got := c.rules.Judge(c.text)
		if got.Code != c.code || got.Number != c.number || got.Emergency != c.emergency || got.Rule == "" {
			t.Errorf("%q from %s: got %+v, want %d %s", c.text, c.rules.Country, got, c.code, c.number)
		}
	}
}
