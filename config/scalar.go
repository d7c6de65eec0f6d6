package config

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// scalar puts one value into v, whose type says how it is read.
func (r *reader) scalar(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		r.problem(n, key, "is %s: it wants one value", describe(n))
		return
	}
	if isNull(n) {
		r.problem(n, key, "has no value: write one, or remove the key for its default")
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Secret:
		if text, ok := r.text(n, key, true); ok {
			*p = NewSecret(text)
		}
		return
	case *bool:
		r.boolean(n, key, p)
		return
	case *int:
		r.integer(n, key, p)
		return
	case *time.Duration:
		r.duration(n, key, p)
		return
	}
	if p, ok := v.Addr().Interface().(*PortRange); ok && n.ShortTag() == "!!int" {
		r.ports(n, key, n.Value, p)
		return
	}
	text, ok := r.text(n, key, false)
	if !ok {
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *netip.Addr:
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			r.problem(n, key, "%q is not an IP address: write one such as 203.0.113.7", text)
			return
		}
		*p = addr.Unmap()
	case *netip.Prefix:
		r.prefix(n, key, text, p)
	case *PortRange:
		r.ports(n, key, text, p)
	}
}

// text gives the text of a value with ${…} expanded. A value that YAML reads
// as a number or a boolean is refused where text is wanted: 010 would be 8,
// and +14155550100 would lose its plus in the next program that reads the file.
func (r *reader) text(n *yaml.Node, key string, secret bool) (string, bool) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return r.expand(n, key)
	case "!!int", "!!float", "!!bool":
		if secret {
			r.problem(n, key, "is read as %s, not as text: put it in quotes", describe(n))
		} else {
			r.problem(n, key, "is read as %s, not as text: write %q in quotes", describe(n), n.Value)
		}
	default:
		r.problem(n, key, "has the tag %s: write plain text", n.Tag)
	}
	return "", false
}

func (r *reader) boolean(n *yaml.Node, key string, p *bool) {
	value := n.Value
	if n.ShortTag() == "!!str" && strings.Contains(value, "${") {
		var ok bool
		if value, ok = r.expand(n, key); !ok {
			return
		}
	} else if n.ShortTag() != "!!bool" {
		value = ""
	}
	switch strings.ToLower(value) {
	case "true":
		*p = true
	case "false":
		*p = false
	default:
		r.problem(n, key, "%q is not a choice: write true or false", n.Value)
	}
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// number reads a whole number in plain decimal. Octal, hex and underscores
// are refused: YAML reads 010 as 8.
func number(text string) (int, error) {
	if !decimal.MatchString(text) {
		if trimmed := strings.TrimLeft(text, "0"); trimmed != "" && decimal.MatchString(trimmed) {
			return 0, fmt.Errorf("%s starts with 0, which YAML reads as octal: write %s", text, trimmed)
		}
		return 0, fmt.Errorf("%q is not a whole number: write digits only, such as 30", text)
	}
	value, err := strconv.Atoi(text)
	if err != nil || value > math.MaxInt32 || value < math.MinInt32 {
		return 0, fmt.Errorf("%s is too large a number: write one below 2147483648", text)
	}
	return value, nil
}

func (r *reader) integer(n *yaml.Node, key string, p *int) {
	text := n.Value
	if n.ShortTag() == "!!str" {
		if !strings.Contains(text, "${") {
			if decimal.MatchString(text) {
				r.problem(n, key, "is text: write %s without quotes", text)
			} else {
				r.problem(n, key, "%q is not a whole number: write digits only, such as 30", text)
			}
			return
		}
		var ok bool
		if text, ok = r.expand(n, key); !ok {
			return
		}
	}
	value, err := number(text)
	if err != nil {
		r.problem(n, key, "%v", err)
		return
	}
	*p = value
}

var days = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// duration reads Go's notation and days: 200ms, 30s, 5m, 4h, 90d, 1d12h.
func (r *reader) duration(n *yaml.Node, key string, p *time.Duration) {
	text := n.Value
	if n.ShortTag() == "!!str" {
		var ok bool
		if text, ok = r.expand(n, key); !ok {
			return
		}
	}
	if decimal.MatchString(text) {
		r.problem(n, key, "%s has no unit: write %ss for seconds, or %sm for minutes", text, text, text)
		return
	}
	var whole time.Duration
	rest := text
	if m := days.FindStringSubmatch(text); m != nil {
		count, _ := strconv.Atoi(m[1])
		whole, rest = time.Duration(count)*day, m[2]
		if rest == "" {
			rest = "0s"
		}
	}
	part, err := time.ParseDuration(rest)
	switch {
	case err != nil:
		r.problem(n, key, "%q is not a duration: write a number and a unit, such as 200ms, 30s, 5m, 4h or 90d", text)
	case part < 0 || strings.HasPrefix(rest, "-"):
		r.problem(n, key, "%s is negative: write 0s or more", text)
	case whole+part < 0 || whole+part > 36500*day:
		r.problem(n, key, "%s is longer than 36500d: write a shorter one", text)
	default:
		*p = whole + part
	}
}

func (r *reader) prefix(n *yaml.Node, key, text string, p *netip.Prefix) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		*p = netip.PrefixFrom(addr, addr.BitLen())
		return
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		r.problem(n, key, "%q is not a network: write an address or a prefix, such as 198.51.100.7 or 198.51.100.0/24", text)
	case prefix != prefix.Masked():
		r.problem(n, key, "%s has bits set beyond /%d: write %s for the network, or %s for the one address",
			text, prefix.Bits(), prefix.Masked(), prefix.Addr())
	default:
		*p = prefix
	}
}

func (r *reader) ports(n *yaml.Node, key, text string, p *PortRange) {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		r.problem(n, key, "%s is not a range: write the first and the last port, such as 20000-29999", text)
		return
	}
	low, err := number(strings.TrimSpace(from))
	high, err2 := number(strings.TrimSpace(to))
	switch {
	case err != nil:
		r.problem(n, key, "%v", err)
	case err2 != nil:
		r.problem(n, key, "%v", err2)
	case low < 1024 || high > 65535:
		r.problem(n, key, "%s is outside 1024-65535: write a range such as 20000-29999", text)
	case low >= high:
		r.problem(n, key, "%s ends before it begins: write the smaller port first", text)
	default:
		*p = PortRange{uint16(low), uint16(high)}
	}
}

// String is the range as it is written in the file.
func (p PortRange) String() string { return fmt.Sprintf("%d-%d", p.Min, p.Max) }

// MarshalText is String.
func (p PortRange) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
