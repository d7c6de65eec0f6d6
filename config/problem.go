package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file, or a warning about it. Its
// text is the format that editors and terminals can jump to:
// file:line:col: key: what is wrong, and what would be right.
type Problem struct {
	File         string
	Line, Column int
	// Key is the path of the key, such as teams.support.ring; empty for the file as a whole.
	Key string
	// What is wrong, and what would be right.
	What string
}

// Error is the problem in one line.
func (p Problem) Error() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Key == "" {
		return at + ": " + p.What
	}
	return at + ": " + p.Key + ": " + p.What
}

// Problem says what is wrong with the value of a key, at the place where the
// file has it, or the key it would stand in. It is for what shows later than
// Read, such as a port that another program has.
func (c *Config) Problem(key, what string) Problem {
	p := Problem{File: c.File, Line: 1, Column: 1, Key: key, What: what}
	for at := key; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
		if place, ok := c.places[at]; ok {
			p.Line, p.Column = int(place.line), int(place.column)
			break
		}
	}
	return p
}

// Problems is every problem of a file, in file order. Read's error is of this type.
type Problems []Problem

// Error is the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted is the problems in file order; equal positions keep their order.
func sorted(ps []Problem) []Problem {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}
