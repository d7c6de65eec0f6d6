package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// reply is what recognisers say, OpenAI's verbose_json: servers differ in
// which of the parts are there.
type reply struct {
	Text     *string        `json:"text"`
	Language string         `json:"language"`
	Duration float64        `json:"duration"`
	Segments []replySegment `json:"segments"`
	Words    []Word         `json:"words"`
	Error    any            `json:"error"`
}

type replySegment struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Text  string  `json:"text"`
	Words []Word  `json:"words"`
}

// parseReply reads what a recogniser said about one side that lasts length
// seconds: verbose_json, JSON with a text alone, or plain text.
func parseReply(body []byte, side int, length float64) ([]Said, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) == 0 {
		return nil, nil
	}
	if body[0] != '{' {
		return []Said{{Side: side, End: length, Text: strings.ToValidUTF8(string(body), "\uFFFD")}}, nil
	}
	var r reply
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("the answer is no JSON of a transcription: %w", err)
	}
	switch {
	case r.Error != nil:
		return nil, errors.New("the answer is an error: " + shortly(body))
	case r.Segments == nil && r.Text == nil && r.Words == nil:
		return nil, errors.New(`the answer has neither "text" nor "segments"`)
	case len(r.Segments) > 0:
		return r.said(side, length), nil
	case len(r.Words) > 0:
		return phrases(r.Words, side, length), nil
	case r.Text == nil:
		return nil, nil
	}
	return []Said{{Side: side, End: length, Text: *r.Text}}, nil
}

// said gives each segment its words, which some servers put beside them.
func (r *reply) said(side int, length float64) []Said {
	words := r.Words
	out := make([]Said, 0, len(r.Segments))
	for _, g := range r.Segments {
		s := Said{Side: side, Start: within(g.Start, length), End: within(g.End, length), Text: strings.TrimSpace(g.Text), Words: g.Words}
		if s.Words == nil {
			for len(words) > 0 && (words[0].Start+words[0].End)/2 < g.End {
				s.Words = append(s.Words, words[0])
				words = words[1:]
			}
		}
		s.End = max(s.Start, s.End)
		out = append(out, s)
	}
	return out
}

// pauseBetween is the silence that ends a phrase, in seconds.
const pauseBetween = 0.8

// phrases makes phrases of words that came without segments.
func phrases(words []Word, side int, length float64) []Said {
	var out []Said
	for _, w := range words {
		w.Start, w.End = within(w.Start, length), within(w.End, length)
		if n := len(out); n == 0 || w.Start-out[n-1].End > pauseBetween {
			out = append(out, Said{Side: side, Start: w.Start})
		}
		s := &out[len(out)-1]
		s.Text = strings.TrimSpace(s.Text + " " + strings.TrimSpace(w.Word))
		s.End = max(s.Start, w.End)
		s.Words = append(s.Words, w)
	}
	return out
}

func within(at, length float64) float64 { return min(max(at, 0), length) }

// shortly is the beginning of a text, for an error.
func shortly(b []byte) string {
	s := oneLine(strings.ToValidUTF8(string(b), "?"))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
