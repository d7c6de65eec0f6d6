package call

import (
	"slices"
	"strings"

	"trunkline/desk"
)

// DialRules say what agents, their transfers and callbacks may dial.
type DialRules struct {
	Country   string
	Allow     []string // "national", or prefixes in E.164 such as "+44"
	Deny      []string // prefixes; they win over Allow
	Emergency []string // dialled as they are; empty: those of the country
}

// Dialled is what the rules make of something that was dialled.
type Dialled struct {
	Number    desk.Number // E.164; of an emergency or short number the digits as dialled
	Emergency bool        // dialled as it is, past every limit
	Code      int         // the final response that refuses it; 0: it may be dialled
	Rule      string      // what decided, in words
}

// Judge reads what was dialled and says whether it may be. A string that is
// neither digits nor ends with some is 484; what no rule allows is 403.
// Premium rate is never allowed by "national", only by its own prefix.
func (r DialRules) Judge(text string) Dialled {
	plain := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(strings.TrimSpace(text))
	if plain == "" || strings.Trim(strings.TrimPrefix(plain, "+"), "0123456789*#") != "" {
		return Dialled{Code: 484, Rule: "it is neither a number nor the name of an agent"}
	}
	if slices.Contains(r.Emergency, plain) || len(r.Emergency) == 0 && !desk.Number(plain).IsE164() && desk.Number(plain).Class(r.Country) == desk.ClassEmergency {
		return Dialled{Number: desk.Number(plain), Emergency: true, Rule: "emergency numbers are dialled as they are"}
	}
	n, err := desk.Parse(plain, r.Country, desk.FormatAuto)
	if err != nil || !n.IsE164() {
		return Dialled{Code: 484, Rule: "it is no number that could be dialled from " + r.Country}
	}
	d := Dialled{Number: n, Code: 403}
	if p := longest(r.Deny, n); p != "" {
		d.Rule = "dial.deny has " + p
		return d
	}
	if p := longest(r.Allow, n); p != "" {
		d.Code, d.Rule = 0, "dial.allow has "+p
		return d
	}
	switch class := n.Class(r.Country); {
	case class == desk.ClassNational && slices.Contains(r.Allow, "national"):
		d.Code, d.Rule = 0, "dial.allow has national"
	case class == desk.ClassPremium:
		d.Rule = "premium rate is not dialled unless dial.allow has its prefix"
	default:
		d.Rule = "it is " + class.String() + ", and dial.allow has no prefix of it"
	}
	return d
}

// longest is the longest of the prefixes that a number has; "": none.
func longest(prefixes []string, n desk.Number) string {
	best := ""
	for _, p := range prefixes {
		if strings.HasPrefix(p, "+") && strings.HasPrefix(string(n), p) && len(p) > len(best) {
			best = p
		}
	}
	return best
}
